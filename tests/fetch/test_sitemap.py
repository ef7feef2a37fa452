"""The fetcher `sitemap`, over a real connection."""

import gzip
import logging
from datetime import date

import pytest

from archive_pipeline.errors import FetchError, RefusedError, TooLargeError, TransientFetchError
from archive_pipeline.fetch import FeedFetcher
from archive_pipeline.fetch.sitemap import SitemapFetcher, SitemapOptions
from archive_pipeline.model import Capture, Item, Source
from archive_pipeline.testing import replay

NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
NEWS = "http://www.google.com/schemas/sitemap-news/0.9"


def urlset(*entries, namespace=NAMESPACE, head='<?xml version="1.0" encoding="UTF-8"?>\n'):
    body = "".join(f"<url>{entry}</url>" for entry in entries)
    return f'{head}<urlset xmlns="{namespace}" xmlns:n="{NEWS}">{body}</urlset>'.encode()


def index(*members):
    body = "".join(f"<sitemap>{member}</sitemap>" for member in members)
    return f'<sitemapindex xmlns="{NAMESPACE}">{body}</sitemapindex>'.encode()


def loc(path, lastmod=None):
    changed = f"<lastmod>{lastmod}</lastmod>" if lastmod else ""
    return f"<loc>http://amt.example/{path}</loc>{changed}"


def source(url="http://amt.example/sitemap.xml", **options):
    return Source(id="amt", url=url, options=SitemapOptions(**options))


def discover(archive, wanted=None, max_bytes=100_000):
    wanted = wanted or source()
    return list(SitemapFetcher().discover(wanted, archive.context(wanted, max_bytes=max_bytes)))


def paths(items):
    return [item.key.removeprefix("http://amt.example/") for item in items]


def test_entries_become_items(web, archive):
    web.page(
        "amt.example/sitemap.xml",
        urlset(
            "<loc>\n http://amt.example/presse/1?utm_source=x&amp;id=7 </loc>"
            "<lastmod>2026-11-19T08:00:00+01:00</lastmod>",
            "<lastmod>2026-11-18</lastmod><loc><![CDATA[http://amt.example/presse/?a=1&b=2]]></loc>",
            f"{loc('presse/3')}<n:news><n:publication><n:name>Amt</n:name></n:publication>"
            "<n:publication_date>2026-11-17T23:30:00Z</n:publication_date>"
            "<n:title>B&amp;auml;ume &amp; Wege</n:title></n:news>",
            loc("presse/3", "2001-01-01"),
            "<loc>/presse/4</loc>",
            "<loc>mailto:presse@amt.example</loc>",
            "<priority>0.5</priority>",
        ),
    )
    first, second, news, relative = discover(archive)
    assert first == Item(
        source_id="amt",
        key="http://amt.example/presse/1?id=7",
        url="http://amt.example/presse/1?utm_source=x&id=7",
        fingerprint="2026-11-19T08:00:00+01:00",
    )
    assert (second.url, second.fingerprint) == ("http://amt.example/presse/?a=1&b=2", "2026-11-18")
    assert (news.title, news.published, news.fingerprint) == ("Bäume & Wege", "2026-11-18", None)
    assert relative.url == "http://amt.example/presse/4"
    assert archive.kinds() == [("discovery", 200, None)]


def test_a_page_is_captured_with_its_fingerprint(web, archive):
    web.page("amt.example/sitemap.xml", urlset(loc("presse/1", "2026-11-18")))
    web.page("amt.example/presse/1", b"<p>Text</p>", content_type="text/html")
    (item,) = discover(archive)
    (capture,) = SitemapFetcher().capture(item, source(), archive.context(source()))
    assert isinstance(capture, Capture)
    assert (capture.key, capture.body, capture.fingerprint) == (item.key, b"<p>Text</p>", "2026-11-18")


