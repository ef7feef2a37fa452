"""Serve the sample site on the loopback interface, with the manners and oddities of real servers.

Conditional requests (ETag, Last-Modified, 304), gzip for one group, ISO-8859-1 for another, an HTML page for
unknown paths. For the demo and the tests only.
"""

import datetime
import gzip
import hashlib
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from archive_pipeline.sample import SAMPLE_FOLDER, SAMPLE_SITE
from archive_pipeline.sample.pages import SITE_ADDRESS
from archive_pipeline.sample.release_text import load_release_texts

_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".xml": "application/xml; charset=utf-8",
    ".atom": "application/atom+xml; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".eml": "message/rfc822",
    ".gz": "application/gzip",
}
_LATIN_1_FOLDERS = ("releases/verbaende/", "presse/verbaende/")
_COMPRESSED_FOLDERS = ("releases/land/", "presse/land/")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resource:
    body: bytes
    media_type: str
    etag: str
    last_modified: datetime.datetime | None
    compressible: bool


def _media_type(path: str) -> str:
    if path.startswith("feeds/") and path.endswith(".xml"):
        return "application/rss+xml; charset=utf-8"
    suffix = path[path.rfind(".") :]
    if suffix == ".html" and path.startswith(_LATIN_1_FOLDERS):
        return "text/html; charset=ISO-8859-1"
    return _MEDIA_TYPES[suffix]


def _modification_times() -> dict[str, datetime.datetime]:
    """Each dated release changed last at noon of its day; other paths have no time."""
    noon = datetime.time(12, tzinfo=datetime.UTC)
    prefix = SAMPLE_FOLDER.relative_to(SAMPLE_SITE).as_posix()
    return {
        f"{prefix}/{text.path}": datetime.datetime.combine(text.published, noon)
        for text in load_release_texts()
        if text.published
    }


def _resources(base_url: str) -> dict[str, _Resource]:
    """The site by path, with the placeholder address replaced in text and XML."""
    times = _modification_times()
    resources = {}
    for file in sorted(path for path in SAMPLE_SITE.rglob("*") if path.is_file()):
        path = file.relative_to(SAMPLE_SITE).as_posix()
        media_type = _media_type(path)
        body = file.read_bytes()
        if media_type.startswith("text/") or "xml;" in media_type:
            body = body.replace(SITE_ADDRESS.encode(), base_url.encode())
        resources[path] = _Resource(
            body=body,
            media_type=media_type,
            etag=hashlib.sha256(body).hexdigest()[:20],
            last_modified=times.get(path),
            compressible=path.startswith(_COMPRESSED_FOLDERS),
        )
    return resources


class _SampleServer(ThreadingHTTPServer):
    daemon_threads = True
    resources: Mapping[str, _Resource]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a client hangs up, which the crash tests do on purpose."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _SampleHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Beispielserver/1.0"
    sys_version = ""
    server: _SampleServer
    timeout = 10  # an idle kept-alive connection ends its thread
    disable_nagle_algorithm = True  # else each body waits 40 ms for the acknowledgement of its headers

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the console for the demo."""

    def _answer(self, *, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path).removeprefix("/")
        if not path or path.endswith("/"):
            path += "index.html"
        resource = self.server.resources.get(path)
        status = HTTPStatus.OK
        if resource is None:
            resource, status = self.server.resources["404.html"], HTTPStatus.NOT_FOUND
        compress = resource.compressible and "gzip" in self.headers.get("Accept-Encoding", "")
        etag = f'"{resource.etag}-gzip"' if compress else f'"{resource.etag}"'
        if status is HTTPStatus.OK and self._is_unchanged(resource, etag):
            status, with_body = HTTPStatus.NOT_MODIFIED, False
        body = gzip.compress(resource.body, mtime=0) if compress else resource.body
        self.send_response(status)
        if status is not HTTPStatus.NOT_FOUND:
            self._send_validators(resource, etag)
        if status is not HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Type", resource.media_type)
            self.send_header("Content-Length", str(len(body)))
            if compress:
                self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _send_validators(self, resource: _Resource, etag: str) -> None:
        self.send_header("ETag", etag)
        if resource.last_modified:
            self.send_header("Last-Modified", format_datetime(resource.last_modified, usegmt=True))
        if resource.compressible:
            self.send_header("Vary", "Accept-Encoding")

    def _is_unchanged(self, resource: _Resource, etag: str) -> bool:
        """RFC 9110, section 13.2.2: If-None-Match decides alone when it is there."""
        if (known := self.headers.get("If-None-Match")) is not None:
            return known.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in known.split(",")]
        since = self.headers.get("If-Modified-Since")
        if since is None or resource.last_modified is None:
            return False
        try:
            return resource.last_modified <= parsedate_to_datetime(since)
        except (ValueError, TypeError):  # not a date, or one without a zone
            return False


@contextmanager
def serve_sample(port: int = 0) -> Iterator[str]:
    """Serve the site on 127.0.0.1 while the context lasts; yields the base URL without final slash.

    `port` 0 takes any that is free. Raises OSError when the port is taken.
    """
    with _SampleServer(("127.0.0.1", port), _SampleHandler) as server:
        base_url = f"http://127.0.0.1:{server.server_port}"
        server.resources = _resources(base_url)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield base_url
        finally:
            server.shutdown()
            thread.join()
