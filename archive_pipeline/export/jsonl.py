"""JSON Lines: one release a line, every field of `archive_pipeline.Release` and whatever an archive adds to it."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO

from pydantic import TypeAdapter

from archive_pipeline.model import Release

__all__ = ["JsonLines"]

RELEASE = TypeAdapter(Release)


def _nothing(release: Release) -> Mapping[str, Any]:
    return {}


class JsonLines:
    """Exporter `jsonl`; `schema` names the form of the line. `added` gives further fields of a release as JSON
    values."""

    def __init__(self, added: Callable[[Release], Mapping[str, Any]] = _nothing) -> None:
        self._added = added

    def export(self, releases: Iterator[Release], out: TextIO) -> int:
        """Write one line per release, return how many."""
        count = 0
        for release in releases:
            row = {
                "schema": "apl/release/1",
                **RELEASE.dump_python(release, mode="json"),
                "permalink": f"d/{release.id}@{release.version_id}.{release.derivation}",
                **self._added(release),
            }
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
        return count
