"""Lists of releases in pages of many makes: what is proposed is read back by the fetcher `listing` itself.

The pages are of our own making; class names follow the habits of the systems they are named after.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from archive_pipeline.discovering.repetition import Listing, find_listings
from archive_pipeline.discovering.webpage import WebPage
from archive_pipeline.fetch.listing import ListingFetcher, ListingOptions
from archive_pipeline.model import Source
from archive_pipeline.testing import captured, replay

TODAY = date(2026, 11, 20)
URL = "https://www.kreis.example/presse/"
MONTHS = (
    *("Januar", "Februar", "März", "April", "Mai", "Juni"),
    *("Juli", "August", "September", "Oktober", "November", "Dezember"),
)


@dataclass(frozen=True)
class Entry:
    """One release as a page announces it."""

    number: int
    title: str
    day: date

    @property
    def path(self) -> str:
        return f"/presse/meldung-{self.number}.html"

    @property
    def dotted(self) -> str:
        return f"{self.day:%d.%m.%Y}"

    @property
    def written(self) -> str:
        return f"{self.day.day}. {MONTHS[self.day.month - 1]} {self.day.year}"


TITLES = (
    "Kreis Musterland fördert Sportvereine mit 200.000 Euro",
    "Neue Radwege zwischen Adorf und Bedorf werden im Frühjahr gebaut",
    "Impfaktion im Gesundheitsamt: Termine ab Montag",
    "Landrätin Beispiel ehrt langjährige Feuerwehrleute",
    "Kreistag beschließt den Haushalt für das kommende Jahr",
    "Musikschule lädt zum Tag der offenen Tür ein",
    "Deponie Südhang bleibt an zwei Samstagen geschlossen",
    "Ausbildungsbeginn: 31 junge Menschen starten bei der Verwaltung",
)
ENTRIES = tuple(Entry(number, title, TODAY - timedelta(days=3 * number + 1)) for number, title in enumerate(TITLES, 1))

TEASER = (
    "Die Kreisverwaltung hat heute mitgeteilt, was sich ändert und an wen sich Bürgerinnen und Bürger wenden können."
)
NAVIGATION = """<header><nav class="mainnav"><ul>
<li><a href="/">Start</a></li><li><a href="/kreis/">Kreis und Verwaltung im Überblick</a></li>
<li><a href="/buergerservice/">Bürgerservice und Dienstleistungen</a></li><li><a href="/presse/">Presse</a></li>
<li><a href="/karriere/">Arbeiten beim Kreis Musterland</a></li>
<li><a href="/kontakt/">Kontakt und Öffnungszeiten</a></li>
</ul></nav></header>"""
EVENTS = """<aside><h2>Termine</h2><ul class="termine">
<li class="termin"><time datetime="2026-12-01">01.12.2026</time>
  <a href="/t/1">Sitzung des Kreistags im großen Saal</a></li>
<li class="termin"><time datetime="2026-12-02">02.12.2026</time>
  <a href="/t/2">Sprechstunde der Landrätin im Kreishaus</a></li>
<li class="termin"><time datetime="2026-12-03">03.12.2026</time>
  <a href="/t/3">Ausschuss für Umwelt und Verkehr tagt</a></li>
<li class="termin"><time datetime="2026-12-09">09.12.2026</time>
  <a href="/t/4">Weihnachtskonzert der Kreismusikschule</a></li>
