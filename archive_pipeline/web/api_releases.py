"""Endpoints about releases: their text, versions, differences, tags, quotes, persons, re-use, events and original."""

import re
from typing import Any

from pydantic import Field
from sqlite_utils import Database
from starlette.exceptions import HTTPException
from starlette.responses import Response

from archive_pipeline.archive.captures import CaptureRow, capture_rows
from archive_pipeline.archive.named_persons import named_persons, naming_of, quotes_of
from archive_pipeline.archive.reading import suggestions
from archive_pipeline.archive.reuse_reading import Reuse, reuse_of
from archive_pipeline.archive.versions import Place, VersionRow, events_of, find_place, load_at, versions_of
from archive_pipeline.archive.visibility import visible_ids
from archive_pipeline.archive.word_diff import word_diff
from archive_pipeline.errors import QueryError, UnknownReleaseError
from archive_pipeline.export.citations import BibTeX, Ris, csl
from archive_pipeline.model import Article, Person, Quote, Release
from archive_pipeline.web import api_forms as forms
from archive_pipeline.web.api_declaring import Asked, Call, Endpoint, PageAsked, Rows, page_of
from archive_pipeline.web.pages.captured import ENDINGS, captured_document
from archive_pipeline.web.pages.release import COMPARED, cited_as
from archive_pipeline.web.protection import SANDBOX_POLICY

__all__ = ["RELEASE_ENDPOINTS"]

MOST_PERSONS = 2000
MOST_QUOTES = 50


class RefAsked(Asked):
    """One release: `ID`, `ID@VERSION` or `ID@VERSION.DERIVATION`."""

    ref: str = Field(max_length=120)


class RowsOfAsked(PageAsked):
    """What belongs to one release, as rows."""

    ref: str = Field(max_length=120)


class ChangesAsked(PageAsked):
    """Releases in the order in which they changed."""

    since: int = Field(default=0, ge=0, lt=2**53, description="only changes after this `seq`")
    source: str | None = Field(default=None, max_length=200)


class DiffAsked(RefAsked):
    """Two versions; without, the two newest."""

    before: str | None = Field(default=None, max_length=40, description="number or id of a version")
    after: str | None = Field(default=None, max_length=40)


class OriginalAsked(RefAsked):
    """An original."""

    attachment: int | None = Field(default=None, ge=0, le=1000, description="the attachment at this place, from 0")


class PersonAsked(Asked):
    """One person."""

    name: str = Field(max_length=200)


def release(call: Call, asked: RefAsked) -> Release:
    """A release as `export jsonl` writes it."""
    with call.site.workspace.reading() as db:
        return load_at(db, _place(db, call, asked.ref))


CHANGES = """SELECT r.seq, r.id, r.version_id, r.derivation, r.source_id AS source, r.title, r.published, r.url,
  r.access, v.captured_at
FROM release r JOIN version v ON v.release_id = r.id AND v.id = r.version_id
WHERE r.seq > ? AND (? IS NULL OR r.source_id = ?) AND {} ORDER BY r.seq LIMIT ?"""


def changes(call: Call, asked: ChangesAsked) -> Rows:
    """Every release once, by its newest change: what a harvester reads from `since` on."""
    since = asked.since
    if asked.cursor is not None:
        if not re.fullmatch("[0-9]{1,15}", asked.cursor):
            raise QueryError("Der Cursor ist nicht lesbar", hint="ohne cursor von vorn beginnen")
        since = max(since, int(asked.cursor))
    condition, values = call.visibility.condition()
    with call.site.workspace.reading() as db:
        found = list(db.query(CHANGES.format(condition), [since, asked.source, asked.source, *values, asked.limit + 1]))
    rows = [
        forms.ReleaseRow(permalink=f"d/{row['id']}@{row['version_id']}.{row['derivation']}", **_without_place(row))
        for row in found[: asked.limit]
    ]
    return Rows(items=rows, next=str(rows[-1].seq) if len(found) > asked.limit else None)


def _without_place(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("version_id", "derivation")}


def versions(call: Call, asked: RowsOfAsked) -> Rows:
    """The versions in the order they were captured."""
    with call.site.workspace.reading() as db:
        place = _place(db, call, asked.ref)
        found = versions_of(db, place.release_id)
    return page_of([_version(place.release_id, one) for one in found], asked)


def _version(release_id: str, one: VersionRow) -> forms.Version:
    values = {name: getattr(one, name) for name in VersionRow.__dataclass_fields__}
    return forms.Version(permalink=f"d/{release_id}@{one.id}.{one.derivation}", **values)


def diff(call: Call, asked: DiffAsked) -> forms.Compared:
    """What changed between two versions, word by word."""
    with call.site.workspace.reading() as db:
        release_id = _place(db, call, asked.ref).release_id
        known = versions_of(db, release_id)
        if (asked.before is None or asked.after is None) and len(known) < 2:
            raise UnknownReleaseError(f"d/{release_id} hat nur eine Fassung")
        places = [
            _place(db, call, f"{release_id}@{wanted or str(default)}")
            for wanted, default in ((asked.before, known[-2:][0].number), (asked.after, known[-1].number))
        ]
        before, after = (load_at(db, place) for place in places)
    rules = {one.id: (one.software, one.profile) for one in known}
    return forms.Compared(
        before=str(places[0]),
        after=str(places[1]),
        same_rules=rules.get(before.version_id) == rules.get(after.version_id),
        fields=_fields(before.article, after.article),
        changes=[forms.Change.model_validate(one) for one in word_diff(before.article.text, after.article.text)],
    )