def test_an_index_is_followed_each_file_once(web, archive):
    web.page(
        "amt.example/sitemap.xml",
        index(loc("eins.xml"), loc("zwei.xml.gz"), loc("eins.xml#oben"), loc("sitemap.xml"), loc("innen.xml")),
    )
    web.page("amt.example/eins.xml", urlset(loc("1"), loc("2")))
    web.page("amt.example/zwei.xml.gz", gzip.compress(urlset(loc("2"), loc("3"))), content_type="application/gzip")
    web.page("amt.example/innen.xml", index(loc("eins.xml"), loc("vier.xml")))
    web.page("amt.example/vier.xml", urlset(loc("4")))
    assert paths(discover(archive)) == ["1", "2", "3", "4"]
    assert web.paths() == ["/sitemap.xml", "/eins.xml", "/zwei.xml.gz", "/innen.xml", "/vier.xml"]


def test_only_so_many_files_and_items(web, archive, caplog):
    web.page("amt.example/sitemap.xml", index(*(loc(f"{number}.xml") for number in range(5))))
    for number in range(5):
        web.page(f"amt.example/{number}.xml", urlset(loc(f"a{number}"), loc(f"b{number}")))
    with caplog.at_level(logging.WARNING):
        assert paths(discover(archive, source(max_files=3))) == ["a0", "b0", "a1", "b1"]
    assert "3 Sitemaps nicht gelesen (max_files = 3)" in caplog.text
    web.requests.clear()
    assert paths(discover(archive, source(max_items=3))) == ["a0", "b0", "a1"]
    assert web.paths() == ["/sitemap.xml", "/0.xml", "/1.xml"]


def test_what_can_not_be_read_is_told_after_the_rest(web, archive, caplog):
    web.page("amt.example/sitemap.xml", index(loc("weg.xml"), loc("gut.xml"), loc("html.xml")))
    web.page("amt.example/gut.xml", urlset(loc("1")))
    web.page("amt.example/html.xml", b"<!doctype html><html><body>Wartung</body></html>")
    items = SitemapFetcher().discover(source(), archive.context(source()))
    assert next(items).url == "http://amt.example/1"
    with pytest.raises(FetchError, match=r"Die Sitemap gibt es nicht mehr: .*404") as caught:
        next(items)
    assert caught.value.url == "http://amt.example/weg.xml"
    assert "http://amt.example/html.xml: Das ist keine Sitemap" in caplog.text


def test_include_and_exclude(web, archive):
    web.page(
        "amt.example/sitemap.xml",
        urlset(loc("presse/1"), loc("presse/archiv/2"), loc("%C3%B6ffentlich/3"), loc("4?typ=presse"), loc("")),
    )
    assert paths(discover(archive, source(include=("/presse/*",)))) == ["presse/1", "presse/archiv/2"]
    wanted = source(include=("http://amt.example/presse/*", "/öffentlich/*"), exclude=("*/archiv/*",))
    assert paths(discover(archive, wanted)) == ["presse/1", "%C3%B6ffentlich/3"]
    assert paths(discover(archive, source(include=("/4?typ=*", "/")))) == ["4?typ=presse", ""]


def test_since_leaves_old_pages_and_old_files_out(web, archive):
    web.page(
        "amt.example/sitemap.xml",
        index(loc("neu.xml", "2026-11-01"), loc("alt.xml", "2019-01-01T10:00:00Z"), loc("ohne.xml")),
    )
    web.page("amt.example/neu.xml", urlset(loc("1", "2026-10-01"), loc("2", "2025-12-31"), loc("3", "2026"), loc("4")))
    web.page("amt.example/ohne.xml", urlset(loc("5", "2025-12-31T23:30:00Z")))
    assert paths(discover(archive, source(since=date(2026, 1, 1)))) == ["5", "1", "3", "4"]
    assert "/alt.xml" not in web.paths()
    archive.since = date(2026, 1, 1)
    assert paths(discover(archive)) == ["5", "1", "3", "4"]
    assert paths(discover(archive, source(since=date(2026, 10, 2)))) == ["3", "4"]


