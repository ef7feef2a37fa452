"""A writer killed at any byte loses at most the record it was writing."""

import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from warcio.archiveiterator import ArchiveIterator

from archive_pipeline.errors import FixityError
from archive_pipeline.model import Source
from archive_pipeline.warc import Cut, Description, Exchange, StoredCapture, WarcStore, urn

URL = "https://example.org/presse"


MakeStore = Callable[[Path], WarcStore]


@pytest.fixture
def make_store() -> Iterator[MakeStore]:
    with ExitStack() as stack:

        def make(folder: Path) -> WarcStore:
            store = WarcStore(folder, software="s", operator="o", clock=lambda: datetime(2026, 11, 20, tzinfo=UTC))
            stack.callback(store.close)
            return store

        yield make


def describe(key: str) -> Description:
    return Description(source=Source(id="q"), settings="0", fetcher="folder", key=key)


def write_exchange(store: WarcStore, key: str) -> StoredCapture:
    exchange = Exchange(
        url=URL,
        request=b"GET / HTTP/1.1\r\n\r\n",
        head=b"HTTP/1.1 200 OK\r\n\r\n",
        payload=key.encode(),
        started_at=datetime(2026, 11, 20, tzinfo=UTC),
    )
    return store.write_exchange(exchange, describe(key), body=key.encode())


def assert_readable(data: bytes) -> None:
    for record in ArchiveIterator(io.BytesIO(data), check_digests="raise"):
        record.raw_stream.read()


@pytest.fixture
def quick_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: thousands of fsyncs take long on a disk."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


def test_truncated_at_every_byte(make_store: MakeStore, quick_folder: Path) -> None:
    store = make_store(quick_folder / "whole")
    kept = store.write_resource(urn("q", "a"), b"a", describe("a"))
    known = store.sync()
    tail = [write_exchange(store, "b"), store.write_resource(urn("q", "c"), b"c", describe("c"))]
    store.close()
    name = kept.capture.warc_file
    whole = (quick_folder / "whole" / name).read_bytes()
    broken = make_store(quick_folder / "broken")
    path = quick_folder / "broken" / name
    path.parent.mkdir(parents=True)
    for length in range(known[name], len(whole) + 1):
        path.write_bytes(whole[:length])
        cuts = broken.recover(known)
        left = path.read_bytes()
        assert left == whole[: len(left)]
        assert sum(cut.size for cut in cuts) == length - len(left)
        assert_readable(left)
        assert list(broken.captures(after=known)) == [stored for stored in tail if stored.end <= length]
        assert broken.recover(known) == ()


def test_writing_goes_on_after_a_cut(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    one = write_exchange(store, "1")
    two = write_exchange(store, "2")
    store.close()
    path = tmp_path / one.capture.warc_file
    path.write_bytes(path.read_bytes()[: two.end - 5])
    again = make_store(tmp_path)
    (cut,) = again.recover({one.capture.warc_file: one.end})
    three = write_exchange(again, "3")
    again.close()
    assert isinstance(cut, Cut)
    assert [stored.capture.key for stored in again.captures()] == ["1", "3"]
    assert list(again.captures())[1] == three
    assert_readable(path.read_bytes())


@pytest.mark.parametrize("length", [0, 1, 17, 150])
def test_a_file_with_half_a_warcinfo(make_store: MakeStore, tmp_path: Path, length: int) -> None:
    store = make_store(tmp_path)
    name = write_exchange(store, "1").capture.warc_file
    store.close()
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:length])
    again = make_store(tmp_path)
    again.recover({})
    assert path.read_bytes() == b""
    stored = write_exchange(again, "2")
    again.close()
    assert stored.capture.warc_file == name
    assert list(again.captures()) == [stored]
    assert next(iter(ArchiveIterator(io.BytesIO(path.read_bytes())))).rec_type == "warcinfo"


def test_without_a_database_everything_is_found(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    written = [write_exchange(store, str(n)) for n in range(5)]
    store.close()
    again = make_store(tmp_path)
    assert again.recover({}) == ()
    assert list(again.captures()) == written


def test_zeros_at_the_end_are_cut(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    written = write_exchange(store, "1")
    store.close()
    path = tmp_path / written.capture.warc_file
    path.write_bytes(path.read_bytes() + bytes(4096))
    assert make_store(tmp_path).recover({}) == (
        Cut(warc_file=written.capture.warc_file, offset=written.end, size=4096),
    )


def test_readable_records_are_never_cut(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    written = [write_exchange(store, str(n)) for n in range(3)]
    store.close()
    path = tmp_path / written[0].capture.warc_file
    data = bytearray(path.read_bytes())
    data[written[1].capture.warc_offset + 100] ^= 0xFF
    path.write_bytes(data)
    again = make_store(tmp_path)
    assert again.recover({}) == ()
    assert path.read_bytes() == data
    damage: list[FixityError] = []
    assert list(again.captures(damaged=damage.append)) == [written[0], written[2]]
    assert len(damage) == 1


def test_a_file_shorter_than_known_is_named(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    written = write_exchange(store, "1")
    known = store.sync()
    store.close()
    path = tmp_path / written.capture.warc_file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FixityError, match=f"{written.capture.warc_file}: erwartet {written.end} Bytes"):
        store.recover(known)
    shutil.rmtree(tmp_path / "warc")
    with pytest.raises(FixityError, match="keine Datei"):
        store.recover(known)
