"""The fetcher `warc`, on files written by warcio and by hand, as wget, Heritrix, Browsertrix and pywb write them."""

import gzip
import hashlib
import io
import json
import tracemalloc
import zipfile
from datetime import UTC, date, datetime

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from archive_pipeline.errors import FetchError, TooLargeError
from archive_pipeline.fetch import FolderFetcher
from archive_pipeline.fetch.folder import FolderOptions
from archive_pipeline.fetch.web_archive import WebArchiveFetcher, WebArchiveOptions
from archive_pipeline.model import Gone, Item, Source
from archive_pipeline.warc import ForeignFile

HOST = "https://www.kreis-ahrbeck.example"
DAY = "2019-05-17T09:30:00Z"
PAGE = "<html><body><h1>Brücke gesperrt</h1><p>Die Brücke wird saniert.</p></body></html>".encode()


class Writer:
    """Records one after the other, as warcio writes them."""

    def __init__(self, *, gz=True, version="1.0"):
        self.out = io.BytesIO()
        self.warc = WARCWriter(self.out, gzip=gz, warc_version=version)

    def page(self, path="/presse/1", body=PAGE, *, at=DAY, status="200 OK", kind="response", **about):
        fields = [("Content-Type", about.pop("media_type", "text/html; charset=utf-8")), *about.pop("fields", ())]
        protocol = about.pop("protocol", "HTTP/1.1")
        head = StatusAndHeaders(status, fields, protocol=protocol) if kind == "response" else None
        record = self.warc.create_warc_record(
            path if ":" in path else HOST + path,
            kind,
            payload=io.BytesIO(body),
            http_headers=head,
            warc_content_type="" if head else fields[0][1],
            warc_headers_dict={"WARC-Date": at, **about.pop("warc", {})},
        )
        assert not about
        self.write(record)
        return record.rec_headers

    def write(self, record):
        self.warc.write_record(record)
        record.raw_stream.close()  # a temporary file that warcio leaves open

    def revisit(self, original, path="/presse/1", at="2020-01-01T00:00:00Z", *, by_id=False):
        record = self.warc.create_revisit_record(
            HOST + path,
            original.get_header("WARC-Payload-Digest"),
            original.get_header("WARC-Target-URI"),
            original.get_header("WARC-Date"),
            warc_headers_dict={"WARC-Date": at},
        )
        if by_id:
            for name in ("WARC-Refers-To-Target-URI", "WARC-Refers-To-Date", "WARC-Payload-Digest"):
                record.rec_headers.remove_header(name)
            record.rec_headers.add_header("WARC-Refers-To", original.get_header("WARC-Record-ID"))
        self.write(record)

    @property
    def data(self):
        return self.out.getvalue()


@pytest.fixture
def shelf(tmp_path):
    (tmp_path / "alt").mkdir()
    return tmp_path / "alt"


def source(**options):
    return Source(id="alt", fetcher="warc", path="alt", options=WebArchiveOptions(**options))


def offered(archive, **options):
    return list(WebArchiveFetcher().discover(source(**options), archive.context(source(**options))))


def captured(archive, *, max_bytes=100_000, **options):
    """Every item with what capturing it ended in."""
    context = archive.context(source(**options), max_bytes=max_bytes)
    fetcher = WebArchiveFetcher()
    found = []
    for item in list(fetcher.discover(source(**options), context)):
        try:
            found.append((item, *fetcher.capture(item, source(**options), context)))
        except FetchError as error:
            found.append((item, error))
    return found


