"""Which links and addresses sound like press releases, by German words in their text and path."""

import re
from urllib.parse import unquote, urlsplit

from archive_pipeline.discovering.pagination import is_paging
from archive_pipeline.discovering.webpage import WebPage

__all__ = ["feed_weight", "press_links", "press_weight"]

WEIGHTS = (
    (re.compile(r"(presse|medien)-?(mitteilung|meldung|information|info|erklärung|erklaerung|nachricht|dienst|text|bericht)"
                r"|\bpm[s]?\b|press-?releases?"), 1.0),
    (re.compile(r"(?<![a-zäöüß])presse(?!spiegel|foto|bild|kontakt|konferenz|verteiler|kit|mappe|ausweis|freiheit|recht|sprecher"
                r"|material|stimme|haus|club|rat\b|akkredit)"
                r"|newsroom|\bpress\b"), 0.8),
    (re.compile(r"(?<![a-zäöüß])(meldungen|mitteilungen|bekanntgaben|nachrichten|aktuelle-?s?-?meldungen)"), 0.7),
    (re.compile(r"(?<![a-zäöüß])(aktuell(es)?|news|neues|neuigkeiten|blog)(?![a-zäöüß])"), 0.6),
    (re.compile(r"(?<![a-zäöüß])(meldung|mitteilung|nachricht|artikel|beitraege|beiträge)"), 0.5),
)  # fmt: skip
"""What a text in lower case says, and how much that weighs; the first that fits counts."""

OTHER = re.compile(
    r"newsletter|stellen(angebot|ausschreib|markt)|\bjobs?\b|karriere|veranstaltung|termin(?!al)|kalender|events?\b|login"
    r"|anmeld|impressum|datenschutz|kontakt|akkredit|verteiler|ausschreibung|vergabe|amtsblatt|bekanntmachung|sitzung"
    r"|foto|bilder|video|podcast|download|mediathek|pressespiegel|kommentar|comments?\b|archiv-?suche|suche|facebook"
    r"|instagram|twitter|youtube|linkedin|whatsapp|mastodon|notdienst|störung|warnung|baustelle|verkehrsmeldung|blutspende",
    re.IGNORECASE,
)
"""What is near to the press on many sites, and is no release."""

FEED = re.compile(r"\b(rss|feed|atom)\b", re.IGNORECASE)
OTHER_HOST = 0.8
"""A link to another host of the same domain counts less: it may be a neighbour's, where many share one domain."""

PATH_SHARE = 0.9
"""A path counts a little less than what a link says."""


def press_weight(text: str, url: str = "") -> float:
    """From 0 (nothing says so) to 1 ("Pressemitteilungen"): how much a text, or the path of an address, sounds like
    releases. What sounds like something else next to it counts a third."""
    words = " ".join(text.lower().split())
    path = _path(url)
    weight = max(_weight(words), PATH_SHARE * _weight(path))
    return weight / 3 if OTHER.search(words) or (not _weight(words) and OTHER.search(path)) else weight


def feed_weight(title: str, url: str, page: float) -> float:
    """How much a feed sounds like releases that a page of this weight names: at least as much as the page, unless its
    title says something else ("Veranstaltungen")."""
    own = press_weight(title, url)
    return own if OTHER.search(f"{title} {_path(url)}") else max(own, page)


def _weight(text: str) -> float:
    return next((weight for pattern, weight in WEIGHTS if pattern.search(text)), 0.0) if text else 0.0


def _path(url: str) -> str:
    """The part of an address that names what is there, as words."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return re.sub(r"[/_.+?=&]+", " ", unquote(f"{parts.path}?{parts.query}")).strip().lower()


def press_links(page: WebPage) -> tuple[tuple[float, str, str], ...]:
    """Links of a page that sound like lists of releases, the best first: weight, address, text. On the same
    registrable domain, as others' pages are others' sources."""
    found: dict[str, tuple[float, str, str]] = {}
    for anchor in page.anchors:
        if (
            len(anchor.text) > 60
            or is_paging(anchor.text)
            or re.search(r"\.(pdf|docx?|odt|zip|jpe?g|png|mp[34])$", anchor.url, re.IGNORECASE)
        ):
            continue  # a headline, a further page or a file, not the name of a list
        weight = press_weight(anchor.text, anchor.url) * (1.0 if page.is_same_host(anchor.url) else OTHER_HOST)
        if weight >= 0.4 and page.is_own(anchor.url) and weight > found.get(anchor.key, (0.0, "", ""))[0]:
            found[anchor.key] = (weight, anchor.url, anchor.text)
    return tuple(sorted(found.values(), key=lambda link: (-link[0], len(link[1]))))
