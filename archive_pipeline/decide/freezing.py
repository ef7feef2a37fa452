"""Freezing the answer to a query, and telling how today's answer differs from it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice

from sqlite_utils import Database

from archive_pipeline.archive.decisions import apply_new_decisions, decide
from archive_pipeline.archive.extracts import archive_state
from archive_pipeline.archive.reading import load_releases
from archive_pipeline.archive.result_sets import (
    SetRow,
    canonical,
    find_set,
    frozen_members,
    list_sets,
    set_path,
    write_set,
)
from archive_pipeline.archive.set_forms import FreezeDecision
from archive_pipeline.archive.visibility import ARCHIVIST
from archive_pipeline.errors import ConfigError
from archive_pipeline.language.analysis import ANALYSIS_VERSION
from archive_pipeline.model import Release
from archive_pipeline.searching import open_search
from archive_pipeline.workspace import SOFTWARE, Workspace

__all__ = ["SetDifference", "cite_set", "freeze", "set_difference"]

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDifference:
    """How two answers differ, as ids of releases: `changed` are in both with another version or derivation, `retagged`
    with the same text and other tags."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    retagged: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the two are the same."""
        return not (self.added or self.removed or self.changed or self.retagged)


def freeze(
    workspace: Workspace, name: str, query: str, *, note: str | None, decided_by: str, decided_at: datetime, id: str
) -> SetRow:
    """Freeze what a query finds now, every word of it asked for, in the order of the answer. The file is on disk before
    the decision that lists it. Raises ConfigError for a name that is no file name, ArchiveError where it is taken,
    LockedError, IndexingError."""
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} kann kein Name einer Ergebnisliste sein",
            hint="Kleinbuchstaben, Ziffern und . _ -, höchstens 64 Zeichen",
        )
    workspace.refresh_index()
    with workspace.writing("set") as db, open_search(workspace) as service:
        apply_new_decisions(db, workspace.decisions_file)
        if set_path(workspace.data, name).exists() and name not in {row.name for row in list_sets(db)}:
            set_path(workspace.data, name).unlink()  # of a command that was killed before it was decided
        parsed = service.parse(query, today=decided_at.date())
        hits = ((hit.key, hit.score) for hit in service.scan(parsed.node, sort="score"))
        state = archive_state(db)
        header = {
            "query": query,
            "understood": parsed.understood,
            "note": note,
            "created_by": decided_by,
            "created_at": decided_at.isoformat(),
            "seq": state.seq,
            "software": SOFTWARE,
            "vocabularies": {one.obj.name: one.obj.version for one in workspace.plugins.vocabularies},
            "analysis": ANALYSIS_VERSION,
        }
        count, digest = write_set(workspace.data, name, header, _found(db, hits))
        decision = FreezeDecision(
            id=id,
            note=note,
            decided_by=decided_by,
            decided_at=decided_at,
            name=name,
            query=query,
            understood=parsed.understood,
            releases=count,
            sha256=digest,
            seq=state.seq,
        )
        decide(db, workspace.decisions_file, [decision])
        return find_set(db, name)


def _found(db: Database, hits: Iterator[tuple[str, float]]) -> Iterator[tuple[Release, float]]:
    while batch := dict(islice(hits, BATCH)):
        for release in load_releases(db, list(batch), ARCHIVIST):
            yield release, batch[release.id]


def set_difference(workspace: Workspace, name: str, other: str | None = None, *, today: date) -> SetDifference:
    """How today's answer to the query of a set, or another set, differs from it. Raises ArchiveError, FixityError."""
    with workspace.reading() as db:
        before = _frozen_texts(workspace, find_set(db, name))
        if other is not None:
            return _difference(before, _frozen_texts(workspace, find_set(db, other)))
        query = find_set(db, name).query
    workspace.refresh_index()
    with workspace.reading() as db, open_search(workspace) as service:
        hits = ((hit.key, hit.score) for hit in service.scan(service.parse(query, today=today).node))
        return _difference(before, {release.id: _text_of(release) for release, _ in _found(db, hits)})


Text = tuple[str, bytes]
"""Which text a release has, and which tags, in short."""


def _frozen_texts(workspace: Workspace, row: SetRow) -> dict[str, Text]:
    found = {}
    for one in frozen_members(workspace.data, row.name):
        text = (f"{one.version_id}.{one.derivation}", b"")
        found[one.release_id] = _text_of(one.release) if one.release else text
    return found


def _text_of(release: Release) -> Text:
    tags = canonical(
        sorted([tag.axis, tag.value, tag.role, tag.by.partition("@")[0] == "decision"] for tag in release.tags)
    )
    return f"{release.version_id}.{release.derivation}", tags


def _difference(before: Mapping[str, Text], after: Mapping[str, Text]) -> SetDifference:
    both = [one for one in before if one in after]
    changed = [one for one in both if before[one][0] != after[one][0]]
    retagged = [one for one in both if before[one][0] == after[one][0] and before[one][1] != after[one][1]]
    return SetDifference(
        added=tuple(one for one in after if one not in before),
        removed=tuple(one for one in before if one not in after),
        changed=tuple(changed),
        retagged=tuple(retagged),
    )


def cite_set(archive: str, row: SetRow) -> str:
    """How a result set is cited."""
    many = f"{row.releases} Pressemitteilung{'' if row.releases == 1 else 'en'}"
    return (
        f"{archive or 'Archiv'}: Ergebnisliste „{row.name}“. Anfrage: {row.query}. {many}, eingefroren am "
        f"{row.created_at:%d.%m.%Y} (Änderung {row.seq}). set/{row.name}, sha256 {row.sha256}."
    )
