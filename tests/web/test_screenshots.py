"""The pictures of the pages: all that the script takes are there, small enough, and shown in the README."""

import importlib.util
import re
import struct
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="playwright is not installed")

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "screenshots"


@pytest.fixture(scope="module")
def script() -> Any:
    """The script that takes them."""
    spec = importlib.util.spec_from_file_location("take_screenshots", ROOT / "scripts" / "take_screenshots.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_main_page_has_a_picture_of_each_width(script: Any) -> None:
    names = {f"{name}{suffix}.png" for name in script.PAGES for suffix in script.SIZES}
    assert {path.name for path in PICTURES.iterdir()} == names
    for suffix, size in script.SIZES.items():
        for name in script.PAGES:
            head = (PICTURES / f"{name}{suffix}.png").read_bytes()
            assert struct.unpack(">II", head[16:24]) == size
            assert len(head) <= script.MOST_BYTES


def test_the_readme_shows_the_main_pages(script: Any) -> None:
    shown = re.findall(r"!\[([^\]]+)\]\(docs/screenshots/([a-z-]+)\.png\)", (ROOT / "README.md").read_text("utf-8"))
    assert {name for _, name in shown} >= set(script.PAGES)
    assert all(len(text) > 10 for text, _ in shown), "each says what it shows"
