"""The original as it was captured: bytes that were published by others, and are never run."""

import re

from sqlite_utils import Database
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from archive_pipeline.archive.captures import CaptureRow, capture_rows
from archive_pipeline.archive.versions import Place, find_place, versions_of
from archive_pipeline.web.protection import SANDBOX_POLICY
from archive_pipeline.web.rendering import site_of
from archive_pipeline.web.viewer import visibility_of

__all__ = ["ENDINGS", "captured_document", "original"]

SHOWN = {"text/html", "text/plain", "application/xhtml+xml", "image/png", "image/jpeg", "image/gif", "image/webp"}
"""What a browser may show; everything else is handed over as a file."""

CHARSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")

ENDINGS = {
    "text/html": "html",
    "text/plain": "txt",
    "application/pdf": "pdf",
    "message/rfc822": "eml",
    "application/json": "json",
    "image/jpeg": "jpg",
    "image/png": "png",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.oasis.opendocument.text": "odt",
}
"""What the names of files end with."""


def original(request: Request) -> Response:
    """The bytes of one version, in a sandbox without scripts, forms or any request to others."""
    workspace, ref = site_of(request).workspace, request.path_params["ref"]
    with workspace.reading() as db:
        place = find_place(db, f"d/{ref}", visibility_of(request))
        row = captured_document(db, place)
    if row is None:
        raise HTTPException(404)
    capture = workspace.warc_store().read(row.warc_file, row.warc_offset)
    kind = (capture.media_type or "").lower()
    headers = {
        "content-security-policy": SANDBOX_POLICY,
        "x-frame-options": "SAMEORIGIN",
        "referrer-policy": "no-referrer",
        "cache-control": "private, max-age=300",
    }
    if kind not in SHOWN:
        ending = ENDINGS.get(kind, "bin")
        headers["content-disposition"] = f'attachment; filename="{place.release_id}.{ending}"'
        return Response(capture.body, media_type="application/octet-stream", headers=headers)
    served = "text/html" if kind == "application/xhtml+xml" else kind
    charset = capture.charset or ""
    headers["content-type"] = f"{served}; charset={charset}" if CHARSET.fullmatch(charset) else served
    return Response(capture.body, headers=headers)


def captured_document(db: Database, place: Place) -> CaptureRow | None:
    """The first capture of the document that a version was read from."""
    version = next(one for one in versions_of(db, place.release_id) if one.id == place.version_id)
    where = "release_id = ? AND sha256 = ? AND kind = 'document' ORDER BY captured_at LIMIT 1"
    return next(capture_rows(db, where, [place.release_id, version.sha256]), None)