@pytest.mark.parametrize(
    ("robots", "asked"),
    [
        (b"User-agent: *\nSitemap: http://amt.example/karte.xml\nSitemap: /news.xml", ["/karte.xml", "/news.xml"]),
        (b"User-agent: *\nDisallow: /intern/", ["/sitemap.xml"]),
        (None, ["/sitemap.xml"]),
    ],
)
def test_the_root_of_a_site_names_its_sitemaps_in_robots_txt(web, archive, robots, asked):
    if robots is not None:
        web.page("amt.example/robots.txt", robots)
    for path in asked:
        web.page(f"amt.example{path}", urlset(loc(f"aus{path}")))
    assert paths(discover(archive, source("http://amt.example/"))) == [f"aus{path}" for path in asked]
    assert web.paths() == asked


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (urlset("<loc>http://amt.example/?a=1&b=2&amp;c=&auml;</loc>"), ["?a=1&b=2&c=&auml;"]),
        (b"\xef\xbb\xbf\r\n " + urlset(loc("bom")), ["bom"]),
        (urlset(loc("utf16"), head='<?xml version="1.0" encoding="UTF-16"?>').decode().encode("utf-16"), ["utf16"]),
        (urlset(loc("ohne"), namespace=""), ["ohne"]),
        (urlset(loc("alt"), namespace="http://www.google.com/schemas/sitemap/0.84"), ["alt"]),
        (urlset(loc("a?x=1&amp;y=2"), loc("b"))[:-30], ["a?x=1&y=2"]),
        (b"<!-- x -->" + urlset("\x01<image>k</image>" + loc("1?a=1&amp;b=2"), loc("2")), ["1?a=1&b=2", "2"]),
        (urlset(), []),
    ],
)
def test_what_generators_write(web, archive, body, found):
    web.page("amt.example/sitemap.xml", body)
    assert [item.url.removeprefix("http://amt.example/") for item in discover(archive)] == found


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", r"sondern kein XML \(0 Bytes\)"),
        (b"<!doctype html><html><body><p>Wartung</p></body></html>", "keine Sitemap, sondern eine HTML-Seite"),
        (b'<rss version="2.0"><channel/></rss>', "mit der Wurzel rss"),
        (b'{"urls": []}', "kein XML"),
        (b"\x1f\x8bkaputt", "nicht zu entpacken"),
    ],
)
def test_what_is_no_sitemap_says_so(web, archive, body, reason):
    web.page("amt.example/sitemap.xml", body)
    with pytest.raises(FetchError, match=reason) as caught:
        discover(archive)
    assert caught.value.url == "http://amt.example/sitemap.xml"


def test_a_time_of_change_that_every_page_shares_says_nothing(web, archive):
    now = "2026-11-20T08:00:00Z"
    web.page("amt.example/sitemap.xml", urlset(*(loc(str(number), now) for number in range(11))))
    assert {item.fingerprint for item in discover(archive)} == {None}
    web.page("amt.example/sitemap.xml", urlset(*(loc(str(number), now) for number in range(10))))
    assert {item.fingerprint for item in discover(archive)} == {now}


def test_no_entity_is_ever_resolved(web, archive, tmp_path):
    secret = tmp_path / "geheim.txt"
    secret.write_text("geheim")
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    head = (
        f'<!DOCTYPE urlset [<!ENTITY l0 "ha">{laughs}<!ENTITY f SYSTEM "{secret.as_uri()}">'
        '<!ENTITY n SYSTEM "http://intern.example/x"><!ENTITY % p SYSTEM "http://intern.example/p">%p;'
        '<!ATTLIST url x CDATA "&l9;">]>'
    )
    web.page("amt.example/sitemap.xml", urlset(loc("1"), loc("?f=&f;"), loc("?n=&n;"), loc("?l=&l9;"), head=head))
    urls = [item.url.removeprefix("http://amt.example/") for item in discover(archive)]
    assert urls == ["1", "?f=&f;", "?n=&n;", "?l=&l9;"]
    assert web.paths() == ["/sitemap.xml"]
    assert {request.host for request in web.requests} == {"amt.example"}


