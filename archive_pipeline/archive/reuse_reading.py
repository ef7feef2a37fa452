"""Reading re-use back: what a release shares with others, and groups of duplicates."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlite_utils import Database

from archive_pipeline.archive.database import look_up
from archive_pipeline.archive.persons import names_person, suppressed_names
from archive_pipeline.archive.reuse import Basis
from archive_pipeline.archive.reuse_text import Kind
from archive_pipeline.model import heading

__all__ = ["Duplicate", "DuplicateGroup", "Reuse", "ReusedRelease", "SharedPassage", "duplicate_groups", "reuse_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReusedRelease:
    """One side of a link: the release with the very text that was compared. `first_captured` is UTC."""

    id: str
    version_id: str
    derivation: int
    source_id: str
    title: str | None
    heading: str
    url: str | None
    path: str | None
    published: date | None
    first_captured: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPassage:
    """A passage as it stands in the earlier and in the later text; spans are code points of the two derivations, and
    `words` of them are the same. `speaker` is who says it in the later text, or else in the earlier one, where it is
    direct speech of somebody whose name is not suppressed."""

    earlier: tuple[int, int]
    later: tuple[int, int]
    earlier_text: str
    later_text: str
    words: int
    is_quote: bool
    speaker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reuse:
    """What two releases share. `basis` is what their order rests on; `is_certain` is False where the earlier one may be
    earlier only because it was captured earlier. `similarity` is the share of the words of both texts, `share` that of
    the later text which the earlier one has, both from 0 to 1. The longest passage comes first."""

    earlier: ReusedRelease
    later: ReusedRelease
    kind: Kind
    basis: Basis
    is_certain: bool
    similarity: float
    share: float
    words: int
    passages: tuple[SharedPassage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """One release of a group of duplicates, and how it resembles the earliest of them; `similarity` is None where the
    two are alike only by way of a third one."""

    release: ReusedRelease
    similarity: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateGroup:
    """Releases with the same text (`exact`) or with nearly the same (`near`), the earliest first."""

    kind: Kind
    releases: tuple[Duplicate, ...]


LINKS = """SELECT * FROM reuse_link WHERE ({}) AND NOT EXISTS (
  SELECT 1 FROM v_withheld w WHERE w.release_id IN (earlier_id, later_id)) ORDER BY earlier_id, later_id"""


def reuse_of(db: Database, release_id: str) -> tuple[Reuse, ...]:
    """Everything a release took over or that was taken over from it: what it copied first, then by how much."""
    rows = list(db.query(LINKS.format("earlier_id = :id OR later_id = :id"), {"id": release_id}))
    sides = _sides(db, rows)
    found = [_reuse(db, row, sides) for row in rows]
    return tuple(sorted(found, key=lambda one: (one.earlier.id == release_id, -one.words, one.earlier.id)))


def duplicate_groups(db: Database, *, across_sources: bool = False) -> tuple[DuplicateGroup, ...]:
    """All groups of exact and near duplicates, the largest first; `across_sources` leaves out those within one
    source."""
    rows = list(db.query(LINKS.format("kind IN ('exact', 'near')")))
    sides = _sides(db, rows)
    leader: dict[str, str] = {}

    def find(one: str) -> str:
        while leader.setdefault(one, one) != one:
            leader[one] = leader[leader[one]]
            one = leader[one]
        return one

    for row in rows:
        leader[find(row["later_id"])] = find(row["earlier_id"])
    groups: dict[str, set[str]] = {}
    for row in rows:
        groups.setdefault(find(row["earlier_id"]), set()).update((row["earlier_id"], row["later_id"]))
    similar = {(row["earlier_id"], row["later_id"]): row["similarity"] for row in rows}
    found = [_group([sides[one] for one in ids], similar) for ids in groups.values()]
    if across_sources:
        found = [group for group in found if len({one.release.source_id for one in group.releases}) > 1]
    return tuple(sorted(found, key=lambda group: (-len(group.releases), group.releases[0].release.id)))


def _group(releases: Sequence[ReusedRelease], similar: dict[tuple[str, str], float]) -> DuplicateGroup:
    ordered = sorted(releases, key=_moment)
    first = ordered[0].id
    duplicates = [
        Duplicate(release=one, similarity=1.0 if one.id == first else similar.get((first, one.id))) for one in ordered
    ]
    is_exact = all(one.similarity == 1.0 for one in duplicates)
    return DuplicateGroup(kind="exact" if is_exact else "near", releases=tuple(duplicates))


def _moment(release: ReusedRelease) -> tuple[date, datetime, str]:
    return release.published or release.first_captured.date(), release.first_captured, release.id


SIDES = """
SELECT k.release_id AS id, k.version_id, k.derivation, r.source_id, d.title,
       substr(d.text, 1, 400) AS beginning, r.url, r.path,
       CASE WHEN k.is_dated THEN k.day END AS published, k.captured_at AS first_captured
