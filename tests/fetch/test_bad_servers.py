"""What servers and networks may do to a whole run: cost it hours or all its memory, or cover up what would pass."""

import socket
import time
import tracemalloc
from itertools import count

import pytest

from archive_pipeline.errors import FetchError, TooLargeError, TransientFetchError
from archive_pipeline.fetch import FeedFetcher
from archive_pipeline.fetch.attachments import linked_documents
from archive_pipeline.fetch.feed import FeedOptions
from archive_pipeline.fetch.listing import ListingFetcher, ListingOptions
from archive_pipeline.fetch.sitemap import SitemapFetcher, SitemapOptions
from archive_pipeline.model import Capture, Item, Source
from archive_pipeline.testing import captured

SOURCE = Source(id="amt", url="http://amt.example/feed", options=FeedOptions())
TEXT = "<p>" + "Der Kreis Soest eröffnet am Montag eine Beratungsstelle. " * 10 + "</p>"
FEED = f"""<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><item>
<link>http://seite.example/1</link><content:encoded><![CDATA[{TEXT}]]></content:encoded></item></channel></rss>"""


def offered(web, archive):
    """The one item of a feed that carries its whole text, and what capturing it needs."""
    web.page("amt.example/feed", FEED.encode())
    context, fetcher = archive.context(SOURCE), FeedFetcher()
    (item,) = fetcher.discover(SOURCE, context)
    return lambda: list(fetcher.capture(item, SOURCE, context))


class TestWhatPasses:
    """The feed's text stands in for a page for good, so only for one that is denied for good."""

    def test_name_servers_that_do_not_answer(self, web, make_archive):
        def resolve(host, port):
            if host == "seite.example":
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            return web.resolve(host, port)

        archive = make_archive(resolve=resolve)
        capture = offered(web, archive)
        with pytest.raises(TransientFetchError, match=r"seite\.example lässt sich gerade nicht auflösen"):
            capture()

    def test_a_name_that_nobody_has(self, web, make_archive):
        def resolve(host, port):
            if host == "seite.example":
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return web.resolve(host, port)

        (text,) = offered(web, make_archive(resolve=resolve))()
        assert text.body.decode() == TEXT

    @pytest.mark.parametrize("status", [509, 520, 521, 522, 524, 530])
    def test_what_stands_before_a_server_that_is_down(self, web, archive, status):
        capture = offered(web, archive)
        web.page("seite.example/1", b"Origin is unreachable", status=status)
        with pytest.raises(TransientFetchError, match=f"HTTP {status}"):
            capture()


def item(number: int, host: str = "amt.example") -> Item:
    url = f"http://{host}/{number}"
    return Item(source_id="amt", key=url, url=url)


class TestPatience:
    @pytest.fixture
    def slow(self, web, archive):
        """An archive whose clock says that every question takes 25 seconds; its server fails but for `/gut`."""
        ticks = count(0, 25)
        archive.client.patience.clock = lambda: float(next(ticks))
        web.page("amt.example/gut", b"ok")
        for number in range(10):
            web.page(f"amt.example/{number}", b"", status=500)
            web.page(f"zwei.example/{number}", b"ok")
        return archive

    def ask(self, archive, wanted: Item) -> str:
        try:
            archive.context().get(wanted.url, item=wanted)
        except TransientFetchError as error:
            return error.message
        return ""

    def test_a_host_that_fails_again_and_again_is_asked_no_more(self, web, slow):
        said = [self.ask(slow, item(number)) for number in range(6)]
        assert ["HTTP 500" in message for message in said] == [True] * 3 + [False] * 3
        assert said[-1] == "amt.example war in diesem Lauf mehrmals nacheinander gestört und wird nicht mehr gefragt"
        assert web.paths() == [path for number in range(3) for path in [f"/{number}"] * 3]
        assert slow.outcomes()[-3:] == [("/3", "error"), ("/4", "error"), ("/5", "error")]
        assert self.ask(slow, item(1, "zwei.example")) == ""

    def test_one_answer_is_enough_to_go_on(self, web, slow):
        for number in (0, 1, 2, 3, 4, 5):
            assert "HTTP 500" in self.ask(slow, item(number))
            good = Item(source_id="amt", key="gut", url="http://amt.example/gut")
            assert self.ask(slow, good) == ""

    def test_failures_that_cost_no_time_are_no_reason(self, web, archive):
        archive.client.patience.clock = lambda: 0.0
        for number in range(10):
            web.page(f"amt.example/{number}", b"", status=500)
        assert all("HTTP 500" in self.ask(archive, item(number)) for number in range(10))


