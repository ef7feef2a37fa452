"""kill -9 between any write and the fsync that makes it last: the next run ends as if nothing had happened.

What the points are, and the process that dies at one of them, is in kill_points.py.
"""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.upkeep.backup_files import newest_backup, verify_backup
from tests.pipeline.kill_points import KILLED, OPERATIONS, build_again, derive_again, ingest, look

TEXT = (
    "Neue Beratungsstelle {number} eröffnet\n\nKreis Heinsberg. Die neue Beratungsstelle {number} für Zugewanderte hat "
    "am {number}. März 2026 in Heinsberg eröffnet. Sie hilft bei Anträgen, Sprachkursen und der Suche nach Arbeit, "
    "teilte die Kreisverwaltung mit.\n\nGeöffnet ist sie von neun bis zwölf Uhr. Eine Anmeldung ist nicht nötig."
)
RULE = """
from dataclasses import replace
from archive_pipeline import hookimpl
archive_pipeline_api = 1

class Rule:
    def clean(self, article, page, source):
        return replace(article, text=article.text.replace("Sprachkursen", "Deutschkursen"))

@hookimpl
def register_cleaners(registry):
    registry.add("eigene-regel", Rule(), order=560)
"""
SCRIPT = Path(__file__).with_name("kill_points.py")


def in_child(apl: Any, name: str, folder: Path, fatal: int) -> tuple[int, int]:
    """Run an operation in a process that dies at a point; its exit code and how many points it passed."""
    count = folder.with_name("points")
    done = apl.run(SCRIPT, folder, name, str(fatal), count, code=None)
    assert done.returncode in (0, KILLED), done.stderr
    return done.returncode, int(count.read_text(encoding="ascii")) if done.returncode == 0 else 0


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An archive before each operation."""
    base = tmp_path_factory.mktemp("states")
    empty = base / "ingest"
    (empty / "eingang").mkdir(parents=True)
    for number in range(1, 7):
        (empty / "eingang" / f"{number}.txt").write_text(TEXT.format(number=number), encoding="utf-8")
    (empty / "sources.toml").write_text(
        '[archive]\ntitle = "Probe"\n[[source]]\nid = "eingang"\ntitle = "Eingang"\nfetcher = "folder"\n'
        'path = "eingang"\n',
        encoding="utf-8",
    )
    full = base / "full"
    shutil.copytree(empty, full)
    ingest(full)
    changed = base / "reprocess"
    shutil.copytree(full, changed)
    (changed / "plugins").mkdir()
    (changed / "plugins" / "regel.py").write_text(RULE, encoding="utf-8")
    twice = base / "twice"
    shutil.copytree(changed, twice)
    derive_again(twice)
    return {"ingest": empty, "reprocess": changed, "audit": full, "backup": full, "rebuild": twice}


Same = Callable[..., dict[str, list[tuple[object, ...]]]]


def kill_and_go_on(apl: Any, state: Path, name: str, kills: int, seed: int, tmp_path: Path, same: Same) -> None:
    undisturbed = tmp_path / "undisturbed" / "archiv"
    shutil.copytree(state, undisturbed)
    status, points = in_child(apl, name, undisturbed, 0)
    assert status == 0
    expected = same(undisturbed, times=False)
    choose = random.Random(seed)
    for number in range(kills):
        folder = tmp_path / str(number) / "archiv"
        shutil.copytree(state, folder)
        fatal = choose.randint(1, points)
        status, _ = in_child(apl, name, folder, fatal)
        assert status == KILLED, f"{name} at point {fatal} of {points}"
        check_after(folder, name, expected, same, f"{name} killed at point {fatal} of {points}")
        shutil.rmtree(folder.parent)


def check_after(folder: Path, name: str, expected: Any, same: Same, where: str) -> None:
    destination = folder / "sicherung"
    if name == "backup" and destination.exists() and (found := newest_backup(destination)) is not None:
        assert verify_backup(found)[1] == (), where
    OPERATIONS[name](folder)
    assert same(folder, times=False) == expected, where
    look(folder)
    if name == "backup":
        found = newest_backup(destination)
        assert found is not None
        assert verify_backup(found)[1] == (), where
        assert not list(destination.glob("*.unfertig")), where
    if name in ("ingest", "reprocess"):
        build_again(folder)
        assert same(folder, times=False) == expected, f"{where}, then rebuilt"
        look(folder)


@pytest.mark.parametrize(
    ("name", "kills"), [("ingest", 6), ("reprocess", 5), ("audit", 2), ("backup", 4), ("rebuild", 3)]
)
def test_killed_at_twenty_points(
    apl: Any, states: dict[str, Path], name: str, kills: int, tmp_path: Path, same: Same
) -> None:
    kill_and_go_on(apl, states[name], name, kills, 20261122, tmp_path, same)


@pytest.mark.proof
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_killed_at_two_hundred_points(apl: Any, states: dict[str, Path], name: str, tmp_path: Path, same: Same) -> None:
    kill_and_go_on(apl, states[name], name, 40, 7, tmp_path, same)
