"""What was made of every capture, kept beside the WARC files as it was committed: `derivations/YYYY/MM/*.warc.gz`.

A `conversion` record (ISO 28500, 6.8) holds a text with everything that was derived along with it, a `metadata` record
says why there is none. The order of the records is the order in which they were committed, so a rebuild replays them:
releases, versions and derivations get the numbers they had, and a text that was cited reads as it did then, whatever
the rules are by now.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from archive_pipeline.errors import FixityError
from archive_pipeline.model import Article, DocumentStatus, Person, Processed, Quote, Tag
from archive_pipeline.warc.erasing import is_tombstone
from archive_pipeline.warc.files import Cut, WarcFiles
from archive_pipeline.warc.model import SHA256, payload_digest, utc_text
from archive_pipeline.warc.record import Gap, Member, members, new_record_id, render, render_warcinfo

__all__ = ["SERIES", "DerivationLog", "Derived", "text_sha256"]

SERIES = "derivations"
"""The folder of the files, beside `warc`."""

LEVEL = 1
"""JSON of a few kilobytes: a higher level takes three times as long and saves a tenth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """What was made of one capture, or of a version again, and what that became.

    `record_id` is the capture's and `target` its address, `at` when it was made, `step` whether a capture was taken up
    or a version derived again. `release_id`, `version_id` and `number` name the derivation that stands for the text: a
    new one, or the one there was when the capture brought nothing new; they are None for what was not accepted.
    `change` is what it meant for the release; what is "unchanged" carries no text. `current` is False for a version
    that came later than a newer one, `made` where the publisher went back to one that is there. `text_sha256` is the
    hash of the text, `detail` goes to the event log.
    """

    record_id: str
    target: str
    at: datetime
    step: Literal["ingestion", "derivation"]
    software: str
    status: DocumentStatus
    reason: str | None = None
    detail: str | None = None
    release_id: str | None = None
    version_id: str | None = None
    number: int | None = None
    change: Literal["new", "changed", "unchanged"] = "unchanged"
    current: bool = True
    made: bool = True
    text_sha256: str | None = None
    article: Article | None = None
    tags: tuple[Tag, ...] = ()
    persons: tuple[Person, ...] = ()
    quotes: tuple[Quote, ...] = ()
    schema: Literal["apl/derivation/1"] = "apl/derivation/1"

    @property
    def processed(self) -> Processed:
        """What cleaning and classifying came to."""
        return Processed(
            status=self.status,
            reason=self.reason,
            article=self.article,
            tags=self.tags,
            persons=self.persons,
            quotes=self.quotes,
        )

    @property
    def name(self) -> str:
        """`release@version.number`, as it is cited."""
        return f"{self.release_id}@{self.version_id}.{self.number}"


ADAPTER = TypeAdapter(Derived)