</ul></aside>"""
FOOTER = """<footer><ul><li><a href="/impressum">Impressum und Angaben nach Gesetz</a></li>
<li><a href="/datenschutz">Hinweise zum Datenschutz</a></li><li><a href="/barrierefreiheit">Barrierefreiheit</a></li>
<li><a href="/leichte-sprache">Leichte Sprache</a></li></ul></footer>"""


def page(body: str) -> bytes:
    head = "<!DOCTYPE html><html lang='de'><head><title>Presse | Kreis Musterland</title></head>"
    return f"{head}<body>{NAVIGATION}<main><h1>Presse</h1>{body}</main>{EVENTS}{FOOTER}</body></html>".encode()


def joined(entry: Callable[[Entry], str]) -> str:
    return "\n".join(entry(one) for one in ENTRIES)


def typo3_news() -> str:
    return (
        "<div class='news'><div class='news-list-view' id='news-container-512'>"
        + joined(
            lambda e: (
                f"""<div class="article articletype-0 topnews" itemscope="itemscope">
        <div class="header"><h3><a title="{e.title}" href="{e.path}">
        <span itemprop="headline">{e.title}</span></a></h3></div>
        <div class="teaser-text"><div itemprop="description"><p>{TEASER}</p></div>
        <a class="more" title="{e.title}" href="{e.path}">Weiterlesen</a></div>
        <div class="footer"><p><span class="news-list-date"><time itemprop="datePublished" datetime="{e.day}">
        {e.dotted}<meta itemprop="datePublished" content="{e.day}" /></time></span></p></div></div>"""
            )
        )
        + "</div></div>"
    )


def wordpress() -> str:
    return joined(
        lambda e: (
            f"""<article id="post-{e.number + 400}" class="post-{e.number + 400} post type-post status-publish
        format-standard hentry category-{"presse" if e.number % 2 else "kreistag"}"><header class="entry-header">
        <h2 class="entry-title"><a href="{e.path}" rel="bookmark">{e.title}</a></h2></header><div class="entry-meta">
        <span class="posted-on"><a href="{e.path}"><time class="entry-date published" datetime="{e.day}T08:00:00+01:00">
        {e.written}</time></a></span> <span class="cat"><a href="/category/presse/">Presse</a></span></div>
        <div class="entry-summary"><p>{TEASER}</p></div></article>"""
        )
    )


def contao() -> str:
    return (
        "<div class='mod_newslist block'>"
        + joined(
            lambda e: (
                f"""<div class="layout_latest arc_3 block {"first even" if e.number == 1 else "odd"}">
        <p class="info"><time datetime="{e.day}T07:30:00+01:00">{e.dotted} 07:30</time></p>
        <h2><a href="{e.path}" title="Den Artikel lesen: {e.title}">{e.title}</a></h2><div class="teaser">{TEASER}</div>
        <p class="more"><a href="{e.path}">Weiterlesen …<span class="invisible"> {e.title}</span></a></p></div>"""
            )
        )
        + "</div>"
    )


def drupal_views() -> str:
    return (
        "<div class='view view-pressemitteilungen view-id-pm'><div class='view-content'>"
        + joined(
            lambda e: (
                f"""<div class="views-row views-row-{e.number} views-row-{"odd" if e.number % 2 else "even"}">
        <div class="views-field views-field-created"><span class="field-content">{e.written}</span></div>
        <div class="views-field views-field-title"><span class="field-content">
        <a href="{e.path}">{e.title}</a></span></div>
        </div>"""
            )
        )
        + "</div></div>"
    )


def joomla_table() -> str:
    rows = joined(
        lambda e: (
            f"""<tr class="cat-list-row{e.number % 2}"><td headers="h_title" class="list-title">
        <a href="{e.path}">{e.title}</a></td><td headers="h_date" class="list-date small">{e.written}</td></tr>"""
        )
    )
    head = "<thead><tr><th>Titel</th><th>Datum</th></tr></thead>"
    return f"<table class='category table'>{head}<tbody>{rows}</tbody></table>"


def plain_table() -> str:
    head = "<tr><th>Datum</th><th>Meldung</th></tr>"
    rows = joined(lambda e: f"<tr><td>{e.dotted}</td><td><a href='{e.path}'>{e.title}</a></td></tr>")
    return f"<table>{head}{rows}</table>"


def list_of_terms() -> str:
    return "<dl>" + joined(lambda e: f"<dt>{e.dotted}</dt><dd><a href='{e.path}'>{e.title}</a></dd>") + "</dl>"


def bare_list() -> str:
    return "<ul>" + joined(lambda e: f"<li>{e.dotted}: <a href='{e.path}'>{e.title}</a></li>") + "</ul>"


def cards_that_are_links() -> str:
    return (
        "<div class='row'>"
        + joined(
            lambda e: (
                f"""<div class="col-12 col-md-6"><a class="card teaser-card" href="{e.path}">
        <img src="/b{e.number}.jpg">
        <span class="card-date">{e.dotted}</span><h3 class="card-title">{e.title}</h3><p>{TEASER}</p></a></div>"""
            )
        )
        + "</div>"
    )


def hashed_classes() -> str:
    return (
        "<div class='css-1x2y3z'>"
        + joined(
            lambda e: (
                f"""<div class="Teaser_a8Kd9 css-9f8e7d"><div class="css-11aa22"><small>{e.written}</small>
        <h4><a href="{e.path}">{e.title}</a></h4><p class="Teaser_x2Lm4">{TEASER}</p></div></div>"""
            )
        )
        + "</div>"
    )


def months_apart() -> str:
    groups: dict[int, list[Entry]] = {}
    for entry in ENTRIES:
        groups.setdefault(entry.day.month, []).append(entry)
    return "".join(
        f"<section class='monat'><h2>{MONTHS[month - 1]} 2026</h2><ul>"
        + "".join(f"<li><span>{e.dotted}</span> <a href='{e.path}'>{e.title}</a></li>" for e in entries)
        + "</ul></section>"
        for month, entries in groups.items()
    )


def mitteilungen_with_images() -> str:
    return (
        "<div id='liste'>"
        + joined(
            lambda e: (
                f"""<div class="mitteilung{" hervorgehoben" if e.number == 2 else ""}">
        <a href="{e.path}"><img src="/bild-{e.number}.jpg" alt=""></a><div class="text"><p class="datum">{e.written}</p>
        <h3>{e.title}</h3><p>{TEASER} <a href="{e.path}" class="mehr">mehr</a></p></div></div>"""
            )
        )
        + "</div>"
    )


def form_around_the_page() -> str:
    return (
        "<form id='aspnetForm'><div class='content'>"
        + joined(
            lambda e: (
                f"<div class='pressItem'><em>{e.dotted}</em><a class='pressLink' href='{e.path}'>{e.title}</a></div>"
            )
        )
        + "</div></form>"
    )


def date_in_the_link() -> str:
    return (
        "<ul class='downloads'>"
        + joined(lambda e: f"<li><a href='{e.path}'>{e.dotted} - {e.title} (PDF, 120 KB)</a></li>")
        + "</ul>"
    )


def flat_headings() -> str:
    return (
        "<div class='inhalt'>"
        + joined(lambda e: f"<h3><a href='{e.path}'>{e.title}</a></h3><p>{e.dotted}</p>")
        + "</div>"
    )


STYLES = (
    typo3_news,
    wordpress,
    contao,
    drupal_views,
    joomla_table,
    plain_table,
    list_of_terms,
    bare_list,
    cards_that_are_links,
    hashed_classes,
    months_apart,
    mitteilungen_with_images,
    form_around_the_page,
    date_in_the_link,
    flat_headings,
)


def listings_of(body: bytes) -> tuple[Listing, ...]:
    found = WebPage.of(captured(body, url=URL))
    assert found is not None
    return find_listings(found, today=TODAY)


def read_with(listing: Listing, body: bytes) -> Sequence[tuple[str, str | None, str | None]]:
    """What the fetcher reads with the selectors: path, title and day of each item."""
    options = ListingOptions(
        items=listing.items, link=listing.link, headline=listing.headline, date=listing.date, max_pages=1
    )
    source = Source(id="kreis", fetcher="listing", url=URL, options=options)
    items = list(ListingFetcher().discover(source, replay({URL: body})))
    return [((item.url or "").removeprefix("https://www.kreis.example"), item.title, item.published) for item in items]


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
def test_the_list_of_releases_is_found_and_read(style: Callable[[], str]) -> None:
    body = page(style())
    best = listings_of(body)[0]
    read = read_with(best, body)
    assert [path for path, _, _ in read] == [entry.path for entry in ENTRIES], best
    assert [day for _, _, day in read] == [entry.day.isoformat() for entry in ENTRIES], best
    for entry, (_, title, _) in zip(ENTRIES, read, strict=True):
        assert title is not None
        assert entry.title in title, best
        assert len(title) < len(entry.title) + 30, best


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
def test_selectors_hold_on_a_page_with_other_releases(
    style: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counters and hashes of this one page must not have gone into them."""
    best = listings_of(page(style()))[0]
    later = tuple(Entry(e.number + 37, f"Anders: {e.title}", e.day - timedelta(days=60)) for e in ENTRIES)
    monkeypatch.setitem(globals(), "ENTRIES", later)
    read = read_with(best, page(style()))
    assert [path for path, _, _ in read] == [entry.path for entry in later]
    assert [day for _, _, day in read] == [entry.day.isoformat() for entry in later]


