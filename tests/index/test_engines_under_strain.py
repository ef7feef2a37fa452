"""Both engines while others write, killed while they write, and on a disk that is full or lies."""

import importlib.util
import os
import signal
import statistics
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.errors import IndexingError
from archive_pipeline.index.fixity import damaged_files, record_checksums
from archive_pipeline.index.tantivy_engine import TantivyEngine
from archive_pipeline.index.whoosh_engine import WhooshEngine
from archive_pipeline.protocols import Index, IndexEngine, SearchRequest
from archive_pipeline.query import All, And, Filter, Node, Phrase, Term
from archive_pipeline.testing.index_engines import DISTRICTS, synthetic

SEARCHERS = 8
QUERIES: tuple[Node, ...] = (
    Term("Kreis"),
    Phrase(("Kreis", "Haushalt")),
    And((Term("Schule"), Filter("district", DISTRICTS[:1]))),
    Term("Flüchtlingshilfe"),
)
ENGINES = [
    WhooshEngine,
    pytest.param(
        TantivyEngine,
        marks=pytest.mark.skipif(not importlib.util.find_spec("tantivy"), reason="the extra tantivy is not installed"),
    ),
]
engines = pytest.mark.parametrize("make", ENGINES)


def filled(engine: IndexEngine, folder: Path, count: int = 300) -> Index:
    index = engine.create(folder)
    index.upsert(synthetic(count))
    index.commit(count)
    return index


def search_for(engine: IndexEngine, folder: Path, seconds: float, errors: list[BaseException]) -> list[float]:
    """Searches of so many threads, each opening the index again now and then; how long each took, in seconds."""
    taken: list[float] = []
    end = time.monotonic() + seconds

    def search() -> None:
        try:
            while time.monotonic() < end:
                index = engine.open(folder)
                for node in QUERIES * 5:
                    before = time.perf_counter()
                    assert index.search(SearchRequest(node=node, facets=("district",))).total
                    taken.append(time.perf_counter() - before)
                index.close()
        except (AssertionError, IndexingError) as error:
            errors.append(error)

    threads = [threading.Thread(target=search) for _ in range(SEARCHERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def searched_while_written(make: type[IndexEngine], folder: Path, seconds: float) -> tuple[float, float]:
    """The time in which 95 of 100 searches are answered, without and with a commit each second."""
    engine = make()
    errors: list[BaseException] = []
    filled(engine, folder).close()
    idle = search_for(engine, folder, seconds / 3, errors)
    stop = threading.Event()
    commits = 0

    def write() -> None:
        nonlocal commits
        writer = engine.open(folder, writable=True)
        while not stop.wait(1):
            writer.upsert([replace(one, key=f"{one.key}-{commits}") for one in synthetic(10, seed=commits)])
            writer.commit(1000 + commits)
            commits += 1
        writer.close()

    thread = threading.Thread(target=write)
    thread.start()
    busy = search_for(engine, folder, seconds, errors)
    stop.set()
    thread.join()

    assert errors == []
    assert commits
    last = engine.open(folder, writable=True)
    assert last.seq() == 999 + commits
    last.delete(["r0000"])
    last.commit(5000)  # no lock was left behind
    assert last.count() == 300 + 10 * commits - 1
    last.close()
    return tuple(statistics.quantiles(times, n=20)[-1] for times in (idle, busy))  # type: ignore[return-value]


@engines
def test_eight_search_while_one_writes(make: type[IndexEngine], tmp_path: Path) -> None:
    searched_while_written(make, tmp_path / "index", 3)


@pytest.mark.proof
@engines
def test_eight_search_for_a_minute_nearly_as_fast_while_one_writes(make: type[IndexEngine], tmp_path: Path) -> None:
    idle, busy = searched_while_written(make, tmp_path / "index", 60)

    assert busy <= 2 * idle, f"p95 {1000 * busy:.1f} ms instead of {1000 * idle:.1f} ms"


WRITER = """
    import sys
    from dataclasses import replace
    from pathlib import Path
    from archive_pipeline.index.{module} import {name}
    from archive_pipeline.testing.index_engines import synthetic
    index = {name}().open(Path(sys.argv[1]), writable=True)
    for commit in range(1, 10_000):
        index.upsert([replace(one, key=f"c{{commit}}-{{n}}") for n, one in enumerate(synthetic(5, seed=commit))])
        index.commit(20 + commit)
        print(commit, flush=True)
"""


@engines
def test_killed_while_it_commits_it_keeps_whole_commits_and_goes_on(make: type[IndexEngine], tmp_path: Path) -> None:
    folder = tmp_path / "index"
    filled(make(), folder, 20).close()
    for commits, pause in ((1, 0.0), (2, 0.004), (3, 0.011)):
        command = [sys.executable, "-c", program(WRITER, make), str(folder)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout
        for _ in range(commits):
            child.stdout.readline()
        threading.Event().wait(pause)  # somewhere in the next commit
        os.kill(child.pid, signal.SIGKILL)
        reported = commits + len(child.stdout.readlines())
        child.wait()
        child.stdout.close()

        index = make().open(folder, writable=True)
        keys = {hit.key for hit in index.search(SearchRequest(node=All(), limit=100_000)).hits}
        written = {key.split("-")[0] for key in keys if key.startswith("c")}
        assert {f"c{number}" for number in range(1, reported + 1)} <= written
        assert all(f"{commit}-{number}" in keys for commit in written for number in range(5))
        index.delete(sorted(key for key in keys if key.startswith("c")))
        index.commit(20)
        assert index.count() == 20
        index.close()


FULL = """
    import resource, signal, sys
    from pathlib import Path
    from archive_pipeline.errors import IndexingError
    from archive_pipeline.index.{module} import {name}
    from archive_pipeline.testing.index_engines import synthetic
    index = {name}().open(Path(sys.argv[1]), writable=True)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
    index.upsert(synthetic(300, seed=9))
    try:
        index.commit(99)
    except IndexingError:
        sys.exit(7)
"""


def program(text: str, make: type[IndexEngine]) -> str:
    """A program for one of the engines."""
    return textwrap.dedent(text.format(module=make.__module__.rpartition(".")[2], name=make.__name__))


@engines
def test_a_full_disk_is_an_error_and_the_old_state_stays(apl: Any, make: type[IndexEngine], tmp_path: Path) -> None:
    folder = tmp_path / "index"
    filled(make(), folder, 20).close()
    script = tmp_path / "full.py"
    script.write_text(program(FULL, make), encoding="utf-8")
    apl.run(script, folder, code=7)

    again = make().open(folder, writable=True)
    assert (again.count(), again.seq()) == (20, 20)
    again.upsert(synthetic(30, seed=9))
    again.commit(30)
    assert again.count() == 30


@engines
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Whoosh drops half-opened files
def test_every_flipped_bit_is_found_by_the_checksums(make: type[IndexEngine], tmp_path: Path) -> None:
    folder = tmp_path / "index"
    filled(make(), folder, 20).close()
    record_checksums(folder)
    written_once = [
        path for path in folder.iterdir() if path.suffix in {".seg", ".toc", ".idx", ".term", ".fast", ".store"}
    ]
    assert written_once
    for path in written_once:
        content = path.read_bytes()
        flipped = bytearray(content)
        flipped[len(content) // 3] ^= 4
        path.write_bytes(flipped)
        assert damaged_files(folder) == (path.name,)
        path.write_bytes(content)
    assert damaged_files(folder) == ()
