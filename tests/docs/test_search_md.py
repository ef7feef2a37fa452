"""The Python examples of docs/search.md run as they stand."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_python_examples_run(
    apl: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "search.md").read_text(encoding="utf-8")
    examples = BLOCK.findall(text)
    assert len(examples) == 3
    apl("init", "meinarchiv", "--sample", cwd=tmp_path)
    apl("-C", "meinarchiv", "run", cwd=tmp_path)
    monkeypatch.chdir(tmp_path)
    for example in examples:
        if "to_dataframe" in example and find_spec("pandas") is None:
            continue
        exec(compile(example, "docs/search.md", "exec"), {})
        assert capsys.readouterr().out.strip()
