"""The truth behind releases, for those who take them to another archive: the records of their captures, what the
derivation log says of them, and what people decided."""

import base64
import heapq
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from sqlite_utils import Database

from archive_pipeline.archive.captures import known_lengths
from archive_pipeline.archive.extracts import (
    CapturePlace,
    capture_at,
    captures_of,
    comes_before,
    decisions_of,
    derivations_of,
    note_decisions,
    note_derivations,
)
from archive_pipeline.model import Release
from archive_pipeline.warc.derivations import ADAPTER, SERIES
from archive_pipeline.warc.transfer import (
    CaptureRecords,
    derivation_at,
    derivation_places,
    read_capture_records,
)
from archive_pipeline.workspace import Workspace

__all__ = ["Held", "Truth", "all_groups", "groups", "sorted_lines"]

Held = tuple[CapturePlace, Mapping[str, Any]]
"""A capture, and how a line refers to its records: the bytes themselves, or where they lie in a file beside it."""

LINES_IN_MEMORY = 20_000


class Truth:
    """What stands behind the chosen releases of a database that is open for reading. `choose` has been called.
    `with_cases` says whether decisions in takedown cases go along."""

    def __init__(self, workspace: Workspace, db: Database, *, with_cases: bool) -> None:
        self._db = db
        self._data = workspace.data
        lengths = {name: size for name, size in known_lengths(db).items() if name.startswith(f"{SERIES}/")}
        note_derivations(db, derivation_places(self._data, dict(sorted(lengths.items()))))
        note_decisions(db, workspace.decisions_file, with_cases=with_cases)

    def of(self, release: Release) -> dict[str, Any]:
        """Everything an archive needs to hold this release as this one does, the records of captures in base64."""
        held = (
            (place, {"records": base64.b64encode(b"".join(group.parts)).decode()})
            for place, group in groups(self._db, self._data, release.id)
        )
        return self.beside(release, held)

    def beside(self, release: Release, captures: Iterable[Held]) -> dict[str, Any]:
        """The same with records that lie elsewhere."""
        return {
            "archive": {
                "captures": [
                    {
                        "record_id": place.record_id,
                        "kind": place.kind,
                        "captured_at": place.captured_at,
                        "sha256": place.sha256,
                        **where,
                    }
                    for place, where in captures
                ],
                "derivations": [
                    ADAPTER.dump_python(derivation_at(self._data, *where), mode="json", exclude_defaults=True)
                    for where in derivations_of(self._db, release.id)
                ],
                "decisions": [
                    {"number": number, "decision": json.loads(line)}
                    for number, line in decisions_of(self._db, release.id)
                ],
            }
        }


def groups(db: Database, data: Path, release_id: str) -> Iterator[tuple[CapturePlace, CaptureRecords]]:
    """The captures of a release with their records; what a revisit refers to stands before it, also where it was
    captured for another release. Raises FixityError where one is damaged."""
    given: set[str] = set()

    def with_original(place: CapturePlace) -> Iterator[tuple[CapturePlace, CaptureRecords]]:
        if place.record_id in given:
            return
        given.add(place.record_id)
        group = read_capture_records(data, place.warc_file, place.warc_offset, place.before)
        original = capture_at(db, *group.original) if group.original else None
        if original is not None:
            yield from with_original(original)
        yield place, group

    for place in captures_of(db, release_id):
        yield from with_original(place)


def all_groups(
    db: Database, data: Path, ids: Iterable[str]
) -> Iterator[tuple[str, CapturePlace, CaptureRecords | None]]:
    """The same of many releases, in their order: the release, the capture, and its records, None where they were given
    for another release."""
    borrowed: set[str] = set()
    for release_id in ids:
        own = {place.record_id for place in captures_of(db, release_id)}
        for place, group in groups(db, data, release_id):
            is_given = place.record_id in borrowed
            if place.record_id not in own and not is_given:
                is_given = comes_before(db, place.record_id, release_id)
                borrowed.add(place.record_id)
            yield release_id, place, None if is_given else group


def sorted_lines(lines: Iterable[str]) -> Iterator[str]:
    """Lines in the order of their bytes, with few of them in memory."""
    with ExitStack() as stack:
        runs: list[IO[str]] = []
        batch: list[str] = []
        for line in lines:
            batch.append(line)
            if len(batch) == LINES_IN_MEMORY:
                runs.append(_run(stack, batch))
                batch = []
        batch.sort(key=str.encode)
        yield from heapq.merge(*map(_lines, runs), batch, key=str.encode)


def _run(stack: ExitStack, batch: list[str]) -> IO[str]:
    file: IO[str] = stack.enter_context(TemporaryFile("w+", encoding="utf-8", newline="\n"))  # noqa: SIM115
    batch.sort(key=str.encode)
    file.writelines(f"{line}\n" for line in batch)
    file.seek(0)
    return file


def _lines(run: IO[str]) -> Iterator[str]:
    for line in run:
        yield line.rstrip("\n")
