"""Which documents of a page are archived with it, and that none of them ever costs the page."""

import pytest

from archive_pipeline.errors import FetchError, TransientFetchError
from archive_pipeline.fetch.attachments import MAX_ATTACHMENTS, capture_page, linked_documents
from archive_pipeline.fetch.options import HttpOptions
from archive_pipeline.model import Capture, Gone, Item, Refused, Source, Unmodified
from archive_pipeline.testing import Reply, captured, replay

URL = "https://www.kreis-ahrbeck.example/presse/bruecke-gesperrt"
ITEM = Item(source_id="ahrbeck", key=URL, url=URL)
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
ODT = "application/vnd.oasis.opendocument.text"
PDF = Reply(body=b"%PDF-1.5 ...", media_type="application/pdf")


def source(**options):
    return Source(id="ahrbeck", url="https://www.kreis-ahrbeck.example/feed", options=HttpOptions(**options))


def page(content, frame=""):
    return (
        f"<html><head><link rel=stylesheet href='https://cdn.baukasten.example/a.css'></head><body>{frame}"
        f"<main><h1>Brücke gesperrt</h1><p>Text</p>{content}</main></body></html>"
    ).encode()


def links(body, *, url=URL, **about):
    return [found.url for found in linked_documents(captured(body, url=url, **about), ITEM)]


@pytest.mark.parametrize(
    ("link", "media_type"),
    [
        ("<a href='/fileadmin/Presse/Bericht.PDF'>Bericht</a>", "application/pdf"),
        ("<a href='bericht.docx'>Bericht</a>", DOCX),
        ("<a href='bericht.odt?v=2#seite=3'>Bericht</a>", ODT),
        ("<a href='/documents/10180/4711/Bericht.pdf/6f1c-22?t=17'>Bericht</a>", "application/pdf"),
        ("<a href='/SharedDocs/Bericht.pdf?__blob=publicationFile&amp;v=2'>Bericht</a>", "application/pdf"),
        ("<a href='?file=files/presse/Bericht%202024.pdf'>Bericht</a>", "application/pdf"),
        ("<a href='/loadDocument.phtml?FID=3847.12.1&amp;Ext=PDF'>Bericht</a>", "application/pdf"),
        ("<a href='/loadDocument.phtml?FID=3847.12.1'>Bericht</a>", "application/pdf"),
        ("<a href='/index.php?eID=dumpFile&amp;t=f&amp;f=12&amp;token=ab'>Bericht (PDF, 1 MB)</a>", "application/pdf"),
        ("<a href='/media/12' type='application/pdf'>Bericht</a>", "application/pdf"),
        ("<a href='/download/12'>Bericht (DOCX, 80 KB)</a>", DOCX),
        ("<a class='icon-pdf' href='/media/custom/12'>Bericht</a>", "application/pdf"),
    ],
)
def test_what_is_a_document(link, media_type):
    (found,) = linked_documents(captured(page(link), url=URL), ITEM)
    assert found.media_type == media_type
    assert found.title.startswith("Bericht")
    assert "#" not in found.url


@pytest.mark.parametrize(
    "link",
    [
        "<a href='/presse/naechste'>Nächste Meldung</a>",
        "<a href='/bild.jpg'>Foto</a>",
        "<a href='/index.php?eID=dumpFile&amp;t=f&amp;f=12'>Pressefoto (JPG, 2 MB)</a>",
        "<a href='/presse/bruecke?layout=druck'>Seite als PDF</a>",
        "<a href='/Datenschutz.pdf'>Datenschutz</a>",
        "<a href='mailto:presse@kreis.example'>bericht.pdf</a>",
        "<a href='http://[kaputt.pdf'>Bericht</a>",
        "<a href='javascript:oeffnen(\"a.pdf\")'>Bericht</a>",
        "<a name='a.pdf'>Bericht</a>",
        "<a href='https://www.bundesamt.example/studie.pdf'>Studie des Bundes</a>",
    ],
)
def test_what_is_none(link):
    assert links(page(link)) == []


def test_own_subdomains_and_the_store_of_a_site_builder_are_the_sites_own():
    content = (
        "<a href='https://medien.kreis-ahrbeck.example/a.pdf'>a</a><a href='https://docs.baukasten.example/b.pdf'>b</a>"
    )
    assert links(page(content)) == [
        "https://medien.kreis-ahrbeck.example/a.pdf",
        "https://docs.baukasten.example/b.pdf",
    ]


