"""CDXJ beside the WARC files: `warc/YYYY/MM/<name>.cdxj` lists what lies where in `<name>.warc.gz`, so that pywb and
other tools replay the archive without this one.

A line is `<SURT key> <14-digit time> <JSON>`, sorted by its bytes; `filename` is relative to the archive's data folder,
which pywb takes as `archive_paths`. The files are made from the WARC files alone and can be deleted.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from archive_pipeline.errors import ArchiveError
from archive_pipeline.warc.model import Exchange
from archive_pipeline.warc.record import Member, members
from archive_pipeline.warc.surt import surt

__all__ = ["LISTED", "cdxj_file", "cdxj_line", "cdxj_lines", "forget_lines", "read_cdxj", "update_cdxj"]

SUFFIX = ".cdxj"
LISTED = ("response", "resource", "revisit")


def cdxj_file(folder: Path, name: str) -> Path:
    """Where the lines of the WARC file `name` lie."""
    return (folder / name).with_name(Path(name).name.removesuffix(".warc.gz") + SUFFIX)


def cdxj_lines(folder: Path, name: str, start: int = 0, end: int | None = None) -> Iterator[str]:
    """A line for each replayable record of a file that begins at byte `start` or later and before `end`, unsorted."""
    for found in members(folder / name, start):
        if end is not None and found.offset >= end:
            return
        if isinstance(found, Member) and found.record.type in LISTED:
            yield cdxj_line(name, found)


def read_cdxj(folder: Path, name: str) -> list[str] | None:
    """The lines as they lie beside a WARC file; None where there are none."""
    try:
        return cdxj_file(folder, name).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return None


def update_cdxj(folder: Path, lengths: Mapping[str, int], *, anew: bool = False) -> int:
    """Bring the lines of the WARC files up to these lengths; with `anew` they are all made again. Returns how many
    files changed. Raises ArchiveError when the disk does not take them; the old ones stay."""
    changed = 0
    for name, length in lengths.items():
        known = None if anew else read_cdxj(folder, name)
        start = _covered(known or [])
        if not (folder / name).is_file():
            continue
        new = list(cdxj_lines(folder, name, start, length)) if start is not None else None
        if new is None:  # what is there can't be read
            known, new = [], list(cdxj_lines(folder, name, 0, length))
        if known is None or new:
            _replace(cdxj_file(folder, name), sorted([*(known or []), *new]))
            changed += 1
    return changed


def forget_lines(folder: Path, name: str, spans: Sequence[tuple[int, int]]) -> None:
    """Take out the lines of records that begin in these bytes of the WARC file `name`. Raises ArchiveError."""
    lines = read_cdxj(folder, name) or []
    kept = [line for line in lines if not any(start <= _offset(line) < end for start, end in spans)]
    if len(kept) < len(lines):
        _replace(cdxj_file(folder, name), kept)


def _offset(line: str) -> int:
    """The offset that a line names, -1 where it can't be read."""
    try:
        return int(json.loads(line.split(" ", 2)[2])["offset"])
    except (ValueError, IndexError, KeyError, TypeError):
        return -1


def cdxj_line(name: str, member: Member) -> str:
    """The line of one record of the file `name`."""
    record = member.record
    fields = record.fields
    exchange = Exchange(url="", request=b"", head=record.head, payload=b"", started_at=datetime.min)
    values = {
        "url": fields["warc-target-uri"],
        "mime": "warc/revisit"
        if record.type == "revisit"
        else exchange.media_type or fields.get("content-type", "unk"),
        "status": str(exchange.status) if record.head else "200",
        "digest": fields.get("warc-payload-digest", fields.get("warc-block-digest", "")),
        "length": str(member.end - member.offset),
        "offset": str(member.offset),
        "filename": name,
    }
    moment = datetime.fromisoformat(fields["warc-date"])
    return f"{surt(values['url'])} {moment:%Y%m%d%H%M%S} {json.dumps(values, ensure_ascii=False)}"


def _covered(lines: list[str]) -> int | None:
    """The byte after the last record that is listed; None when a line can't be read."""
    end = 0
    for line in lines:
        try:
            values = json.loads(line.split(" ", 2)[2])
            end = max(end, int(values["offset"]) + int(values["length"]))
        except (ValueError, IndexError, KeyError, TypeError):
            return None
    return end


def _replace(path: Path, lines: list[str]) -> None:
    fresh = path.with_name(path.name + ".new")
    try:
        with fresh.open("w", encoding="utf-8") as out:
            out.writelines(f"{line}\n" for line in lines)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(path)
    except OSError as error:
        raise ArchiveError(
            f"{path.name} lässt sich nicht schreiben: {error.strerror}",
            hint="freien Platz und Rechte prüfen: archive-pipeline doctor",
        ) from error
