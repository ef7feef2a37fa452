"""CDXJ lines lead a replay tool to the record, by the key it looks under."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from archive_pipeline.errors import ArchiveError
from archive_pipeline.model import Source
from archive_pipeline.warc import Description, Exchange, Previous, StoredCapture, WarcStore, cdxj_file, update_cdxj, urn
from archive_pipeline.warc.surt import surt

KEYS = {
    "https://www.Kreis.example:443/Presse/?b=2&a=1#top": "example,kreis)/presse?a=1&b=2",
    "http://example.org": "org,example)/",
    "http://example.org/Foo/Bar/": "org,example)/foo/bar",
    "https://www2.example.org/a//b/../c/./d": "org,example)/a/c/d",
    "https://wer:was@example.org/x": "org,example)/x",
    "http://example.org:8080/x?": "org,example:8080)/x",
    "http://example.org/x?B=1&a=2&a=1&": "org,example)/x?&a=1&a=2&b=1",
    "http://example.org/M%C3%B6hne%20x": "org,example)/m%c3%b6hne%20x",
    "http://example.org/Möhne x": "org,example)/m%c3%b6hne%20x",
    "http://münchen.de/presse": "de,xn--mnchen-3ya)/presse",
    "http://127.0.0.1:8000/feed": "1,0,0,127:8000)/feed",
    "https://example.org/i.php?id=12&PHPSESSID=0123456789abcdef0123456789abcdef": "org,example)/i.php?&id=12",
    "https://example.org/a%2Fb%252Fc": "org,example)/a/b/c",
    "https://example.org/100%/x": "org,example)/100%25/x",
    "urn:archive-pipeline:q:a.txt": "urn:archive-pipeline:q:a.txt",
}
"""The keys that pywb and the Internet Archive's tools make of these addresses."""


@pytest.mark.parametrize("url", sorted(KEYS))
def test_keys(url: str) -> None:
    assert surt(url) == KEYS[url]


def clock() -> datetime:
    return datetime(2026, 11, 20, 8, 0, 5, tzinfo=UTC)


def store_in(folder: Path, size: int = 1_000_000) -> WarcStore:
    return WarcStore(folder, software="s", operator="o", clock=clock, max_file_bytes=size)


def describe(key: str, media_type: str | None = None) -> Description:
    return Description(source=Source(id="q"), settings="0", fetcher="feed", key=key, media_type=media_type)


def write(store: WarcStore, url: str, body: bytes, previous: Previous | None = None) -> StoredCapture:
    exchange = Exchange(
        url=url,
        request=b"GET / HTTP/1.1\r\n\r\n",
        head=b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n",
        payload=body,
        started_at=clock(),
    )
    return store.write_exchange(exchange, describe(url), body=body, previous=previous)


def lines(folder: Path, name: str) -> list[tuple[str, str, dict[str, str]]]:
    found = [line.split(" ", 2) for line in cdxj_file(folder, name).read_text(encoding="utf-8").splitlines()]
    return [(key, moment, json.loads(values)) for key, moment, values in found]


def test_each_line_leads_to_its_record(tmp_path: Path) -> None:
    with_store = store_in(tmp_path)
    first = write(with_store, "https://kreis.example/b", b"<p>eins</p>")
    again = Previous(
        record_id=first.capture.record_id,
        captured_at=first.capture.captured_at,
        sha256=first.capture.sha256,
        warc_file=first.capture.warc_file,
        warc_offset=first.capture.warc_offset,
    )
    write(with_store, "https://kreis.example/b", b"<p>eins</p>", again)
    write(with_store, "https://kreis.example/a", b"<p>zwei</p>")
    with_store.write_resource(urn("q", "Ä.txt"), b"drei", describe("Ä.txt", "text/plain"))
    lengths = with_store.sync()
    with_store.close()
    assert update_cdxj(tmp_path, lengths) == 1
    name = first.capture.warc_file
    found = lines(tmp_path, name)
    assert [key for key, _, _ in found] == [
        "example,kreis)/a",
        "example,kreis)/b",
        "example,kreis)/b",
        "urn:archive-pipeline:q:%C3%84.txt",
    ]
    assert {values["mime"] for _, _, values in found} == {"text/html", "warc/revisit", "text/plain"}
    assert {moment for _, moment, _ in found} == {"20261120080005"}
    for _, _, values in found:
        assert values["filename"] == name
        with (tmp_path / name).open("rb") as file:
            file.seek(int(values["offset"]))
            record = next(iter(ArchiveIterator(file)))
            assert record.rec_headers.get_header("WARC-Target-URI") == values["url"]
            record.content_stream().read()
            assert record.rec_headers.get_header("WARC-Payload-Digest") == values["digest"]
            assert (record.http_headers.get_statuscode() if record.http_headers else "200") == values["status"]
        assert (tmp_path / name).read_bytes()[int(values["offset"]) + int(values["length"]) :][:2] == b"\x1f\x8b"


def test_lines_follow_the_files_and_rotation(tmp_path: Path) -> None:
    expected = {}
    for number in range(6):
        store = store_in(tmp_path, size=2_500)
        stored = write(store, f"https://kreis.example/{number}", f"<p>{number}</p>".encode())
        expected[f"example,kreis)/{number}"] = stored.capture.warc_file
        lengths = {name: (tmp_path / name).stat().st_size for name in store.names()}
        store.close()
        assert update_cdxj(tmp_path, lengths) == 1, "only what grew is written"
    assert update_cdxj(tmp_path, lengths) == 0
    assert len(set(expected.values())) > 1
    assert {key: values["filename"] for name in lengths for key, _, values in lines(tmp_path, name)} == expected
    before = {name: cdxj_file(tmp_path, name).read_bytes() for name in lengths}
    first, second, *_ = lengths
    cdxj_file(tmp_path, first).unlink()
    cdxj_file(tmp_path, second).write_bytes(b"\xff Unsinn\n")
    update_cdxj(tmp_path, lengths)
    assert {name: cdxj_file(tmp_path, name).read_bytes() for name in lengths} == before


def test_what_was_closed_takes_nothing_more(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    write(store, "https://kreis.example/a", b"eins")
    store.close()
    with pytest.raises(ArchiveError, match="abgeschlossen"):
        write(store, "https://kreis.example/b", b"zwei")
    assert [stored.capture.body for stored in store.captures()] == [b"eins"]
