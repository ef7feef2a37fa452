"""The fetcher `listing`, over a real connection."""

import json
import logging
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import ValidationError

from archive_pipeline.errors import EmptySelectorError, FetchError, NeedsJavaScriptError, RefusedError
from archive_pipeline.fetch.listing import ListingFetcher, ListingOptions
from archive_pipeline.model import Capture, Item, Source
from archive_pipeline.testing import Answer, FetcherContract, Reply, replay

HOST = "http://amt.example/"


def entry(number, day="18.11.2026", title=None):
    return (
        f"<li class='m'><a href='/presse/{number}'><img src='x.png'></a><span class='d'>{day}</span>"
        f"<h3><a href='/presse/{number}'>{title or f'Meldung {number}'}</a></h3>"
        "<p>Anriss <a href='/x'>mehr</a></p></li>"
    )


def page(*entries, following=None, head="<meta charset='utf-8'>"):
    link = f"<a class='weiter' href='{following}'>Ältere</a>" if following else ""
    return f"<!doctype html><html><head>{head}</head><body><ul>{''.join(entries)}</ul>{link}</body></html>".encode()


def source(path="liste", **options):
    return Source(id="amt", url=HOST + path, options=ListingOptions(**{"items": "li.m", **options}))


def discover(archive, wanted=None):
    wanted = wanted or source()
    return list(ListingFetcher().discover(wanted, archive.context(wanted)))


def paths(items):
    return [item.key.removeprefix(HOST) for item in items]


def put(web, path, body, **fields):
    web.page(f"amt.example/{path}", body, **{"content_type": "text/html", **fields})


def test_entries_become_items(web, archive):
    put(web, "liste", page(entry(1, title="B&amp;B:  <b>Bäume</b>"), entry("2?utm_source=x&b=1"), entry(1)))
    first, second = discover(archive, source(date=".d"))
    assert first == Item(
        source_id="amt", key=f"{HOST}presse/1", url=f"{HOST}presse/1", title="B&B: Bäume", published="2026-11-18"
    )
    assert (second.key, second.url) == (f"{HOST}presse/2?b=1", f"{HOST}presse/2?utm_source=x&b=1")
    assert archive.kinds() == [("discovery", 200, None)]


def test_an_entry_is_captured_with_its_hints(web, archive):
    put(web, "liste", page(entry(1)))
    put(web, "presse/1", b"<p>Text</p>")
    wanted = source(date=".d")
    (item,) = discover(archive, wanted)
    (capture,) = ListingFetcher().capture(item, wanted, archive.context(wanted))
    assert isinstance(capture, Capture)
    assert (capture.key, capture.title, capture.published) == (item.key, "Meldung 1", "2026-11-18")


@pytest.mark.parametrize(
    "options",
    [
        {"items": "ul > li", "link": "h3 a", "headline": "h3", "date": "span.d"},
        {"items": "li.m", "link": "h3 a::attr(href)", "headline": "h3 a::text", "date": "span.d::text"},
        {"items": "//li[@class='m']", "link": ".//h3/a", "headline": "./h3", "date": "./span"},
        {"items": "(//ul)[1]/li", "link": ".//a/@href", "headline": ".//h3//text()", "date": "./span/text()"},
        {"items": "h3 a", "link": "a", "headline": "a", "date": "./ancestor::li/span"},
    ],
)
def test_selectors_in_css_and_xpath(web, archive, options):
    put(web, "liste", page(entry(1), entry(2, "2. März 2026")))
    found = [(item.key, item.title, item.published) for item in discover(archive, source(**options))]
    assert found == [
        (f"{HOST}presse/1", "Meldung 1", "2026-11-18"),
        (f"{HOST}presse/2", "Meldung 2", "2026-03-02"),
    ]


@pytest.mark.parametrize(
    ("written", "published"),
    [
        ("18.11.2026", "2026-11-18"),
        ("1.3.26", "2026-03-01"),
        ("Mi., 18. Nov. 2026, 14 Uhr", "2026-11-18"),
        ("Stand: 5. März 2026", "2026-03-05"),
        ("<time datetime='2026-11-17T23:30:00Z'>gestern</time>", None),
        ("2026-11-18T08:00:00+01:00", "2026-11-18"),
        ("31.02.2026", None),
        ("heute", None),
    ],
)
def test_dates(web, archive, written, published):
    put(web, "liste", page(entry(1, written), entry(2)))
    assert discover(archive, source(date=".d"))[0].published == published


