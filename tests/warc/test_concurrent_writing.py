"""Many threads write one archive: nothing mixes, places are right, and what was synced is whole."""

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from archive_pipeline.model import Source
from archive_pipeline.warc import Description, Exchange, Previous, StoredCapture, WarcStore, urn

NOW = datetime(2026, 11, 20, tzinfo=UTC)
THREADS = 8
CAPTURES = 25


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WarcStore]:
    store = WarcStore(tmp_path, software="s", operator="o", clock=lambda: NOW, max_file_bytes=60_000)
    yield store
    store.close()


def write(store: WarcStore, thread: int, number: int, chance: random.Random) -> StoredCapture:
    key = f"{thread}/{number}"
    body = chance.randbytes(chance.choice([0, 10, 1000, 20_000]))
    description = Description(source=Source(id=f"q{thread}"), settings="0", fetcher="f", key=key)
    if chance.random() < 0.3:
        return store.write_resource(urn(f"q{thread}", key), body, description)
    exchange = Exchange(
        url=f"https://kreis{thread}.example/{number}",
        request=f"GET /{number} HTTP/1.1\r\n\r\n".encode(),
        head=f"HTTP/1.1 200 OK\r\nX: {key}\r\n\r\n".encode(),
        payload=body,
        started_at=NOW,
    )
    first = store.write_exchange(exchange, description, body=body)
    if chance.random() < 0.3:
        again = Previous(
            record_id=first.capture.record_id,
            captured_at=NOW,
            sha256=first.capture.sha256,
            warc_file=first.capture.warc_file,
            warc_offset=first.capture.warc_offset,
        )
        return store.write_exchange(exchange, description, body=body, previous=again)
    return first


@pytest.mark.parametrize("seed", range(3))
def test_groups_stay_together(store: WarcStore, tmp_path: Path, seed: int) -> None:
    done = threading.Event()
    lengths: list[dict[str, int]] = []

    def work(thread: int) -> list[StoredCapture]:
        chance = random.Random(100 * seed + thread)
        return [write(store, thread, number, chance) for number in range(CAPTURES)]

    def sync() -> None:
        while not done.is_set():
            lengths.append(dict(store.sync()))

    with ThreadPoolExecutor(THREADS + 1) as pool:
        syncing = pool.submit(sync)
        try:
            results = list(pool.map(work, range(THREADS)))
        finally:
            done.set()
        syncing.result()
    lengths.append(dict(store.sync()))
    store.close()

    written = {stored.capture.record_id: stored for result in results for stored in result}
    read = list(store.captures())
    assert {one.capture.record_id: one for one in read if one.capture.record_id in written} == written
    assert len(read) >= THREADS * CAPTURES
    for result in results:  # each thread finds its own in the order it wrote them
        ids = [stored.capture.record_id for stored in result]
        found = [one.capture.record_id for one in read if one.capture.record_id in set(ids)]
        assert found == ids

    ends: dict[str, list[int]] = {}
    for one in read:
        assert one.start == (ends.get(one.capture.warc_file) or [0])[-1]
        ends.setdefault(one.capture.warc_file, []).append(one.end)
    assert len(ends) > 3
    known: dict[str, int] = {}
    for synced in lengths:
        for name, length in synced.items():
            assert length > known.get(name, 0)
            assert length in ends[name]
            known[name] = length
    assert known == {name: (tmp_path / name).stat().st_size for name in ends}
    for name in ends:
        check_groups(tmp_path / name)
    files = [str(tmp_path / name) for name in ends]
    check = [sys.executable, "-m", "warcio.cli", "check", *files]
    checked = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def check_groups(path: Path) -> None:
    """Every record stands where its group is."""
    with path.open("rb") as stream:
        records = [
            (record.rec_type, {name.lower(): value for name, value in record.rec_headers.headers})
            for record in ArchiveIterator(stream, no_record_parse=True)
        ]
    assert [kind for kind, _ in records].count("warcinfo") == 1
    position = 1
    while position < len(records):
        size = 3 if records[position][0] == "request" else 2
        *_, (kind, capture), (last, metadata) = group = records[position : position + size]
        assert (kind in ("response", "revisit", "resource"), last) == (True, "metadata")
        assert metadata["warc-refers-to"] == capture["warc-record-id"]
        assert len({fields["warc-target-uri"] for _, fields in group}) == 1
        assert all(
            fields["warc-concurrent-to"] == capture["warc-record-id"] for _, fields in group if fields != capture
        )
        position += size