def test_parameter_entities_do_not_grow(web, archive):
    doubled = "".join(f'<!ENTITY % p{n} "&#37;p{n - 1};&#37;p{n - 1};">' for n in range(1, 30))
    head = f'<!DOCTYPE urlset [<!ENTITY % p0 "<!--{"x" * 500}-->">{doubled}%p29;]>'
    web.page("amt.example/sitemap.xml", urlset(loc("1"), head=head))
    with pytest.raises(FetchError, match="kein XML"):
        discover(archive)


def test_bombs_and_endless_nesting(web, archive):
    web.page("amt.example/sitemap.xml", gzip.compress(b" " * 5_000_000))
    with pytest.raises(TooLargeError, match="entpackt größer als die erlaubten 100000 Bytes"):
        discover(archive)
    web.page("amt.example/sitemap.xml", b"<urlset>" + b"<url>" * 9000)
    assert discover(archive) == []
    web.page("amt.example/sitemap.xml", b"<urlset><url><loc>" + b"<![CDATA[" * 9000)
    assert discover(archive) == []


def test_an_endless_chain_of_indexes_ends(web, archive, caplog):
    class Endless(dict):
        def get(self, place, default=None):
            number = int("0" + "".join(filter(str.isdigit, place)))
            web.page("x", index(loc(f"sitemap{number + 1}.xml")))
            return None if place.endswith("robots.txt") else self["x"]

    web.pages = Endless()
    assert discover(archive, source(max_files=3)) == []
    assert len(web.paths()) == 3
    web.requests.clear()
    with caplog.at_level(logging.WARNING):
        assert discover(archive) == []
    assert len(web.paths()) == 4
    assert "sitemap3.xml liegt zu tief in anderen Verzeichnissen" in caplog.text


def test_refused_and_failing(web, archive):
    web.page("amt.example/robots.txt", b"User-agent: *\nDisallow: /sitemap.xml")
    with pytest.raises(RefusedError):
        discover(archive)
    with pytest.raises(RefusedError):
        discover(archive, source("http://amt.example/"))
    web.page("kreis.example/karte.xml", b"", status=503)
    with pytest.raises(TransientFetchError):
        discover(archive, source("http://kreis.example/karte.xml"))
    with pytest.raises(FetchError, match="fehlt url"):
        discover(archive, Source(id="leer", options=SitemapOptions()))


@pytest.mark.parametrize(
    ("url", "claim"),
    [
        ("https://kreis.example/sitemap.xml", 90),
        ("https://kreis.example/sitemap.xml.gz", 90),
        ("https://kreis.example/sitemaps/sitemap-news.xml", 90),
        ("https://kreis.example/sitemap_index.xml", 90),
        ("https://kreis.example/post-sitemap2.xml", 90),
        ("https://kreis.example/sitemaps.xml?type=1533906435", 90),
        ("https://kreis.example/sitemap.txt", 90),
        ("https://kreis.example/sitemap.php", 90),
        ("https://kreis.example/wp-sitemap-posts-post-1.xml", 90),
        ("https://kreis.example/?sitemap=index", 90),
        ("https://kreis.example/index.php?id=1&eID=dd_googlesitemap", 90),
        ("https://kreis.example/?seite=sitemap", None),
        ("https://kreis.example/sitemap/rss.xml", None),
        ("https://kreis.example/sitemap.html", None),
        ("https://kreis.example/sitemap/", None),
        ("https://kreis.example/presse.xml", None),
        ("https://kreis.example/", None),
    ],
)
def test_claims(url, claim):
    assert SitemapFetcher().claims(url) == claim


