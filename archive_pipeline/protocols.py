"""What the pipeline asks of its parts: the contracts plugins are written against.

Every part is an ordinary object; the pipeline calls it in plain Python. Only values of `archive_pipeline.model`
cross these borders.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TextIO, runtime_checkable

from archive_pipeline.model import Article, Axis, Capture, CaptureResult, Doubt, Finding, Item, Release, Source
from archive_pipeline.query import Node

if TYPE_CHECKING:
    from lxml.html import HtmlElement
    from pydantic import BaseModel

__all__ = [
    "Classifier",
    "Cleaner",
    "Connection",
    "EngineHit",
    "EngineResult",
    "Explainer",
    "Exporter",
    "FacetCount",
    "FetchContext",
    "Fetcher",
    "Index",
    "IndexDocument",
    "IndexEngine",
    "Page",
    "SearchRequest",
]


class Connection(Protocol):
    """A connection to a server that does not speak HTTP, opened by `FetchContext.connect`."""

    @property
    def is_private(self) -> bool:
        """Whether the server stands in one's own network."""

    @property
    def is_open(self) -> bool:
        """Whether nobody has hung up here; after an error somebody has."""

    def expect(self, max_bytes: int) -> None:
        """Begin a question: its answer may have so many bytes, and the time that every answer has."""

    def read(self) -> bytes:
        """What has come, at least one byte; nothing when the server has hung up. Raises FetchError."""

    def write(self, data: bytes) -> None:
        """Send all of it. Raises FetchError."""

    def start_tls(self) -> None:
        """Encrypt what follows; the certificate must be the server's. Raises FetchError."""

    def close(self) -> None:
        """Hang up."""


class FetchContext(Protocol):
    """The only way for a fetcher to the network and into the archive.

    Everything it returns is already stored in WARC. Rate limits, size caps, robots.txt and address guards live
    behind it and can't be bypassed.
    """

    def get(self, url: str, *, item: Item | None = None, parent: Capture | None = None) -> CaptureResult:
        """Fetch one address. With `item` the answer is that item's capture, or with `parent` too, that of an
        attachment of `parent` whose key is `item.key`. Without, it is stored as evidence of discovery, and the answer
        is never Unmodified: what a server calls unmodified is given as it was stored. Requests are conditional, with
        an unconditional one now and then, as some servers' ETags lie. Raises FetchError."""

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
        """Store bytes that did not come over HTTP (a file, a mail) as the item's capture; with `parent` as an
        attachment of that capture.

        What another crawler captured keeps its own time with `captured_at` and is stored under `item.url`. With `head`
        it is an HTTP answer: the status line and fields as received, to the empty line; `body` is then its payload,
        still in the content coding that the head names. Raises TooLargeError, FetchError."""

    def connect(self, host: str, port: int, *, goodbye: bytes = b"") -> Connection:
        """The connection to a server that does not speak HTTP (mail), not yet encrypted. It stays open until the visit
        of the source is over, when `goodbye` is sent; asking again gives the same one unless it was closed. Raises
        RefusedError (no public address), FetchError."""

    def secret(self, name: str) -> str:
        """A password or token by its name, from the environment or the file of secrets. Raises ConfigError."""

    def is_known(self, key: str) -> bool:
        """Whether the source offered an item with this key in an earlier run: where a listing may stop."""

    @property
    def since(self) -> date | None:
        """The day from which on releases are wanted (`run --since`), or None for no limit."""

    @property
    def bookmark(self) -> str | None:
        """What the fetcher kept with `keep_bookmark` in an earlier run, or None."""

    def keep_bookmark(self, bookmark: str) -> None:
        """Keep a short text for the next run (a position in a mailbox, the page a backfill has reached). It is stored
        when discovery has ended without an error, together with the items discovered."""

    @property
    def base(self) -> Path:
        """The folder that relative paths of sources.toml are relative to."""

    @property
    def max_bytes(self) -> int:
        """The largest body the source allows, in bytes."""


class Fetcher(Protocol):
    """Lists what a source offers and captures it. Chosen by `fetcher = "name"`, else by the highest claim."""

    @property
    def options(self) -> "type[BaseModel]":
        """The source's settings for this fetcher: unknown keys of the source's table are validated against it."""

    def claims(self, url: str) -> int | None:
        """How well this fetcher fits the address (higher wins), or None if it doesn't. Looks at the address only."""

    def discover(self, source: Source, context: FetchContext) -> Iterable[Item]:
        """What the source offers now; stores nothing. Raises FetchError when the source can't be listed."""

    def capture(self, item: Item, source: Source, context: FetchContext) -> Iterable[CaptureResult]:
        """The item's bytes through the context; attachments follow and name their parent. Raises FetchError."""


