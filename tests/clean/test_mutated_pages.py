"""Damaged pages, a thousand here, ten thousand in `make proof`: each ends, soon and in little memory, with a reason."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("mutate_pages.py")
SECONDS, MEGABYTES = 5, 500
"""What one document may cost: processor time, and memory of the whole process that cleans it."""
HANG = 900
"""Seconds after which cleaning all documents of one process counts as hanging."""


def cleaned(*arguments: object, hash_seed: str = "random") -> list[dict[str, Any]]:
    """How cleaning these documents ended, in a process of its own."""
    ran = subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)],
        capture_output=True,
        check=False,
        text=True,
        timeout=HANG,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.returncode == 0, f"died behind document {lines[-1]['name'] if lines else '-'}: {ran.stderr[-2000:]}"
    return lines


def check(lines: Sequence[dict[str, Any]]) -> None:
    for line in lines:
        assert line["status"] in {"accepted", "quarantined", "failed", "skipped"}, line
        assert line["status"] == "accepted" or line["reason"], line
        assert not line["broken"], line  # what a cleaner raised that is no reason
        assert line["seconds"] < SECONDS, line
        assert line["megabytes"] < MEGABYTES, line


@pytest.mark.parametrize("first", range(1, 1_001, 250))
def test_a_thousand_damaged_pages(first: int) -> None:
    lines = cleaned(first, first + 249)
    assert len(lines) == 250
    check(lines)
    # damage that leaves nothing to clean would show nothing
    assert Counter(line["status"] for line in lines)["accepted"] > 50


@pytest.mark.proof
@pytest.mark.parametrize("first", range(1_001, 11_001, 500))
def test_ten_thousand_damaged_pages(first: int) -> None:
    lines = cleaned(first, first + 499)
    assert len(lines) == 500
    check(lines)


def test_every_process_gives_the_same_article() -> None:
    one, other = (cleaned("originals", hash_seed=seed) for seed in ("0", "4242"))
    assert len(one) > 100
    assert [line["article"] for line in one] == [line["article"] for line in other]
    one, other = (cleaned(2_001, 2_060, hash_seed=seed) for seed in ("0", "4242"))
    assert [(line["status"], line["reason"], line["article"]) for line in one] == [
        (line["status"], line["reason"], line["article"]) for line in other
    ]
