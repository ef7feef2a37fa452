"""JSON Lines: one release a line, every field of `archive_pipeline.Release`."""

import json
from collections.abc import Iterator
from typing import TextIO

from pydantic import TypeAdapter

from archive_pipeline.model import Release

__all__ = ["JsonLines"]

RELEASE = TypeAdapter(Release)


class JsonLines:
    """Exporter `jsonl`; `schema` names the form of the line."""

    def export(self, releases: Iterator[Release], out: TextIO) -> int:
        """Write one line per release, return how many."""
        count = 0
        for release in releases:
            row = {"schema": "apl/release/1", **RELEASE.dump_python(release, mode="json")}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
        return count
