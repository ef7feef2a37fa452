"""The forms of answers that are not simply values of the archive."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from archive_pipeline.archive.health import HealthState
from archive_pipeline.archive.review import Reason
from archive_pipeline.archive.takedown import CaseState
from archive_pipeline.model import Access, Axis, DocumentState, Failure, Role, Tag

__all__ = [
    "Change",
    "Citations",
    "Compared",
    "Counted",
    "Decided",
    "Event",
    "Facets",
    "FieldChange",
    "Found",
    "FoundPassage",
    "FoundRelease",
    "FrozenSet",
    "Landing",
    "MemberRow",
    "Named",
    "NamedRelease",
    "NewHit",
    "PersonLanding",
    "ReleaseRow",
    "Reused",
    "ReviewCase",
    "Run",
    "RunRow",
    "Saved",
    "Self",
    "SetDifference",
    "SharedPassageRow",
    "SourceRow",
    "Spoken",
    "Tags",
    "TakedownCase",
    "TakedownStepRow",
    "TimelineBin",
    "TimelineCounts",
    "Value",
    "Verified",
    "Version",
    "VisitRow",
]


class Form(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Id = Annotated[str, Field(description="id of a release, as in d/ID")]


class FoundPassage(Form):
    """A passage of a release: `highlights` are spans of `text`, `start` is where it stands in the release's text."""

    text: str
    start: int
    page: int | None
    highlights: list[tuple[int, int]]


