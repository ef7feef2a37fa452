"""CSV: one release a row, tags as lists separated by `|`."""

import csv
from collections.abc import Iterator
from typing import TextIO

from archive_pipeline.model import Axis, Release, Role

__all__ = ["COLUMNS", "CommaSeparated"]

COLUMNS = (
    "id",
    "version",
    "derivation",
    "source",
    "url",
    "path",
    "title",
    "published",
    "captured_at",
    "language",
    "districts",
    "parties",
    "organisations",
    "topics",
    "text",
)
"""The columns, in this order. Districts, parties and organisations are those that issue or are the subject."""


class CommaSeparated:
    """Exporter `csv` (RFC 4180, UTF-8)."""

    def export(self, releases: Iterator[Release], out: TextIO) -> int:
        """Write a header and one row per release, return how many releases."""
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        count = 0
        for release in releases:
            article = release.article
            writer.writerow(
                [
                    release.id,
                    release.version_number,
                    release.derivation,
                    release.source_id,
                    release.url or "",
                    release.path or "",
                    article.title or "",
                    article.published.isoformat() if article.published else "",
                    release.captured_at.isoformat(),
                    article.language or "",
                    *(_values(release, axis) for axis in Axis),
                    article.text,
                ]
            )
            count += 1
        return count


def _values(release: Release, axis: Axis) -> str:
    return "|".join(tag.value for tag in release.tags if tag.axis == axis and tag.role != Role.MENTIONED)