def test_the_machine_readable_date_of_a_time_element(web, archive):
    put(web, "liste", page(entry(1, "<time datetime='2026-11-17T23:30:00Z'>gestern</time>")))
    assert discover(archive, source(date="time::attr(datetime)"))[0].published == "2026-11-18"


def test_the_next_link_is_followed_until_there_is_none(web, archive):
    put(web, "liste", page(entry(1), following="?seite=2#top"))
    put(web, "liste?seite=2", page(entry(1), entry(2), following="/drei"))
    put(web, "drei", page(entry(3)))
    assert paths(discover(archive, source(next="a.weiter"))) == ["presse/1", "presse/2", "presse/3"]
    assert web.paths() == ["/liste", "/liste?seite=2", "/drei"]


def test_without_next_there_is_one_page(web, archive):
    put(web, "liste", page(entry(1), following="/zwei"))
    assert paths(discover(archive)) == ["presse/1"]
    assert web.paths() == ["/liste"]


@pytest.mark.parametrize(
    ("options", "second", "third"),
    [
        ({"page_parameter": "seite"}, "liste?art=1&seite=2", "liste?art=1&seite=3"),
        ({"page_parameter": "ab", "start": 0, "step": 10}, "liste?art=1&ab=10", "liste?art=1&ab=20"),
        ({"page_parameter": "art", "start": 0}, "liste?art=1", "liste?art=2"),
        ({"page_parameter": "tx[p]"}, "liste?art=1&tx%5Bp%5D=2", "liste?art=1&tx%5Bp%5D=3"),
    ],
)
def test_numbered_pages_end_with_404(web, archive, options, second, third):
    first = "liste?art=0" if options["page_parameter"] == "art" else "liste?art=1"
    put(web, first, page(entry(1)))
    put(web, second, page(entry(2)))
    assert paths(discover(archive, source(first, **options))) == ["presse/1", "presse/2"]
    assert web.paths() == [f"/{path}" for path in (first, second, third)]


@pytest.mark.parametrize("behind", [page(entry(2), entry(1)), page(), page("<li class='m'>Keine weiteren</li>")])
def test_numbered_pages_end_with_a_page_that_brings_nothing_new(web, archive, behind):
    put(web, "liste", page(entry(1)))
    put(web, "liste?p=2", page(entry(2)))
    put(web, "liste?p=3", behind)
    put(web, "liste?p=4", page(entry(4)))
    assert paths(discover(archive, source(page_parameter="p"))) == ["presse/1", "presse/2"]


def test_a_circle_of_next_links_ends(web, archive):
    put(web, "liste", page(entry(1), following="/zwei"))
    put(web, "zwei", page(entry(2), following="/liste#anfang"))
    assert paths(discover(archive, source(next="a.weiter"))) == ["presse/1", "presse/2"]
    assert web.paths() == ["/liste", "/zwei"]


def test_endless_pages_end_at_max_pages(web, archive, caplog):
    for number in range(1, 40):
        put(web, f"liste?p={number}", page(entry(number), following=f"?p={number + 1}"))
    with caplog.at_level(logging.INFO):
        assert len(discover(archive, source("liste?p=1", next="a.weiter"))) == 20
    assert "nach 20 Seiten aufgehört" in caplog.text
    assert len(discover(archive, source("liste?p=1", next="a.weiter", max_pages=3))) == 3


def test_until_ends_at_a_page_of_old_entries(web, archive):
    put(web, "liste", page(entry("oben", "1.1.2019"), entry(1), entry(2, "kein Datum"), following="?p=2"))
    put(web, "liste?p=2", page(entry(3, "2.1.2026"), entry(4, "31.12.2025"), following="?p=3"))
    put(web, "liste?p=3", page(entry(5, "30.12.2025"), entry(6, "ohne"), following="?p=4"))
    put(web, "liste?p=4", page(entry(7, "1.12.2025")))
    wanted = source(next="a.weiter", date=".d", until=date(2026, 1, 1))
    assert paths(discover(archive, wanted)) == ["presse/1", "presse/2", "presse/3", "presse/6"]
    assert "/liste?p=4" not in web.paths()