def test_links_around_the_content_are_on_every_page():
    frame = (
        "<header><a href='/stadtplan.pdf'>Plan</a></header><nav><a href='/satzung.pdf'>Satzung</a></nav>"
        "<div class='subnavigation'><a href='/n.pdf'>n</a></div><footer><a href='/haushalt.pdf'>Haushalt</a></footer>"
    )
    assert links(page("<a href='/bericht.pdf'>Bericht</a>", frame)) == ["https://www.kreis-ahrbeck.example/bericht.pdf"]
    no_main = page("<a href='/bericht.pdf'>Bericht</a>", frame).replace(b"main>", b"div>")
    assert links(no_main) == ["https://www.kreis-ahrbeck.example/bericht.pdf"]


def test_beside_the_content_only_downloads_count():
    content = (
        "<aside><a href='/termine.pdf'>Termine</a></aside>"
        "<aside><h2>Downloads</h2><a href='/bericht.pdf'>Bericht</a></aside>"
        "<div class='ce-sidebar'><ul class='downloadList'><li><a href='/anlage.pdf'>Anlage</a></li></ul></div>"
        "<h2>Weitere Pressemitteilungen</h2><ul><li><a href='/pm11.pdf'>PM 11</a></li></ul>"
    )
    assert [url.rpartition("/")[2] for url in links(page(content))] == ["bericht.pdf", "anlage.pdf"]


def test_wrappers_may_be_called_anything():
    body = (
        b"<body><div id='menu-page' class='has-sidebar'><h1>Br\xc3\xbccke</h1>"
        b"<a href='/bericht.pdf'>Bericht</a></div></body>"
    )
    assert links(body) == ["https://www.kreis-ahrbeck.example/bericht.pdf"]


def test_each_document_once_and_not_too_many():
    many = "".join(f"<a href='/{number}.pdf'>x</a><a href='/{number}.pdf#2'>x</a>" for number in range(30))
    assert links(page(many)) == [f"https://www.kreis-ahrbeck.example/{number}.pdf" for number in range(MAX_ATTACHMENTS)]


def test_the_base_of_a_page_and_its_charset_count():
    body = page("<a href='Brücke.pdf'>Bericht</a>").replace(b"<head>", b"<head><base href='/dateien/'>")
    assert links(body) == ["https://www.kreis-ahrbeck.example/dateien/Brücke.pdf"]
    assert links(body.decode().encode("latin-1"), charset="iso-8859-1") == [
        "https://www.kreis-ahrbeck.example/dateien/Brücke.pdf"
    ]
    assert links(body, charset="kein-zeichensatz") == ["https://www.kreis-ahrbeck.example/dateien/Brücke.pdf"]


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"%PDF-1.4 <a href='/a.pdf'>", "application/pdf"),
        (b"", "text/html"),
        (b" \n", "text/html"),
        (b"<a href='/a.pdf'>" + bytes(9_000_000), "text/html"),
        (b"\x00\x01<!--", "text/html"),
    ],
)
def test_what_is_no_page_has_no_attachments(body, media_type):
    assert links(body, media_type=media_type) == []


def test_the_page_comes_first_and_is_the_parent():
    pdf = "https://www.kreis-ahrbeck.example/bericht.pdf"
    context = replay({URL: page("<a href='/bericht.pdf'>Der Bericht</a>"), pdf: PDF})
    first, second = capture_page(ITEM, source(), context)
    assert (first.kind, first.target) == ("document", URL)
    assert (second.kind, second.target, second.parent) == ("attachment", pdf, first.record_id)
    assert (second.key, second.title) == (pdf, "Der Bericht")


def test_a_document_that_is_an_item_itself_comes_alone():
    context = replay({URL: PDF})
    assert [capture.kind for capture in capture_page(ITEM, source(), context)] == ["document"]


def test_attachments_can_be_switched_off():
    context = replay({URL: page("<a href='/bericht.pdf'>Bericht</a>")}, otherwise=PDF)
    assert len(list(capture_page(ITEM, source(attachments=False), context))) == 1
    assert context.asked == [URL]


@pytest.mark.parametrize("answer", [Gone("HTTP 404"), Refused("robots.txt"), Unmodified(), FetchError("HTTP 400")])
def test_an_attachment_never_costs_the_page_or_the_others(answer):
    address = "https://www.kreis-ahrbeck.example/{}.pdf"
    content = "<a href='/a.pdf'>a</a><a href='/b.pdf'>b</a>"
    context = replay({URL: page(content), address.format("a"): answer, address.format("b"): PDF})
    results = list(capture_page(ITEM, source(), context))
    assert [result.target for result in results] == [URL, address.format("b")]


