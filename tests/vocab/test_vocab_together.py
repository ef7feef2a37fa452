"""Two who add to the own vocabulary at once, voter groups of one name in two places, and tables as programs write
them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def archive(make_archive: Callable[..., Path]) -> Path:
    return make_archive({})


def test_two_at_once_lose_nothing(apl: Any, archive: Path) -> None:
    names = [f"verein-{number}" for number in range(8)]
    going_on = [
        apl.start("archive-pipeline", "-C", archive, "vocab", "add", "organisation", name, f"Verein {name}")
        for name in names
    ]
    assert [one.wait() for one in going_on] == [0] * len(names)
    text = (archive / "vocab" / "own.toml").read_text(encoding="utf-8")
    assert [name for name in names if f'value = "{name}"' not in text] == []


def test_a_group_of_another_place_is_another_entry(apl: Any, archive: Path) -> None:
    add = ("-C", archive, "vocab", "add", "party", "buergerliste")
    apl(*add, "Bürgerliste Wassenberg", "--place", "05370040")
    apl(*add, "Bürgerliste Soest", "--place", "05974")
    apl(*add, "--place", "05974", "--variant", "BL Soest")
    apl("-C", archive, "vocab", "add", "party", "buergerliste@05370", "--variant", "BL Wassenberg")
    listed = apl("-C", archive, "vocab", "list", "party", "--query", "Bürgerliste", "--json").stdout
    assert '"buergerliste@05370", "label": "Bürgerliste Wassenberg"' in listed
    assert '"buergerliste@05974", "label": "Bürgerliste Soest"' in listed
    for name, value in (("BL Soest", "05974"), ("BL Wassenberg", "05370")):
        assert value in apl("-C", archive, "vocab", "list", "--query", name, "--json").stdout


def test_cells_of_several_lines_and_other_odd_tables(apl: Any, archive: Path, tmp_path: Path) -> None:
    file = tmp_path / "liste.csv"
    command = ("-C", archive, "vocab", "import", file, "--axis", "organisation")
    file.write_bytes(b'label,note\n"Heimatverein\nLemgo","erste Zeile\nzweite Zeile"\nTurnverein,x\n')
    apl(*command)
    text = (archive / "vocab" / "own.toml").read_text(encoding="utf-8")
    assert 'label = "Heimatverein' in text
    assert 'value = "turnverein"' in text
    file.write_bytes(b"label,note\nVerein," + b"x" * 200_000 + b"\n")
    assert "liste.csv" in apl(*command, code=4).stderr
