"""What random samples are drawn from, and what was drawn and coded."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from sqlite_utils import Database

from archive_pipeline.archive.decision_forms import SampledRelease
from archive_pipeline.archive.visibility import ARCHIVIST
from archive_pipeline.errors import ArchiveError
from archive_pipeline.model import Axis, Role

__all__ = ["CodedCell", "Framed", "StoredSample", "coded_cells", "load_sample", "sample_ids", "sampling_frame"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed:
    """A release that can be drawn, with what samples are stratified by: its year, and the values the rules found."""

    release_id: str
    source: str
    year: str
    party: str
    district: str
    topic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSample:
    """A sample that was drawn: how, out of how many releases, and which with which probability."""

    id: str
    seed: str
    stratify: tuple[str, ...]
    query: str | None
    population: int
    drawn: tuple[SampledRelease, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedCell:
    """The newest coding of one column of a release in a sample, and the batch it came with."""

    release_id: str
    column: str
    values: tuple[str, ...]


UNKNOWN = "–"
"""What stands for a value that a release does not have."""

FOUND = """SELECT t.release_id, t.value FROM tag t
JOIN release r ON r.id = t.release_id AND r.version_id = t.version_id AND r.derivation = t.derivation
WHERE t.axis = ? AND t.role IN (?, ?) AND t.score >= 0.5 ORDER BY t.score, t.value DESC"""


def sampling_frame(db: Database, release_ids: Collection[str] | None = None) -> list[Framed]:
    """All releases, or those named, in the order of their ids. Values are those of the tag with the highest score as it
    was found: a sample does not depend on what people decided."""
    condition, values = ARCHIVIST.condition()
    party = _best(db, Axis.PARTY, Role.ISSUER, Role.ISSUER)
    district = _best(db, Axis.DISTRICT, Role.ISSUER, Role.ABOUT)
    topic = _best(db, Axis.TOPIC, Role.PRIMARY, Role.PRIMARY)
    return [
        Framed(
            release_id=row["id"],
            source=row["source_id"],
            year=(row["published"] or UNKNOWN)[:4],
            party=party.get(row["id"], UNKNOWN),
            district=district.get(row["id"], UNKNOWN),
            topic=topic.get(row["id"], UNKNOWN),
        )
        for row in db.query(f"SELECT id, source_id, published FROM release r WHERE {condition} ORDER BY id", values)
        if release_ids is None or row["id"] in release_ids
    ]


def _best(db: Database, axis: Axis, role: Role, other: Role) -> dict[str, str]:
    return {row["release_id"]: row["value"] for row in db.query(FOUND, [axis, role, other])}


def sample_ids(db: Database) -> list[str]:
    """Samples of which something was coded, oldest first."""
    rows = db.query(
        """SELECT DISTINCT c.sample_id, d.number FROM coding c JOIN decision k ON k.id = c.id
           JOIN decision d ON d.id = c.sample_id WHERE k.undone_by IS NULL ORDER BY d.number"""
    )
    return [row["sample_id"] for row in rows]


def load_sample(db: Database, sample_id: str) -> StoredSample:
    """A sample that was drawn here. Raises ArchiveError: only such a sample has known probabilities."""
    row = next(db.query("SELECT * FROM sample WHERE id = ?", [sample_id]), None)
    if row is None:
        raise ArchiveError(
            f"Die Stichprobe {sample_id!r} wurde in diesem Archiv nicht gezogen",
            hint="archive-pipeline sample zieht eine und schreibt den Kodierbogen",
        )
    drawn = db.query(
        "SELECT release_id, stratum, probability FROM sampled WHERE sample_id = ? ORDER BY rowid", [sample_id]
    )
    return StoredSample(
        id=row["id"],
        seed=row["seed"],
        stratify=tuple(json.loads(row["stratify"])),
        query=row["query"],
        population=row["population"],
        drawn=tuple(SampledRelease(**one) for one in drawn),
    )


def coded_cells(db: Database, sample_id: str) -> list[CodedCell]:
    """What was coded of a sample and still counts, the newest word on each cell."""
    rows = db.query(
        """SELECT c.release_id, c."column", c."values" FROM coding c JOIN decision d ON d.id = c.id
           WHERE c.sample_id = ? AND d.undone_by IS NULL ORDER BY d.number""",
        [sample_id],
    )
    newest = {
        (row["release_id"], row["column"]): CodedCell(
            release_id=row["release_id"], column=row["column"], values=tuple(json.loads(row["values"]))
        )
        for row in rows
    }
    return list(newest.values())