def test_a_base_element_and_entries_without_address(web, archive, caplog):
    entries = [
        "<li class='m'><a href='eins'>1</a></li>",
        "<li class='m'>ohne</li>",
        "<li class='m'><a href='javascript:x()'>2</a></li>",
    ]
    put(web, "liste", page(*entries, head="<base href='http://amt.example/tief/er/'>"))
    assert paths(discover(archive)) == ["tief/er/eins"]
    assert "2 Einträge ohne Adresse übergangen" in caplog.text


@pytest.mark.parametrize(
    ("charset", "declared", "meta"),
    [
        ("iso-8859-1", "text/html; charset=ISO-8859-1", ""),
        ("cp1252", "text/html", "<meta charset=iso-8859-1>"),
        ("cp1252", "text/html", ""),
        ("utf-8", "text/html; charset=ISO-8859-1", ""),
        ("utf-8-sig", "text/html", ""),
    ],
)
def test_character_sets(web, archive, charset, declared, meta):
    body = page(entry(1, title="Grüße – Öl"), head=meta).decode()
    put(web, "liste", body.replace("–", "-" if charset == "iso-8859-1" else "–").encode(charset), content_type=declared)
    assert discover(archive)[0].title == f"Grüße {'-' if charset == 'iso-8859-1' else '–'} Öl"


SHELLS = [
    b"<html><body><div id=app></div><script src=app.js></script></body></html>",
    b"<html><head><script>go()</script></head><body><noscript>Bitte JavaScript einschalten</noscript></body></html>",
    b"<html><body><header>" + b"Navigation und Impressum " * 30 + b"</header><app-root> </app-root><script></script>",
]


@pytest.mark.parametrize("shell", SHELLS)
def test_an_empty_shell_needs_javascript(web, archive, shell):
    put(web, "liste", shell)
    with pytest.raises(NeedsJavaScriptError, match=r'needs_javascript\): Selektor "li.m" traf 0 Elemente') as caught:
        discover(archive)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("body", "options", "reason"),
    [
        (page(entry(1)), {"items": "li.x"}, 'Auflistung leer: Selektor "li.x" traf 0 Elemente'),
        (page(entry(1)), {"link": "h4 a"}, 'Auflistung leer: Selektor "h4 a" traf 0 Elemente'),
        (page("<p>" + "Text " * 99, head="<script></script>"), {}, 'Auflistung leer: Selektor "li.m"'),
        (b"", {}, 'Auflistung leer: Selektor "li.m"'),
        (b"\x00\xff\x00", {}, 'Auflistung leer: Selektor "li.m"'),
        (page(entry(1)), {"items": "//li/@class"}, "muss Elemente wählen"),
    ],
)
def test_nothing_found_is_an_error_that_names_the_selector(web, archive, body, options, reason):
    put(web, "liste", body)
    with pytest.raises(FetchError, match=reason) as caught:
        discover(archive, source(**options))
    assert "liste" in caught.value.url or "Elemente wählen" in reason
    assert isinstance(caught.value, EmptySelectorError) == ("traf 0" in caught.value.message)


@pytest.mark.parametrize("options", [{"date": ".datum"}, {"date": "h3"}, {"headline": "h1"}])
def test_a_date_or_headline_that_is_never_found_is_told_after_the_entries(web, archive, options):
    put(web, "liste", page(entry(1), entry(2), following="/zwei"))
    put(web, "zwei", page(entry(3)))
    wanted = source(next="a.weiter", **options)
    items = ListingFetcher().discover(wanted, archive.context(wanted))
    assert paths([next(items) for _ in range(3)]) == ["presse/1", "presse/2", "presse/3"]
    with pytest.raises(EmptySelectorError, match=r'Selektor ".*" ergab in 2 Einträgen nichts'):
        next(items)


