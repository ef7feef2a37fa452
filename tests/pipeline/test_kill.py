"""kill -9 at any moment: the next run ends as if nothing had happened."""

import random
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from archive_pipeline.sample.server import serve_sample
from archive_pipeline.warc import WarcStore
from archive_pipeline.workspace import open_workspace

SOURCES = """
[archive]
title = "Probe"
request_interval = 0

[[source]]
id = "kommunen"
title = "Kommunen"
fetcher = "feed"
url = "{base}/feeds/kommunen.xml"
allow_private = true

[[source]]
id = "verbaende"
title = "Verbände"
fetcher = "feed"
url = "{base}/feeds/verbaende.atom"
allow_private = true
"""


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """The sample site."""
    with serve_sample() as address:
        yield address


def make(folder: Path, base: str) -> Path:
    folder.mkdir()
    (folder / "sources.toml").write_text(SOURCES.format(base=base), encoding="utf-8")
    return folder


def run_to_the_end(apl: Any, folder: Path) -> float:
    """Run; how many seconds it took."""
    started = time.monotonic()
    apl("-C", folder, "run")
    return time.monotonic() - started


def kill_during_run(apl: Any, folder: Path, moment: float) -> bool:
    """Run and kill after `moment` seconds; whether it was still running then."""
    started = apl.start("archive-pipeline", "-C", folder, "run")
    time.sleep(moment)
    started.kill()
    return bool(started.wait() == -signal.SIGKILL)


def check_warc(folder: Path) -> list[tuple[str, str]]:
    """Every record of every file is whole; the documents captured, by source and key. A killed run may ask for the
    last document of a source once more, and be told that nothing has changed."""
    data = folder / "archive"
    for path in (data / "warc").rglob("*.warc.gz"):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, check_digests="raise"):
                record.content_stream().read()
    store = WarcStore(data, software="test", operator="", clock=lambda: datetime.now(UTC))
    return sorted(
        (stored.capture.source_id, stored.capture.key)
        for stored in store.captures()
        if stored.capture.kind == "document" and stored.revisit is None
    )


def scenario(apl: Any, tmp_path: Path, base: str, same: Callable[..., Any], kills: int, seed: int) -> None:
    """Runs are killed until so many kills fell into one. One that comes too late, as the machine is faster now, counts
    for nothing and makes the next ones come earlier."""
    undisturbed = make(tmp_path / "undisturbed", base)
    seconds = run_to_the_end(apl, undisturbed)
    expected = same(undisturbed, times=False)
    documents = check_warc(undisturbed)
    assert len(expected["release"]) > 30
    assert len(set(documents)) == len(documents)
    moments = random.Random(seed)
    hit = 0
    for number in range(4 * kills):
        disturbed = make(tmp_path / f"killed-{number}", base)
        is_hit = kill_during_run(apl, disturbed, moments.uniform(0, seconds))
        hit += is_hit
        seconds *= 1 if is_hit else 0.8
        if number % 3 == 0:
            kill_during_run(apl, disturbed, moments.uniform(0, seconds))
        run_to_the_end(apl, disturbed)
        assert same(disturbed, times=False) == expected, f"kill {number}"
        assert check_warc(disturbed) == documents, f"kill {number}"
        if hit == kills:
            break
    assert hit == kills


def test_killed_at_some_moments(apl: Any, tmp_path: Path, base: str, same: Callable[..., Any]) -> None:
    """Few of them: the points between a write and its sync are those of test_kill_points.py."""
    scenario(apl, tmp_path, base, same, kills=4, seed=20261122)


@pytest.mark.proof
def test_killed_at_two_hundred_moments(apl: Any, tmp_path: Path, base: str, same: Callable[..., Any]) -> None:
    scenario(apl, tmp_path, base, same, kills=200, seed=5)


def test_killed_again_and_again(apl: Any, tmp_path: Path, base: str, same: Callable[..., Any]) -> None:
    """Progress adds up over runs none of which was allowed to finish."""
    undisturbed = make(tmp_path / "undisturbed", base)
    seconds = run_to_the_end(apl, undisturbed)
    disturbed = make(tmp_path / "disturbed", base)
    for _ in range(5):
        kill_during_run(apl, disturbed, seconds / 3)
    run_to_the_end(apl, disturbed)
    assert same(disturbed, times=False) == same(undisturbed, times=False)


def test_torn_tail_is_cut_and_told(apl: Any, tmp_path: Path, base: str, same: Callable[..., Any]) -> None:
    folder = make(tmp_path / "torn", base)
    run_to_the_end(apl, folder)
    expected = same(folder, times=False)
    warc = max((folder / "archive" / "warc").rglob("*.warc.gz"))
    whole = warc.read_bytes()
    with warc.open("ab") as stream:
        stream.write(b"\x1f\x8b\x08\x00 half a record")
    run_to_the_end(apl, folder)
    assert same(folder, times=False) == expected
    assert warc.read_bytes().startswith(whole)
    assert b"half a record" not in warc.read_bytes()
    with open_workspace(folder).reading() as db:
        events = list(db.query("SELECT outcome, detail FROM event WHERE type = 'recovery'"))
    assert [event["outcome"] for event in events] == ["warning"]
    check_warc(folder)
