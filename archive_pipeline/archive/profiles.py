"""What was learned from the releases of each source: `profiles/<source>/<number>.json`, one file for each profile.

A profile is written once and never changed. It shapes the text of releases, so it belongs to what an archive keeps,
beside the WARC files and the decisions: a rebuild cleans with the newest profile of each source, as it does with the
newest rules. The table `profile` holds copies, for whoever looks at a derivation.
"""

from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from sqlite_utils import Database

from archive_pipeline.archive.captures import CaptureRow, capture_rows
from archive_pipeline.durable import replace_durably, sync
from archive_pipeline.errors import ArchiveError
from archive_pipeline.model import LearnedLine, LearnedProfile

__all__ = [
    "PROFILES",
    "keep_profile",
    "learnable_captures",
    "newest_profiles",
    "read_profiles",
    "record_profiles",
    "replace_profile",
]

PROFILES = "profiles"
"""The folder in an archive's data that holds them."""

PROFILE = TypeAdapter(LearnedProfile)
LINES = TypeAdapter(tuple[LearnedLine, ...])


def read_profiles(folder: Path) -> tuple[LearnedProfile, ...]:
    """All profiles of an archive, by source and number. Raises ArchiveError for a file that is not readable."""
    found: list[LearnedProfile] = []
    for file in folder.glob("*/*.json"):
        try:
            profile = PROFILE.validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            raise _damaged(file) from error
        if (profile.source_id, str(profile.number)) != (file.parent.name, file.stem):
            raise _damaged(file)
        found.append(profile)
    return tuple(sorted(found, key=lambda profile: (profile.source_id, profile.number)))


def _damaged(file: Path) -> ArchiveError:
    name = f"{file.parent.parent.name}/{file.parent.name}/{file.name}"
    return ArchiveError(
        f"{name} ist kein lesbares Profil",
        hint="die Datei aus einer Sicherung zurückholen; oder löschen und neu lernen: archive-pipeline sources learn",
    )


def newest_profiles(folder: Path) -> dict[str, LearnedProfile]:
    """The profile in force of each source that has one, by source id. Raises ArchiveError as `read_profiles` does."""
    return {profile.source_id: profile for profile in read_profiles(folder)}


def keep_profile(folder: Path, profile: LearnedProfile) -> None:
    """Write a new profile, whole or not at all. Call with the writer lock held. Raises ArchiveError when one with its
    number is there."""
    file = folder / profile.source_id / f"{profile.number}.json"
    if file.exists():
        raise ArchiveError(f"Profil {profile.number} der Quelle {profile.source_id} gibt es schon", hint=str(file))
    replace_profile(folder, profile)


def replace_profile(folder: Path, profile: LearnedProfile) -> None:
    """Write a profile over the one with its number, whole or not at all: only erasing a text may take lines out of one.
    Call with the writer lock held."""
    file = folder / profile.source_id / f"{profile.number}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_durably(file, PROFILE.dump_json(profile, indent=1) + b"\n")
    for changed in (file.parent, folder, folder.parent):
        sync(changed)


def record_profiles(db: Database, profiles: Iterable[LearnedProfile]) -> None:
    """Copy profiles into the table. Call inside `write_tx`."""
    for profile in profiles:
        db.execute(
            "INSERT OR IGNORE INTO profile (source_id, number, releases, software, lines) VALUES (?, ?, ?, ?, ?)",
            [
                profile.source_id,
                profile.number,
                profile.releases,
                profile.software,
                LINES.dump_json(profile.lines).decode(),
            ],
        )


def learnable_captures(db: Database, source_id: str, limit: int) -> list[CaptureRow]:
    """The captures that the current versions of a source's newest releases were made from, the newest first."""
    where = """record_id IN (SELECT v.record_id FROM release AS r JOIN version AS v
               ON v.release_id = r.id AND v.id = r.version_id WHERE r.source_id = ?)
               ORDER BY captured_at DESC, record_id LIMIT ?"""
    return list(capture_rows(db, where, [source_id, limit]))