def test_refused_gone_and_not_html(web, archive):
    with pytest.raises(FetchError, match=r"Die Auflistung gibt es nicht mehr: .*404"):
        discover(archive)
    put(web, "liste", b"%PDF-1.7", content_type="application/pdf")
    with pytest.raises(FetchError, match=r"keine HTML-Seite \(application/pdf\)"):
        discover(archive)
    put(web, "liste", page(entry(1), following="/weg"))
    with pytest.raises(FetchError, match="404"):
        discover(archive, source(next="a.weiter"))
    web.page("kreis.example/robots.txt", b"User-agent: *\nDisallow: /")
    with pytest.raises(RefusedError):
        discover(archive, Source(id="kreis", url="http://kreis.example/", options=ListingOptions(items="li")))
    with pytest.raises(FetchError, match="fehlt url"):
        discover(archive, Source(id="leer", options=ListingOptions(items="li")))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"items": "li["}, r'Selektor "li\[" ist ungültig'),
        ({"items": "li:gibt-es-nicht"}, "ungültig"),
        ({"items": "//li[", "link": "a::nix"}, "ungültig"),
        ({"items": ""}, "at least 1 character"),
        ({"items": "li", "date": "//time"}, "sucht in der ganzen Seite"),
        ({"items": "li", "link": "(//a)[1]"}, "sucht in der ganzen Seite"),
        ({"items": "li", "next": "a", "page_parameter": "p"}, "schließen einander aus"),
        ({"items": "li", "until": "2026-01-01"}, "until braucht date"),
        ({"items": "li", "max_pages": 0}, "greater than or equal to 1"),
        ({"items": "$.data[", "link": "$.url"}, r'Selektor "\$.data\[" ist ungültig'),
        ({"items": "$.data[*]", "link": "a"}, r"items und link müssen beide mit \$ beginnen"),
        ({"items": "li", "date": "$.datum"}, r"items und date müssen beide mit \$ beginnen"),
        ({"items": "li", "seiten": 3}, "Extra inputs"),
        ({}, "Field required"),
    ],
)
def test_mistakes_in_settings_are_found_before_the_run(options, reason):
    with pytest.raises(ValidationError, match=reason):
        ListingOptions(**options)


def test_claims_nothing():
    assert ListingFetcher().claims("http://amt.example/presse/") is None


NEWS = {
    "total": 4,
    "data": [
        {"id": 7, "path": "/presse/7", "title": "B&uuml;rger <b>B&amp;uuml;ro</b>", "date": "2026-11-18T23:30:00Z"},
        {"id": 6, "path": "/presse/6;jsessionid=4F?sid=1", "title": None, "date": 1763460000},
        {"id": 5, "path": None, "title": "Ohne Adresse", "date": "18. November 2026"},
        "kein Eintrag",
    ],
    "links": {"next": "/api/news?page=2"},
}
API = f"{HOST}api/news"
BY_JSON = {"items": "$.data[*]", "link": "$.path", "headline": "$.title", "date": "$.date", "next": "$.links.next"}


def news(answers, **options):
    """What a listing in JSON offers."""
    context = replay({url: Reply(body=body, media_type="application/json") for url, body in answers.items()})
    wanted = Source(id="amt", url=API, options=ListingOptions(**{**BY_JSON, **options}))
    return list(ListingFetcher().discover(wanted, context))


class TestListingInJson(FetcherContract):
    subject = ListingFetcher()
    source = Source(id="amt", url=API, options=ListingOptions(**BY_JSON))
    answers: ClassVar[Mapping[str, Answer]] = {API: Reply(body=json.dumps(NEWS | {"links": {}}).encode())}


def test_a_listing_in_json(caplog):
    """Where a browser fills the page, the answer that its script asks for can be listed."""
    second = {"data": [{"path": "https://amt.example/presse/4", "title": 4, "date": 1763460000123}], "links": None}
    body = json.dumps(NEWS).encode()
    items = news({API: b"\xef\xbb\xbf" + body, f"{HOST}api/news?page=2": json.dumps(second).encode()})
    assert [(item.url, item.title, item.published) for item in items] == [
        (f"{HOST}presse/7", "Bürger Büro", "2026-11-19"),
        (f"{HOST}presse/6;jsessionid=4F?sid=1", None, "2025-11-18"),
        ("https://amt.example/presse/4", "4", "2025-11-18"),
    ]
    assert "2 Einträge ohne Adresse übergangen" in caplog.text
    stripped = news({API: body}, next=None, strip_parameters=("jsessionid", "sid"))
    assert stripped[1].key == f"{HOST}presse/6"


