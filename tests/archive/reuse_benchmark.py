"""The script that invents releases with known re-use, and counts what is found of it, for the tests of re-use."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parents[2] / "scripts" / "benchmark_reuse.py"


def _loaded() -> Any:
    spec = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[SCRIPT.stem] = module
    spec.loader.exec_module(module)
    return module


benchmark = _loaded()


def key(number: int) -> str:
    """The id that the script gives to a release."""
    return f"{number:016x}"
