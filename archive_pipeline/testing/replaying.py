"""A fetch context without network: answers from bytes, from files, or from a WARC file that was recorded."""

import mimetypes
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urljoin

from archive_pipeline.errors import FetchError, TooLargeError, TransientFetchError
from archive_pipeline.model import Capture, CaptureResult, Gone, Item, Refused, Unmodified
from archive_pipeline.protocols import Connection
from archive_pipeline.testing.material import MOMENT, Answer, Reply, captured
from archive_pipeline.warc import WarcStore

__all__ = ["ReplayContext", "replay", "replay_warc"]

MAX_BYTES = 20_000_000
MAX_REDIRECTS = 5


class ReplayContext:
    """A `FetchContext` without network: answers by address, and remembers what was asked for and stored.

    An address without an answer gets `otherwise`. `asked` lists addresses in order, `stored` every capture handed out,
    `known` the keys that count as offered before.
    """

    def __init__(
        self,
        answers: Mapping[str, Answer],
        *,
        base: Path,
        max_bytes: int,
        otherwise: Answer,
        since: date | None = None,
    ) -> None:
        self._answers = answers
        self._otherwise = otherwise
        self._base = base
        self._max_bytes = max_bytes
        self._since = since
        self.asked: list[str] = []
        self.stored: list[Capture] = []
        self.known: set[str] = set()
        self._bookmark: str | None = None

    @property
    def base(self) -> Path:
        """The folder that relative paths of sources.toml are relative to."""
        return self._base

    @property
    def max_bytes(self) -> int:
        """The largest body the source allows, in bytes."""
        return self._max_bytes

    def get(self, url: str, *, item: Item | None = None, parent: Capture | None = None) -> CaptureResult:
        """The answer for this address. Raises it when it is an error, and TooLargeError."""
        self.asked.append(url)
        answer = self._answers.get(url, self._otherwise)
        if isinstance(answer, FetchError):
            raise answer
        if isinstance(answer, Gone | Refused | Unmodified):
            return answer
        reply = _reply(answer)
        capture = captured(
            reply.body,
            url=reply.target or url,
            media_type=reply.media_type,
            charset=reply.charset,
            headers=reply.headers,
            item=item,
            captured_at=reply.captured_at,
        )
        if parent is not None:
            capture = replace(capture, kind="attachment", parent=parent.record_id)
        return self._store(capture)

    def put(
        self,
        item: Item,
        body: bytes,
        *,
        media_type: str | None = None,
        parent: Capture | None = None,
        captured_at: datetime | None = None,
        head: bytes = b"",
    ) -> Capture:
        """The item's capture with these bytes. Raises TooLargeError."""
        target = f"urn:probe:{item.key}" if captured_at is None else item.url or item.key
        capture = captured(body, url=target, media_type=media_type or item.media_type, item=item)
        if captured_at is not None:
            capture = replace(capture, captured_at=captured_at)
        if parent is not None:
            capture = replace(capture, kind="attachment", parent=parent.record_id)
        return self._store(replace(capture, url=item.url))

    def connect(self, host: str, port: int, *, goodbye: bytes = b"") -> Connection:
        """Nobody answers but HTTP servers. Raises FetchError."""
        raise FetchError(f"{host}: hier gibt es nur Antworten von Webservern", url=host)

    def secret(self, name: str) -> str:
        """The secret's own name."""
        return name

    def is_known(self, key: str) -> bool:
        """Whether the key is among `known`."""
        return key in self.known

    @property
    def since(self) -> date | None:
        """The day from which on releases are wanted; None, unless the context was made for one: everything is."""
        return self._since

    @property
    def bookmark(self) -> str | None:
        """What was kept last."""
        return self._bookmark

    def keep_bookmark(self, bookmark: str) -> None:
        """Keep it for the next discovery with this context."""
        self._bookmark = bookmark

    def _store(self, capture: Capture) -> Capture:
        if len(capture.body) > self._max_bytes:
            raise TooLargeError(f"Der Inhalt ist größer als {self._max_bytes} Bytes", url=capture.target)
        self.stored.append(capture)
        return capture


def replay(
    answers: Mapping[str, Answer] | None = None,
    *,
    base: Path = Path(),
    max_bytes: int = MAX_BYTES,
    otherwise: Answer | None = None,
    since: date | None = None,
) -> ReplayContext:
    """A fetch context that answers from `answers`, and with "not found" (or `otherwise`) for any other address."""
    return ReplayContext(
        answers or {},
        base=base,
        max_bytes=max_bytes,
        otherwise=Gone("HTTP 404") if otherwise is None else otherwise,
        since=since,
    )


def replay_warc(path: Path) -> ReplayContext:
    """A fetch context that answers from a file that `plugins record` wrote, at the time it was written.

    What redirects led to is the answer of every address on the way. Raises FixityError when the file is damaged,
    FetchError when it holds no capture.
    """
    answers = recorded_answers(path)
    if not answers:
        raise FetchError(f"{path} enthält keine Erfassung", hint="archive-pipeline plugins record QUELLE")
    return replay(answers, base=path.parent)


def recorded_answers(path: Path) -> dict[str, Answer]:
    """The answers in a recorded file by address."""
    captures = {capture.target: capture for capture in _captures(path)}
    return {address: _answer(address, captures) for address in captures}


def _captures(path: Path) -> list[Capture]:
    """The captures of one file, verified. The store reads files where an archive keeps them."""
    if not path.is_file():
        raise FetchError(f"{path} fehlt", hint="archive-pipeline plugins record QUELLE")
    with TemporaryDirectory() as folder:
        place = Path(folder, "warc", "2000", "01", "archive-20000101000000-00000.warc.gz")
        place.parent.mkdir(parents=True)
        place.symlink_to(path.resolve())
        store = WarcStore(Path(folder), software="", operator="", clock=lambda: MOMENT)
        return [stored.capture for stored in store.captures()]


def _answer(address: str, captures: Mapping[str, Capture]) -> Answer:
    capture = captures[address]
    for _ in range(MAX_REDIRECTS):
        location = next((value for name, value in capture.headers if name.lower() == "location"), None)
        if not location or not 300 <= (capture.status or 0) < 400:
            break
        following = captures.get(urljoin(capture.target, location))
        if following is None:
            break
        capture = following
    status = capture.status or 200
    if status in (404, 410):
        return Gone(f"HTTP {status}")
    if status == 429 or status >= 500:
        return TransientFetchError(f"HTTP {status}", url=address)
    if status >= 300:
        return FetchError(f"HTTP {status}", url=address)
    return Reply(
        body=capture.body,
        media_type=capture.media_type,
        charset=capture.charset,
        headers=capture.headers,
        target=capture.target,
        captured_at=capture.captured_at,
    )


def _reply(answer: bytes | Path | Reply) -> Reply:
    if isinstance(answer, Reply):
        return answer
    if isinstance(answer, bytes):
        return Reply(body=answer)
    return Reply(body=answer.read_bytes(), media_type=mimetypes.guess_type(answer.name)[0] or "text/html")
