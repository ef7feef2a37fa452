"""What the suites feed to plugins: an invented release, and bodies that no part of a pipeline may stumble over."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from archive_pipeline.clean import CapturePage
from archive_pipeline.errors import FetchError
from archive_pipeline.model import Article, Capture, Gone, Item, Refused, Unmodified

__all__ = ["BODIES", "MEDIA_TYPES", "MOMENT", "PAGE", "RELEASE", "Answer", "Reply", "captured", "page_of"]

MOMENT = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)
"""When everything here was captured."""

PAGE = "https://presse.example/meldung"
"""Where it comes from."""

RELEASE = Article(
    title="Neue Beratungsstelle für Zugewanderte in Lage",
    text="Lage. Der Kreis Lippe und die Stadt Lage eröffnen am Montag eine Beratungsstelle für Zugewanderte. Sie hilft "
    "bei Anträgen, Sprachkursen und der Suche nach Arbeit.\n\n"
    "„Wer neu ist, soll nicht von Tür zu Tür geschickt werden“, sagt Bürgermeisterin Petra Musterfrau (SPD). Auch das "
    "Deutsche Rote Kreuz und die Arbeiterwohlfahrt bieten dort Sprechstunden an.\n\n"
    "Geöffnet ist montags bis freitags von neun bis zwölf Uhr, eine Anmeldung ist nicht nötig.",
    language="de",
    media_type="text/html",
    url="https://presse.example/meldung",
)
"""A release as the later steps of the pipeline see one. Its contents are invented."""

_PARAGRAPHS = "".join(f"<p>{paragraph}</p>\n" for paragraph in RELEASE.text.split("\n\n"))
_HTML = (
    f"<!DOCTYPE html><html lang='de'><head><title>{RELEASE.title}</title></head><body><nav><a href='/'>Start</a></nav>"
    f"<main><h1>{RELEASE.title}</h1>{{}}</main><footer><a href='/impressum'>Impressum</a></footer></body></html>"
)

BODIES: Mapping[str, bytes] = {
    "page": _HTML.format(_PARAGRAPHS).encode(),
    "text": f"{RELEASE.title}\n\n{RELEASE.text}\n".encode(),
    "empty": b"",
    "blank": b" \r\n\t ",
    "binary": bytes(range(256)) * 40,
    "latin-1": _HTML.format(_PARAGRAPHS).encode("latin-1", errors="xmlcharrefreplace"),
    "wrong bytes": _HTML.format(_PARAGRAPHS).encode()[:-200] + b"\xff\xfe\x80",
    "broken off": _HTML.format(_PARAGRAPHS).encode()[:400],
    "nested": b"<html><body>" + b"<div>" * 3000 + b"Text",
    "json": b'{"code": "not_found", "data": [[[[null]]]]}',
    "xml": b'<?xml version="1.0"?><rss version="2.0"><channel><item><title>&nbsp;<link></item>',
    "huge": _HTML.format(_PARAGRAPHS * 400).encode(),
}
"""What a server may send: two good documents, and what no part of a pipeline may stumble over."""

MEDIA_TYPES: Mapping[str, str] = {
    "text": "text/plain",
    "json": "application/json",
    "xml": "application/rss+xml",
    "binary": "application/octet-stream",
}
"""The types of the bodies that are no HTML. Servers also send each of them as HTML."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer with everything a server says about it. The names of `headers` may be in any case. `target` is the
    address it came from where that is not the one asked for, after a redirect."""

    body: bytes
    media_type: str | None = "text/html"
    charset: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    target: str | None = None
    captured_at: datetime = MOMENT


Answer = bytes | Path | Reply | Gone | Refused | Unmodified | FetchError
"""What a replayed request ends in: a body, a file's content, a whole reply, a refusal, an error that is raised."""


def captured(
    body: bytes,
    *,
    url: str = PAGE,
    media_type: str | None = "text/html",
    charset: str | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    item: Item | None = None,
    captured_at: datetime = MOMENT,
) -> Capture:
    """A capture of these bytes, as a fetch context returns one."""
    sha256 = hashlib.sha256(body).hexdigest()
    return Capture(
        source_id=item.source_id if item else "probe",
        key=item.key if item else url,
        target=url,
        body=body,
        sha256=sha256,
        captured_at=captured_at,
        record_id=uuid5(NAMESPACE_URL, f"{url}#{sha256}").urn,
        url=(item.url if item else None) or url,
        kind="document" if item else "discovery",
        media_type=media_type,
        charset=charset,
        status=200,
        headers=headers,
        title=item.title if item else None,
        published=item.published if item else None,
        fingerprint=item.fingerprint if item else None,
    )


def page_of(
    body: bytes,
    *,
    url: str = PAGE,
    media_type: str | None = "text/html",
    charset: str | None = None,
    captured_at: datetime = MOMENT,
) -> CapturePage:
    """The page that cleaners see of these bytes."""
    return CapturePage(captured(body, url=url, media_type=media_type, charset=charset, captured_at=captured_at))
