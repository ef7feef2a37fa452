"""Frozen result sets: `sets/NAME.jsonl`, which nobody changes any more.

The first line says what was asked and in which state of the archive, each further one holds a release with text, tags,
version and derivation, and the sha256 of that as canonical JSON (sorted keys, no blanks, UTF-8). The hash of a set is
the sha256 of the first line and of those hashes, each followed by a line feed: so a set still proves itself after the
law took a text out of it.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from sqlite_utils import Database

from archive_pipeline.durable import sync
from archive_pipeline.errors import ArchiveError, FixityError
from archive_pipeline.model import Release

__all__ = [
    "Frozen",
    "ResultSet",
    "SetRow",
    "erase_from_sets",
    "find_set",
    "frozen_members",
    "frozen_releases",
    "list_sets",
    "member_ids",
    "open_set",
    "set_path",
    "verify_set",
    "write_set",
]

FOLDER = "sets"
RELEASE = TypeAdapter(Release)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRow:
    """A frozen result set as the database lists it; `created_at` is UTC."""

    id: str
    name: str
    query: str
    understood: str
    note: str | None
    releases: int
    sha256: str
    seq: int
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """One member of a set: the place in the answer from 1, its score, and which text it was. `release` is None where
    the text was erased by the case `erased`."""

    rank: int
    score: float
    release_id: str
    version_id: str
    derivation: int
    release: Release | None
    erased: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultSet:
    """A set to be read: its name and the releases in it, in the order of the answer."""

    name: str
    release_ids: tuple[str, ...]


def list_sets(db: Database) -> list[SetRow]:
    """All sets, the newest first."""
    return [_row(row) for row in db.query("SELECT * FROM result_set ORDER BY created_at DESC, rowid DESC")]


def find_set(db: Database, name: str) -> SetRow:
    """The set of this name. Raises ArchiveError."""
    row = next(db.query("SELECT * FROM result_set WHERE name = ? ORDER BY rowid LIMIT 1", [name]), None)
    if row is None:
        raise ArchiveError(f"Eine Ergebnisliste {name!r} gibt es nicht", hint="archive-pipeline set list zeigt alle")
    return _row(row)


def _row(row: dict[str, Any]) -> SetRow:
    return SetRow(**{**row, "created_at": datetime.fromisoformat(row["created_at"])})


def set_path(data: Path, name: str) -> Path:
    """The file of a set."""
    return data / FOLDER / f"{name}.jsonl"


def canonical(values: object) -> bytes:
    """Canonical JSON: sorted keys, no blanks, UTF-8."""
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def write_set(data: Path, name: str, header: dict[str, Any], found: Iterable[tuple[Release, float]]) -> tuple[int, str]:
    """Write the file of a set for good: how many releases it holds, and its hash. Raises ArchiveError where there is
    one of this name; nothing half stays."""
    path = set_path(data, name)
    if path.exists():
        raise ArchiveError(f"Eine Ergebnisliste {name!r} gibt es schon", hint="einen anderen Namen wählen")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".unfertig")
    first = canonical({"schema": "apl/result-set-file/1", "name": name, **header})
    digest = hashlib.sha256(first + b"\n")
    count = 0
    try:
        with fresh.open("wb") as out:
            out.write(first + b"\n")
            for count, (release, score) in enumerate(found, start=1):
                member = {
                    "rank": count,
                    "score": round(score, 6),
                    "id": release.id,
                    "version_id": release.version_id,
                    "derivation": release.derivation,
                    "release": RELEASE.dump_python(release, mode="json"),
                }
                own = hashlib.sha256(canonical(member)).hexdigest()
                digest.update(own.encode() + b"\n")
                out.write(canonical({"sha256": own, "member": member}) + b"\n")
            out.flush()
            os.fsync(out.fileno())
        fresh.chmod(0o444)
        fresh.rename(path)
        sync(path.parent)
    finally:
        fresh.unlink(missing_ok=True)
    return count, digest.hexdigest()


def open_set(data: Path, name: str) -> ResultSet:
    """The set of this name, to be read. Raises FixityError, ArchiveError."""
    return ResultSet(name=name, release_ids=tuple(one.release_id for one in frozen_members(data, name)))


def frozen_releases(data: Path, result_set: ResultSet) -> Iterator[Release]:
    """The releases of a set as they were frozen, in the order of the answer; without those that were erased since."""
    for one in frozen_members(data, result_set.name):
        if one.release is not None:
            yield one.release


def frozen_members(data: Path, name: str, *, start: int = 0) -> Iterator[Frozen]:
    """The members of a set in the order of the answer, without the first `start`, each compared with its hash. Raises
    FixityError naming the line, ArchiveError where the file is gone."""
    for number, line in enumerate(_lines(data, name), start=1):
        if number <= start + 1:
            continue
        row = _parsed(name, number, line)
        member = row["member"]
        release = None
        if "erased" not in row:
            found = hashlib.sha256(canonical(member)).hexdigest()
            if found != row["sha256"]:
                raise FixityError(f"sets/{name}.jsonl:{number}: sha256 erwartet {row['sha256']}, gefunden {found}")
            release = RELEASE.validate_json(canonical(member["release"]))
        yield Frozen(
            rank=member["rank"],
            score=member["score"],
            release_id=member["id"],
            version_id=member["version_id"],
            derivation=member["derivation"],
            release=release,
            erased=row.get("erased"),
        )


def member_ids(data: Path, name: str) -> tuple[str, ...]:
    """The ids of the releases of a set, read without comparing hashes. Raises FixityError, ArchiveError."""
    lines = enumerate(_lines(data, name), start=1)
    return tuple(str(_parsed(name, number, line)["member"]["id"]) for number, line in lines if number > 1)


def verify_set(data: Path, row: SetRow) -> str | None:
    """What is wrong with the file of a set, in words, or None."""
    digest, count = hashlib.sha256(), 0
    try:
        for number, line in enumerate(_lines(data, row.name), start=1):
            if number == 1:
                digest.update(line.rstrip(b"\n") + b"\n")
                continue
            digest.update(str(_parsed(row.name, number, line)["sha256"]).encode() + b"\n")
            count += 1
        for _ in frozen_members(data, row.name):
            pass
    except ArchiveError as error:
        return error.message
    if digest.hexdigest() != row.sha256 or count != row.releases:
        return (
            f"sets/{row.name}.jsonl: erwartet {row.releases} Mitteilungen, sha256 {row.sha256}; "
            f"gefunden {count}, sha256 {digest.hexdigest()}"
        )
    return None


def erase_from_sets(data: Path, release_ids: Collection[str], case: str) -> tuple[str, ...]:
    """Take the texts of releases out of every set for good; the names of the sets that held one. Each keeps its hash:
    that of the member stays and the case stands in the place of the text."""
    changed = []
    for path in sorted((data / FOLDER).glob("*.jsonl")):
        if _erase(path, frozenset(release_ids), case):
            changed.append(path.stem)
    return tuple(changed)


def _erase(path: Path, release_ids: frozenset[str], case: str) -> bool:
    fresh = path.with_name(path.name + ".unfertig")
    found = False
    try:
        with path.open("rb") as lines, fresh.open("wb") as out:
            for number, line in enumerate(lines, start=1):
                row = _parsed(path.stem, number, line) if number > 1 else {}
                if row and row["member"]["id"] in release_ids and "erased" not in row:
                    found = True
                    kept = {name: row["member"][name] for name in ("rank", "score", "id", "version_id", "derivation")}
                    out.write(canonical({"sha256": row["sha256"], "member": kept, "erased": case}) + b"\n")
                else:
                    out.write(line)
            out.flush()
            os.fsync(out.fileno())
        if found:
            fresh.chmod(0o444)
            fresh.replace(path)
            sync(path.parent)
    finally:
        fresh.unlink(missing_ok=True)
    return found


def _lines(data: Path, name: str) -> Iterator[bytes]:
    try:
        with set_path(data, name).open("rb") as lines:
            yield from lines
    except OSError as error:
        raise ArchiveError(
            f"sets/{name}.jsonl lässt sich nicht lesen: {error.strerror}",
            hint="die Datei aus der Sicherung zurückholen: archive-pipeline restore",
        ) from error


def _parsed(name: str, number: int, line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
        row["member"]["id"], row["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise FixityError(f"sets/{name}.jsonl:{number} ist nicht lesbar ({line[:40]!r})") from error
    return dict(row)