def text_sha256(text: str) -> str:
    """The hash of a derived text, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class DerivationLog:
    """The files of one archive, below its data folder: one writer, which holds the archive's lock."""

    def __init__(
        self,
        folder: Path,
        *,
        software: str,
        operator: str,
        clock: Callable[[], datetime],
        max_file_bytes: int = 1_000_000_000,
    ) -> None:
        self._folder = folder
        self._files = WarcFiles(
            folder,
            max_file_bytes=max_file_bytes,
            first_record=lambda name: render_warcinfo(name, software, operator, clock()),
            clock=clock,
            series=SERIES,
            prefix=SERIES,
        )

    def names(self) -> list[str]:
        """The files in the order they were begun, relative to the folder."""
        return self._files.names()

    def append(self, derived: Sequence[Derived]) -> tuple[str, int]:
        """Write these, all or none; the file they went to and how long it was before. Raises ArchiveError."""
        name, before, _ = self._files.append([_render(one) for one in derived])
        return name, before

    def sync(self) -> Mapping[str, int]:
        """Make everything appended durable; the new length of each file it went to."""
        return self._files.sync()

    def undo(self, name: str, length: int) -> None:
        """Take back what was appended behind this length: the transaction it belongs to came to nothing."""
        self._files.undo(name, length)

    def recover(self, known: Mapping[str, int]) -> tuple[Cut, ...]:
        """Cut the incomplete records a killed writer left, as `WarcStore.recover` does. Raises FixityError."""
        return self._files.recover(known)

    def close(self) -> None:
        """Make everything durable and let go of the file for good."""
        self._files.close()

    def lengths(self) -> dict[str, int]:
        """How long the files are now."""
        return {name: (self._folder / name).stat().st_size for name in self.names()}

    def record_ids(self, after: Mapping[str, int] | None = None) -> set[str]:
        """The captures that anything is said of, or beyond these lengths of files; nothing is verified."""
        return {
            found.record.fields.get("warc-refers-to", "").strip("<>")
            for name in self.names()
            for found in members(self._folder / name, (after or {}).get(name, 0))
            if isinstance(found, Member)
        }

    def read(
        self,
        after: Mapping[str, int] | None = None,
        *,
        damaged: Callable[[FixityError], None] | None = None,
        accounted: Mapping[str, int] | None = None,
    ) -> Iterator[tuple[str, int, Derived]]:
        """Everything in the order it was committed, verified: the file, the byte after the record, and what it says.

        With `after`, what lies beyond these lengths of files; nothing before the `accounted` lengths is taken for a
        write that never finished. Damaged records go to `damaged` as errors; without it
        they are raised.
        """
        for name in self.names():
            for end, found in self.verify(name, (after or {}).get(name, 0), accounted=(accounted or {}).get(name, 0)):
                if isinstance(found, Derived):
                    yield name, end, found
                elif damaged is None:
                    raise found
                else:
                    damaged(found)

    def verify(
        self, name: str, start: int = 0, end: int | None = None, *, accounted: int = 0
    ) -> Iterator[tuple[int, Derived | FixityError]]:
        """What one file holds from byte `start` on and before `end`, and what is wrong there, each with the byte after
        its record. Half a record at the end is damage where it begins before byte `accounted`."""
        for found in members(self._folder / name, start):
            if end is not None and found.offset >= end:
                return
            try:
                derived = derived_of(name, found, accounted)
            except FixityError as error:
                yield found.end, error
            else:
                if derived is not None:
                    yield found.end, derived


def derived_of(name: str, found: Member | Gap, accounted: int = 0) -> Derived | None:
    """What a record of the file `name` holds; None for the one that opens the file, and for a torn end. Raises
    FixityError naming file, offset, record and derivation."""
    if isinstance(found, Gap):
        if found.torn and found.offset >= accounted:
            return None
        raise FixityError(
            f"{name}, Byte {found.offset} bis {found.end}: erwartet ein WARC-Datensatz, gefunden: {found.reason}",
            hint=RESTORE,
        )
    record = found.record
    declared, real = record.fields.get("warc-block-digest", "keine"), payload_digest(record.block)
    if declared != real:
        raise FixityError(
            f"{name}, Byte {found.offset}, Datensatz {record.id}: Block-Prüfsumme erwartet {declared}, gefunden {real}",
            hint=RESTORE,
        )
    if record.type == "warcinfo" or is_tombstone(found):
        return None
    try:
        return ADAPTER.validate_json(record.block)
    except ValidationError as error:
        raise FixityError(
            f"{name}, Byte {found.offset}, Datensatz {record.id}: keine lesbare Ableitung ({error.errors()[0]['msg']})",
            hint=RESTORE,
        ) from error


RESTORE = "die Datei aus der Sicherung zurückholen: archive-pipeline restore"


def _render(derived: Derived) -> bytes:
    if derived.article is not None and derived.text_sha256 is None:
        derived = replace(derived, text_sha256=text_sha256(derived.article.text))
    about = [
        ("WARC-Record-ID", f"<{new_record_id()}>"),
        ("WARC-Target-URI", derived.target),
        ("WARC-Date", utc_text(derived.at)),
        ("WARC-Refers-To", f"<{derived.record_id}>"),
        ("Content-Type", "application/json"),
    ]
    block = ADAPTER.dump_json(derived, exclude_defaults=True)
    kind = "metadata" if derived.article is None else "conversion"
    return render(kind, about, payload=block, digest=SHA256 + hashlib.sha256(block).hexdigest(), level=LEVEL)
