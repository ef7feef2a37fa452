"""What on a site might be a source: read from its pages, without asking for anything.

Facts relied on: `rel="alternate"` of feeds (https://www.rssboard.org/rss-autodiscovery); the `Link` to the REST
interface of WordPress (REST API Handbook, "Discovery"); page type 9818 is what the TYPO3 extension `news` documents for
its feed, 100 what its predecessor `tt_news` did; the addresses of OParl are those that the products in use have
(https://dev.oparl.org/); `Sitemap:` in robots.txt (https://www.sitemaps.org/protocol.html).
"""

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from w3lib.url import add_or_replace_parameter

from archive_pipeline.address import canonical_url, registrable_domain
from archive_pipeline.discovering.endpoints import JsonListing, json_pagination
from archive_pipeline.discovering.pagination import find_pagination
from archive_pipeline.discovering.press import feed_weight, press_weight
from archive_pipeline.discovering.repetition import find_listings
from archive_pipeline.discovering.webpage import WebPage
from archive_pipeline.fetch.discovery import absolute_url
from archive_pipeline.fetch.feed import FeedFetcher
from archive_pipeline.sources.editing import Setting

__all__ = [
    "USUAL",
    "Candidate",
    "guessed_feeds",
    "in_page",
    "is_typo3",
    "json_candidate",
    "oparl_guesses",
    "sitemaps",
    "typo3_feeds",
    "wordpress_root",
]

FEED_TYPES = frozenset(
    {"application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml", "text/rss+xml"}
)
FEED_PATHS = ("feed", "rss.xml", "feed.xml", "rss", "atom.xml")
"""Where feeds stand on many sites, the most frequent first."""

USUAL = "übliche Adresse"
"""How candidates were found that no page names."""

TYPO3_TYPES = ("9818", "100")
FEED_TEXT = re.compile(r"\b(rss|atom|feed|newsfeed|rss-feed)\b", re.IGNORECASE)
COUNCIL = re.compile(
    r"ratsinfo|rats-?info|gremieninfo|buergerinfo|bürgerinfo|sitzungsdienst|sessionnet|allris|sdnet|\bris\b|kreistagsinfo"
    r"|somacos|more-rubin|ratsportal|ratsinformationssystem|oparl",
    re.IGNORECASE,
)
"""How council information systems are called, in links and host names."""