def _fields(before: Article, after: Article) -> list[forms.FieldChange]:
    pairs = [(name, getattr(before, name), getattr(after, name)) for name in COMPARED]
    return [
        forms.FieldChange(name=name, before=str(old) if old else None, after=str(new) if new else None)
        for name, old, new in pairs
        if old != new
    ]


def tags(call: Call, asked: RefAsked) -> forms.Tags:
    """Tags with evidence; suggestions where the text is the current one."""
    with call.site.workspace.reading() as db:
        place = _place(db, call, asked.ref)
        found = load_at(db, place)
        current = next(one for one in versions_of(db, place.release_id) if one.is_current)
        is_current = (current.id, current.derivation) == (place.version_id, place.derivation)
        unsure = suggestions(db, place.release_id) if is_current else []
    return forms.Tags(permalink=str(place), tags=list(found.tags), suggestions=unsure)


def quotes(call: Call, asked: RowsOfAsked) -> Rows:
    """Direct speech with its speakers."""
    with call.site.workspace.reading() as db:
        return page_of(load_at(db, _place(db, call, asked.ref)).quotes, asked)


def persons(call: Call, asked: RowsOfAsked) -> Rows:
    """Office-holders and spokespersons that the text names."""
    with call.site.workspace.reading() as db:
        return page_of(load_at(db, _place(db, call, asked.ref)).persons, asked)


def reuse(call: Call, asked: RowsOfAsked) -> Rows:
    """What the release shares with others that the one who asks may see."""
    with call.site.workspace.reading() as db:
        release_id = _place(db, call, asked.ref).release_id
        links = reuse_of(db, release_id)
        others = sorted({one.id for link in links for one in (link.earlier, link.later)})
        seen = visible_ids(db, others, call.visibility)
    rows = [_shared(link, release_id) for link in links if {link.earlier.id, link.later.id} <= seen]
    return page_of(rows, asked)


def _shared(link: Reuse, release_id: str) -> forms.Reused:
    is_earlier = link.earlier.id == release_id
    other = link.later if is_earlier else link.earlier
    passages = [
        forms.SharedPassageRow(
            here=one.earlier if is_earlier else one.later,
            there=one.later if is_earlier else one.earlier,
            here_text=one.earlier_text if is_earlier else one.later_text,
            there_text=one.later_text if is_earlier else one.earlier_text,
            words=one.words,
            is_quote=one.is_quote,
        )
        for one in link.passages
    ]
    return forms.Reused(
        other=f"d/{other.id}@{other.version_id}.{other.derivation}",
        title=other.title,
        source=other.source_id,
        url=other.url,
        published=other.published,
        other_is_earlier=not is_earlier,
        passages=passages,
        **{name: getattr(link, name) for name in ("kind", "basis", "is_certain", "similarity", "share", "words")},
    )


def events(call: Call, asked: RowsOfAsked) -> Rows:
    """What happened to the release."""
    is_archivist = call.viewer.may("archivist")
    with call.site.workspace.reading() as db:
        found = events_of(db, _place(db, call, asked.ref).release_id)
    rows = [
        forms.Event(
            type=one.type,
            at=one.at,
            agent=one.agent if is_archivist or one.agent.startswith("archive_pipeline/") else None,
            outcome=one.outcome,
            detail=one.detail,
        )
        for one in found
    ]
    return page_of(rows, asked)


def citation(call: Call, asked: RefAsked) -> forms.Citations:
    """How to cite exactly this text."""
    site = call.site
    with site.workspace.reading() as db:
        found = load_at(db, _place(db, call, asked.ref))
    cited = cited_as(site, found)
    return forms.Citations(
        permalink=cited.permalink,
        bibtex=BibTeX().render(cited),
        ris=Ris().render(cited),
        csl_json=csl(cited),
    )


MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,80}/[a-z0-9][a-z0-9!#$&^_.+-]{0,80}")
ORIGINAL = "application/octet-stream"


def original(call: Call, asked: OriginalAsked) -> Response:
    """The bytes as they were captured, always as a file to be saved: no browser runs or shows them. What they say they
    are stands in `X-Original-Content-Type`."""
    workspace = call.site.workspace
    with workspace.reading() as db:
        place = _place(db, call, asked.ref)
        row = _captured(db, place, asked.attachment)
    if row is None:
        raise HTTPException(404)
    capture = workspace.warc_store().read(row.warc_file, row.warc_offset)
    kind = (capture.media_type or "").lower()
    number = "" if asked.attachment is None else f"-{asked.attachment}"
    headers = {
        "content-disposition": f'attachment; filename="{place.release_id}{number}.{ENDINGS.get(kind, "bin")}"',
        "content-security-policy": SANDBOX_POLICY,
        "x-content-sha256": capture.sha256,
        "x-original-content-type": kind if MEDIA_TYPE.fullmatch(kind) else ORIGINAL,
    }
    return Response(capture.body, media_type=ORIGINAL, headers=headers)


def _captured(db: Database, place: Place, attachment: int | None) -> CaptureRow | None:
    if attachment is None:
        return captured_document(db, place)
    attached = load_at(db, place).attachments
    if attachment >= len(attached):
        return None
    return next(capture_rows(db, "record_id = ? LIMIT 1", [attached[attachment].record_id]), None)


class PersonsAsked(PageAsked):
    """Persons."""


def all_persons(call: Call, asked: PersonsAsked) -> Rows:
    """The persons that most releases name."""
    with call.site.workspace.reading() as db:
        found = named_persons(db, MOST_PERSONS, call.visibility)
    return page_of([forms.Named.model_validate(one) for one in found], asked)


def person(call: Call, asked: PersonAsked) -> forms.PersonLanding:
    """What a person's page shows."""
    with call.site.workspace.reading() as db:
        naming = naming_of(db, asked.name, call.visibility)
        quoted = quotes_of(db, asked.name, MOST_QUOTES, call.visibility)
    if not naming:
        raise HTTPException(404)
    return forms.PersonLanding(
        name=asked.name,
        total=len(naming),
        releases=[
            forms.NamedRelease(id=one.release_id, published=one.published, role=one.role, party=one.party)
            for one in naming[:200]
        ],
        quotes=[
            forms.Spoken(release=one.release_id, title=one.title, published=one.published, text=one.text)
            for one in quoted
        ],
    )


def _place(db: Database, call: Call, ref: str) -> Place:
    return find_place(db, f"d/{ref}", call.visibility)


RELEASE_ENDPOINTS = (
    Endpoint(
        path="/releases",
        name="releases",
        tag="releases",
        summary="All releases in the order of their last change, for harvesting",
        asks=ChangesAsked,
        answers=forms.ReleaseRow,
        is_list=True,
        run=changes,
    ),
    Endpoint(
        path="/releases/{ref}",
        name="release",
        tag="releases",
        summary="A release, one of its versions, or exactly one text",
        asks=RefAsked,
        answers=Release,
        run=release,
    ),
    Endpoint(
        path="/releases/{ref}/versions",
        name="release_versions",
        tag="releases",
        summary="What the publisher had at the address, in time",
        asks=RowsOfAsked,
        answers=forms.Version,
        is_list=True,
        run=versions,
    ),
    Endpoint(
        path="/releases/{ref}/diff",
        name="release_diff",
        tag="releases",
        summary="Two versions, word by word",
        asks=DiffAsked,
        answers=forms.Compared,
        run=diff,
        cost=4,
    ),
    Endpoint(
        path="/releases/{ref}/tags",
        name="release_tags",
        tag="releases",
        summary="Tags with role, score, origin and evidence",
        asks=RefAsked,
        answers=forms.Tags,
        run=tags,
    ),
    Endpoint(
        path="/releases/{ref}/quotes",
        name="release_quotes",
        tag="releases",
        summary="Direct speech and who speaks",
        asks=RowsOfAsked,
        answers=Quote,
        is_list=True,
        run=quotes,
    ),
    Endpoint(
        path="/releases/{ref}/persons",
        name="release_persons",
        tag="releases",
        summary="Office-holders and spokespersons in the text",
        asks=RowsOfAsked,
        answers=Person,
        is_list=True,
        run=persons,
    ),
    Endpoint(
        path="/releases/{ref}/reuse",
        name="release_reuse",
        tag="releases",
        summary="Passages shared with other releases",
        asks=RowsOfAsked,
        answers=forms.Reused,
        is_list=True,
        run=reuse,
        cost=4,
    ),
    Endpoint(
        path="/releases/{ref}/events",
        name="release_events",
        tag="releases",
        summary="What happened to the release, oldest first",
        asks=RowsOfAsked,
        answers=forms.Event,
        is_list=True,
        run=events,
    ),
    Endpoint(
        path="/releases/{ref}/citation",
        name="release_citation",
        tag="releases",
        summary="How to cite exactly this text",
        asks=RefAsked,
        answers=forms.Citations,
        run=citation,
    ),
    Endpoint(
        path="/releases/{ref}/original",
        name="release_original",
        tag="releases",
        summary="The bytes as they were captured, of the release or of an attachment",
        asks=OriginalAsked,
        media_types=(ORIGINAL,),
        run=original,
        cost=4,
    ),
    Endpoint(
        path="/persons",
        name="persons",
        tag="persons",
        summary="Office-holders and spokespersons, those first that most releases name",
        asks=PersonsAsked,
        answers=forms.Named,
        is_list=True,
        run=all_persons,
        cost=4,
    ),
    Endpoint(
        path="/persons/{name}",
        name="person",
        tag="persons",
        summary="Where a person is named, and what quoted with",
        asks=PersonAsked,
        answers=forms.PersonLanding,
        run=person,
    ),
)
"""What is about releases."""
