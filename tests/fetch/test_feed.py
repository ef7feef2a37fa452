"""The fetcher `feed`, over a real connection."""

import gzip
import json
import logging

import pytest

from archive_pipeline.errors import FetchError, RefusedError, TooLargeError, TransientFetchError
from archive_pipeline.fetch import FeedFetcher
from archive_pipeline.fetch.discovery import without_parameters
from archive_pipeline.fetch.feed import FeedOptions
from archive_pipeline.model import Capture, Gone, Item, Refused, Source
from archive_pipeline.testing import replay

RSS = """<?xml version="1.0" encoding="{encoding}"?>
<rss version="2.0"><channel><title>Presse</title><link>http://amt.example/</link>
<item><title>Bürgerbüro &amp;quot;neu&amp;quot; &lt;b&gt;offen&lt;/b&gt;</title>
<link>http://amt.example/presse/1?utm_source=rss#kopf</link><guid isPermaLink="false">p1</guid>
<pubDate>Fri, 20 Nov 2026 00:30:00 +0100</pubDate></item>
<item><title>Zweite</title><link> /presse/2 </link></item>
<item><title>Ohne Adresse</title></item>
<item><title>Doppelt</title><link>http://amt.example/presse/1?utm_source=mail</link></item>
<item><guid>http://amt.example/presse/3</guid><title>Nur guid</title></item>
<item><title>Kein Web</title><link>mailto:presse@amt.example</link></item>
</channel></rss>"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:base="http://amt.example/presse/"><title>P</title>
<entry><id>tag:1</id><title type="html">A &amp;amp; B</title><link rel="alternate" href="a-b"/>
<updated>2026-11-20T10:00:00Z</updated><published>2026-11-18T23:30:00Z</published></entry></feed>"""

RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x"><title>P</title></channel>
<item rdf:about="http://amt.example/1"><title>Eins</title><link>http://amt.example/1</link>
<dc:date>2026-11-19T09:00:00+01:00</dc:date></item></rdf:RDF>"""

RSS091 = """<rss version="0.91"><channel><title>P</title><item><title>Alt</title><link>http://amt.example/alt</link></item>
</channel></rss>"""

SOURCE = Source(id="amt", url="http://amt.example/feed", options=FeedOptions())


def discover(archive, source=SOURCE):
    return list(FeedFetcher().discover(source, archive.context(source)))


def test_rss_entries_become_items(web, archive, caplog):
    web.page("amt.example/feed", RSS.format(encoding="utf-8").encode(), content_type="application/rss+xml")
    with caplog.at_level(logging.WARNING):
        first, second, third = discover(archive)
    assert first == Item(
        source_id="amt",
        key="http://amt.example/presse/1",
        url="http://amt.example/presse/1?utm_source=rss#kopf",
        title='Bürgerbüro "neu" offen',
        published="2026-11-20",
        fingerprint="p1 Fri, 20 Nov 2026 00:30:00 +0100",
    )
    assert (second.key, second.url, second.published) == ("http://amt.example/presse/2",) * 2 + (None,)
    assert second.fingerprint is None
    assert third.key == "http://amt.example/presse/3"
    assert "2 Einträge ohne Adresse" in caplog.text


def test_atom(web, archive):
    web.page("amt.example/feed", ATOM.encode(), content_type="application/atom+xml")
    (item,) = discover(archive)
    assert (item.key, item.title, item.published) == ("http://amt.example/presse/a-b", "A & B", "2026-11-19")
    assert item.fingerprint == "tag:1 2026-11-20T10:00:00Z"


@pytest.mark.parametrize(("text", "published"), [(RDF, "2026-11-19"), (RSS091, None)])
def test_old_formats(web, archive, text, published):
    web.page("amt.example/feed", text.encode(), content_type="text/xml")
    (item,) = discover(archive)
    assert item.published == published


@pytest.mark.parametrize("declared", ["text/xml", "text/xml; charset=ISO-8859-1", "text/html", "application/xml"])
def test_latin_1(web, archive, declared):
    web.page("amt.example/feed", RSS.format(encoding="iso-8859-1").encode("latin-1"), content_type=declared)
    assert discover(archive)[0].title == 'Bürgerbüro "neu" offen'


def test_a_compressed_feed(web, archive):
    packed = gzip.compress(RSS.format(encoding="utf-8").encode())
    web.page("amt.example/feed", packed, content_encoding="gzip")
    assert len(discover(archive)) == 3


def test_an_entry_is_captured_with_its_hints(web, archive):
    web.page("amt.example/feed", RSS.format(encoding="utf-8").encode())
    web.page("amt.example/presse/1?utm_source=rss", b"<p>Text</p>", content_type="text/html")
    item = discover(archive)[0]
    (capture,) = FeedFetcher().capture(item, SOURCE, archive.context(SOURCE))
    assert isinstance(capture, Capture)
    assert (capture.key, capture.body, capture.published) == (item.key, b"<p>Text</p>", "2026-11-20")


def test_the_feed_itself_is_kept_as_evidence(web, archive):
    web.page("amt.example/feed", RSS091.encode())
    discover(archive)
    assert archive.kinds() == [("discovery", 200, None)]


def test_only_so_many(web, archive):
    web.page("amt.example/feed", RSS.format(encoding="utf-8").encode())
    source = Source(id="amt", url="http://amt.example/feed", options=FeedOptions(max_items=1))
    assert [item.key for item in discover(archive, source)] == ["http://amt.example/presse/1"]


def test_an_empty_but_valid_feed(web, archive):
    web.page("amt.example/feed", b'<rss version="2.0"><channel><title>P</title></channel></rss>')
    assert discover(archive) == []


def test_broken_xml_with_readable_entries(web, archive):
    text = RSS091.replace("</channel></rss>", "<item><title>A & B</title><link>http://amt.example/ab</link>")
    web.page("amt.example/feed", text.encode())
    assert [item.key for item in discover(archive)] == ["http://amt.example/alt", "http://amt.example/ab"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", r"Der Feed ist leer \(0 Bytes\)"),
        (b" \n", "Der Feed ist leer"),
        (b"<!doctype html><html><body><p>Fehler</p></body></html>", "kein RSS- oder Atom-Feed"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "kein RSS- oder Atom-Feed"),
        (b'<rss version="2.0"><channel><title>P & Q</tit', "kein g\u00fcltiges XML"),
    ],
)
def test_what_is_no_feed_says_so(web, archive, body, reason):
    web.page("amt.example/feed", body, content_type="text/html")
    with pytest.raises(FetchError, match=reason) as caught:
        discover(archive)
    assert caught.value.url == "http://amt.example/feed"


def test_a_feed_that_is_gone_refused_or_too_large(web, archive):
    with pytest.raises(FetchError, match=r"gibt es nicht mehr: .*HTTP 404"):
        discover(archive)
    web.page("amt.example/feed", b"x" * 200_000)
    with pytest.raises(TooLargeError):
        discover(archive)
    web.names["zu.example"] = ["127.0.0.1"]
    with pytest.raises(RefusedError, match="nicht öffentlichen"):
        discover(archive, Source(id="zu", url="http://zu.example/feed", options=FeedOptions()))
    with pytest.raises(FetchError, match="fehlt url"):
        discover(archive, Source(id="leer", options=FeedOptions()))


@pytest.mark.parametrize(
    ("url", "claim"),
    [
        ("https://kreis.example/feed", 100),
        ("https://kreis.example/presse/feed/", 100),
        ("https://kreis.example/rss.php", 100),
        ("https://kreis.example/presse.xml", 70),
        ("https://kreis.example/presse-rss.xml", 100),
        ("https://kreis.example/sitemap/rss.xml", 100),
        ("https://kreis.example/rss/sitemap-news.xml", None),
        ("https://kreis.example/feed/json", 100),
        ("https://kreis.example/news.rss", 100),
        ("https://kreis.example/index.php?type=rss", 100),
        ("https://kreis.example/?format=feed&type=atom", 100),
        ("https://kreis.example/atom.xml", 100),
        ("https://kreis.example/sitemap.xml", None),
        ("https://kreis.example/presse/atomkraft-ausstieg", None),
        ("https://kreis.example/presse/feedback", None),
        ("https://kreis.example/", None),
    ],
)
def test_claims(url, claim):
    assert FeedFetcher().claims(url) == claim


PAGE = "http://amt.example/presse/1"
FULL = "<p>" + "Der Kreis baut die Straße nach Lage aus. " * 8 + "</p>"
SHELL = b"<html><body><div id='app'></div><script src='app.js'></script></body></html>"
WITH_TEXT = f"""<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>P</title>
<item><title>Straße</title><link>{PAGE}</link><pubDate>Fri, 20 Nov 2026 09:00:00 +0100</pubDate>
<description>Anriss</description><content:encoded><![CDATA[{FULL}]]></content:encoded></item></channel></rss>"""
ATOM_TEXT = f"""<feed xmlns="http://www.w3.org/2005/Atom"><title>P</title><entry><id>1</id><link href="{PAGE}"/>
<content type="html"><![CDATA[{FULL}]]></content></entry></feed>"""
JSON_TEXT = json.dumps({"items": [{"id": 1, "url": PAGE, "content_html": FULL}]})
JSON_PLAIN = json.dumps({"items": [{"id": 1, "url": PAGE, "content_text": "Eins & zwei\n\nDrei"}]})


def captures(page, feed=WITH_TEXT):
    """What capturing the one entry of a feed ends in, when its page answers so."""
    context, fetcher = replay({SOURCE.url: feed.encode(), PAGE: page}), FeedFetcher()
    (item,) = fetcher.discover(SOURCE, context)
    return list(fetcher.capture(item, SOURCE, context))


@pytest.mark.parametrize("feed", [WITH_TEXT, ATOM_TEXT, JSON_TEXT])
def test_the_text_of_the_feed_stands_in_for_a_page_that_is_denied(feed, caplog):
    (capture,) = captures(FetchError("HTTP 403"), feed)
    assert (capture.body.decode(), capture.media_type) == (FULL, "text/html")
    assert (capture.url, capture.key, capture.kind) == (PAGE, PAGE, "document")
    assert capture.target.startswith("urn:")  # it did not come from the page's address, and does not say so
    assert "HTTP 403 – es bleibt der Text des Feeds" in caplog.text


def test_a_denied_page_over_a_real_connection(web, archive):
    web.page("amt.example/feed", WITH_TEXT.encode())
    web.page("amt.example/presse/1", b"Forbidden", status=403)
    context, fetcher = archive.context(SOURCE), FeedFetcher()
    (item,) = fetcher.discover(SOURCE, context)
    (capture,) = fetcher.capture(item, SOURCE, context)
    assert (capture.body.decode(), capture.url, capture.published) == (FULL, PAGE, "2026-11-20")
    assert archive.kinds() == [("discovery", 200, None), ("discovery", 403, None), ("document", None, None)]


def test_plain_text_of_a_feed_becomes_paragraphs():
    (capture,) = captures(FetchError("HTTP 403"), JSON_PLAIN)
    assert capture.body == b"<p>Eins &amp; zwei</p>\n<p>Drei</p>\n"


def test_the_text_of_the_feed_follows_an_empty_shell():
    (shell, capture) = captures(SHELL)
    assert (shell.body, capture.body.decode()) == (SHELL, FULL)
    (only,) = captures(SHELL, WITH_TEXT.replace(FULL, "<p>Kurz</p>"))
    assert only.body == SHELL


@pytest.mark.parametrize(
    "page", [b"<html><script></script><p>" + b"Text " * 99, b"%PDF-1.7", Gone("HTTP 404"), Refused("robots")]
)
def test_a_page_that_is_there_gone_or_refused_is_left_alone(page):
    (result,) = captures(page)
    assert not isinstance(result, Capture) or result.body == page


@pytest.mark.parametrize("error", [TransientFetchError("HTTP 503"), TooLargeError("groß"), RefusedError("robots")])
def test_what_may_pass_is_not_covered_up(error):
    with pytest.raises(type(error)):
        captures(error)


def test_a_teaser_is_no_text():
    with pytest.raises(FetchError, match="403"):
        captures(FetchError("HTTP 403"), WITH_TEXT.replace("content:encoded", "content:kurz"))


def test_what_a_feed_no_longer_holds_fails():
    context, fetcher = replay({SOURCE.url: WITH_TEXT.encode(), PAGE: FetchError("HTTP 403")}), FeedFetcher()
    (item,) = fetcher.discover(SOURCE, context)
    with pytest.raises(FetchError, match="403"):
        list(fetcher.capture(item, SOURCE, replay({PAGE: FetchError("HTTP 403")})))


def test_parameters_that_say_nothing_are_taken_out():
    feed = RSS091.replace(
        "http://amt.example/alt", "http://amt.example/a;jsessionid=4F?id=7&amp;PHPSESSID=x&amp;tx_n%5BcHash%5D=9"
    )
    context = replay({SOURCE.url: feed.encode()})
    wanted = Source(
        id="amt", url=SOURCE.url, options=FeedOptions(strip_parameters=("jsessionid", "phpsessid", "tx_*[cHash]"))
    )
    (item,) = FeedFetcher().discover(wanted, context)
    assert (item.url, item.key) == ("http://amt.example/a?id=7",) * 2


@pytest.mark.parametrize(
    ("url", "names", "left"),
    [
        ("https://a.example/?sid=1&id=2", ("sid",), "https://a.example/?id=2"),
        ("https://a.example/?SID=1", ("sid",), "https://a.example/"),
        ("https://a.example/?sid", ("sid",), "https://a.example/"),
        ("https://a.example/?side=1&id=2", ("sid",), "https://a.example/?side=1&id=2"),
        ("https://a.example/?nav%5B1%5D=x&nav[2]=y&z", ("nav[*]",), "https://a.example/?z"),
        ("https://a.example/?a=%7Eb&a=~b&&c", ("x",), "https://a.example/?a=%7Eb&a=~b&&c"),
        ("https://a.example/x;jsessionid=A.b/y;v=1?q", ("jsessionid",), "https://a.example/x/y;v=1?q"),
        ("https://a.example/x;jsessionid=A", ("sid",), "https://a.example/x;jsessionid=A"),
        ("https://a.example/?a=1#b", ("*",), "https://a.example/#b"),
        ("https://a.example/?a=1", (), "https://a.example/?a=1"),
    ],
)
def test_only_named_parameters_go(url, names, left):
    assert without_parameters(url, names) == left