class Page(Protocol):
    """A capture as cleaners see it: decoded and parsed once, on first use."""

    @property
    def capture(self) -> Capture:
        """The bytes and everything known about them."""

    @property
    def media_type(self) -> str:
        """The type of the content: what it is, not only what it was declared to be."""

    @property
    def text(self) -> str:
        """The decoded source text; of PDF, DOCX and mail the text they hold. Raises CleanError."""

    @property
    def tree(self) -> "HtmlElement | None":
        """The one parsed tree of an HTML page, else None. Cleaners must not change it."""


class Cleaner(Protocol):
    """One step of cleaning. Order slots: 50 guard, 100 site profile, 150 early facts, 200 extract, 250 rescue,
    300 boilerplate, 400 credits and contact, 500 default, 600 dates, 650 learned, 700 text, 900 language, 950 gate."""

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article after this step. Pure. Raises Skip, Quarantine or CleanError."""


class Classifier(Protocol):
    """Finds tags, persons or quotes in an article."""

    version: str
    """Stands in every tag as `name@version`; changes whenever results may change."""

    def classify(self, article: Article, source: Source) -> Sequence[Finding]:
        """What the article says, with evidence. Pure. Raises ClassifyError."""


@runtime_checkable
class Explainer(Protocol):
    """What a classifier may be besides: one that says what it considered and left out. `show --why` asks for it."""

    def doubts(self, article: Article, source: Source) -> Sequence[Doubt]:
        """Candidates that were considered and rejected, with reasons. Pure; may take longer than classifying."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexDocument:
    """One release as an engine sees it. `key` is the release id; tag tuples hold authority keys;
    the `_mentioned` tuples hold every role, the plain ones issuer and about only. `access` is the access level,
    `embargo` the end of an embargo as ISO 8601 in UTC."""

    key: str
    title: str
    text: str
    source: str
    captured: date
    published: date | None = None
    language: str | None = None
    access: str = "public"
    embargo: str | None = None
    district: tuple[str, ...] = ()
    district_mentioned: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    municipality: tuple[str, ...] = ()
    party: tuple[str, ...] = ()
    party_mentioned: tuple[str, ...] = ()
    organisation: tuple[str, ...] = ()
    topic: tuple[str, ...] = ()
    quotes: tuple[str, ...] = ()
    speakers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """What to find. `facets` names fields of FILTER_FIELDS, or "year" or "month" (2016-05) of publication; counts go
    over all hits."""

    node: Node
    sort: Literal["score", "newest", "oldest"] = "score"
    offset: int = 0
    limit: int = 10
    facets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineHit:
    """One hit: the release id and its score (higher is better; 0 for queries without words)."""

    key: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetCount:
    """How many of all hits carry `value` in a field."""

    value: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineResult:
    """One page of hits, the exact number of all hits and of those without a date of publication, and facet counts by
    field, most frequent first."""

    hits: tuple[EngineHit, ...]
    total: int
    undated: int = 0
    facets: tuple[tuple[str, tuple[FacetCount, ...]], ...] = ()


class Index(Protocol):
    """An open index. One process writes, many read."""

    def upsert(self, documents: Sequence[IndexDocument]) -> None:
        """Add or replace documents by key; visible after `commit`."""

    def delete(self, keys: Sequence[str]) -> None:
        """Remove documents by key; unknown keys are ignored."""

    def commit(self, seq: int) -> None:
        """Make changes durable and visible together with the archive's change number they reach up to."""

    def seq(self) -> int:
        """The change number of the last commit, 0 for a new index."""

    def count(self) -> int:
        """How many documents the index holds."""

    def search(self, request: SearchRequest) -> EngineResult:
        """Answer a query. Order: score, then newest, then key. Raises QueryError, IndexingError."""

    def forms(self, prefix: str) -> Sequence[str]:
        """The folded word forms of titles and texts that begin so, sorted; forms that stand in deleted documents only
        may be among them. Raises IndexingError."""

    def close(self) -> None:
        """Release files and locks; uncommitted changes are lost."""


class IndexEngine(Protocol):
    """Opens indexes of one kind."""

    version: str
    """Engine and analysis version; an index written by another version must be rebuilt."""

    def create(self, folder: Path) -> Index:
        """A new, empty index in `folder`, replacing what is there."""

    def open(self, folder: Path, *, writable: bool = False) -> Index:
        """The index in `folder`. Raises IndexingError when it is missing, damaged or of another version."""


class Exporter(Protocol):
    """Writes releases in one format."""

    def export(self, releases: Iterator[Release], out: TextIO) -> int:
        """Write all releases, return how many."""


AXES: tuple[Axis, ...] = tuple(Axis)
"""The axes in the order they are shown."""
