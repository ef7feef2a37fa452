"""The values that travel through the pipeline. All are frozen; a step returns a new value.

Nothing here reads a clock, a file or the network, and this module imports nothing of the package.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from textwrap import shorten
from typing import Literal, TypeVar

__all__ = [
    "Access",
    "Article",
    "Attachment",
    "Axis",
    "Capture",
    "CaptureKind",
    "CaptureResult",
    "Correction",
    "CorrectionKind",
    "Credit",
    "DocumentState",
    "DocumentStatus",
    "Doubt",
    "Evidence",
    "Failure",
    "FailureKind",
    "Finding",
    "Gone",
    "Item",
    "Keyword",
    "LearnedLine",
    "LearnedProfile",
    "Location",
    "Person",
    "Processed",
    "Quote",
    "Refused",
    "Release",
    "Removed",
    "Request",
    "RequestOutcome",
    "RobotsOverride",
    "Role",
    "RunReport",
    "Snooze",
    "Source",
    "SourceReport",
    "Tag",
    "TopicEvaluation",
    "TopicModel",
    "Unmodified",
    "Vocabulary",
    "VocabularyEntry",
    "heading",
]

OptionsT = TypeVar("OptionsT")

Access = Literal["public", "login", "onsite", "closed"]
"""Who may read a release: everybody, who has an account, who sits in the reading room, or archivists alone."""

CorrectionKind = Literal["correction", "gegendarstellung"]
"""`correction`: the publisher or the archive puts something right. `gegendarstellung`: a person's own account of facts
that a release states, as press and archive laws give a right to."""

CaptureKind = Literal["document", "attachment", "discovery"]
"""`document`: may become a release. `attachment`: came with a document, its `parent`, and is archived with it.
`discovery`: a feed or listing, kept as evidence only."""

FailureKind = Literal["error", "empty_selector", "needs_javascript"]
"""What sort of failure it was: `empty_selector` and `needs_javascript` mean that a site changed and its source needs
a person."""

RequestOutcome = Literal[
    "fetched", "unmodified", "redirect", "robots", "reservation", "rate-limited", "too-big", "gone", "error", "address"
]
"""How one request ended. `robots`, `reservation` and `address` (no public address) were not sent, or not kept, because
that is not permitted; `rate-limited` is HTTP 429, or 503 with Retry-After."""

DocumentStatus = Literal["accepted", "quarantined", "skipped", "failed"]
"""How cleaning and classifying one capture ended."""


DocumentState = Literal["no_text_layer"]
"""Why a document that belongs in the archive has no text: `no_text_layer` is a PDF that holds pictures alone."""


class Axis(StrEnum):
    """The four axes a release is tagged on."""

    DISTRICT = "district"
    PARTY = "party"
    ORGANISATION = "organisation"
    TOPIC = "topic"


class Role(StrEnum):
    """What a tagged value has to do with the release; topics are primary or secondary."""

    ISSUER = "issuer"
    ABOUT = "about"
    MENTIONED = "mentioned"
    PRIMARY = "primary"
    SECONDARY = "secondary"


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotsOverride:
    """The publisher's word that robots.txt does not hold for this archive: why, who gave it, and when."""

    reason: str
    granted_by: str
    date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Snooze:
    """A source whose health needs no attention up to and including the day `until`."""

    until: date
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedLine:
    """A line that a source sets before or behind the text of its releases: as it stood in the newest of the `releases`
    that have it. One that `stays` is left where it is, because a person wants that."""

    text: str
    place: Literal["head", "tail"]
    releases: int
    stays: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedProfile:
    """What was learned from the releases of one source, numbered from 1 and never changed; a new one takes its place.

    `releases` is how many different texts it was learned from, `software` what learned it.
    """

    source_id: str
    number: int
    lines: tuple[LearnedLine, ...]
    releases: int
    software: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicEvaluation:
    """How well a topic model and the lexicon did on the same releases, which neither the model nor its settings had
    seen: shares between 0 and 1. `releases` is their number; primary accuracy counts the main topic, `f1` (micro) every
    topic with a score of 0.5 or more."""

    releases: int
    model_primary: float
    model_f1: float
    lexicon_primary: float
    lexicon_f1: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TopicModel:
    """A linear model of topics that was learned from what people decided in one archive, numbered from 1 and never
    changed.

    The score of topic i is `1 / (1 + exp(-(slope * z + offset)))`, with z the i-th intercept plus, for each feature,
    its value times its i-th weight. `idf` holds the inverse document frequency of the features that are words.
    `digest` is the SHA-256 of everything else but the number, in hex; `lexicon` is the version of the vocabularies and
    of the analysis of words that the features come from, `data` the digest of what was learned from. `decided` and
    `weak` count, for each topic, releases that people decided on and such as the lexicon alone is sure of.
    """

    number: int
    digest: str
    topics: tuple[str, ...]
    intercepts: tuple[float, ...]
    idf: Mapping[str, float]
    weights: Mapping[str, tuple[float, ...]]
    slope: float
    offset: float
    lexicon: str
    data: str
    software: str
    decided: Mapping[str, int]
    weak: Mapping[str, int]
    evaluation: TopicEvaluation

    @property
    def name(self) -> str:
        """What tags name it by: `topic-model@3+1f0c9b2d`."""
        return f"topic-model@{self.number}+{self.digest[:8]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source of press releases: its table in sources.toml, validated.

    `district` is a five-digit AGS key, `party` and `organisation` are slugs of the vocabularies. `gate` False
    archives what the quality gate would quarantine. `schedule` says when `run --due` visits the source, `expected` how
    long it may be without a new release before it counts as quiet (`14d`), `budget` how many items one run captures at
    most. `retention` is how long its releases are kept (`10y`, `forever`). `profile` is what was learned from its
    releases and `topic_model` what was learned from all; the archive adds both. `options` is an instance of the
    fetcher's own settings class; read it with `options_as`.
    """

    id: str
    title: str = ""
    fetcher: str | None = None
    url: str | None = None
    path: str | None = None
    schedule: str | None = None
    expected: str | None = None
    budget: int | None = None
    district: str | None = None
    party: str | None = None
    organisation: str | None = None
    language: str = "de"
    access: Access = "public"
    legal_basis: str | None = None
    robots_override: RobotsOverride | None = None
    snooze: Snooze | None = None
    appraisal: str | None = None
    responsible: str | None = None
    capture_scope: str | None = None
    call_number: str | None = None
    retention: str | None = None
    enabled: bool = True
    gate: bool = True
    profile: LearnedProfile | None = None
    topic_model: TopicModel | None = None
    options: object = None

    def options_as(self, kind: type[OptionsT]) -> OptionsT:
        """The options as the fetcher's own class; raises TypeError when another fetcher validated them."""
        if not isinstance(self.options, kind):
            raise TypeError(f"source {self.id!r} carries {type(self.options).__name__}, not {kind.__name__}")
        return self.options


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing a source offers now.

    `key` names it within its source and never changes: its address, or its path relative to the source's folder.
    `fingerprint` is what the source says about its state (modification time, feed entry); an item whose
    fingerprint is the one last captured is not captured again. None means: the source doesn't say.
    """

    source_id: str
    key: str
    url: str | None = None
    title: str | None = None
    published: str | None = None
    media_type: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """Bytes as they were published, already stored in a WARC file.

    `body` is the decoded body (transfer and content encoding removed), `sha256` its hash in hex. `target` is
    the address, or a `urn:` relative to the source for files. `media_type` carries no parameters; `charset` is
    the one the transport declared. `record_id` is the WARC-Record-ID; `warc_file` is relative to the archive's
    folder and `warc_offset` the byte where the compressed record begins. `parent` is the record an
    attachment came with. `title`, `published` are hints of the source (feed entry, mail header), `fingerprint` is
    the item's when it was captured. `reservation` is what the publisher reserved for machines, as declared with the
    bytes or for the whole site. `complete` is False for an answer that is kept as evidence alone, never as what stands
    at the address: it was cut off, could not be decoded, or rights in it are reserved.
    """

    source_id: str
    key: str
    target: str
    body: bytes
    sha256: str
    captured_at: datetime
    record_id: str
    url: str | None = None
    kind: CaptureKind = "document"
    media_type: str | None = None
    charset: str | None = None
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    warc_file: str = ""
    warc_offset: int = 0
    parent: str | None = None
    title: str | None = None
    published: str | None = None
    fingerprint: str | None = None
    reservation: str | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Unmodified:
    """The source says the item is as it was captured last (HTTP 304). `capture` is that capture with its body, where
    the context has it at hand: what was attached to a page is asked for again with the page."""

    capture: Capture | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Gone:
    """The item is no longer there (HTTP 404, 410; a deleted file)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Fetching is not permitted; counted, but no failure."""

    reason: str


CaptureResult = Capture | Unmodified | Gone | Refused
"""What asking for one item can end in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """A photo credit or a caption."""

    kind: Literal["photo", "caption"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """Text a cleaning rule took out of the body: the rule's name, the text, and the offset it had in
    the body the rule received (code points)."""

    rule: str
    text: str
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """A cleaned press release.

    Paragraphs of `text` are separated by one empty line. `published_source` says where the date was found
    (`json-ld`, `meta`, `time`, `url`, `label`, `text`, `hint`, `header`). `modified` is a later day on which the
    publisher changed the release, `number` the one the press office gave it ("123/2026"), both as the document says.
    `media_type` is that of the capture, `profile` the number of the learned profile it was cleaned with.
    `pages` are the offsets in `text` at which its pages begin, the first one 0; empty where a document has no pages.
    `state` says why there is no text, where that is no fault of the cleaning.
    """

    text: str = ""
    title: str | None = None
    subtitle: str | None = None
    teaser: str | None = None
    published: date | None = None
    published_confidence: Literal["high", "low"] | None = None
    published_source: str | None = None
    modified: date | None = None
    number: str | None = None
    author: str | None = None
    agency: str | None = None
    dateline: str | None = None
    source_line: str | None = None
    contact: str | None = None
    boilerplate: str | None = None
    embargo: str | None = None
    embargo_until: datetime | None = None
    credits: tuple[Credit, ...] = ()
    language: str | None = None
    language_score: float | None = None
    url: str | None = None
    media_type: str | None = None
    profile: int | None = None
    pages: tuple[int, ...] = ()
    state: DocumentState | None = None
    notes: tuple[str, ...] = ()
    removed: tuple[Removed, ...] = ()

    @property
    def heading(self) -> str:
        """What lists call it: its title, or where it has none its first words."""
        return heading(self.title, self.text)

    def page_at(self, offset: int) -> int | None:
        """The number of the page on which the character at an offset in `text` stands, from 1; None without pages."""
        return bisect_right(self.pages, offset) or None


_HEADING_WIDTH, _HEADING_TEXT = 70, 400


def heading(title: str | None, text: str) -> str:
    """The title, or one supplied from the first words of the text: in square brackets, as ISBD and RNA mark what an
    archive adds to a document without a title."""
    if title:
        return title
    beginning = shorten(text[:_HEADING_TEXT], _HEADING_WIDTH, placeholder=" …")
    return f"[{beginning}]" if beginning.strip(" …") else "[ohne Titel]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A span of an article that speaks for a tag, in code points: `article.text[start:end] == text`,
    or of `article.title` when `field` is "title"."""

    start: int
    end: int
    text: str
    field: Literal["text", "title"] = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyword:
    """A subject below a topic, with its ids: `wikidata` (Q…), `gnd`, and `nwbib`, the concept of the
    Nordrhein-Westfälische Bibliographie. `evidence` is where it stands first."""

    label: str
    wikidata: str | None = None
    gnd: str | None = None
    nwbib: str | None = None
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """One statement about a release: `value` is an authority key, `label` is for people.

    `score` is a probability; below 0.5 it is a suggestion for review. `by` is `classifier@version`.
    `municipalities` are the eight-digit AGS keys through which a district was found.
    """

    axis: Axis
    value: str
    label: str
    role: Role
    score: float
    by: str
    evidence: tuple[Evidence, ...]
    municipalities: tuple[str, ...] = ()
    keywords: tuple[Keyword, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A candidate that a classifier considered and did not tag, or not in the role one might expect: why, in words for
    people. `value` is None where a name may mean several. `evidence` is what suggested it."""

    axis: Axis
    value: str | None
    label: str
    reason: str
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An office-holder or spokesperson named in `article.text[start:end]`, with office or function and party."""

    name: str
    role: str | None
    party: str | None
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Direct speech in `article.text[start:end]`, with its speaker where one is named."""

    text: str
    speaker: str | None
    start: int
    end: int


Finding = Tag | Person | Quote
"""What a classifier may return."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why one document or source failed: the stage, the reason in words, the next step, and the plugin if one is to
    blame."""

    source_id: str
    key: str
    stage: Literal["discover", "capture", "clean", "classify", "archive"]
    reason: str
    plugin: str | None = None
    hint: str = ""
    kind: FailureKind = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One line of the request log: what was asked of the network, and how it ended.

    `at` is UTC, `received` the bytes of the body as received, `seconds` the time from sending to the end of the answer
    (waiting for one's turn not included). `detail` says why when it was not simply fetched. A request that was not
    sent has no status.
    """

    source_id: str
    url: str
    at: datetime
    outcome: RequestOutcome
    status: int | None = None
    received: int = 0
    seconds: float = 0.0
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Processed:
    """One capture, cleaned and classified. `reason` is set unless the status is "accepted"; `article` is
    None only where no text could be read. `failures` names the step that failed; an accepted document may carry
    those of classifiers, whose tags are then missing. `timings` are milliseconds by step."""

    status: DocumentStatus
    reason: str | None = None
    article: Article | None = None
    failures: tuple[Failure, ...] = ()
    tags: tuple[Tag, ...] = ()
    persons: tuple[Person, ...] = ()
    quotes: tuple[Quote, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """One place where a release was found: an address, or the path of a file or mail within its source. `first_seen`
    is UTC."""

    source_id: str
    key: str
    url: str | None
    first_seen: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A note that is shown with a release wherever the release is. `id` is that of the decision, `noted_at` is UTC."""

    id: str
    kind: CorrectionKind
    text: str
    url: str | None
    noted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A document that came with a release and is kept in the WARC record `record_id`; `name` is its address, or its
    path within its source."""

    name: str
    media_type: str | None
    sha256: str
    record_id: str
    captured_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release as the archive holds it: identity, current version and derivation, article and tags.

    `id` comes from the first canonical address (files: source id and relative path), `version_id` from the
    bytes of that version; `derivation` counts from 1 within the version. `locations` are all places where it was found,
    the first first.
    """

    id: str
    source_id: str
    version_id: str
    version_number: int
    derivation: int
    url: str | None
    path: str | None
    captured_at: datetime
    access: Access
    article: Article
    tags: tuple[Tag, ...]
    persons: tuple[Person, ...] = ()
    quotes: tuple[Quote, ...] = ()
    locations: tuple[Location, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    corrections: tuple[Correction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """What one run did with one source; counts of items, `seconds` of wall time since `started_at` (UTC).

    `seen` are items offered or looked at again; the other counts say how each of them ended.

    `no_text_layer` counts those among the new and changed ones that hold pictures alone.
    `rechecked` counts known releases that were looked at again, `requests` and `received` what went over the network
    (bytes of bodies as received).
    """

    source_id: str
    started_at: datetime | None = None
    seen: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    quarantined: int = 0
    skipped: int = 0
    refused: int = 0
    gone: int = 0
    failed: int = 0
    no_text_layer: int = 0
    rechecked: int = 0
    requests: int = 0
    received: int = 0
    seconds: float = 0.0
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What one run did; `exit_code` is 3 when anything failed."""

    run_id: str
    started_at: datetime
    finished_at: datetime
    sources: tuple[SourceReport, ...]
    exit_code: int

    def total(self, count: str) -> int:
        """The sum of one count over all sources, e.g. `total("new")`."""
        return sum(getattr(report, count) for report in self.sources)


@dataclass(frozen=True, slots=True, kw_only=True)
class VocabularyEntry:
    """One authority record: a party, an organisation, a topic, a place.

    `surfaces` are names that are safe anywhere; `weak_surfaces` count only in context. `adjectives` are the adjective
    and inhabitant forms of a place: "Heinsberger" never changes, "lippisch" takes endings. `district` binds a body to a
    place (five-digit AGS key). `valid_from`/`valid_to` are ISO dates or years, `successors` the keys of what took its
    place, the most important first. `weights` are terms of a topic with the weight each has.
    """

    axis: Axis
    value: str
    label: str
    surfaces: tuple[str, ...] = ()
    weak_surfaces: tuple[str, ...] = ()
    kind: str | None = None
    parent: str | None = None
    district: str | None = None
    wikidata: str | None = None
    gnd: str | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    adjectives: tuple[str, ...] = ()
    successors: tuple[str, ...] = ()
    weights: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """A named, versioned set of authority records with the licence line of its facts. `axis` is that of all its
    entries where they share one: whoever needs another need not look at them, and they may be read only then."""

    name: str
    version: str
    licence: str
    entries: Sequence[VocabularyEntry]
    axis: Axis | None = None
