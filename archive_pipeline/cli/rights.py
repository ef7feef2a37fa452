"""`access`, `suppress`, `note` and `retention`: who sees what, and what stands beside it."""

import json
from pathlib import Path

import click
from pydantic import TypeAdapter

from archive_pipeline.archive.decisions import apply_new_decisions, decide
from archive_pipeline.archive.persons import releases_naming, suppressed_names
from archive_pipeline.archive.reading import find_release, load_release
from archive_pipeline.archive.retention import DueRelease, due_releases
from archive_pipeline.archive.rights_forms import (
    AccessDecision,
    CorrectionNote,
    CorrectionWithdrawal,
    PersonSuppression,
)
from archive_pipeline.archive.visibility import EVERYTHING
from archive_pipeline.cli.deciding import Deciding, by_option, new_id, storable
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.standing import ACCESS, CORRECTIONS
from archive_pipeline.cli.wording import counted, german_date, shorten
from archive_pipeline.errors import ArchiveError
from archive_pipeline.model import Access, CorrectionKind
from archive_pipeline.sources.retention import kept_since
from archive_pipeline.workspace import open_workspace, utc_now

DUE = TypeAdapter(tuple[DueRelease, ...])

INHERITED = "inherit"


@click.command()
@click.argument("releases", metavar="ID…", nargs=-1, required=True)
@click.argument("level", type=click.Choice([*ACCESS, INHERITED]))
@click.option("--reason", metavar="TEXT", help="Begründung")
@by_option
@click.pass_obj
def access(settings: Settings, releases: tuple[str, ...], level: str, reason: str | None, by: str | None) -> None:
    """Legt fest, wer Mitteilungen sieht: public (alle), login (mit Konto), onsite (Lesesaal), closed (nur Archivare);
    inherit: wie die Quelle."""
    workspace = open_workspace(settings.folder)
    deciding = Deciding.begin(by)
    named: Access | None = next((one for one in ACCESS if one == level), None)
    with workspace.writing("access") as db:
        apply_new_decisions(db, workspace.decisions_file)
        found = list(dict.fromkeys(find_release(db, name, EVERYTHING) for name in releases))
        decisions = [
            AccessDecision(
                id=new_id(),
                batch=deciding.batch,
                note=storable(reason) if reason else None,
                decided_by=deciding.decided_by,
                decided_at=deciding.decided_at,
                release_id=release_id,
                access=named,
            )
            for release_id in found
        ]
        decide(db, workspace.decisions_file, decisions)
        workspace.update_index(db)
        for release_id in found:
            click.echo(f"d/{release_id}: {ACCESS[load_release(db, release_id).access]}")


@click.command()
@click.argument("name", required=False)
@click.option("--lift", is_flag=True, help="hebt es wieder auf")
@click.option("--list", "only_list", is_flag=True, help="zeigt die Namen")
@click.option("--reason", metavar="TEXT", help="Begründung")
@by_option
@click.pass_obj
def suppress(
    settings: Settings, name: str | None, lift: bool, only_list: bool, reason: str | None, by: str | None
) -> None:
    """Nimmt den Namen einer Person aus Suche nach Sprechern, aus Personenlisten und Anzeige. NAME: Vor- und Nachname.

    Der Text der Mitteilungen bleibt, wie er ist: die Volltextsuche findet ihn weiter.
    """
    workspace = open_workspace(settings.folder)
    if only_list or name is None:
        with workspace.reading() as db:
            for known in suppressed_names(db):
                click.echo(known)
        return
    if len(name.split()) < 2:
        raise click.UsageError("Vor- und Nachname angeben: ein Nachname allein träfe alle, die so heißen")
    deciding = Deciding.begin(by)
    with workspace.writing("suppress") as db:
        apply_new_decisions(db, workspace.decisions_file)
        if lift and name not in suppressed_names(db):
            raise ArchiveError(f"{name!r} ist nicht unterdrückt", hint="archive-pipeline suppress --list")
        decision = PersonSuppression(
            id=new_id(),
            batch=deciding.batch,
            note=storable(reason) if reason else None,
            decided_by=deciding.decided_by,
            decided_at=deciding.decided_at,
            name=storable(" ".join(name.split())),
            action="lift" if lift else "suppress",
        )
        decide(db, workspace.decisions_file, [decision])
        workspace.update_index(db)
        count = len(releases_naming(db, decision.name))
    done = "wieder sichtbar" if lift else "nicht mehr als Person gezeigt oder gefunden"
    click.echo(f"{decision.name}: {done} ({counted(count, 'Mitteilung', 'Mitteilungen')}; die Texte bleiben)")