@pytest.mark.parametrize(
    "url", ["https://kreis.example/sitemap.xml", "https://kreis.example/feed", "https://kreis.example/presse.xml"]
)
def test_no_address_is_claimed_twice_alike(url):
    claims = [fetcher.claims(url) for fetcher in (FeedFetcher(), SitemapFetcher())]
    assert len({claim for claim in claims if claim}) == len([claim for claim in claims if claim]) > 0


def test_a_plain_list_of_addresses(web, archive):
    lines = ["\ufeffhttp://amt.example/presse/1\r", "", "  http://amt.example/presse/2?a=1&b=2 ", "ohne", "mailto:x@y"]
    body = "\n".join(lines).encode()
    web.page("amt.example/sitemap.txt", body, content_type="text/plain")
    items = discover(archive, source("http://amt.example/sitemap.txt"))
    assert [(item.url, item.fingerprint) for item in items] == [
        ("http://amt.example/presse/1", None),
        ("http://amt.example/presse/2?a=1&b=2", None),
    ]
    web.page("amt.example/sitemap.xml", gzip.compress(b"HTTP://amt.example/a"))
    assert paths(discover(archive)) == ["a"]


def test_images_and_videos_are_no_pages(web, archive):
    spaces = 'xmlns:i="http://www.google.com/schemas/sitemap-image/1.1" xmlns:v="http://www.google.com/schemas/video/1"'
    body = (
        f'<urlset xmlns="{NAMESPACE}" {spaces}><url>{loc("1")}<i:image><i:loc>http://amt.example/bild.jpg</i:loc>'
        "<i:title>Bild</i:title></i:image><v:video><v:content_loc>http://amt.example/film.mp4</v:content_loc>"
        "<v:publication_date>2020-01-01</v:publication_date><v:title>Film</v:title></v:video></url></urlset>"
    )
    web.page("amt.example/sitemap.xml", body.encode())
    (item,) = discover(archive)
    assert (item.url, item.title, item.published) == ("http://amt.example/1", None, None)


def test_other_hosts_are_left_out(web, archive, caplog):
    entries = ["<loc>http://andere.example/1</loc>", "<loc>http://www.amt.example/2</loc>", loc("3")]
    web.page("amt.example/sitemap.xml", urlset(*entries))
    assert [item.url for item in discover(archive)] == ["http://www.amt.example/2", "http://amt.example/3"]
    assert "1 Seiten auf anderen Hosts übergangen (other_hosts)" in caplog.text
    assert len(discover(archive, source(other_hosts=True))) == 3
    web.page("amt.example/sitemap.xml", urlset(entries[0]))
    with pytest.raises(FetchError, match=r"Alle Seiten der Sitemap \(1\) liegen auf anderen Hosts"):
        discover(archive)


def test_an_index_may_lie_where_robots_txt_says(web, archive):
    """A sitemap on a host for files is allowed when robots.txt of the site names it."""
    web.page("amt.example/robots.txt", b"Sitemap: http://dateien.example/index.xml")
    member = "<loc>http://{}/eins.xml</loc>"
    web.page("dateien.example/index.xml", index(member.format("dateien.example"), member.format("fremd.example")))
    web.page("dateien.example/eins.xml", urlset(loc("1"), "<loc>http://dateien.example/2</loc>"))
    assert paths(discover(archive, source("http://amt.example/"))) == ["1"]
    assert "fremd.example" not in {request.host for request in web.requests}


def test_a_site_that_has_moved(web, archive):
    web.page("amt.example/sitemap.xml", status=301, location="http://neu.example/sitemap.xml")
    web.page("neu.example/sitemap.xml", urlset("<loc>http://neu.example/1</loc>"))
    assert [item.url for item in discover(archive)] == ["http://neu.example/1"]
    assert [item.url for item in discover(archive, source("http://amt.example/"))] == ["http://neu.example/1"]


