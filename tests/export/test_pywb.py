"""pywb replays an exported WARC file by its CDXJ. pywb needs packages under the AGPL and is no dependency, not even of
the tests: `ARCHIVE_PIPELINE_PYWB=/path/to/python make proof` names an interpreter that has it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

REPLAY = """
import json, sys
from pywb.apps.frontendapp import FrontEndApp
from werkzeug.test import Client
from werkzeug.wrappers import Response
client = Client(FrontEndApp(config_file="config.yaml"), Response)
answers = []
for line in open("x.cdxj", encoding="utf-8"):
    _, time, values = line.split(" ", 2)
    answer = client.get(f"/archiv/{time}id_/{json.loads(values)['url']}")
    answers.append([answer.status_code, answer.data.decode()])
print(json.dumps(answers))
"""


@pytest.mark.proof
def test_pywb_replays(apl: Any, folder: Path, tmp_path: Path) -> None:
    python = os.environ.get("ARCHIVE_PIPELINE_PYWB")
    if not python:
        pytest.skip("ARCHIVE_PIPELINE_PYWB names no Python with pywb")
    apl("-C", folder, "export", "warc", "--query", "quelle:netz", "--out", tmp_path / "x.warc.gz")
    (tmp_path / "config.yaml").write_text(
        "collections:\n  archiv:\n    index_paths: ./x.cdxj\n    archive_paths: ./\n", encoding="utf-8"
    )
    done = subprocess.run([python, "-c", REPLAY], cwd=tmp_path, capture_output=True, text=True, check=True)
    answers = json.loads(done.stdout)
    texts = [text for status, text in answers if status == 200]
    assert len(texts) == len(answers) == 4
    assert sum("Mitteilung 5" in text for text in texts) == 2, "the revisit too"