def test_a_capture_keeps_time_bytes_and_fields(archive, shelf):
    writer = Writer(version="1.1")
    compressed = gzip.compress(PAGE, mtime=0)
    fields = [("Content-Encoding", "gzip"), ("Server", "alt/1.0"), ("X-Umlaut", "Ahrbeck")]
    writer.page("/presse/1?utm_source=x", compressed, at="2019-05-17T09:30:00.250000Z", fields=fields)
    (shelf / "crawl.warc.gz").write_bytes(writer.data)
    ((item, capture),) = captured(archive)
    assert item.key == f"20190517093000/{HOST}/presse/1"
    assert item.fingerprint == f"sha1:{hashlib.sha1(compressed).hexdigest()}"
    assert (capture.target, capture.url) == (f"{HOST}/presse/1?utm_source=x",) * 2
    assert capture.captured_at == datetime(2019, 5, 17, 9, 30, 0, 250000, tzinfo=UTC)
    assert (capture.body, capture.media_type, capture.charset, capture.status) == (PAGE, "text/html", "utf-8", 200)
    assert capture.headers == (("Content-Type", "text/html; charset=utf-8"), *fields)
    assert archive.store.read(capture.warc_file, capture.warc_offset) == capture


def test_only_documents_become_items(archive, shelf):
    writer = Writer()
    writer.page("/a")
    writer.page("/b.pdf", b"%PDF-1.4", media_type="application/pdf")
    writer.page("/c", b"%PDF-1.4", media_type="application/octet-stream")
    writer.page("/d.txt", b"Text", media_type="text/plain")
    writer.page("/weg", status="404 Not Found")
    writer.page("/woanders", status="301 Moved Permanently")
    writer.page("/leer", b"")
    writer.page("/bild.png", b"\x89PNG", media_type="image/png")
    writer.page("/programm", b"MZ", media_type="application/octet-stream")
    writer.page("/robots.txt", b"User-agent: *", media_type="text/plain")
    writer.page("/feed", b"<rss>", media_type="application/rss+xml")
    writer.page("/wp-json/wp/v2/posts", b"[]", media_type="text/html")
    writer.page("/sitemap.xml", b"<urlset>", media_type="text/html")
    writer.page("metadata://gnu.org/software/wget/warc/MANIFEST.txt", b"x", kind="resource", media_type="text/plain")
    writer.page("dns:ahrbeck.example", b"1", kind="resource", media_type="text/plain")
    writer.page("http://[kaputt/", kind="resource")
    writer.page("urn:pageinfo:x", b"{}", kind="resource", media_type="text/html")
    writer.page("/beschrieben", b"{}", kind="metadata", media_type="application/json")
    (shelf / "crawl.warc.gz").write_bytes(writer.data)
    paths = [item.url.removeprefix(HOST) for item in offered(archive)]
    assert paths == ["/a", "/b.pdf", "/c", "/d.txt"]


def test_what_is_wanted_can_be_said(archive, shelf):
    writer = Writer()
    for number, url in enumerate(
        (f"{HOST}/presse/1", f"{HOST}/bauen", "https://ahrbeck.example/presse", "https://andere.example/presse"), 1
    ):
        writer.page(url, at=f"2019-05-1{number}T00:00:00Z")
    (shelf / "crawl.warc.gz").write_bytes(writer.data)

    def urls(**options):
        return [item.url for item in offered(archive, **options)]

    assert len(urls()) == 4
    assert urls(hosts=("kreis-ahrbeck.example",)) == [f"{HOST}/presse/1", f"{HOST}/bauen"]
    assert urls(include=r"/presse\b", exclude="andere") == [f"{HOST}/presse/1", "https://ahrbeck.example/presse"]
    assert urls(since=date(2019, 5, 14)) == ["https://andere.example/presse"]


def test_captures_over_time_come_in_their_order_and_repetitions_count_once(archive, shelf):
    late, early = Writer(), Writer()
    changed = PAGE.replace(b"saniert", b"neu gebaut")
    late.page(body=changed, at="2021-01-01T00:00:00Z")
    late.page(body=PAGE, at="2022-01-01T00:00:00Z")
    early.page(body=PAGE, at="2019-01-01T00:00:00Z")
    early.page(body=PAGE, at="2020-01-01T00:00:00Z")
    (shelf / "a.warc.gz").write_bytes(late.data)
    (shelf / "b.warc").write_bytes(early.data)
    found = captured(archive)
    assert [(item.key[:4], capture.body) for item, capture in found] == [
        ("2019", PAGE),
        ("2021", changed),
        ("2022", PAGE),
    ]
    assert len({capture.url for _, capture in found}) == 1


