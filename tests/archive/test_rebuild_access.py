"""What readers may not see, they don't see after a rebuild: also of sources that are no longer in sources.toml."""

import sqlite3
from pathlib import Path
from typing import Any

from archive_pipeline.upkeep.auditing import audit
from archive_pipeline.workspace import open_workspace


def sources(folder: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        return sorted(db.execute("SELECT * FROM source").fetchall())


def test_a_source_that_was_closed_and_taken_out_stays_closed(apl: Any, folder: Path) -> None:
    toml = folder / "sources.toml"
    text = toml.read_text(encoding="utf-8")
    toml.write_text(text + 'access = "closed"\nresponsible = "Archivarin"\n', encoding="utf-8")
    apl("-C", folder, "run")
    toml.write_text(text.partition("[[source]]")[0], encoding="utf-8")
    before = sources(folder)
    assert apl.json("-C", folder, "search", "Beratungsstelle", "--as", "reader", "--json")["total"] == 0
    apl("-C", folder, "rebuild")
    assert apl.json("-C", folder, "search", "Beratungsstelle", "--as", "reader", "--json")["total"] == 0
    assert apl.json("-C", folder, "search", "Beratungsstelle", "--json")["total"] == 8
    assert sources(folder) == before
    assert audit(open_workspace(folder)).findings == ()
