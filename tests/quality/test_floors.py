"""Quality has a floor: figures on the evaluation data may rise, not fall.

`baseline.json` holds the floors. They are raised when a figure has risen for good; lowering one needs an entry in the
changelog that says why.
"""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent
FLOORS: dict[str, dict[str, float]] = json.loads((HERE / "baseline.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = HERE.parents[1] / "scripts" / "measure_quality.py"
    spec = importlib.util.spec_from_file_location("measure_quality", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("part", sorted(FLOORS))
def test_no_figure_is_below_its_floor(apl: Any, shared: Path, script: ModuleType, tmp_path: Path, part: str) -> None:
    figures = script.PARTS[part](tmp_path, lambda *words: apl(*words).stdout)
    below = {name: figures[name] for name, floor in FLOORS[part].items() if figures[name] < floor}
    assert not below