def test_two_dated_entries_are_a_list_where_there_is_no_longer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ENTRIES", ENTRIES[:2])
    body = page(contao()).replace(EVENTS.encode(), b"")
    assert [path for path, _, _ in read_with(listings_of(body)[0], body)] == [entry.path for entry in ENTRIES]


def test_a_calendar_of_events_is_no_list_of_releases() -> None:
    found = listings_of(f"<html><body><main>{EVENTS}</main></body></html>".encode())
    assert all(listing.score < 3 for listing in found)


def test_navigation_alone_is_no_list() -> None:
    assert listings_of(page("<p>Willkommen beim Kreis Musterland.</p>").replace(EVENTS.encode(), b"")) == ()


def test_the_largest_list_with_dates_wins_over_a_list_of_topics() -> None:
    topics = "".join(
        f"<li class='thema'><a href='/thema/{n}'>Thema Nummer {n}: Leben im Kreis</a></li>" for n in range(40)
    )
    best = listings_of(page(f"<ul class='themen'>{topics}</ul>{contao()}"))[0]
    assert best.entries == len(ENTRIES)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"<html><body>" + b"<div>" * 200,
        b"<a href='#'>x</a>" * 500,
        b"<li><a href='http://[::1'>x</a></li>" * 50,
        b"<li class='1 \x00 .. # > \\ ' id='\"'><a href='/a'>\xff\xfe</a></li>" * 50,
        b"".join(b"<li class='a:b(c)'><a href='/%d'>18.11.2026 Titel der Meldung</a></li>" % n for n in range(500)),
    ],
)
def test_odd_pages_are_read_without_harm(body: bytes) -> None:
    """Whatever is found can be read with the selectors."""
    found = WebPage.of(captured(body, url=URL))
    for listing in find_listings(found, today=TODAY) if found is not None else ():
        assert len(read_with(listing, body)) == listing.entries
