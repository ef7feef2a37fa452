"""Where the words of an erased release could be left: what killed commands began, titles beside other captures, torn
lines."""

import gzip
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.model import CaptureKind
from archive_pipeline.pipeline import run
from archive_pipeline.upkeep.auditing import audit
from archive_pipeline.upkeep.rebuilding import rebuild
from archive_pipeline.warc import Description, urn
from archive_pipeline.workspace import Workspace, open_workspace

TITLE = "Dreizehn grüne Regenschirme im Ratskeller vergessen"
TEXT = (
    f"{TITLE}\n\nKreis Heinsberg. Der Hausmeister vergaß am Dienstag dreizehn grüne Regenschirme im Ratskeller. "
    "Der Kreistag berät am Montag darüber, wie die Schirme zurückkommen, teilte die Verwaltung mit."
)
OTHER = "Ein ganz anderer Titel"
ERROR = "<html><head><title>503 Service Unavailable</title></head><body><h1>503 Service Unavailable</h1></body></html>"
NEEDLES = ("Regenschirme", "regenschirm")


@pytest.fixture
def umbrellas(folder: Path) -> Path:
    """The eight releases and the one about umbrellas."""
    (folder / "eingang" / "schirme.txt").write_text(TEXT, encoding="utf-8")
    workspace = open_workspace(folder)
    run(workspace, workspace.config.sources)
    return folder


def release_of(folder: Path) -> tuple[str, str]:
    """The id of the release, and the record it was made from."""
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        found: tuple[str, str] = db.execute(
            "SELECT release_id, record_id FROM capture WHERE key = 'schirme.txt'"
        ).fetchone()
        return found


def erase(apl: Any, folder: Path) -> str:
    release, _ = release_of(folder)
    apl("-C", folder, "takedown", "hide", release)
    done = apl("-C", folder, "takedown", "decide", "2026-1", "erase", "--reason", "begründet", "--yes")
    return str(done.stdout)


def traces(folder: Path) -> list[str]:
    found = []
    for path in sorted((folder / "archive").rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8", "replace")
        if any(needle in text for needle in NEEDLES):
            found.append(path.name)
    return found


def write(workspace: Workspace, key: str, text: str, **about: Any) -> None:
    """A capture that the next run finds behind what the database knows."""
    source, store = workspace.config.sources[0], workspace.warc_store()
    kind: CaptureKind = about.pop("kind")
    description = Description(source=source, settings="0", fetcher="feed", key=key, kind=kind, **about)
    store.write_resource(urn(source.id, key), text.encode(), description)
    store.close()


def test_what_killed_commands_had_begun_goes_too(apl: Any, umbrellas: Path) -> None:
    data = umbrellas / "archive"
    apl("-C", umbrellas, "set", "create", "alle", "--query", "Heinsberg")
    begun = {
        "archive.db.new": (data / "archive.db").read_bytes(),
        "archive.db.new-wal": TEXT.encode(),
        "sets/zweite.jsonl.unfertig": (data / "sets" / "alle.jsonl").read_bytes(),
        "profiles/eingang/1.new": TEXT.encode(),
        "decisions.jsonl.new": json.dumps({"text": TEXT}, ensure_ascii=False).encode(),
    }
    for name, content in begun.items():
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    erase(apl, umbrellas)
    assert traces(umbrellas) == []
    assert not [name for name in begun if (data / name).exists()]
    assert audit(open_workspace(umbrellas)).findings == ()


def test_an_attachment_that_stays_is_as_it_was(apl: Any, umbrellas: Path) -> None:
    _, page = release_of(umbrellas)
    workspace = open_workspace(umbrellas)
    write(workspace, "plan.txt", "Ein Plan.", kind="attachment", title="Plan des Kellers als Bild", parent=page)
    run(workspace, workspace.config.sources)
    erase(apl, umbrellas)
    assert audit(open_workspace(umbrellas)).findings == ()
    before = captures(umbrellas)
    assert any("plan.txt" in row for row in before)
    rebuild(open_workspace(umbrellas))
    assert captures(umbrellas) == before


def captures(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        return sorted(map(repr, db.execute("SELECT * FROM capture")))


def test_a_title_beside_a_capture_that_was_held_back_goes_too(apl: Any, umbrellas: Path) -> None:
    """A feed gave the title, and the server an error page in the place of the release."""
    workspace = open_workspace(umbrellas)
    write(workspace, "schirme.txt", ERROR, kind="document", title=TITLE, media_type="text/html")
    write(workspace, "plan.txt", ERROR + "<!-- -->", kind="document", title=OTHER, media_type="text/html")
    run(workspace, workspace.config.sources)
    with sqlite3.connect(umbrellas / "archive" / "archive.db") as db:
        held = db.execute("SELECT state FROM capture WHERE title IS NOT NULL AND release_id IS NULL").fetchall()
    assert len(held) == 2
    assert "schirme.txt" in erase(apl, umbrellas)
    assert traces(umbrellas) == []
    assert any(OTHER in row for row in captures(umbrellas))
    assert audit(open_workspace(umbrellas)).findings == ()


def test_torn_lines_of_decisions_go_where_they_quote(apl: Any, umbrellas: Path) -> None:
    path = umbrellas / "archive" / "decisions.jsonl"
    torn = json.dumps({"id": "x", "text": TEXT, "release_id": "y"}, ensure_ascii=False)[:200]
    other = '{"id":"z","note":"nur abgeriss'
    path.write_text(f"{torn}\n{other}\n", encoding="utf-8")
    erase(apl, umbrellas)
    assert traces(umbrellas) == []
    assert other in path.read_text(encoding="utf-8")
    out = umbrellas.with_name("x.jsonl")
    apl("-C", umbrellas, "export", "jsonl", "--out", out, "--as", "archivist")
    assert out.is_file()