OPARL_PATHS = (
    "oparl/v1.1/system",
    "oparl/system",
    "webservice/oparl/v1.1/system",
    "public/oparl/system",
    "oparl/v1/system",
    "oparl",
)
CATEGORY = re.compile(r"/(?:category|kategorie|rubrik|thema)/(?:[\w-]+/)*([\w-]+)/?$")
SESSION = re.compile(r"[;?&](jsessionid|phpsessid|sid|sessionid|session_id)=", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Something that may be a source. `settings` are the fetcher's own; `how` says in words how it was found, `name`
    what the site calls it; `press` from 0 to 1 how much it sounds like press releases. `asked` tells that it comes from
    the very page or address that was asked about.
    """

    fetcher: str
    url: str
    how: str
    name: str = ""
    settings: tuple[Setting, ...] = ()
    press: float = 0.0
    asked: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two candidates the same."""
        return (self.fetcher, canonical_url(self.url), *(f"{one.key}={one.value}" for one in self.settings))


def in_page(page: WebPage, *, today: datetime.date, press: float) -> Iterator[Candidate]:
    """What one page offers: feeds, the interface of its content system, lists. `press` says how much the page itself
    sounds like releases."""
    yield from _named_feeds(page, press)
    yield from _linked_feeds(page, press)
    yield from _wordpress(page, press)
    yield from _oparl_links(page)
    yield from _listings(page, today, press)


def _named_feeds(page: WebPage, press: float) -> Iterator[Candidate]:
    for link in page.links:
        json_feed = link.media_type == "application/json" and "feed" in f"{link.title} {link.url}".lower()
        if "alternate" in link.rel and (link.media_type in FEED_TYPES or json_feed) and not _is_comments(link):
            weight = feed_weight(link.title, link.url, press)
            yield Candidate(
                fetcher="feed", url=link.url, how="im Kopf der Seite genannt", name=link.title, press=weight
            )


def _is_comments(link: object) -> bool:
    return re.search(r"comments?/feed|comments?\b|kommentar", str(link), re.IGNORECASE) is not None


def _linked_feeds(page: WebPage, press: float) -> Iterator[Candidate]:
    claims = FeedFetcher().claims
    for anchor in page.anchors:
        title = anchor.text or anchor.element.get("title", "")
        said = FEED_TEXT.search(title) or anchor.url.lower().endswith((".xml", ".rss", "/feed", "/feed/"))
        if said and claims(anchor.url) and page.is_own(anchor.url) and "sitemap" not in anchor.key:
            weight = feed_weight(title, anchor.url, press)
            yield Candidate(fetcher="feed", url=anchor.url, how="in der Seite verlinkt", name=title, press=weight)


def wordpress_root(page: WebPage) -> str | None:
    """The root of the WordPress site that a page belongs to, or None."""
    for link in page.links:
        if "https://api.w.org/" in link.rel:
            return link.url.partition("wp-json")[0].partition("?")[0]
    if "wordpress" in page.generator.lower() or page.mentions("/wp-content/"):
        return urljoin(page.url, "/")
    return None


def _wordpress(page: WebPage, press: float) -> Iterator[Candidate]:
    root = wordpress_root(page)
    if root is None:
        return
    categories: dict[str, float] = {}
    for url, text in ((page.url, page.title), *((anchor.url, anchor.text) for anchor in page.anchors)):
        found = CATEGORY.search(urlsplit(url).path)
        if found and len(text) <= 60 and page.is_own(url):
            categories[found[1]] = max(categories.get(found[1], 0), press_weight(text, found[1]))
    best = max(categories, key=lambda slug: categories[slug], default="")
    if categories.get(best, 0) >= 0.6:
        yield Candidate(
            fetcher="wordpress",
            url=root,
            how=f"WordPress mit der Kategorie {best}",
            name=page.site_name,
            settings=(Setting(key="category", value=best),),
            press=categories[best],
        )
    yield Candidate(fetcher="wordpress", url=root, how="WordPress", name=page.site_name, press=max(0.4, press * 0.6))


def is_typo3(page: WebPage) -> bool:
    """Whether a page was made by TYPO3: it says so, or loads from its folders."""
    return "typo3" in page.generator.lower() or any(
        page.mentions(folder) for folder in ("typo3conf/", "typo3temp/", "/fileadmin/")
    )


def typo3_feeds(page: WebPage, press: float) -> tuple[Candidate, ...]:
    """The feeds that TYPO3 makes of a page of news, where it is set up so; empty for other systems."""
    urls = ((number, add_or_replace_parameter(page.url, "type", number)) for number in TYPO3_TYPES)
    return tuple(
        Candidate(fetcher="feed", url=url, how=f"TYPO3, Seitentyp {number}", name=page.title, press=press)
        for number, url in (urls if is_typo3(page) else ())
    )


def _oparl_links(page: WebPage) -> Iterator[Candidate]:
    for anchor in page.anchors:
        parts = urlsplit(anchor.url)
        if page.is_own(anchor.url) and re.search(r"(^|/)oparl(/|$)", parts.path, re.IGNORECASE):
            yield Candidate(fetcher="oparl", url=anchor.url, how="in der Seite verlinkt", name=anchor.text)


def oparl_guesses(page: WebPage) -> tuple[Candidate, ...]:
    """Where the council information system that a page is, or links to, may offer OParl; empty when there is none."""
    hosts: dict[str, None] = {}
    for url, text in ((page.url, page.title), *((anchor.url, anchor.text[:60]) for anchor in page.anchors)):
        parts = urlsplit(url)
        if COUNCIL.search(f"{parts.hostname} {text} {parts.path}") and page.is_own(url):
            hosts.setdefault(f"{parts.scheme}://{parts.netloc}/")
    names = [(host, path) for host in list(hosts)[:1] for path in OPARL_PATHS]
    if names and (urlsplit(page.url).hostname or "").startswith("oparl."):
        names.insert(0, (urljoin(page.url, "/"), "system"))
    return tuple(
        Candidate(fetcher="oparl", url=f"{host}{path}", how=USUAL, name="Ratsinformationssystem")
        for host, path in names
    )


def _listings(page: WebPage, today: datetime.date, press: float) -> Iterator[Candidate]:
    paging = find_pagination(page)
    for number, listing in enumerate(find_listings(page, today=today)):
        settings = [Setting(key="items", value=listing.items)]
        if listing.link != "a":
            settings.append(Setting(key="link", value=listing.link))
        for key, value in (("headline", listing.headline), ("date", listing.date)):
            if value is not None:
                settings.append(Setting(key=key, value=value))
        if paging is not None and number == 0:
            settings += _paging_settings(paging.next, paging.page_parameter, paging.start, paging.step)
        sessions = sorted({found[1].lower() for key in listing.keys for found in SESSION.finditer(key)})
        if sessions:
            settings.append(Setting(key="strip_parameters", value=tuple(sessions)))
        yield Candidate(
            fetcher="listing",
            url=page.url,
            how=f"{listing.entries} Einträge auf der Seite, davon {listing.dated} mit Datum",
            name=page.title,
            settings=tuple(settings),
            press=max(press, 0.3 if listing.dated else 0.1) * (1 if number == 0 else 0.5),
        )


def _paging_settings(following: str | None, parameter: str | None, start: int, step: int) -> list[Setting]:
    if following:
        return [Setting(key="next", value=following)]
    settings = [Setting(key="page_parameter", value=parameter or "")]
    if start != 1:
        settings.append(Setting(key="start", value=start))
    if step != 1:
        settings.append(Setting(key="step", value=step))
    return settings


def json_candidate(url: str, listing: JsonListing, *, press: float, name: str) -> Candidate:
    """A list of releases in JSON, read by the fetcher `listing`."""
    paging = json_pagination(url)
    settings = [
        Setting(key="items", value=listing.items),
        Setting(key="link", value=listing.link),
        Setting(key="headline", value=listing.headline),
        *([Setting(key="date", value=listing.date)] if listing.date else []),
        *(_paging_settings(None, paging.page_parameter, paging.start, paging.step) if paging else []),
    ]
    return Candidate(
        fetcher="listing",
        url=url,
        how=f"JSON hinter der Seite, {listing.entries} Einträge",
        name=name,
        settings=tuple(settings),
        press=press,
    )


def sitemaps(robots_txt: str, page_url: str) -> tuple[Candidate, ...]:
    """The sitemaps that a robots.txt names, those of news first; the usual address when it names none."""
    named = re.findall(r"^[ \t]*sitemap[ \t]*:[ \t]*(\S+)", robots_txt, re.IGNORECASE | re.MULTILINE)
    urls = [url for link in named if (url := absolute_url(link, page_url))]
    own = [url for url in dict.fromkeys(urls) if registrable_domain(url) == registrable_domain(page_url)]
    own.sort(key=lambda url: not re.search("news|press", url, re.IGNORECASE))
    found = own or [urljoin(page_url, "/sitemap.xml")]
    how = "in robots.txt genannt" if own else USUAL
    return tuple(Candidate(fetcher="sitemap", url=url, how=how, press=0.2) for url in found[:2])


def guessed_feeds(page: WebPage, press: float) -> tuple[Candidate, ...]:
    """Where a feed may stand though no page says so."""
    return tuple(
        Candidate(fetcher="feed", url=urljoin(page.url, f"/{path}"), how=USUAL, press=press * 0.6)
        for path in FEED_PATHS
    )
