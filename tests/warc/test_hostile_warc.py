"""Captures that look like WARC records, writers that disturb each other, values that try to end a header."""

import gzip
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive_pipeline.errors import ArchiveError
from archive_pipeline.model import Source
from archive_pipeline.warc import Description, Exchange, StoredCapture, WarcStore, urn
from archive_pipeline.warc.record import Member, members

NOW = datetime(2026, 11, 20, tzinfo=UTC)

MakeStore = Callable[[str], WarcStore]


@pytest.fixture
def make_store(tmp_path: Path) -> Iterator[MakeStore]:
    with ExitStack() as stack:

        def make(name: str) -> WarcStore:
            store = WarcStore(tmp_path / name, software="s", operator="o", clock=lambda: NOW)
            stack.callback(store.close)
            return store

        yield make


def describe(key: str, **changes: str) -> Description:
    return Description(source=Source(id="q"), settings="0", fetcher="folder", key=key, **changes)  # type: ignore[arg-type]


def put(store: WarcStore, key: str, body: bytes = b"x", **changes: str) -> StoredCapture:
    return store.write_resource(urn("q", key), body, describe(key, **changes))


def file_of(tmp_path: Path, name: str, stored: StoredCapture) -> Path:
    return tmp_path / name / stored.capture.warc_file


@pytest.mark.parametrize("media_type", ["text/html\r\nWARC-Target-URI: http://evil/", "text/html\nX: 1", "a\x00b"])
def test_no_value_ends_its_header(make_store: MakeStore, tmp_path: Path, media_type: str) -> None:
    store = make_store("a")
    written = put(store, "a", media_type=media_type)
    store.sync()
    path = file_of(tmp_path, "a", written)
    (resource,) = (m for m in members(path) if isinstance(m, Member) and m.record.type == "resource")
    assert set(resource.record.fields) == {
        "warc-type",
        "warc-record-id",
        "warc-target-uri",
        "warc-date",
        "content-type",
        "content-length",
        "warc-block-digest",
        "warc-payload-digest",
    }
    assert list(store.captures()) == [written]
    for command in ("check", "index"):
        ran = subprocess.run([sys.executable, "-m", "warcio.cli", command, str(path)], capture_output=True, check=False)
        assert (ran.returncode, ran.stderr) == (0, b"")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n\r\n",
        b"WARC/1.1\r\nWARC-Type: response\r\nContent-Length: 0\r\n\r\n\r\n\r\n",
        gzip.compress(b"x", mtime=0),
    ],
)
def test_bodies_that_look_like_records(make_store: MakeStore, body: bytes) -> None:
    store = make_store("a")
    exchange = Exchange(
        url="http://a.example/",
        request=b"GET / HTTP/1.1\r\n\r\n",
        head=b"HTTP/1.1 200 OK\r\n\r\n",
        payload=body,
        started_at=NOW,
    )
    written = [store.write_exchange(exchange, describe("1"), body=body), put(store, "2", body)]
    assert list(store.captures()) == written
    assert [stored.capture.body for stored in store.captures()] == [body, body]


def test_a_torn_record_of_a_warc_file_is_cut_and_brings_no_captures(make_store: MakeStore, tmp_path: Path) -> None:
    inner = make_store("inner")
    forged = put(inner, "gefälscht")
    inner.close()
    noise = random.Random(1)
    body = noise.randbytes(70_000) + file_of(tmp_path, "inner", forged).read_bytes() + noise.randbytes(70_000)
    store = make_store("a")
    put(store, "a")
    known = dict(store.sync())
    torn = put(store, "b.warc.gz", body)
    store.close()
    path = file_of(tmp_path, "a", torn)
    data = path.read_bytes()
    path.write_bytes(data[:-50_000])
    again = make_store("a")
    (cut,) = again.recover(known)
    assert cut.offset == torn.capture.warc_offset
    assert list(again.captures(after=known)) == []


def test_two_writers_do_not_mix_up_places(make_store: MakeStore) -> None:
    one, two = make_store("a"), make_store("a")
    written = [put(one, "1"), put(two, "2")]
    with pytest.raises(ArchiveError, match="von anderswo verändert"):
        put(one, "3")
    assert list(two.captures()) == written


def test_a_file_deleted_under_the_writer_is_noticed(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store("a")
    file_of(tmp_path, "a", put(store, "1")).unlink()
    with pytest.raises(ArchiveError, match="von anderswo gelöscht"):
        put(store, "2")


@pytest.mark.parametrize(
    "garbage",
    [
        gzip.compress(b"hallo", mtime=0),
        b"\x1f\x8b\x08" * 1000,
        gzip.compress(b"WARC/1.1\r\nWARC-Type: response\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n", mtime=0),
        gzip.compress(b"WARC/1.1\r\nContent-Length: 5\r\n\r\n", mtime=0),
        gzip.compress(b"", mtime=0),
    ],
)
def test_garbage_behind_the_last_record_is_cut(make_store: MakeStore, tmp_path: Path, garbage: bytes) -> None:
    store = make_store("a")
    written = put(store, "1")
    store.close()
    path = file_of(tmp_path, "a", written)
    whole = path.read_bytes()
    path.write_bytes(whole + garbage)
    again = make_store("a")
    (cut,) = again.recover({written.capture.warc_file: written.end})
    assert (cut.size, path.read_bytes()) == (len(garbage), whole)


def test_beyond_four_gigabytes(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store("a")
    path = file_of(tmp_path, "a", put(store, "1"))
    store.close()
    os.truncate(path, 900_000_000)  # sparse; below the size at which a new file is begun
    assert put(make_store("a"), "2").capture.warc_offset == 900_000_000
    big = WarcStore(tmp_path / "a", software="s", operator="o", clock=lambda: NOW, max_file_bytes=10**13)
    os.truncate(path, 5_000_000_000)
    written = put(big, "3")
    big.close()
    assert written.capture.warc_offset == 5_000_000_000
    assert big.read(written.capture.warc_file, written.capture.warc_offset) == written.capture


@pytest.mark.parametrize("path", ["/srv/geheim", "~hans/geheim", "../../hans/geheim", "a/../../geheim"])
def test_no_path_outside_the_archive_stands_in_a_record(make_store: MakeStore, tmp_path: Path, path: str) -> None:
    store = make_store("a")
    description = Description(source=Source(id="q", path=path), settings="0", fetcher="folder", key="a.txt")
    written = store.write_resource(urn("q", "a.txt"), b"x", description)
    store.close()
    assert b"geheim" not in gzip.decompress(file_of(tmp_path, "a", written).read_bytes())
    assert written.source.path is None
