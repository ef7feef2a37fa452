"""Feeds that were made to harm, or by systems that do not know XML."""

import time
from contextlib import suppress

import pytest

from archive_pipeline.errors import FetchError
from archive_pipeline.fetch import FeedFetcher
from archive_pipeline.fetch.feed import FeedOptions
from archive_pipeline.fetch.xml_feed import read_xml_feed
from archive_pipeline.model import Source
from archive_pipeline.testing import captured

ITEM = "<item><title>{title}</title><link>{link}</link></item>"


def rss(*entries: str, head: str = "") -> bytes:
    return f'<?xml version="1.0"?>{head}<rss version="2.0"><channel>{"".join(entries)}</channel></rss>'.encode()


@pytest.fixture
def discover(web, archive):
    def run(feed: bytes, **fields: str):
        web.page("amt.example/feed", feed, **fields)
        source = Source(id="amt", url="http://amt.example/feed", options=FeedOptions())
        return list(FeedFetcher().discover(source, archive.context(source, max_bytes=2**24)))

    return run


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE r SYSTEM "http://127.0.0.1:1/x.dtd">',
        '<!DOCTYPE r [<!ENTITY x0 "ha">'
        + "".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 10}">' for n in range(1, 10))
        + '<!ENTITY x "&x9;">]>',
    ],
    ids=["file", "address", "billion laughs"],
)
def test_entities_are_not_resolved(web, discover, head):
    begin = time.process_time()
    (item,) = discover(rss(ITEM.format(title="&x;", link="http://amt.example/1"), head=head))
    assert (item.key, item.title) == ("http://amt.example/1", None)
    assert time.process_time() - begin < 5
    assert web.connected == ["93.184.216.34"]


def test_references_to_no_character_do_not_lose_the_feed(discover):
    halves = ITEM.format(title="Sommer &#55357;&#56832;", link="http://amt.example/1")
    beyond = ITEM.format(title="Fest &#99999999999999999999; &#xD800;", link="http://amt.example/2")
    items = discover(rss(halves, beyond, ITEM.format(title="Gr&#252;n", link="http://amt.example/3")))
    assert [item.title for item in items] == ["Sommer \ufffd\ufffd", "Fest \ufffd \ufffd", "Grün"]


def test_a_charset_that_is_none(discover):
    with pytest.raises(FetchError, match="Der Feed ist nicht lesbar"):
        discover(
            rss(ITEM.format(title="Grün", link="http://amt.example/1")), content_type="text/xml; charset=undefined"
        )


def test_only_addresses_of_the_web_become_items(discover):
    links = (
        "HTTP://AMT.example/gut",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        "http://[/",
        "http://amt.example/" + "a" * 100_000,
    )
    assert [item.key for item in discover(rss(*(ITEM.format(title="T", link=link) for link in links)))] == [
        "http://amt.example/gut"
    ]


def test_titles_do_not_steer_terminals(discover):
    (item,) = discover(rss(ITEM.format(title="A&amp;#27;[31mB&amp;#0;", link="http://amt.example/1")))
    assert item.title is not None
    assert item.title.isprintable()


def test_thousands_of_entries(discover):
    entries = (ITEM.format(title=f"Nr. {n}", link=f"http://amt.example/{n}") for n in range(5000))
    assert len(discover(rss(*entries))) == 5000


LONG = "a" * 400_000
DC = "http://purl.org/dc/elements/1.1/"


@pytest.mark.parametrize(
    "field",
    [
        f"<author>{LONG}</author>",
        f"<author><![CDATA[{LONG}]]></author>",
        f"<author>{'&#97;' * 200_000}</author>",
        f"<AUTHOR>{LONG}</AUTHOR>",
        f"<q:creator xmlns:q='{DC}'>{LONG}</q:creator>",
        f"<creator xmlns='{DC}'>{LONG}</creator>",
        f"<q:publisher xmlns:q='{DC}'>{LONG}</q:publisher>",
        f"<author><name>{LONG}</name></author>",
        "".join(f"<category>{number}</category>" for number in range(20_000)),
        f"<tags>{','.join(str(number) for number in range(40_000))}</tags>",
    ],
    ids=["author", "cdata", "references", "upper case", "prefix", "default", "publisher", "name", "category", "tags"],
)
@pytest.mark.parametrize("charset", ["utf-8", "utf-16"])
def test_no_field_takes_time_that_grows_with_its_square(field, charset):
    """feedparser alone needs a minute and more for each of these."""
    feed = f"<rss version='2.0'><channel><item>{field}<link>http://amt.example/1</link></item></channel></rss>"
    begin = time.process_time()
    (entry,) = read_xml_feed(captured(feed.encode(charset), media_type="text/xml")).entries
    assert entry.url == "http://amt.example/1"
    assert time.process_time() - begin < 3


@pytest.mark.parametrize(
    "mess",
    [
        "<textinput>",  # feedparser raises KeyError
        "<enclosure url='x'><links>kaputt</links>",  # stumbles over its own result
        "\x00",
        "<license><a ",
    ],
)
def test_what_feedparser_stumbles_over_ends_in_items_or_a_reason(mess):
    whole = ITEM.format(title="Ganz", link="http://amt.example/1")
    for feed in (rss(whole, f"<item>{mess}</item>"), rss(mess, whole), rss(f"<item>{mess}", whole)):
        with suppress(FetchError):
            entries = read_xml_feed(captured(feed, media_type="text/xml")).entries
            assert all(entry.url in (None, "http://amt.example/1") for entry in entries)
