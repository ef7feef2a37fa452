"""The WARC and CDXJ files of an export."""

from collections.abc import Iterator
from pathlib import Path

from archive_pipeline.archive.extracts import chosen_captures, chosen_ids
from archive_pipeline.exchange.export_job import BEGINNING, ExportJob
from archive_pipeline.exchange.extracting import Held, all_groups, sorted_lines
from archive_pipeline.warc.cdxj import cdxj_line
from archive_pipeline.warc.record import Member, members
from archive_pipeline.warc.transfer import WarcCopy
from archive_pipeline.workspace import SOFTWARE

__all__ = ["cdxj_name", "write_captures", "write_cdxj"]


def cdxj_name(out: Path) -> str:
    """The name of the lines beside a WARC file."""
    return out.name.removesuffix(".gz").removesuffix(".warc") + ".cdxj"


def write_cdxj(job: ExportJob, out: Path) -> None:
    """Lines of the archive's own WARC files, whose names are relative to its data folder."""

    def lines() -> Iterator[str]:
        for place in chosen_captures(job.db):
            found = next(members(job.workspace.data / place.warc_file, place.warc_offset), None)
            if isinstance(found, Member):
                yield cdxj_line(place.warc_file, found)

    _write_lines(sorted_lines(lines()), out)


def _write_lines(lines: Iterator[str], out: Path) -> None:
    with out.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(f"{line}\n" for line in lines)


def write_captures(job: ExportJob, out: Path, held: dict[str, list[Held]] | None = None) -> None:
    """A WARC file and its CDXJ lines; `held` gets where in it the captures of each release lie."""
    archive = job.workspace.config.archive
    places: dict[str, dict[str, int]] = {}

    def lines() -> Iterator[str]:
        with out.open("wb") as stream:
            at = job.state.at or BEGINNING
            copy = WarcCopy(stream, name=out.name, software=SOFTWARE, operator=archive.contact or "", at=at)
            for release_id, place, group in all_groups(job.db, job.workspace.data, chosen_ids(job.db)):
                found: list[str] = []
                if group is not None:
                    start, length, found = copy.add(group)
                    if held is not None:
                        places[place.record_id] = {"offset": start, "length": length}
                if held is not None:
                    held.setdefault(release_id, []).append((place, places[place.record_id]))
                yield from found

    _write_lines(sorted_lines(lines()), out.with_name(cdxj_name(out)))
