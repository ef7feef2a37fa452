"""Hits to take along: all of them, in a format of the exporters."""

import tempfile
from collections.abc import Iterator
from datetime import date
from io import TextIOWrapper
from itertools import chain
from typing import IO, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from archive_pipeline.archive.reading import load_releases
from archive_pipeline.export.citations import Citations
from archive_pipeline.protocols import Exporter
from archive_pipeline.searching import open_search
from archive_pipeline.web.asking import Asked
from archive_pipeline.web.cards import source_titles
from archive_pipeline.web.rendering import Site, site_of
from archive_pipeline.web.viewer import visibility_of

__all__ = ["FORMATS", "chunks", "exporter_of", "hits"]

FORMATS = {
    "csv": ("csv", "text/csv; charset=utf-8"),
    "jsonl": ("jsonl", "application/x-ndjson"),
    "bibtex": ("bib", "application/x-bibtex; charset=utf-8"),
    "ris": ("ris", "application/x-research-info-systems; charset=utf-8"),
    "csl-json": ("json", "application/vnd.citationstyles.csl+json"),
}
"""The exporters that the results page offers, each with the ending and media type of its files."""

IN_MEMORY = 1 << 20
CHUNK = 1 << 16
BATCH = 200


def hits(request: Request) -> Response:
    """All hits of a search in one format, as a file."""
    site, form = site_of(request), request.path_params["form"]
    if form not in FORMATS:
        raise HTTPException(404)
    asked, seen = Asked.read(request.query_params), visibility_of(request)
    exporter = exporter_of(site, form)
    with open_search(site.workspace, seen) as search:
        keys = search.keys(asked.query, today=date.today())
    file = cast(IO[bytes], tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115 - closed when it was sent
    out = TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    with site.workspace.reading() as db:
        batches = (load_releases(db, keys[start : start + BATCH], seen) for start in range(0, len(keys), BATCH))
        exporter.export(chain.from_iterable(batches), out)
    out.detach()
    ending, media_type = FORMATS[form]
    return StreamingResponse(
        chunks(file),
        media_type=media_type,
        headers={"content-disposition": f'attachment; filename="{_name(site)}.{ending}"'},
    )


def exporter_of(site: Site, form: str) -> Exporter:
    """The exporter of a format; one of citations names the archive and its sources."""
    exporter: Exporter = site.workspace.plugins.exporters[form]
    if isinstance(exporter, Citations):
        return exporter.of_archive(site.title or "Pressearchiv", source_titles(site))
    return exporter


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """A file that was written, to be sent; it is closed behind the last piece."""
    with file:
        file.seek(0)
        while chunk := file.read(CHUNK):
            yield chunk


def _name(site: Site) -> str:
    """The archive's name as part of a file name."""
    name = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in site.title)
    return name.strip("-").lower() or "treffer"
