"""Figures on labelled releases that may only rise. The command a user runs, the scorer beside the labels."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FLOORS = {
    "manifest_with_source.jsonl": {
        "district": 0.94,
        "party_issuer": 0.95,
        "party_any": 0.95,
        "organisation": 0.75,
        "topic_any": 0.8,
        "topic_primary": 0.82,
        "quotes_within_one": 0.95,
        "first_speaker": 0.85,
        "none_but_tagged": 1,
        "calibration": 0.08,
    },
    "manifest.jsonl": {
        "district": 0.74,
        "party_issuer": 0.75,
        "party_any": 0.92,
        "organisation": 0.43,
        "none_but_tagged": 1,
        "calibration": 0.08,
    },
}


@pytest.fixture(scope="module", params=sorted(FLOORS))
def scored(request, shared: Path, tmp_path_factory) -> tuple[dict[str, float], dict]:
    folder = shared / "eval" / "tagging"
    out = tmp_path_factory.mktemp("tagging") / "out.jsonl"
    with out.open("w", encoding="utf-8") as lines:
        command = [sys.executable, "-c", "from archive_pipeline.cli.main import main; main()", "try", "--batch"]
        subprocess.run([*command, str(folder / "dev" / request.param)], stdout=lines, check=True)
    scorer = [sys.executable, str(folder / "score_tags.py"), str(out), str(folder / "dev" / "labels.jsonl"), "--json"]
    result = subprocess.run(scorer, capture_output=True, text=True, check=True)
    return FLOORS[request.param], json.loads(result.stdout)


def test_figures_have_not_fallen(scored):
    floors, result = scored
    figures = {axis: values["f1"] for axis, values in result["axes"].items()}
    figures["topic_primary"] = result["topic"]["primary_accuracy"]
    figures["quotes_within_one"] = result["quotes"]["within_one"]
    figures["first_speaker"] = result["first_speaker"]["accuracy"]
    rising = {name: floor for name, floor in floors.items() if name not in ("none_but_tagged", "calibration")}
    assert {name: figures[name] for name, floor in rising.items() if figures[name] < floor} == {}
    assert result["district"]["none_but_tagged"] <= floors["none_but_tagged"]
    assert result["calibration_pooled"]["ece"] <= floors["calibration"]
    assert result["evidence"]["valid_tag_share"] == 1