def test_addresses_can_be_put_together():
    rows = [{"slug": "a", "id": 1}, {"slug": "b", "id": 2}]
    link = "$.join('', ['https://amt.example/presse/', to_string(id), '-', slug])"
    items = news({API: json.dumps(rows).encode()}, items="$", link=link, headline=None, date=None, next=None)
    assert [item.url for item in items] == ["https://amt.example/presse/1-a", "https://amt.example/presse/2-b"]


def test_numbered_pages_of_json_end_with_an_empty_one():
    pages = {f"{API}?p={number}": json.dumps({"data": [{"path": f"/{number}"}]}).encode() for number in (2, 3)}
    answers = {API: b'{"data": [{"path": "/1"}]}', **pages, f"{API}?p=4": b'{"data": []}'}
    items = news(answers, next=None, headline=None, date=None, page_parameter="p")
    assert paths(items) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("body", "options", "reason"),
    [
        (b"<html>Wartung</html>", {}, r"kein gültiges JSON \(application/json\)"),
        (b"[" * 100_000, {}, "kein gültiges JSON"),
        (b'{"code": "rest_no_route"}', {}, r'Auflistung leer: Selektor "\$.data\[\*\]" traf 0 Elemente'),
        (b'{"data": [{"url": "/1"}]}', {}, r'Auflistung leer: Selektor "\$.path" traf 0 Elemente'),
        (b'{"data": [{"path": {"de": "/1"}}, {"path": true}]}', {}, r'Selektor "\$.path" traf 0 Elemente'),
        (b'{"data": [null, 3]}', {}, r'Auflistung leer: Selektor "\$.path" traf 0 Elemente'),
        (b'{"data": [{"path": 3}]}', {"link": "$.join('', path)"}, "passt nicht zu den Daten"),
        (b'{"data": [{"path": "/1"}]}', {"link": "$.gibt_es_nicht(path)"}, "passt nicht zu den Daten"),
        (b'{"data": [{"path": "/1"}]}', {}, "ergab in 1 Einträgen nichts Lesbares"),
    ],
)
def test_json_without_entries_says_why(body, options, reason):
    with pytest.raises(FetchError, match=reason):
        news({API: body}, **options)


def test_selectors_for_html_say_what_json_needs(web, archive):
    put(web, "liste", b'{"data": []}', content_type="application/json")
    with pytest.raises(FetchError, match="keine HTML-Seite, sondern JSON") as caught:
        discover(archive)
    assert "$" in caught.value.hint


def test_session_parameters_are_taken_out_of_entries_and_pages(web, archive):
    put(web, "liste", page(entry("1?sid=a"), following="?p=2&amp;sid=x"))
    put(web, "liste?p=2", page(entry("1?sid=b"), entry("2;jsessionid=7")))
    wanted = source(next="a.weiter", strip_parameters=("sid", "jsessionid"))
    assert paths(discover(archive, wanted)) == ["presse/1", "presse/2"]


def test_the_example_of_the_documentation_is_understood():
    text = (Path(__file__).resolve().parents[2] / "docs" / "archivists.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^```text\n(url = .*?)^```", text, re.MULTILINE | re.DOTALL)
    settings = tomllib.loads(table)
    url = settings.pop("url")
    body = json.dumps({"data": [{"slug": "freibad", "title": "Freibad", "publishedAt": "2026-11-18"}]}).encode()
    context = replay({url: Reply(body=body, media_type="application/json")})
    (item,) = ListingFetcher().discover(Source(id="v", url=url, options=ListingOptions(**settings)), context)
    assert (item.url, item.title, item.published) == (
        "https://www.verband.example/presse/freibad",
        "Freibad",
        "2026-11-18",
    )
