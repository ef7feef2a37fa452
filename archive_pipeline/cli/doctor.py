"""`doctor`: whether everything that the archive needs is there and whole."""

import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import distributions
from typing import Literal

import click

from archive_pipeline.archive.captures import known_lengths
from archive_pipeline.archive.decisions import read_decisions
from archive_pipeline.archive.reading import heavily_cut, last_seq
from archive_pipeline.archive.verification import last_complete_audit
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.status import audit_line
from archive_pipeline.cli.wording import counted, german_number
from archive_pipeline.errors import ArchiveError, ArchivePipelineError, IndexingError, NoArchiveError
from archive_pipeline.indexing import release_count
from archive_pipeline.workspace import Workspace, open_workspace, utc_now

LOW_SPACE = 1_000_000_000
"""Free bytes below which `doctor` warns: one WARC file."""


AUDIT_AGE = timedelta(days=40)
"""After this long without a complete audit `doctor` warns: a thirtieth a night is a month, and some nights fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing `doctor` looked at; `code` is the exit code it asks for."""

    name: str
    state: Literal["ok", "warning", "problem"]
    text: str
    code: int = 0


MARKS = {"ok": "✔", "warning": "!", "problem": "✖"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="eine JSON-Zeile je Prüfung")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Prüft Python, SQLite, Plattenplatz, Rechte, Plugins, Datenbank, WARC-Dateien und Index."""
    settings: Settings = ctx.obj
    code = 0
    for check in _checks(settings):
        code = code or check.code
        if as_json:
            line = {"name": check.name, "state": check.state, "text": check.text, "code": check.code}
            click.echo(json.dumps(line, ensure_ascii=False))
        else:
            click.echo(f"{MARKS[check.state]} {check.name:<14} {check.text}")
    ctx.exit(code)


def _checks(settings: Settings) -> Iterator[Check]:
    yield Check(name="Python", state="ok", text=sys.version.split()[0])
    yield Check(name="SQLite", state="ok", text=sqlite3.sqlite_version)
    yield _check_whoosh()
    try:
        workspace = open_workspace(settings.folder)
    except ArchivePipelineError as error:
        yield Check(name="Archiv", state="problem", text=f"{error.message} – {error.hint}", code=error.exit_code)
        return
    yield Check(name="sources.toml", state="ok", text=f"{len(workspace.config.sources)} Quellen")
    yield from _check_plugins(workspace)
    yield from _check_folder(workspace)
    if proxy := workspace.config.archive.proxy:
        text = f"{proxy}: wohin Namen führen, weiß nur der Proxy; geprüft werden Namen und Adressen, wie sie dastehen"
        yield Check(name="Proxy", state="warning", text=text)
    try:
        with workspace.reading() as db:
            verdict = next(db.query("PRAGMA quick_check"))["quick_check"]
            known = known_lengths(db)
            newest, releases = last_seq(db), release_count(db)
            audited = last_complete_audit(db)
            cut = heavily_cut(db) if verdict == "ok" else []
    except NoArchiveError:
        yield Check(name="Datenbank", state="warning", text="noch nichts archiviert: archive-pipeline run")
        return
    except ArchivePipelineError as error:
        yield Check(name="Datenbank", state="problem", text=f"{error.message} – {error.hint}", code=error.exit_code)
        return
    if verdict == "ok":
        yield Check(name="Datenbank", state="ok", text="unversehrt")
    else:
        yield Check(name="Datenbank", state="problem", text=f"{verdict} – archive-pipeline rebuild", code=20)
    if cut:
        text = f"{counted(len(cut), 'Mitteilung verlor', 'Mitteilungen verloren')} über 30 % des Textes an eine Regel"
        yield Check(name="Reinigung", state="warning", text=f"{text} – archive-pipeline show d/{cut[0]} --removed")
    yield from _check_warc(workspace, known)
    stale = audited is None or audited.findings > 0 or utc_now() - audited.finished_at > AUDIT_AGE
    yield Check(name="Prüfung", state="warning" if stale else "ok", text=audit_line(audited))
    yield _check_index(workspace, newest, releases)


def _check_whoosh() -> Check:
    owners = sorted(
        {
            item.metadata["Name"]
            for item in distributions()
            if any(file.parts[:1] == ("whoosh",) for file in item.files or [])
        }
    )
    if len(owners) == 1:
        return Check(name="Whoosh", state="ok", text=owners[0])
    text = f"mehrere Pakete liefern whoosh: {', '.join(owners)} – alle entfernen, dann: pip install whoosh==2.7.4"
    return Check(name="Whoosh", state="problem", text=text, code=1)


def _check_plugins(workspace: Workspace) -> Iterator[Check]:
    broken = workspace.plugins.quarantined
    if not broken:
        loaded = sum(record.status == "ok" for record in workspace.plugins.records)
        yield Check(name="Plugins", state="ok", text=f"{loaded} geladen")
    for record in broken:
        yield Check(name="Plugins", state="problem", text=f"{record.name}: {record.error}", code=3)


def _check_folder(workspace: Workspace) -> Iterator[Check]:
    folder = workspace.data
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        yield Check(name="Rechte", state="problem", text=f"{folder} ist nicht beschreibbar", code=1)
    free = shutil.disk_usage(folder).free
    text = f"{german_number(free / 1_000_000_000)} GB frei"
    yield Check(name="Platz", state="warning" if free < LOW_SPACE else "ok", text=text)
    yield _check_decisions(workspace)


def _check_decisions(workspace: Workspace) -> Check:
    try:
        count = sum(1 for _ in read_decisions(workspace.decisions_file))
    except ArchiveError as error:
        return Check(name="Entscheidungen", state="problem", text=f"{error.message} – {error.hint}", code=20)
    return Check(name="Entscheidungen", state="ok", text=str(count))


def _check_warc(workspace: Workspace, known: dict[str, int]) -> Iterator[Check]:
    found = (path for series in ("warc", "derivations") for path in (workspace.data / series).glob("*/*/*.gz"))
    files = {path.relative_to(workspace.data).as_posix(): path for path in found}
    for name, length in known.items():
        size = files[name].stat().st_size if name in files else 0
        if size < length:
            text = f"{name} hat {size} von {length} Bytes – aus einer Sicherung zurückholen"
            yield Check(name="WARC", state="problem", text=text, code=20)
    behind = sum(path.stat().st_size > known.get(name, 0) for name, path in files.items())
    if behind:
        text = f"{behind} Dateien reichen über die Datenbank hinaus: der nächste Lauf nimmt das auf"
        yield Check(name="WARC", state="warning", text=text)
    else:
        yield Check(name="WARC", state="ok", text=f"{len(files)} Dateien")


def _check_index(workspace: Workspace, newest: int, releases: int) -> Check:
    """The index against the archive: change number, and when that is the same, how many releases."""
    engine = workspace.config.archive.engine
    try:
        with workspace.index() as index:
            lag, indexed = newest - index.seq(), index.count()
    except IndexingError:
        text = f"{engine} fehlt oder ist beschädigt – archive-pipeline index rebuild"
        return Check(name="Index", state="problem", text=text, code=IndexingError.exit_code)
    if lag:
        text = f"{engine} ist {lag} Änderungen zurück; die nächste Suche holt sie nach"
        return Check(name="Index", state="warning", text=text)
    if indexed != releases:
        have = counted(indexed, "Mitteilung", "Mitteilungen")
        text = f"{engine} hat {have}, das Archiv {releases} – archive-pipeline index rebuild"
        return Check(name="Index", state="problem", text=text, code=IndexingError.exit_code)
    return Check(name="Index", state="ok", text=f"{engine}, aktuell, {counted(indexed, 'Mitteilung', 'Mitteilungen')}")