@click.command()
@click.argument("name", metavar="ID")
@click.option(
    "--kind", type=click.Choice(list(CORRECTIONS)), default="gegendarstellung", show_default=True, help="was es ist"
)
@click.option("--text", "text", metavar="TEXT", help="der Wortlaut")
@click.option("--file", "file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Text aus Datei")
@click.option("--url", metavar="ADRESSE", help="wo sie veröffentlicht ist")
@click.option("--remove", metavar="NOTIZ", help="nimmt die Notiz mit dieser Kennung zurück (ihr Anfang genügt)")
@click.option("--reason", metavar="TEXT", help="Begründung")
@by_option
@click.pass_obj
def note(
    settings: Settings,
    name: str,
    kind: CorrectionKind,
    text: str | None,
    file: Path | None,
    url: str | None,
    remove: str | None,
    reason: str | None,
    by: str | None,
) -> None:
    """Fügt einer Mitteilung eine Gegendarstellung oder Berichtigung bei; sie steht überall bei ihr."""
    if sum(one is not None for one in (text, file, remove)) != 1:
        raise click.UsageError("Genau eines angeben: --text, --file oder --remove")
    workspace = open_workspace(settings.folder)
    deciding = Deciding.begin(by)
    with workspace.writing("note") as db:
        apply_new_decisions(db, workspace.decisions_file)
        release_id = find_release(db, name, EVERYTHING)
        noted = storable(reason) if reason else None
        decision: CorrectionNote | CorrectionWithdrawal
        if remove is not None:
            fits = [one.id for one in load_release(db, release_id).corrections if one.id.startswith(remove)]
            if len(fits) != 1:
                raise ArchiveError(
                    f"Zu d/{release_id} gibt es keine Notiz {remove!r}",
                    hint=f"archive-pipeline show d/{release_id} nennt die Notizen",
                )
            decision = CorrectionWithdrawal(
                id=new_id(),
                batch=deciding.batch,
                note=noted,
                decided_by=deciding.decided_by,
                decided_at=deciding.decided_at,
                correction=fits[0],
            )
        else:
            words = (text if file is None else file.read_text(encoding="utf-8-sig", errors="replace")) or ""
            if not words.strip():
                raise click.UsageError("Die Notiz ist leer")
            decision = CorrectionNote(
                id=new_id(),
                batch=deciding.batch,
                note=noted,
                decided_by=deciding.decided_by,
                decided_at=deciding.decided_at,
                release_id=release_id,
                kind=kind,
                text="\n".join(storable(line) for line in words.strip().splitlines()),
                url=url,
            )
        decide(db, workspace.decisions_file, [decision])
        workspace.update_index(db)
        left = load_release(db, release_id).corrections
    for one in left:
        click.echo(
            f"{CORRECTIONS[one.kind]} {one.id[:8]} vom {german_date(one.noted_at.date())}: {shorten(one.text, 80)}"
        )
    if not left:
        click.echo(f"d/{release_id}: keine Notiz")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="als ein JSON-Objekt")
@click.pass_obj
def retention(settings: Settings, as_json: bool) -> None:
    """Nennt, was nach `retention` seiner Quelle fällig ist (von der ersten Erfassung an gezählt). Gelöscht wird nichts:
    das entscheidet ein Mensch, mit takedown."""
    workspace = open_workspace(settings.folder)
    today = utc_now().date()
    found: list[DueRelease] = []
    with workspace.reading() as db:
        for source in workspace.config.sources:
            since = kept_since(source.retention, today)
            if since is not None:
                found += due_releases(db, source.id, source.retention or "", since)
    if as_json:
        answer = {"schema": "apl/retention/1", "due": DUE.dump_python(tuple(found), mode="json")}
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    for one in found:
        captured = german_date(one.first_captured.date())
        click.echo(f"d/{one.id}  erfasst {captured}  {one.source_id} ({one.retention})  {shorten(one.title or '', 60)}")
    click.echo(f"{counted(len(found), 'Mitteilung', 'Mitteilungen')} fällig; gelöscht wird nur mit takedown decide")