def test_two_captures_in_one_second_are_told_apart(archive, shelf):
    writer = Writer()
    writer.page(body=PAGE)
    writer.page(body=PAGE + b" ")
    (shelf / "a.warc.gz").write_bytes(writer.data)
    (shelf / "kopie.warc.gz").write_bytes(writer.data)
    assert [item.key[:16] for item in offered(archive)] == ["20190517093000/h", "20190517093000~2"]


@pytest.mark.parametrize("by_id", [True, False])
def test_revisits_take_their_payload_from_where_it_is(archive, shelf, by_id):
    first, second = Writer(), Writer()
    original = first.page("/presse/1", at="2019-01-01T00:00:00Z")
    first.page("/presse/1", body=PAGE + b"<!-- anders -->", at="2020-01-01T00:00:00Z")
    second.revisit(original, "/presse/1", "2021-01-01T00:00:00Z", by_id=by_id)
    second.revisit(original, "/aktuelles/1", "2019-06-01T00:00:00Z", by_id=by_id)
    (shelf / "1.warc.gz").write_bytes(first.data)
    (shelf / "0.warc.gz").write_bytes(second.data)
    found = captured(archive)
    assert [(item.key[:4], item.url.removeprefix(HOST)) for item, _ in found] == [
        ("2019", "/presse/1"),
        ("2019", "/aktuelles/1"),
        ("2020", "/presse/1"),
        ("2021", "/presse/1"),
    ]
    again = found[3][1]
    assert (again.body, again.captured_at.year, again.status) == (PAGE, 2021, 200)


def test_revisits_of_what_is_nowhere_are_told(archive, shelf):
    elsewhere, writer = Writer(), Writer()
    writer.page("/presse/2", PAGE * 2)
    writer.revisit(elsewhere.page("/presse/1"), "/presse/1")
    (shelf / "a.warc.gz").write_bytes(writer.data)
    *_, (item, error) = captured(archive)
    assert item.key == "a.warc.gz!beschädigt"
    assert "1 Aufnahmen verweisen auf Datensätze, die in keiner der Dateien stehen" in error.message


def test_resources_and_conversions(archive, shelf):
    writer = Writer()
    writer.page("/presse/1")
    writer.page("/presse/1", b"Text der Seite", kind="conversion", media_type="text/plain")
    writer.page("/presse/2", b"Nur der Text", kind="conversion", media_type="text/plain")
    writer.page("/bericht.pdf", b"%PDF-1.4", kind="resource", media_type="application/pdf")
    (shelf / "a.warc.gz").write_bytes(writer.data)
    found = {item.url.removeprefix(HOST): capture for item, capture in captured(archive)}
    assert found["/presse/1"].body == PAGE
    assert (found["/presse/2"].body, found["/presse/2"].media_type) == (b"Nur der Text", "text/plain")
    pdf = found["/bericht.pdf"]
    assert (pdf.target, pdf.captured_at.year, pdf.status) == (f"{HOST}/bericht.pdf", 2019, None)


def by_hand(version=b"WARC/1.0", block=None, *, date_=b"2019-05-17T09:30:00Z", more=b"", kind=b"response"):
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + PAGE if block is None else block
    return (
        version + b"\r\nWARC-Type: " + kind + b"\r\nWARC-Target-URI: <https://a.example/1>\r\nWARC-Date: " + date_
        + b"\r\nWARC-Record-ID: <urn:uuid:1>\r\nContent-Type: application/http; msgtype=response\r\n" + more
        + b"Content-Length: %d\r\n\r\n" % len(block) + block + b"\r\n\r\n"
    )  # fmt: skip