class FoundRelease(Form):
    """One hit."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: Id
    url: str | None
    path: str | None
    title: str
    published: date | None
    captured: Moment | None
    source: str
    score: float
    state: DocumentState | None
    access: Access
    embargo_until: Moment | None
    snippets: list[FoundPassage]


class Counted(Form):
    """How many of all hits carry a value."""

    value: str
    label: str
    count: int


class Found(Form):
    """The object of `search --json`, with the cursor of the next page."""

    model_config = ConfigDict(frozen=True, extra="allow")

    query: str
    understood: str
    notes: list[str]
    total: int
    undated: int
    mentioned_only: int
    match: Literal["all", "any"]
    hits: list[FoundRelease]
    suggestion: str | None
    next_cursor: str | None
    seq: int
    changed: bool
    facets: dict[str, list[Counted]]


class Facets(Form):
    """Counts over all hits."""

    query: str
    understood: str
    total: int
    undated: int
    facets: dict[str, list[Counted]]


class TimelineBin(Form):
    """One count; `volume` is what the archive has there at all, `share` the count by it."""

    period: str | None
    group: Counted | None
    count: int
    volume: int
    share: float | None


class TimelineCounts(Form):
    """How often something was written over time. Undated releases stand in no period."""

    query: str
    understood: str
    notes: list[str]
    histogram: Literal["year", "month"] | None
    by: str | None
    basis: str
    total: int
    undated: int
    volume: int
    undated_volume: int
    rows: list[TimelineBin]


class ReleaseRow(Form):
    """A release in the order of changes: `seq` grows with every change of the archive."""

    seq: int
    id: Id
    permalink: str
    source: str
    title: str | None
    published: date | None
    url: str | None
    access: Access
    captured_at: datetime


class Version(Form):
    """What the publisher had at the address at a time. `derivation` is the newest of its `derivations`."""

    id: str
    number: int
    permalink: str
    captured_at: datetime
    sha256: str
    derivation: int
    derivations: int
    software: str
    profile: int | None
    published: date | None
    modified: date | None
    is_current: bool


class Change(Form):
    """One change: spans of the two texts in code points, and their words."""

    kind: Literal["insert", "delete", "replace"]
    before: tuple[int, int]
    after: tuple[int, int]
    before_text: str
    after_text: str


class FieldChange(Form):
    """A field besides the text that differs."""

    name: str
    before: str | None
    after: str | None


class Compared(Form):
    """Two versions, word by word. `same_rules` is False where they were not cleaned alike: then some of it may come
    from that, not from the publisher."""

    before: str
    after: str
    same_rules: bool
    fields: list[FieldChange]
    changes: list[Change]


class Tags(Form):
    """The tags that count, each with its evidence, and those too unsure to."""

    permalink: str
    tags: list[Tag]
    suggestions: list[Tag]


class SharedPassageRow(Form):
    """A passage as it stands here and there."""

    here: tuple[int, int]
    there: tuple[int, int]
    here_text: str
    there_text: str
    words: int
    is_quote: bool


class Reused(Form):
    """What a release shares with another one. `is_certain` is False where the order of the two rests on when they were
    captured."""

    other: str
    title: str | None
    source: str
    url: str | None
    published: date | None
    kind: str
    other_is_earlier: bool
    basis: str
    is_certain: bool
    similarity: float
    share: float
    words: int
    passages: list[SharedPassageRow]


class Event(Form):
    """Something that happened to a release (PREMIS terms). Persons are named to archivists only."""

    type: str
    at: datetime
    agent: str | None
    outcome: str
    detail: str | None


class Citations(Form):
    """One citation, as text in each format and as a CSL-JSON item."""

    permalink: str
    bibtex: str
    ris: str
    csl_json: dict[str, object]


class Value(Form):
    """A value of an axis and how many releases carry it."""

    axis: Axis
    value: str
    label: str
    count: int


class Landing(Form):
    """A value of an axis: who or what it is, when releases carry it, and with what."""

    axis: Axis
    value: str
    label: str
    total: int
    undated: int
    successors: list[str]
    years: dict[str, int]
    months: dict[str, int]
    beside: dict[str, list[Counted]]
    newest: list[FoundRelease]


class Named(Form):
    """Somebody whom releases name, with the office and party that stand there most recently."""

    name: str
    role: str | None
    party: str | None
    releases: int


class NamedRelease(Form):
    """A release that names a person."""

    id: Id
    published: date | None
    role: str | None
    party: str | None


class Spoken(Form):
    """Direct speech of a person."""

    release: str
    title: str | None
    published: date | None
    text: str


class PersonLanding(Form):
    """A person: where named, and what quoted with."""

    name: str
    total: int
    releases: list[NamedRelease]
    quotes: list[Spoken]


class SourceRow(Form):
    """A source: what the archive holds of it that the one who asks may see, and how it does. Since when, and why it
    does badly, is told to archivists only: it may tell of releases that are not for everybody."""

    id: str
    title: str
    url: str | None
    district: str | None
    party: str | None
    organisation: str | None
    access: Access
    legal_basis: str | None
    appraisal: str | None
    enabled: bool
    configured: bool
    releases: int
    health: HealthState | Literal["overdue"] | None
    since: datetime | None
    cause: str | None
    remedy: str | None
    last_new_at: datetime | None
    next_visit_at: datetime | None


class RunRow(Form):
    """A run with the sums over its sources; without end it goes on, or was broken off. `new` and `changed` count what
    the one who asks may see; `failed` is told to archivists only."""

    id: str
    command: str
    started_at: datetime
    finished_at: datetime | None
    exit_code: int | None
    sources: int
    new: int
    changed: int
    failed: int | None


class VisitRow(Form):
    """What a run did with one source. Everything but `new` and `changed` is told to archivists only."""

    source_id: str
    started_at: datetime | None
    new: int
    changed: int
    seen: int | None = None
    unchanged: int | None = None
    quarantined: int | None = None
    skipped: int | None = None
    refused: int | None = None
    gone: int | None = None
    failed: int | None = None
    no_text_layer: int | None = None
    rechecked: int | None = None
    requests: int | None = None
    received: int | None = None
    seconds: float | None = None


class Run(Form):
    """A run, source by source. What failed is told to archivists only."""

    run: RunRow
    sources: list[VisitRow]
    failures: list[Failure] | None


class ReviewCase(Form):
    """A case of the review queue. `digest` stands for its evidence and goes back with the decision."""

    release: str
    title: str
    published: date | None
    source: str
    axis: Axis
    value: str
    label: str | None
    role: Role
    score: float
    reason: Reason
    evidence: list[str]
    digest: str
    priority: float
    is_changed: bool


class Decided(Form):
    """What was decided: the batch by which it can be taken back (empty where it can't), and how many decisions."""

    batch: str
    decisions: int


class Saved(Form):
    """A saved search with the address of its feed. `seen_seq` is the change up to which somebody has looked at it."""

    name: str
    query: str
    match: Literal["all", "any"]
    sort: Literal["score", "newest", "oldest"]
    saved_by: str
    saved_at: datetime
    seen_at: datetime
    seen_seq: int
    feed: str


class NewHit(Form):
    """A hit of a saved search to which something happened; `seq` marks all of this answer as looked at."""

    change: Literal["new", "changed", "retagged"]
    seq: int
    hit: FoundRelease


class FrozenSet(Form):
    """A frozen set, with how it is cited."""

    id: str
    name: str
    query: str
    understood: str
    note: str | None
    releases: int
    sha256: str
    seq: int
    created_by: str
    created_at: datetime
    citation: str


class SetDifference(Form):
    """How two answers differ, as ids of releases."""

    set: str
    other: str | None
    added: list[str]
    removed: list[str]
    changed: list[str]
    retagged: list[str]


class Verified(Form):
    """Whether a file agrees with its hash, and what is wrong where it does not."""

    sha256: str
    agrees: bool
    problem: str | None


class Self(Form):
    """Who asks."""

    name: str
    role: Literal["reader", "archivist", "admin"]
    standing: Literal["reader", "login", "onsite", "archivist"]


class MemberRow(Form):
    """A release of a frozen set; without `title` it is not to be seen, or erased by a case."""

    rank: int
    score: float
    permalink: str
    title: str | None
    published: date | None
    erased_by: str | None


class TakedownStepRow(Form):
    """A step of a case."""

    step: Literal["request", "hide", "keep", "erase"]
    note: str | None
    decided_by: str
    decided_at: datetime


class TakedownCase(Form):
    """A takedown case."""

    id: str
    state: CaseState
    ground: str | None
    requester: str | None
    opened_at: datetime
    due: date | None
    release_ids: list[str]
    steps: list[TakedownStepRow]
    unfinished: bool