FROM reuse_release k JOIN release r ON r.id = k.release_id
JOIN derivation d ON d.release_id = k.release_id AND d.version_id = k.version_id AND d.number = k.derivation
WHERE k.release_id IN ({})
"""


def _sides(db: Database, rows: Sequence[dict[str, str]]) -> dict[str, ReusedRelease]:
    ids = sorted({one for row in rows for one in (row["earlier_id"], row["later_id"])})
    found: dict[str, ReusedRelease] = {}
    for start in range(0, len(ids), 500):
        batch = ids[start : start + 500]
        for row in db.query(SIDES.format(", ".join("?" * len(batch))), batch):
            row["published"] = date.fromisoformat(row["published"]) if row["published"] else None
            row["first_captured"] = datetime.fromisoformat(row["first_captured"])
            found[row["id"]] = ReusedRelease(heading=heading(row["title"], row.pop("beginning")), **row)
    return found


def _reuse(db: Database, row: dict[str, object], sides: dict[str, ReusedRelease]) -> Reuse:
    earlier, later = sides[str(row["earlier_id"])], sides[str(row["later_id"])]
    ours, theirs = _text(db, earlier), _text(db, later)
    suppressed = suppressed_names(db)
    passages = []
    for one in json.loads(str(row["passages"])):
        speaker = _speaker(db, later, one["later"]) or _speaker(db, earlier, one["earlier"]) if one["quote"] else None
        passages.append(
            SharedPassage(
                earlier=(one["earlier"][0], one["earlier"][1]),
                later=(one["later"][0], one["later"][1]),
                earlier_text=ours[slice(*one["earlier"])],
                later_text=theirs[slice(*one["later"])],
                words=one["words"],
                is_quote=one["quote"],
                speaker=None if speaker and names_person(speaker, suppressed) else speaker,
            )
        )
    values = {name: row[name] for name in ("kind", "basis", "similarity", "share", "words")}
    return Reuse(
        earlier=earlier,
        later=later,
        is_certain=_is_certain(earlier, later),
        passages=tuple(sorted(passages, key=lambda one: (-one.words, one.later))),
        **values,  # type: ignore[arg-type]
    )


def _is_certain(earlier: ReusedRelease, later: ReusedRelease) -> bool:
    """A capture proves that something was published by then, and nothing about how long before."""
    if later.published is None:
        return False
    return (earlier.published or earlier.first_captured.date()) < later.published


def _speaker(db: Database, release: ReusedRelease, span: Sequence[int]) -> str | None:
    """Who says most of these words."""
    row = look_up(
        db,
        """SELECT speaker FROM quote WHERE release_id = ? AND version_id = ? AND derivation = ? AND speaker IS NOT NULL
             AND start < ? AND "end" > ? ORDER BY min("end", ?) - max(start, ?) DESC, id LIMIT 1""",
        [release.id, release.version_id, release.derivation, span[1], span[0], span[1], span[0]],
    )
    return str(row[0]) if row else None


def _text(db: Database, release: ReusedRelease) -> str:
    rows = db.query(
        "SELECT text FROM derivation WHERE release_id = ? AND version_id = ? AND number = ?",
        [release.id, release.version_id, release.derivation],
    )
    return str(next(rows)["text"])
