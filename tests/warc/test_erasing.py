"""Tombstones: exactly as long as what they replace, readable by everybody, and nothing beside them moves."""

import gzip
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from archive_pipeline.errors import ArchiveError, FixityError, RefusedError
from archive_pipeline.model import Source
from archive_pipeline.warc import (
    Description,
    Exchange,
    StoredCapture,
    WarcStore,
    erase_spans,
    read_cdxj,
    record_spans,
    update_cdxj,
)
from archive_pipeline.warc.erasing import tombstone
from archive_pipeline.warc.record import Member, members

NOW = datetime(2026, 11, 20, 8, 0, 5, tzinfo=UTC)
TOLD = {"case": "2026-1", "reason": "begründet"}


def store_in(folder: Path, refused: dict[str, str] | None = None) -> WarcStore:
    return WarcStore(folder, software="s", operator="o", clock=lambda: NOW, refused=refused)


def write(store: WarcStore, number: int, body: bytes) -> StoredCapture:
    url = f"https://example.org/{number}"
    exchange = Exchange(
        url=url,
        request=f"GET /{number} HTTP/1.1\r\n\r\n".encode(),
        head=b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n",
        payload=body,
        started_at=NOW,
    )
    description = Description(source=Source(id="q"), settings="0", fetcher="feed", key=url)
    return store.write_exchange(exchange, description, body=body)


@pytest.fixture
def written(tmp_path: Path) -> list[StoredCapture]:
    """Five captures in one file, the first right behind the record that opens it."""
    store = store_in(tmp_path)
    bodies = [f"Geheim {number}".encode() + os.urandom(3000 * number) for number in range(5)]
    found = [write(store, number, body) for number, body in enumerate(bodies)]
    update_cdxj(tmp_path, store.sync())
    store.close()
    return found


@pytest.mark.parametrize("size", [*range(500, 520), 4_096, 100_003])
def test_a_tombstone_has_any_length(size: int, tmp_path: Path) -> None:
    data = tombstone(size, TOLD, NOW)
    assert len(data) == size
    assert gzip.decompress(data).startswith(b"WARC/1.1\r\nWARC-Type: metadata\r\n")
    path = tmp_path / "x.warc.gz"
    path.write_bytes(data * 2)
    first, second = members(path)
    assert isinstance(first, Member)
    assert isinstance(second, Member)
    assert json.loads(second.record.block)["case"] == "2026-1"
    with path.open("rb") as file:
        assert [record.rec_type for record in ArchiveIterator(file, check_digests=True)] == ["metadata"] * 2


def test_what_is_too_small_is_said(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="zu wenig"):
        tombstone(100, TOLD, NOW)


@pytest.mark.parametrize("erased", [{0}, {4}, {1, 2}, {0, 1, 2, 3, 4}])
def test_the_others_stay_where_they_are(written: list[StoredCapture], tmp_path: Path, erased: set[int]) -> None:
    name = written[0].capture.warc_file
    size = (tmp_path / name).stat().st_size
    records = {written[number].capture.record_id for number in erased}
    spans = record_spans(tmp_path / name, records)
    assert erase_spans(tmp_path, name, spans, TOLD, NOW)
    assert not erase_spans(tmp_path, name, spans, TOLD, NOW)
    assert (tmp_path / name).stat().st_size == size
    content = gzip.decompress((tmp_path / name).read_bytes())
    store = store_in(tmp_path)
    for number, one in enumerate(written):
        place = (one.capture.warc_file, one.capture.warc_offset)
        assert (f"Geheim {number}".encode() in content) == (number not in erased)
        if number in erased:
            with pytest.raises(FixityError):
                store.read(*place)
        else:
            assert store.read(*place) == one.capture
    left = [one.capture.record_id for one in written if one.capture.record_id not in records]
    assert [one.capture.record_id for one in store.captures()] == left
    assert len(read_cdxj(tmp_path, name) or []) == len(left)
    assert update_cdxj(tmp_path, {name: size}, anew=True)
    assert len(read_cdxj(tmp_path, name) or []) == len(left)
    with (tmp_path / name).open("rb") as file:
        types = [record.rec_type for record in ArchiveIterator(file, check_digests=True)]
    assert types == ["warcinfo", *(t for n in range(5) for t in (("metadata",) if n in erased else GROUP))]


GROUP = ("request", "response", "metadata")


def test_damage_in_a_file_stops_it(written: list[StoredCapture], tmp_path: Path) -> None:
    path = tmp_path / written[0].capture.warc_file
    data = bytearray(path.read_bytes())
    data[written[3].capture.warc_offset + 40] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(FixityError, match="kein lesbarer Datensatz"):
        record_spans(path, {written[0].capture.record_id})


def test_what_was_erased_is_not_stored_again(written: list[StoredCapture], tmp_path: Path) -> None:
    body = written[1].capture.body
    store = store_in(tmp_path, {written[1].capture.sha256: "durch Entscheidung entfernt (Fall 2026-1)"})
    before = (tmp_path / written[0].capture.warc_file).stat().st_size
    with pytest.raises(RefusedError, match="Fall 2026-1"):
        write(store, 9, body)
    store.close()
    assert (tmp_path / written[0].capture.warc_file).stat().st_size == before