def robots(*groups: tuple[int, int]) -> bytes:
    """A robots.txt with groups of so many robots and so many rules; the last one is for everybody."""
    lines: list[str] = []
    for number, (names, rules) in enumerate(groups):
        lines += [f"User-agent: r{number}x{name}" for name in range(names)]
        lines += [f"Disallow: /{number}/{rule}" for rule in range(rules)]
    return "\n".join([*lines, "User-agent: *", "Disallow: /geheim"]).encode()


class TestRobots:
    @pytest.mark.parametrize(
        "body",
        [
            robots((10_000, 10_000)),
            robots((10_000, 10_000)).replace(b"User-agent: r0x5\n", b"User-agent: r0x5\nSitemap: /s\nuser agent x\n"),
            b"\n".join(b"User-agent x%d\nSitemap: /s" % n for n in range(8_000)) + b"\nDisallow: /a" * 8_000,
        ],
        ids=["one group", "with other lines", "without colons"],
    )
    def test_rules_for_thousands_of_robots_take_no_memory(self, web, archive, body):
        web.page("amt.example/robots.txt", body)
        context = archive.context(max_bytes=2**20)
        tracemalloc.start()
        with pytest.raises(TransientFetchError, match="zu viele Regeln für zu viele Robots"):
            context.get("http://amt.example/1")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**25
        assert web.paths() == []

    def test_long_lists_of_robots_are_read(self, web, archive):
        """Two thousand names that are shut out, each by itself or all together, and long rules for some."""
        web.page("amt.example/robots.txt", robots(*[(1, 1)] * 2000, (2000, 5), (100, 1000)))
        web.page("amt.example/1", b"ok")
        context = archive.context(max_bytes=2**20)
        assert isinstance(context.get("http://amt.example/1"), Capture)
        assert "erlaubt" in context.get("http://amt.example/geheim").reason


def test_no_such_host_is_no_failure_that_passes(web, make_archive):
    def resolve(host, port):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(FetchError) as caught:
        make_archive(resolve=resolve).context().get("http://amt.example/1")
    assert not isinstance(caught.value, TransientFetchError)


class TestHugePages:
    def test_a_list_of_many_megabytes_is_not_parsed(self, web, archive):
        web.page("amt.example/feed", b"<a href=/1>x</a>" * 600_000, content_type="text/html")
        source = Source(id="amt", url="http://amt.example/feed", options=ListingOptions(items="body"))
        with pytest.raises(TooLargeError, match="zu groß für eine Liste"):
            list(ListingFetcher().discover(source, archive.context(source, max_bytes=2**24)))

    def test_a_page_of_many_megabytes_is_no_shell(self, web, archive):
        page = b"<script></script>" + b"<b></b>" * 1_200_000
        web.page("seite.example/1", page, content_type="text/html")
        web.page("amt.example/feed", FEED.encode())
        context, fetcher = archive.context(SOURCE, max_bytes=2**24), FeedFetcher()
        (one,) = fetcher.discover(SOURCE, context)
        assert [result.body for result in fetcher.capture(one, SOURCE, context)] == [page]

    def test_links_in_deep_markup_are_judged_within_seconds(self):
        links = b"".join(b"<a href=bericht.pdf?%d>Bericht</a>" % number for number in range(60_000))
        page = captured(b"<body><nav>" + b"<div class=a>" * 240 + links, media_type="text/html")
        begin = time.process_time()
        assert linked_documents(page, item(1)) == ()
        assert time.process_time() - begin < 8


def test_sitemaps_without_end(web, archive, monkeypatch):
    monkeypatch.setattr("archive_pipeline.fetch.sitemap.MOST_PAGES", 20)
    files = "".join(f"<sitemap><loc>http://amt.example/{n}.xml</loc></sitemap>" for n in range(9))
    web.page("amt.example/sitemap.xml", f"<sitemapindex>{files}</sitemapindex>".encode())
    for number in range(9):
        pages = "".join(f"<url><loc>http://amt.example/{number}/{page}</loc></url>" for page in range(9))
        web.page(f"amt.example/{number}.xml", f"<urlset>{pages}</urlset>".encode())
    source = Source(id="amt", url="http://amt.example/sitemap.xml", options=SitemapOptions())
    found = []
    with pytest.raises(FetchError, match="mehr als 20 Seiten") as caught:
        found.extend(SitemapFetcher().discover(source, archive.context(source)))
    assert "max_items" in caught.value.hint
    assert web.paths() == ["/sitemap.xml", "/0.xml", "/1.xml", "/2.xml"]
    few = Source(id="amt", url=source.url, options=SitemapOptions(max_items=20))
    assert len(list(SitemapFetcher().discover(few, archive.context(few)))) == 20