def test_a_host_that_does_not_answer_is_asked_for_one_document_only():
    content = "".join(f"<a href='https://medien.kreis-ahrbeck.example/{name}.pdf'>x</a>" for name in "abc")
    down = TransientFetchError("Der Server antwortet nicht")
    context = replay({URL: page(content)}, otherwise=down)
    assert len(list(capture_page(ITEM, source(), context))) == 1
    assert len(context.asked) == 2


@pytest.mark.parametrize("answer", [Gone("HTTP 410"), Refused("robots.txt"), Unmodified()])
def test_without_a_page_there_is_nothing_to_ask_for(answer):
    context = replay({URL: answer})
    assert list(capture_page(ITEM, source(), context)) == [answer]
    assert context.asked == [URL]


def test_an_unchanged_page_asks_for_its_attachments_again():
    known = captured(page("<a href='/bericht.pdf'>Bericht</a>"), url=URL, item=ITEM)
    context = replay({URL: Unmodified(known)}, otherwise=PDF)
    first, second = capture_page(ITEM, source(), context)
    assert first == Unmodified()
    assert isinstance(second, Capture)
    assert second.parent == known.record_id


def test_a_page_that_fails_fails():
    with pytest.raises(FetchError):
        list(capture_page(ITEM, source(), replay({URL: FetchError("HTTP 500")})))


WEB_ITEM = Item(source_id="amt", key="http://amt.example/pm1", url="http://amt.example/pm1")
WEB_SOURCE = Source(id="amt", url="http://amt.example/feed", options=HttpOptions())


def tagged(body, media_type):
    """A page with an entity tag, that answers a request about the same with 304."""

    def answer(handler):
        tag = f'"{len(body)}"'
        known = handler.headers.get("If-None-Match") == tag
        handler.send_response(304 if known else 200)
        for name, value in (("ETag", tag), ("Content-Type", media_type), ("Content-Length", 0 if known else len(body))):
            handler.send_header(name, str(value))
        handler.end_headers()
        if not known:
            handler.wfile.write(body)

    return answer


@pytest.fixture
def site(web):
    content = "<main><h1>Brücke</h1><a href='/a.pdf'>Bericht</a><a href='/b.pdf'>Anlage</a></main>"
    web.pages["amt.example/pm1"] = tagged(content.encode(), "text/html")
    web.pages["amt.example/a.pdf"] = tagged(b"%PDF-1.4 Bericht", "application/pdf")
    web.pages["amt.example/b.pdf"] = tagged(b"%PDF-1.4 Anlage eins", "application/pdf")
    return web


def visit(archive, item=WEB_ITEM):
    return list(capture_page(item, WEB_SOURCE, archive.context(WEB_SOURCE)))


def test_page_and_attachments_over_the_wire(archive, site):
    page_, *attached = visit(archive)
    assert [(one.kind, one.parent, one.status) for one in attached] == [("attachment", page_.record_id, 200)] * 2
    assert archive.store.read(attached[0].warc_file, attached[0].warc_offset).parent == page_.record_id
    assert visit(archive) == [Unmodified()]
    assert site.paths() == ["/pm1", "/a.pdf", "/b.pdf"] * 2


def test_a_document_that_changes_behind_its_link_is_captured_again(archive, site):
    page_, *_ = visit(archive)
    site.pages["amt.example/b.pdf"] = tagged(b"%PDF-1.4 Anlage zwei, korrigiert", "application/pdf")
    unchanged, again = visit(archive)
    assert unchanged == Unmodified()
    assert (again.target, again.parent) == ("http://amt.example/b.pdf", page_.record_id)


def test_a_run_that_ended_after_the_page_is_made_up_for(archive, site):
    page_ = next(capture_page(WEB_ITEM, WEB_SOURCE, archive.context(WEB_SOURCE)))
    assert site.paths() == ["/pm1"]
    unchanged, *attached = visit(archive)
    assert unchanged == Unmodified()
    assert [one.parent for one in attached] == [page_.record_id] * 2


def test_two_releases_can_have_one_document_in_common(archive, site):
    visit(archive)
    site.pages["amt.example/pm2"] = tagged(b"<main><h1>Umleitung</h1><a href='/a.pdf'>Bericht</a></main>", "text/html")
    other = Item(source_id="amt", key="http://amt.example/pm2", url="http://amt.example/pm2")
    page_, attached = visit(archive, other)
    assert attached.parent == page_.record_id
    assert attached.body == b"%PDF-1.4 Bericht"
    assert archive.stored[-1].revisit == "server-not-modified"
