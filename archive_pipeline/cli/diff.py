"""`diff`: which words changed between two versions of a release."""

import json
from dataclasses import dataclass

import click
from pydantic import TypeAdapter

from archive_pipeline.archive.versions import Place, VersionRow, find_place, load_at, versions_of
from archive_pipeline.archive.word_diff import Change, word_diff
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import german_date, german_moment
from archive_pipeline.errors import UnknownReleaseError
from archive_pipeline.model import Article, Release
from archive_pipeline.workspace import open_workspace

CHANGE = TypeAdapter(Change)
AROUND = 60
"""Characters of unchanged text shown on each side of a change."""
FIELDS = {"title": "Titel", "subtitle": "Untertitel", "published": "Datum", "modified": "Geändert"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """A field besides the text that differs."""

    name: str
    before: str | None
    after: str | None


@click.command()
@click.argument("release", metavar="ID")
@click.argument("other", metavar="[FASSUNG]", required=False)
@click.option("--json", "as_json", is_flag=True, help="die Änderungen mit ihren Stellen als JSON")
@click.pass_obj
def diff(settings: Settings, release: str, other: str | None, as_json: bool) -> None:
    """Zeigt Wort für Wort, was sich zwischen zwei Fassungen geändert hat.

    ID allein vergleicht die beiden neuesten Fassungen. `diff d/ID@1 d/ID@2` vergleicht zwei bestimmte; die zweite darf
    auch nur die Nummer oder Kennung einer Fassung sein: `diff d/ID@1 3`.
    """
    workspace = open_workspace(settings.folder)
    with workspace.reading() as db:
        if other is None:
            place = find_place(db, release)
            places = _last_two(versions_of(db, place.release_id), place)
        else:
            first = find_place(db, release)
            is_version = "/" not in other and "@" not in other
            places = first, find_place(db, f"d/{first.release_id}@{other}" if is_version else other)
        before, after = (load_at(db, place) for place in places)
        software = {one.id: (one.software, one.profile) for one in versions_of(db, before.id)}
    fields = _fields(before.article, after.article)
    changes = word_diff(before.article.text, after.article.text)
    if as_json:
        answer = {
            "schema": "apl/diff/1",
            "before": str(places[0]),
            "after": str(places[1]),
            "fields": {one.name: [one.before, one.after] for one in fields},
            "changes": [CHANGE.dump_python(change, mode="json") for change in changes],
        }
        click.echo(json.dumps(answer, ensure_ascii=False, indent=2))
        return
    _say_head(places, before, after)
    if software.get(before.version_id) != software.get(after.version_id):
        click.echo("Achtung: nicht nach denselben Regeln gereinigt; manches mag daher kommen, nicht vom Herausgeber.")
    _say(fields, changes, before.article.text, after.article.text)


def _last_two(versions: tuple[VersionRow, ...], place: Place) -> tuple[Place, Place]:
    """The version before this one, and this one."""
    here = next(number for number, one in enumerate(versions) if one.id == place.version_id)
    if here == 0:
        problem = "hat nur eine Fassung" if len(versions) == 1 else "hat keine Fassung vor dieser"
        raise UnknownReleaseError(
            f"d/{place.release_id} {problem}",
            hint=f"archive-pipeline show d/{place.release_id} --versions nennt alle",
        )
    former = versions[here - 1]
    return Place(release_id=place.release_id, version_id=former.id, derivation=former.derivation), place


def _fields(before: Article, after: Article) -> list[_Field]:
    found = []
    for name in FIELDS:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            found.append(_Field(name=name, before=str(old) if old else None, after=str(new) if new else None))
    return found


def _say_head(places: tuple[Place, Place], before: Release, after: Release) -> None:
    for sign, place, release in (("-", places[0], before), ("+", places[1], after)):
        when = german_moment(release.captured_at)
        stated = german_date(release.article.published)
        click.echo(f"{sign} {place}   Fassung {release.version_number}, erfasst {when}, Datum {stated}")


def _say(fields: list[_Field], changes: tuple[Change, ...], before: str, after: str) -> None:
    if not fields and not changes:
        click.echo("Kein Wort ist anders.")
    for one in fields:
        click.echo(f"{FIELDS[one.name]}: {_marked(one.before or '(leer)', one.after or '(leer)')}")
    for change in changes:
        start, end = change.after
        left, right = after[max(0, start - AROUND) : start], after[end : end + AROUND]
        left = left.partition(" ")[2] if start > AROUND else left
        right = right.rpartition(" ")[0] if end + AROUND < len(after) else right
        body = f"{left}{_marked(change.before_text, change.after_text)}{right}"
        click.echo(f"  … {' '.join(body.split())} …")
    words = len(changes)
    if changes:
        click.echo(
            f"{words} {'Änderung' if words == 1 else 'Änderungen'} im Text von {len(before)} zu {len(after)} Zeichen"
        )


def _marked(before: str, after: str) -> str:
    """What went and what came; told apart by signs, and by colour where there is one."""
    parts = [click.style(f"[-{before}-]", fg="red")] if before else []
    if after:
        parts.append(click.style(f"{{+{after}+}}", fg="green"))
    return "".join(parts)