def test_session_parameters_are_taken_out(web, archive):
    web.page("amt.example/sitemap.xml", urlset(loc("1?sid=a"), loc("1?sid=b"), loc("2;jsessionid=4")))
    items = discover(archive, source(strip_parameters=("sid", "jsessionid")))
    assert [item.url for item in items] == ["http://amt.example/1", "http://amt.example/2"]


class Months:
    """An index with one sitemap a month, visited run after run."""

    def __init__(self):
        self.lastmod = {"01": "2026-01-31T10:00:00Z", "02": "2026-02-27T10:00:00Z"}
        self.pages = {"01": [loc("01/a", "2026-01-05")], "02": [loc("02/a", "2026-02-03"), loc("02/b")]}
        self.bookmark = None
        self.asked = []

    def run(self, wanted=None, since=None, **more):
        answers = {f"http://amt.example/{month}.xml": urlset(*pages) for month, pages in self.pages.items()}
        members = (loc(f"{month}.xml", self.lastmod[month]) for month in self.pages)
        answers["http://amt.example/sitemap.xml"] = index(*members)
        context = replay(answers | more, since=since)
        if self.bookmark is not None:
            context.keep_bookmark(self.bookmark)
        found = paths(SitemapFetcher().discover(wanted or source(), context))
        self.asked = [url.rpartition("/")[2] for url in context.asked]
        self.bookmark = context.bookmark
        return found


def test_sitemaps_that_did_not_change_are_not_read_again():
    months = Months()
    assert months.run() == ["02/a", "02/b", "01/a"]  # what changed last comes first
    assert months.run() == []
    assert months.asked == ["sitemap.xml"]
    months.lastmod["02"] = "2026-02-28T08:00:00Z"
    months.pages["02"].append(loc("02/c", "2026-02-28"))
    assert months.run() == ["02/a", "02/b", "02/c"]
    assert months.asked == ["sitemap.xml", "02.xml"]
    months.lastmod["03"], months.pages["03"] = "2026-03-01", [loc("03/a")]
    assert months.run() == ["03/a"]


def test_every_tenth_run_reads_everything():
    months = Months()
    assert [len(months.run()) for _ in range(21)] == [3, *[0] * 9] * 2 + [3]


def test_sitemaps_of_an_index_that_lies_are_always_read():
    months = Months()
    months.pages["01"].append(loc("01/b", "2026-02-20"))  # newer than its index says
    months.run()
    assert months.run() == ["01/a", "01/b"]
    months = Months()
    months.lastmod = dict.fromkeys(months.lastmod, "2026-02-28")  # the time of the request, or of a relaunch
    months.run()
    assert len(months.run()) == 3


def test_what_was_not_read_well_or_not_whole_is_read_again():
    months = Months()
    with pytest.raises(FetchError):
        months.run(**{"http://amt.example/01.xml": FetchError("HTTP 500")})
    assert len(months.run()) == 3
    months = Months()
    months.run(source(max_items=2))
    assert len(months.run(source(max_items=2))) == 2
    months = Months()
    months.run(since=date(2026, 2, 1))
    assert len(months.run()) == 3
    months.run()
    assert len(months.run(source(include=("/01/*",)))) == 1  # other settings


def test_more_files_than_one_run_may_read_are_read_by_the_next():
    months = Months()
    assert months.run(source(max_files=2)) == ["02/a", "02/b"]
    assert months.run(source(max_files=2)) == ["01/a"]


@pytest.mark.parametrize("text", ["", "kaputt", "[]", '{"settings": 1}'])
def test_a_damaged_bookmark_begins_anew(text):
    months = Months()
    months.bookmark = text
    assert len(months.run()) == 3


def test_a_feed_is_told_from_a_sitemap(web, archive):
    web.page("amt.example/sitemap.xml", b'<rss version="2.0"><channel/></rss>')
    with pytest.raises(FetchError) as caught:
        discover(archive)
    assert caught.value.hint == 'fetcher = "feed" setzen'