ARC = (
    b"filedesc://alt.arc 0.0.0.0 20050101000000 text/plain 68\n1 0 Alexa\n"
    b"URL IP-address Archive-date Content-type Archive-length\n\n\n"
    b"https://a.example/1 192.0.2.7 20050203040506 text/html %d\n%s\n"
)
ARC_BLOCK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + PAGE


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("0.17.warc", by_hand(b"WARC/0.17")),
        ("0.18.warc.gz", gzip.compress(by_hand(b"WARC/0.18"))),
        ("1.1.warc", by_hand(b"WARC/1.1", date_=b"2019-05-17T09:30:00.123456789Z")),
        ("als Ganzes gepackt.warc.gz", gzip.compress(by_hand(more=b"X: 1\r\n").replace(b"/1>", b"/0>") + by_hand())),
        ("h2.warc", by_hand(block=b"HTTP/2 200\r\ncontent-type: text/html\r\n\r\n" + PAGE)),
        ("h2 mit Text.warc", by_hand(block=b"HTTP/2.0 200 OK\r\ncontent-type: text/html\r\n\r\n" + PAGE)),
        ("nur LF.warc", by_hand(block=b"HTTP/1.0 200 OK\nContent-Type: text/html\n\n" + PAGE)),
        ("alt.arc", ARC % (len(ARC_BLOCK), ARC_BLOCK)),
        ("alt.arc.gz", gzip.compress(ARC % (len(ARC_BLOCK), ARC_BLOCK))),
        (
            "chunked.warc",
            by_hand(
                block=b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"5\r\n" + PAGE[:5] + b"\r\n" + b"%x\r\n" % len(PAGE[5:]) + PAGE[5:] + b"\r\n0\r\n\r\n"
            ),
        ),
        (
            "nicht mehr chunked.warc",
            by_hand(block=b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n" + PAGE),
        ),
        (
            "gzip behauptet.warc",
            by_hand(block=b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n" + PAGE),
        ),
        (
            "deflate.warc",
            by_hand(
                block=b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: deflate\r\n\r\n"
                + __import__("zlib").compress(PAGE)
            ),
        ),
        ("ohne Typ.warc", by_hand(block=b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n" + PAGE)),
        ("nur das Jahr.warc", by_hand(b"WARC/1.1", date_=b"2019")),
        ("nur die Minute.warc", by_hand(b"WARC/1.1", date_=b"2019-05-17T09:30Z")),
        ("Lücken.warc", b"\r\n\r\n" + by_hand() + bytes(40)),
    ],
)
def test_dialects(archive, shelf, name, data):
    (shelf / name).write_bytes(data)
    *_, (item, capture) = captured(archive)
    assert item.url == "https://a.example/1"
    assert (capture.body, capture.status, capture.media_type) == (PAGE, 200, None if "ohne" in name else "text/html")
    assert capture.captured_at.year == (2005 if ".arc" in name else 2019)
    assert archive.store.read(capture.warc_file, capture.warc_offset) == capture


def flipped(data, place):
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


def three(*, gz):
    writer = Writer(gz=gz)
    for number in range(3):
        writer.page(f"/presse/{number}", PAGE + b"%d" % number * 50, at=f"2019-05-1{number}T00:00:00Z")
    return writer.data


@pytest.mark.parametrize(
    ("damage", "left"),
    [
        (lambda data: data[:-40], ["/presse/0", "/presse/1"]),
        (lambda data: flipped(data, len(data) // 2), ["/presse/0", "/presse/2"]),
        (lambda data: data[: len(data) // 2] + data[len(data) // 2 + 30 :], ["/presse/0", "/presse/2"]),
        (lambda data: b"<html>Fehler</html>" * 20 + data, ["/presse/0", "/presse/1", "/presse/2"]),
    ],
    ids=["truncated", "flipped", "cut", "garbage before"],
)
@pytest.mark.parametrize("gz", [True, False])
def test_damage_is_told_and_the_rest_goes_on(archive, shelf, gz, damage, left):
    (shelf / f"a.warc{'.gz' if gz else ''}").write_bytes(damage(three(gz=gz)))
    found = captured(archive)
    good = [item.url.removeprefix(HOST) for item, result in found if not isinstance(result, FetchError)]
    bad = [result.message for _, result in found if isinstance(result, FetchError)]
    assert good == left
    assert len(bad) == 1
    assert "beschädigt" in bad[0] or "ab Byte" in bad[0]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("leer.warc.gz", b""),
        ("seite.warc.gz", b"<html>Not found</html>"),
        ("seite.warc", b"<html>Not found</html>"),
        ("zufall.warc.gz", gzip.compress(bytes(range(256)) * 100)),
        ("kopf.warc", by_hand(more=b"X-Lang: " + b"x" * 200_000 + b"\r\n")),
        ("felder.warc.gz", gzip.compress(by_hand(more=b"X: y\r\n" * 400_000))),
        ("ohne Zeit.warc", by_hand(date_=b"gestern")),
        ("ohne Länge.warc", by_hand().replace(b"Content-Length: ", b"Content-Width: ")),
        ("viel zu lang.warc", by_hand().replace(b"Content-Length: ", b"Content-Length: 99999999999999999")),
        ("kein Paket.wacz", b"PK\x03\x04" + bytes(100)),
        ("bombe.warc.gz", gzip.compress(bytes(50_000_000))),
    ],
)
def test_what_is_no_web_archive_is_told(archive, shelf, name, data):
    (shelf / name).write_bytes(data)
    (shelf / "gut.warc").write_bytes(by_hand())
    found = captured(archive)
    assert [item.url for item, result in found if not isinstance(result, FetchError)] == ["https://a.example/1"]
    told = [item.key for item, result in found if isinstance(result, FetchError)]
    assert told == ([] if not data else [f"{name}!beschädigt"])


def test_a_wrong_digest_fails_its_document_alone(archive, shelf):
    (shelf / "a.warc").write_bytes(by_hand(more=b"WARC-Block-Digest: sha1:" + b"A" * 32 + b"\r\n"))
    sha256 = hashlib.sha256(ARC_BLOCK).hexdigest().encode()
    good = by_hand(more=b"WARC-Block-Digest: sha-256:" + sha256 + b"\r\n").replace(b"/1>", b"/2>")
    (shelf / "b.warc").write_bytes(good)
    (_, error), (_, capture) = captured(archive)
    assert "seine Prüfsumme stimmt nicht" in error.message
    assert capture.body == PAGE


def test_truncated_captures_are_left_out_and_counted(archive, shelf):
    (shelf / "a.warc").write_bytes(by_hand(more=b"WARC-Truncated: length\r\n"))
    ((_, error),) = captured(archive)
    assert "1 Aufnahmen sind nur zum Teil gespeichert" in error.message


def test_too_large(archive, shelf):
    writer = Writer()
    writer.page("/a", bytes(400_000), at="2019-01-01T00:00:00Z")
    writer.page("/b", gzip.compress(bytes(400_000)), at="2020-01-01T00:00:00Z", fields=[("Content-Encoding", "gzip")])
    (shelf / "a.warc.gz").write_bytes(writer.data)
    results = [result for _, result in captured(archive, max_bytes=100_000)]
    assert [type(result) for result in results] == [TooLargeError, TooLargeError]
    assert "entpackt" in results[1].message


def test_unknown_codings_fail_with_a_reason_or_stay_as_they_are(archive, shelf):
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n"
    (shelf / "a.warc").write_bytes(by_hand(block=block + gzip.compress(PAGE)[:-12]))
    ((_, error),) = captured(archive)
    assert "nicht zu entpacken" in error.message


def test_brotli_is_told_unless_it_was_undone(archive, shelf):
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: br\r\n\r\n"
    (shelf / "a.warc").write_bytes(by_hand(block=block + b"\x8b\x07\x80\xff<html>"))
    (shelf / "b.warc").write_bytes(by_hand(block=block + PAGE).replace(b"/1>", b"/2>"))
    (_, error), (_, capture) = captured(archive)
    assert "mit br komprimiert" in error.message
    assert capture.body == PAGE


def wacz(path, parts, *, stored=True, pages=(), description=None, **extra):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as package:
        for name, data in parts.items():
            package.writestr(name, data)
        lines = [{"format": "json-pages-1.0", "id": "pages"}, *pages]
        package.writestr("pages/pages.jsonl", "\n".join(map(json.dumps, lines)))
        resources = [
            {"name": name, "path": name, "hash": f"sha256:{hashlib.sha256(data).hexdigest()}", "bytes": len(data)}
            for name, data in parts.items()
        ]
        text = json.dumps({"profile": "data-package", "resources": resources, "wacz_version": "1.1.1"})
        package.writestr("datapackage.json", text if description is None else description(text))
        for name, data in extra.items():
            package.writestr(name, data)


@pytest.mark.parametrize("stored", [True, False])
def test_wacz(archive, shelf, stored):
    pages = [{"url": f"{HOST}/presse/1", "ts": DAY, "title": "Brücke  gesperrt"}, {"url": f"{HOST}/presse/2"}, 7]
    parts = {
        "archive/rec-1.warc.gz": three(gz=True),
        "archive/rec-0.warc": three(gz=False),
        "indexes/index.cdx.gz": b"",
    }
    wacz(shelf / "crawl.wacz", parts, stored=stored, pages=pages)
    found = captured(archive)
    assert [(item.url.removeprefix(HOST), item.title) for item, _ in found] == [
        ("/presse/0", None),
        ("/presse/1", "Brücke gesperrt"),
        ("/presse/2", None),
    ]
    assert [capture.body[-3:] for _, capture in found] == [b"000", b"111", b"222"]


def test_wacz_names_lead_nowhere(archive, shelf):
    parts = {"../../../raus.warc.gz": three(gz=True), "/etc/raus.warc": by_hand()}
    wacz(shelf / "crawl.wacz", parts)
    before = set(archive.folder.rglob("*"))
    assert len(offered(archive)) == 4
    assert set(archive.folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("description", "told"),
    [
        (lambda text: text.replace("sha256:", "sha256:0"), "die Prüfsumme von archive/a.warc.gz stimmt nicht"),
        (lambda text: text.replace("archive/a.warc.gz", "archive/b.warc.gz"), "archive/b.warc.gz fehlt"),
        (lambda text: "{" * 5000, None),
        (lambda text: '{"resources": [7, {"path": 7}, {"hash": "sha256:0"}]}', None),
    ],
)
def test_wacz_digests_are_verified(archive, shelf, description, told):
    wacz(shelf / "crawl.wacz", {"archive/a.warc.gz": three(gz=True)}, description=description)
    found = captured(archive)
    errors = [result.message for _, result in found if isinstance(result, FetchError)]
    assert len(found) - len(errors) == 3
    assert [told in error for error in errors] == ([True] if told else [])


def test_wacz_signed_digest(archive, shelf):
    signed = {"datapackage-digest.json": json.dumps({"path": "datapackage.json", "hash": "sha256:0"})}
    wacz(shelf / "crawl.wacz", {"archive/a.warc.gz": three(gz=True)}, **signed)
    assert "datapackage-digest.json" in captured(archive)[-1][1].message


def test_memory_is_bounded_by_the_number_of_documents(archive, shelf):
    writer = Writer(gz=False)
    for number in range(12):
        writer.page(f"/film/{number}", bytes(4_000_000), media_type="video/mp4")
    writer.page("/presse/1", PAGE + bytes(30_000_000))
    (shelf / "a.warc.gz").write_bytes(gzip.compress(writer.data, 1))
    (shelf / "b.warc").write_bytes(writer.data)
    del writer
    tracemalloc.start()
    try:
        assert len(offered(archive)) == 1
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


def test_files_that_are_gone(archive, shelf):
    (shelf / "a.warc").write_bytes(by_hand())
    (item,) = offered(archive)
    fetcher = WebArchiveFetcher()
    (capture,) = fetcher.capture(item, source(), archive.context(source()))  # with a context that discovered nothing
    assert capture.body == PAGE
    (shelf / "a.warc").write_bytes(by_hand().replace(b"/1>", b"/2>"))
    (gone,) = fetcher.capture(item, source(), archive.context(source()))
    assert isinstance(gone, Gone)
    (shelf / "a.warc").unlink()
    with pytest.raises(FetchError, match="In alt liegen keine WARC- oder WACZ-Dateien"):
        offered(archive)


def test_files_of_our_own_come_with_their_hints_and_without_discovery(archive, shelf, web):
    feed = Source(id="amt", url="http://amt.example/liste")
    web.page("amt.example/liste", b"<html><a href='/pm1'>PM 1</a></html>", content_type="text/html")
    web.page("amt.example/pm1", PAGE, content_type="text/html")
    context = archive.context(feed)
    context.get("http://amt.example/liste")
    item = Item(source_id="amt", key="x", url="http://amt.example/pm1", title="Titel im Feed", published="2026-11-19")
    context.get(item.url, item=item)
    archive.store.sync()
    (ours,) = (archive.folder / "data").glob("warc/*/*/*.gz")
    (shelf / "unser.warc.gz").write_bytes(ours.read_bytes())
    (found,) = offered(archive)
    assert (found.url, found.title, found.published) == (item.url, "Titel im Feed", "2026-11-19")


def test_web_archives_in_a_folder_are_opened(archive, shelf):
    (shelf / "a.txt").write_bytes(b"Text")
    (shelf / "crawl.warc.gz").write_bytes(three(gz=True))
    (shelf / "tief").mkdir()
    wacz(shelf / "tief" / "crawl.wacz", {"archive/a.warc": by_hand()})
    folder = Source(id="ordner", path="alt", options=FolderOptions())
    context = archive.context(folder)
    items = list(FolderFetcher().discover(folder, context))
    assert [item.key for item in items] == [
        "a.txt",
        f"20190510000000/{HOST}/presse/0",
        f"20190511000000/{HOST}/presse/1",
        f"20190512000000/{HOST}/presse/2",
        "20190517093000/https://a.example/1",
    ]
    (capture,) = FolderFetcher().capture(items[-1], folder, context)
    assert (capture.body, capture.captured_at.year) == (PAGE, 2019)
    (again,) = FolderFetcher().capture(items[-1], folder, archive.context(folder))
    assert again.body == PAGE
    with pytest.raises(FetchError, match="enthält viele Dokumente"):
        list(FolderFetcher().capture(Item(source_id="ordner", key="crawl.warc.gz"), folder, context))


def test_settings_are_checked():
    with pytest.raises(ValueError, match="include"):
        WebArchiveOptions(include="(")
    with pytest.raises(ValueError, match="host"):
        WebArchiveOptions(host=("a.example",))


@pytest.mark.parametrize(
    "change",
    [
        bytes,
        lambda data: data[:-40],
        lambda data: flipped(data, len(data) // 2),
        lambda data: data[: len(data) // 2] + data[len(data) // 2 + 30 :],
        lambda data: data + b"kein gzip",
        lambda data: data + gzip.compress(b"WARC/1.0\r\nContent-Length: 7\r\n\r\nhalb"),
        lambda data: b"Anfang" + data,
        lambda data: data + gzip.compress(by_hand() + by_hand()),
        lambda data: gzip.compress(gzip.decompress(data)),
    ],
    ids=[
        "sound",
        "truncated",
        "flipped",
        "cut",
        "rubbish behind",
        "bad record",
        "rubbish before",
        "mixed",
        "as a whole",
    ],
)
def test_fastwarc_finds_the_same(monkeypatch, change):
    pytest.importorskip("fastwarc")
    writer = Writer()
    original = writer.page("/presse/ümlaut größe", at="2019-01-01T00:00:00Z")
    writer.page("/bild.png", b"\x89PNG", media_type="image/png")
    writer.revisit(original, "/presse/2")
    for number in range(4):
        writer.page(f"/presse/{number}", PAGE * (number + 1), kind="resource" if number == 3 else "response")
    data = change(writer.data)
    fast = list(ForeignFile(io.BytesIO(data), len(data)).records())
    monkeypatch.setattr("archive_pipeline.warc.fast._fastwarc", lambda: None)
    assert fast == list(ForeignFile(io.BytesIO(data), len(data)).records())
