"""Captures survive the way into a WARC file and back, and other tools read the files."""

import gzip
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
from warcio.archiveiterator import ArchiveIterator

from archive_pipeline.errors import ArchiveError, FixityError
from archive_pipeline.model import Source
from archive_pipeline.warc import Description, Exchange, Previous, StoredCapture, WarcStore, decode_body, urn

SOURCE = Source(
    id="kreis-soest",
    title="Kreis Soest",
    fetcher="feed",
    url="https://www.kreis-soest.de/feed",
    district="05974",
    organisation="kreis-soest",
    legal_basis="60d",
)
URL = "https://www.kreis-soest.de/presse/1"
BODY = "<p>Der Landkreis erweitert die Rettungswache in Möhnesee.</p>".encode()


class Clock:
    """Starts at a given moment and moves one second a call."""

    def __init__(self, now: datetime = datetime(2026, 11, 20, 8, 0, 0, 123456, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


class MakeStore(Protocol):
    def __call__(self, folder: Path, *, max_file_bytes: int = 10**9, clock: Clock | None = None) -> WarcStore: ...


@pytest.fixture
def make_store() -> Iterator[MakeStore]:
    with ExitStack() as stack:

        def make(folder: Path, *, max_file_bytes: int = 10**9, clock: Clock | None = None) -> WarcStore:
            store = WarcStore(
                folder,
                software="archive_pipeline/0.1.0",
                operator="Kreisarchiv <archiv@example.org>",
                clock=clock or Clock(),
                max_file_bytes=max_file_bytes,
            )
            stack.callback(store.close)
            return store

        yield make


def describe(key: str = URL, **changes: object) -> Description:
    values: dict[str, object] = {
        "source": SOURCE,
        "settings": "a" * 64,
        "fetcher": "feed",
        "key": key,
        "url": URL,
        "media_type": "text/html",
        "title": "Rettungswache",
        "published": "2026-11-19",
    }
    return Description(**{**values, **changes})  # type: ignore[arg-type]


def exchange(payload: bytes = BODY, status: str = "200 OK", fields: bytes = b"", **changes: object) -> Exchange:
    head = b"HTTP/1.1 " + status.encode() + b"\r\nContent-Type: text/html; charset=utf-8\r\n" + fields + b"\r\n"
    values: dict[str, object] = {
        "url": URL,
        "request": b"GET /presse/1 HTTP/1.1\r\nHost: www.kreis-soest.de\r\n\r\n",
        "head": head,
        "payload": payload,
        "started_at": datetime(2026, 11, 20, 8, 0, 0, 654321, tzinfo=UTC),
        "ip": "192.0.2.7",
    }
    return Exchange(**{**values, **changes})  # type: ignore[arg-type]


def previous(stored: StoredCapture) -> Previous:
    capture = stored.capture
    return Previous(
        record_id=capture.record_id,
        captured_at=capture.captured_at,
        sha256=capture.sha256,
        warc_file=capture.warc_file,
        warc_offset=capture.warc_offset,
    )


def warcio(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "warcio.cli", command, *arguments]
    return subprocess.run(call, capture_output=True, text=True, check=False)


def records(path: Path) -> list[tuple[str, dict[str, str], bytes]]:
    found = []
    with path.open("rb") as stream:
        for record in ArchiveIterator(stream, check_digests="raise"):
            fields = {name.lower(): value for name, value in record.rec_headers.headers}
            found.append((record.rec_type, fields, record.raw_stream.read()))
    return found


def test_http_capture_round_trip(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    written = store.write_exchange(exchange(), describe(charset="utf-8"), body=BODY)
    assert store.read(written.capture.warc_file, written.capture.warc_offset) == written.capture
    assert list(store.captures()) == [written]
    assert written.capture.status == 200
    assert written.capture.headers == (("Content-Type", "text/html; charset=utf-8"),)
    assert written.capture.captured_at == datetime(2026, 11, 20, 8, 0, 0, 654321, tzinfo=UTC)
    assert written.capture.title == "Rettungswache"
    assert written.source == SOURCE
    assert written.end == (tmp_path / written.capture.warc_file).stat().st_size


def test_records_follow_the_standard(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    name = store.write_exchange(exchange(), describe(), body=BODY).capture.warc_file
    store.close()
    assert name == "warc/2026/11/archive-20261120080001-00001.warc.gz"
    (info, request, response, metadata) = records(tmp_path / name)
    assert [info[0], request[0], response[0], metadata[0]] == ["warcinfo", "request", "response", "metadata"]
    assert b"software: archive_pipeline/0.1.0\r\n" in info[2]
    assert b"operator: Kreisarchiv <archiv@example.org>\r\n" in info[2]
    assert info[1]["warc-filename"] == Path(name).name
    assert request[1]["warc-concurrent-to"] == response[1]["warc-record-id"]
    assert metadata[1]["warc-refers-to"] == response[1]["warc-record-id"]
    assert response[1]["warc-ip-address"] == "192.0.2.7"
    assert response[1]["warc-target-uri"] == URL
    assert response[1]["warc-payload-digest"].startswith("sha256:")
    assert response[1]["warc-block-digest"].startswith("sha256:")
    assert response[1]["warc-date"] == "2026-11-20T08:00:00.654321Z"
    assert json.loads(metadata[2])["source"]["district"] == "05974"


def test_warcio_check_and_index_accept_the_file(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    first = store.write_exchange(exchange(), describe(), body=BODY)
    store.write_exchange(exchange(), describe(), body=BODY, previous=previous(first))
    store.write_exchange(exchange(b"", "304 Not Modified"), describe(), body=b"", previous=previous(first))
    store.write_resource(urn("ordner", "a b/ü.txt"), b"Text", describe("a b/ü.txt", media_type="text/plain"))
    store.write_exchange(exchange(b"", "404 Not Found"), describe(kind="discovery"), body=b"")
    store.close()
    path = str(tmp_path / first.capture.warc_file)
    checked = warcio("check", path)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    index = warcio("index", "-f", "warc-type,warc-target-uri", path)
    types = [json.loads(line)["warc-type"] for line in index.stdout.splitlines()]
    assert types == [
        "warcinfo",
        *("request", "response", "metadata"),
        *("request", "revisit", "metadata"),
        *("request", "revisit", "metadata"),
        *("resource", "metadata"),
        *("request", "response", "metadata"),
    ]
    assert "urn:archive-pipeline:ordner:a%20b/%C3%BC.txt" in index.stdout


def test_header_bytes_beyond_ascii_stay_as_received(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    field = "X-Ort: Düren\r\n".encode("latin-1")
    written = store.write_exchange(exchange(fields=field), describe(), body=BODY)
    again = store.write_exchange(exchange(fields=field), describe(), body=BODY, previous=previous(written))
    store.close()
    blocks = [block for kind, _, block in records(tmp_path / written.capture.warc_file) if kind in ("response",)]
    assert ("X-Ort", "Düren") in written.capture.headers
    assert store.read(written.capture.warc_file, written.capture.warc_offset).headers == written.capture.headers
    assert store.read(again.capture.warc_file, again.capture.warc_offset).headers == written.capture.headers
    assert blocks == [BODY]


def test_compressed_payload_is_kept_and_decoded_again(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    payload = gzip.compress(BODY)
    body, decoded = decode_body(payload, "gzip")
    written = store.write_exchange(
        exchange(payload, fields=b"Content-Encoding: gzip\r\n"), describe(), body=body, decoded=decoded
    )
    assert decoded == ("gzip",)
    assert store.read(written.capture.warc_file, written.capture.warc_offset).body == BODY
    assert next(iter(store.captures())).payload_digest != f"sha256:{written.capture.sha256}"


@pytest.mark.parametrize("size", [0, 1, 5000, 262_000, 263_000, 600_000])
def test_what_came_compressed_lies_in_the_file_as_it_is(make_store: MakeStore, tmp_path: Path, size: int) -> None:
    body = "".join(random.Random(size).choices("abcd", k=size)).encode()
    payload = gzip.compress(body)
    store = make_store(tmp_path)
    written = store.write_exchange(exchange(payload), describe(), body=body, decoded=("gzip",))
    after = store.write_exchange(exchange(b"flach"), describe("2"), body=b"flach")
    store.close()
    path = tmp_path / written.capture.warc_file
    assert (payload[:60_000] in path.read_bytes()) == (len(payload) <= size / 2)
    assert path.stat().st_size < len(payload) + 5000
    assert store.read(written.capture.warc_file, written.capture.warc_offset).body == body
    assert list(store.captures()) == [written, after]
    assert [block for kind, _, block in records(path) if kind == "response"] == [payload, b"flach"]
    checked = warcio("check", str(path))
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_resource_holds_no_machine_path(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    source = Source(id="ordner", fetcher="folder", path="/srv/geheim/presse")
    target = urn("ordner", "2026/Möhne & mehr.txt")
    written = store.write_resource(
        target, b"Text", describe("2026/Möhne & mehr.txt", source=source, url=None, media_type=None)
    )
    store.close()
    raw = gzip.decompress((tmp_path / written.capture.warc_file).read_bytes())
    assert b"geheim" not in raw
    assert target == "urn:archive-pipeline:ordner:2026/M%C3%B6hne%20%26%20mehr.txt"
    assert next(iter(store.captures())) == written
    assert written.capture.key == "2026/Möhne & mehr.txt"
    assert written.source.path is None


def test_identical_payload_becomes_a_revisit_with_the_first_body(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    first = store.write_exchange(exchange(), describe(), body=BODY)
    second = store.write_exchange(exchange(), describe(), body=BODY, previous=previous(first))
    third = store.write_exchange(exchange(), describe(), body=BODY, previous=previous(second))
    assert [item.revisit for item in store.captures()] == [None, "identical-payload-digest", "identical-payload-digest"]
    assert second.refers_to == third.refers_to == first.capture.record_id
    assert store.read(third.capture.warc_file, third.capture.warc_offset).body == BODY
    revisit = next(fields for kind, fields, _ in records(tmp_path / first.capture.warc_file) if kind == "revisit")
    assert revisit["warc-profile"] == "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
    assert revisit["warc-payload-digest"] == first.payload_digest
    assert revisit["warc-refers-to-target-uri"] == URL
    assert revisit["warc-refers-to-date"] == "2026-11-20T08:00:00.654321Z"


def test_not_modified_becomes_a_revisit(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    first = store.write_exchange(exchange(), describe(), body=BODY)
    second = store.write_exchange(exchange(b"", "304 Not Modified"), describe(), body=b"", previous=previous(first))
    assert second.revisit == "server-not-modified"
    assert second.capture.status == 304
    assert list(store.captures())[1] == second
    assert second.capture.body == BODY


def test_same_text_compressed_differently_is_stored_again(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    first = store.write_exchange(exchange(), describe(), body=BODY)
    packed = exchange(gzip.compress(BODY), fields=b"Content-Encoding: gzip\r\n")
    second = store.write_exchange(packed, describe(), body=BODY, decoded=("gzip",), previous=previous(first))
    assert second.revisit is None
    assert second.capture.sha256 == first.capture.sha256


def test_a_damaged_original_is_never_referred_to(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    first = store.write_exchange(exchange(), describe(), body=BODY)
    store.sync()
    flip(tmp_path / first.capture.warc_file, first.capture.warc_offset + 200)
    second = store.write_exchange(exchange(), describe(), body=BODY, previous=previous(first))
    assert second.revisit is None
    assert store.read(second.capture.warc_file, second.capture.warc_offset).body == BODY


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 0xFF
    path.write_bytes(data)


def test_every_flipped_byte_is_found(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    written = store.write_exchange(exchange(), describe(), body=BODY)
    store.close()
    path = tmp_path / written.capture.warc_file
    good = path.read_bytes()
    silent = []
    for position in range(written.capture.warc_offset, written.end):
        flip(path, position)
        # gzip's header holds a time and a system number that no checksum covers and no reader uses
        with suppress(FixityError):
            assert store.read(written.capture.warc_file, written.capture.warc_offset) == written.capture
            silent.append(position)
        path.write_bytes(good)
    assert len(silent) <= 2 * 6


def test_swapped_content_is_named_with_both_digests(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    written = store.write_resource(urn("q", "a.txt"), b"echter Text", describe("a.txt", media_type="text/plain"))
    store.close()
    path = tmp_path / written.capture.warc_file
    data = path.read_bytes()
    start = written.capture.warc_offset
    rest = data[data.index(b"\x1f\x8b\x08", start + 3) :]
    forged = gzip.compress(gzip.decompress(data[start : len(data) - len(rest)]).replace(b"echter Text", b"falschText!"))
    path.write_bytes(data[:start] + forged + rest)
    with pytest.raises(FixityError, match=r"erwartet sha256:.*gefunden sha256:") as caught:
        store.read(written.capture.warc_file, start)
    assert written.capture.record_id in caught.value.message
    assert f"Byte {start}" in caught.value.message
    assert caught.value.exit_code == 20


def test_reading_where_nothing_is(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    written = store.write_exchange(exchange(), describe(), body=BODY)
    for place in [("warc/2026/11/archive-20200101000000-00009.warc.gz", 0), (written.capture.warc_file, 10**6)]:
        with pytest.raises(FixityError):
            store.read(*place)
    with pytest.raises(FixityError, match=r"keine|etwas anderes"):
        store.read(written.capture.warc_file, 0)


def test_damage_in_the_middle_stops_or_is_reported(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    written = [store.write_exchange(exchange(), describe(str(n)), body=BODY) for n in range(3)]
    store.close()
    flip(tmp_path / written[1].capture.warc_file, written[1].capture.warc_offset + 250)
    with pytest.raises(FixityError):
        list(store.captures())
    damage: list[FixityError] = []
    assert list(store.captures(damaged=damage.append)) == [written[0], written[2]]
    assert len(damage) == 1


def test_files_roll_over_by_size_and_month(make_store: MakeStore, tmp_path: Path) -> None:
    clock = Clock()
    store = make_store(tmp_path, max_file_bytes=3000, clock=clock)
    names = [store.write_exchange(exchange(), describe(str(n)), body=BODY).capture.warc_file for n in range(4)]
    clock.now = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)
    names.append(store.write_exchange(exchange(), describe("4"), body=BODY).capture.warc_file)
    lengths = store.sync()
    assert len(set(names)) > 2
    assert names[-1].startswith("warc/2026/12/archive-20261201")
    assert {name: (tmp_path / name).stat().st_size for name in set(names)} == lengths
    assert [stored.capture.key for stored in store.captures()] == ["0", "1", "2", "3", "4"]
    assert store.sync() == {}


def test_a_new_store_goes_on_with_the_newest_file(make_store: MakeStore, tmp_path: Path) -> None:
    first = make_store(tmp_path)
    one = first.write_exchange(exchange(), describe("1"), body=BODY)
    first.close()
    second = make_store(tmp_path)
    two = second.write_exchange(exchange(), describe("2"), body=BODY)
    second.close()
    assert one.capture.warc_file == two.capture.warc_file
    assert [kind for kind, _, _ in records(tmp_path / one.capture.warc_file)].count("warcinfo") == 1


def test_order_of_files_does_not_trust_the_clock(make_store: MakeStore, tmp_path: Path) -> None:
    clock = Clock()
    store = make_store(tmp_path, max_file_bytes=1, clock=clock)
    store.write_exchange(exchange(), describe("1"), body=BODY)
    clock.now -= timedelta(days=60)
    store.write_exchange(exchange(), describe("2"), body=BODY)
    assert [stored.capture.key for stored in store.captures()] == ["1", "2"]


def test_a_full_disk_leaves_no_half_record(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    good = store.write_exchange(exchange(), describe("1"), body=BODY)
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    old_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    old_handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (good.end + 300, old_limit[1]))
    try:
        with pytest.raises(ArchiveError, match="lässt sich nicht schreiben"):
            store.write_exchange(exchange(), describe("2"), body=BODY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old_limit)
        signal.signal(signal.SIGXFSZ, old_handler)
    assert (tmp_path / good.capture.warc_file).stat().st_size == good.end
    after = store.write_exchange(exchange(), describe("3"), body=BODY)
    assert list(store.captures()) == [good, after]
