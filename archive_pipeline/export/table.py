"""Tables: one release a row, for spreadsheets (CSV) and for pandas, R and DuckDB (Parquet)."""

import csv
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from archive_pipeline.errors import MissingExtraError
from archive_pipeline.model import Axis, Release, Role

__all__ = ["COLUMNS", "CommaSeparated", "plain_cell", "write_parquet"]

TYPES = {
    "id": "VARCHAR",
    "permalink": "VARCHAR",
    "version": "INTEGER",
    "derivation": "INTEGER",
    "source": "VARCHAR",
    "access": "VARCHAR",
    "url": "VARCHAR",
    "path": "VARCHAR",
    "title": "VARCHAR",
    "published": "DATE",
    "captured_at": "TIMESTAMPTZ",
    "language": "VARCHAR",
    "districts": "VARCHAR[]",
    "parties": "VARCHAR[]",
    "organisations": "VARCHAR[]",
    "topics": "VARCHAR[]",
    "keywords": "VARCHAR[]",
    "corrections": "VARCHAR[]",
    "text": "VARCHAR",
}

COLUMNS = tuple(TYPES)
"""The columns, in this order. Districts, parties and organisations are those that issue or are the subject;
keywords are the subjects below the topics, corrections the notes of correction that belong to a release."""

Cell = str | int | list[str] | None


def _row(release: Release) -> dict[str, Cell]:
    article = release.article
    return {
        "id": release.id,
        "permalink": f"d/{release.id}@{release.version_id}.{release.derivation}",
        "version": release.version_number,
        "derivation": release.derivation,
        "source": release.source_id,
        "access": release.access,
        "url": release.url,
        "path": release.path,
        "title": article.title,
        "published": article.published.isoformat() if article.published else None,
        "captured_at": release.captured_at.isoformat(),
        "language": article.language,
        "districts": _values(release, Axis.DISTRICT),
        "parties": _values(release, Axis.PARTY),
        "organisations": _values(release, Axis.ORGANISATION),
        "topics": _values(release, Axis.TOPIC),
        "keywords": [keyword.label for tag in release.tags for keyword in tag.keywords],
        "corrections": [correction.text for correction in release.corrections],
        "text": article.text,
    }


def _values(release: Release, axis: Axis) -> list[str]:
    return [tag.value for tag in release.tags if tag.axis == axis and tag.role != Role.MENTIONED]


def plain_cell(text: str) -> str:
    """Text that no spreadsheet program takes for a formula: one that begins like it gets an apostrophe before
    (OWASP, CSV injection). Texts of strangers are opened in such programs."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


class CommaSeparated:
    """Exporter `csv` (RFC 4180, UTF-8): lists are separated by `|`, cells are `plain_cell`s."""

    def export(self, releases: Iterator[Release], out: TextIO) -> int:
        """Write a header and one row per release, return how many releases."""
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        count = 0
        for release in releases:
            cells = ("|".join(cell) if isinstance(cell, list) else cell for cell in _row(release).values())
            writer.writerow([plain_cell(cell) if isinstance(cell, str) else cell for cell in cells])
            count += 1
        return count


def write_parquet(releases: Iterator[Release], out: Path) -> int:
    """Write a Parquet file (compressed with zstd), return how many releases. Rows are collected in a file beside it, as
    DuckDB reads those without holding them in memory. Raises MissingExtraError without the extra `export`."""
    try:
        duckdb = importlib.import_module("duckdb")
    except ImportError as error:
        raise MissingExtraError(
            "Für diesen Befehl fehlt: pip install 'archive-pipeline[export]'",
            hint="oder als csv oder jsonl exportieren",
        ) from error
    rows = out.with_name(out.name + ".rows")
    count = 0
    try:
        with rows.open("w", encoding="utf-8") as lines:
            for release in releases:
                lines.write(json.dumps(_row(release), ensure_ascii=False) + "\n")
                count += 1
        _copy(duckdb.connect(":memory:"), rows, out)
    finally:
        rows.unlink(missing_ok=True)
    return count


def _copy(connection: object, rows: Path, out: Path) -> None:
    """One thread keeps the order of the rows, so the same releases give the same bytes."""
    execute = connection.execute  # type: ignore[attr-defined]
    execute("SET threads = 1")
    execute("SET TimeZone = 'UTC'")
    execute("SET memory_limit = '1GB'")
    names = ", ".join(f"{name}: '{kind}'" for name, kind in TYPES.items())
    execute(
        f"""COPY (SELECT * FROM read_json(?, format = 'newline_delimited', columns = {{{names}}},
                  maximum_object_size = 33554432))
            TO '{str(out).replace("'", "''")}' (FORMAT parquet, COMPRESSION zstd)""",
        [str(rows)],
    )
    connection.close()  # type: ignore[attr-defined]
