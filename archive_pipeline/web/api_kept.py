"""Endpoints about what people keep: saved searches and frozen sets."""

from datetime import date
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlite_utils import Database
from starlette.exceptions import HTTPException
from starlette.responses import Response

from archive_pipeline.archive.result_sets import SetRow, frozen_members, verify_set
from archive_pipeline.archive.saved_searches import SavedSearch, changes_unseen, list_saved
from archive_pipeline.archive.visibility import visible_ids
from archive_pipeline.decide.deciding import Deciding, new_id, storable
from archive_pipeline.decide.following import changed_keys, keep_search, remove_search, saved_name
from archive_pipeline.decide.freezing import cite_set, freeze, set_difference
from archive_pipeline.errors import ArchiveError, ConfigError, QueryError
from archive_pipeline.search.service import hit_as_json
from archive_pipeline.searching import open_search
from archive_pipeline.web import api_forms as forms
from archive_pipeline.web.api_declaring import Asked, Body, Call, Endpoint, PageAsked, Rows, page_of, refused
from archive_pipeline.web.frozen import seen_set, seen_sets
from archive_pipeline.web.pages.searches import feed_address, find_search, note_looked
from archive_pipeline.web.pages.sets import exported
from archive_pipeline.web.pages.taking import FORMATS

__all__ = ["KEPT_ENDPOINTS"]

Query = Annotated[str, Field(max_length=2048, description="query language of docs/search.md")]
SetFormat = Literal["csv", "jsonl", "bibtex", "ris", "csl-json"]


class SavedAsked(Asked):
    """One saved search."""

    name: str = Field(max_length=200)


class NewAsked(PageAsked):
    """What is new in a saved search."""

    name: str = Field(max_length=200)


class SetAsked(Asked):
    """One frozen set."""

    name: str = Field(max_length=200)


class MembersAsked(PageAsked):
    """The members of a frozen set."""

    name: str = Field(max_length=200)


class DifferenceAsked(SetAsked):
    """A frozen set and another one; without, what its query finds today."""

    other: str | None = Field(default=None, max_length=200)


class SetExportAsked(SetAsked):
    """A frozen set as a file."""

    format: SetFormat = "jsonl"


class SearchToKeep(Body):
    """A search and its name."""

    name: str = Field(min_length=1, max_length=80)
    query: str = Field(min_length=1, max_length=2048)
    match: Literal["all", "any"] = "all"
    sort: Literal["score", "newest", "oldest"] = "newest"
    replace: bool = Field(default=False, description="put it in the place of one that has the name")


class Seen(Body):
    """Up to which change of the archive everything was looked at: `seq` of the answer that showed it."""

    seq: int = Field(ge=0, lt=2**53)


class SetToFreeze(Body):
    """A query whose answer is to be frozen, and the name of the set."""

    name: str = Field(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")
    query: Query
    note: str | None = Field(default=None, max_length=500)


def saved_searches(call: Call, asked: PageAsked) -> Rows:
    """Saved searches. What somebody looks for is nobody's business without an account."""
    with call.site.workspace.reading() as db:
        return page_of([_saved(call, one) for one in list_saved(db)], asked)


def saved_search(call: Call, asked: SavedAsked) -> forms.Saved:
    """One saved search."""
    with call.site.workspace.reading() as db:
        return _saved(call, find_search(db, asked.name))


def whats_new(call: Call, asked: NewAsked) -> Rows:
    """The hits to which something happened since somebody last looked, as far as the one who asks may see them."""
    with call.site.workspace.reading() as db:
        one = find_search(db, asked.name)
        with open_search(call.site.workspace, call.visibility) as service:
            changes = changes_unseen(db, one, service.seq, embargo_ended=call.visibility.at)
            parsed, keys = changed_keys(service, one, changes, today=date.today())
            page = page_of(keys, asked)
            hits: dict[str, Any] = {hit.id: hit_as_json(hit) for hit in service.hits_of(parsed, page.items)}
            rows = [
                forms.NewHit(change=changes[key], seq=service.seq, hit=forms.FoundRelease.model_validate(hits[key]))
                for key in page.items
                if key in hits
            ]
    return Rows(items=rows, next=page.next, total=page.total)


def keep(call: Call, asked: Asked) -> forms.Saved | Response:
    """Keep a search."""
    wanted: SearchToKeep = call.body
    workspace = call.site.workspace
    if not storable(wanted.query):
        raise QueryError("Eine Anfrage fehlt", hint="query mit Wörtern oder Filtern füllen")
    try:
        keep_search(
            workspace,
            wanted.name,
            wanted.query,
            match=wanted.match,
            sort=wanted.sort,
            deciding=Deciding.begin(call.viewer.name),
            may_replace=lambda known: wanted.replace,
        )
    except (ArchiveError, ConfigError) as error:
        return refused(error)
    with workspace.reading() as db:
        return _saved(call, find_search(db, saved_name(wanted.name)))


def looked(call: Call, asked: SavedAsked) -> forms.Saved:
    """Everything up to a change was looked at."""
    with call.site.workspace.writing("saved run") as db:
        note_looked(db, find_search(db, asked.name), call.body.seq)
        return _saved(call, find_search(db, asked.name))


def forget(call: Call, asked: SavedAsked) -> forms.Saved:
    """Take a search off the list; the answer is what it was."""
    with call.site.workspace.reading() as db:
        one = find_search(db, asked.name)
    remove_search(call.site.workspace, one.name, Deciding.begin(call.viewer.name))
    return _saved(call, one)


def _saved(call: Call, one: SavedSearch) -> forms.Saved:
    return forms.Saved(
        name=one.name,
        query=one.query,
        match=one.match,
        sort=one.sort,
        saved_by=one.saved_by,
        saved_at=one.saved_at,
        seen_at=one.seen_at,
        seen_seq=one.seen_seq,
        feed=f"{str(call.request.base_url).rstrip('/')}{feed_address(one)}",
    )


def sets(call: Call, asked: PageAsked) -> Rows:
    """The sets that the one who asks may read all of, the newest first."""
    workspace = call.site.workspace
    with workspace.reading() as db:
        return page_of([_set_row(call, row) for row in seen_sets(workspace, db, call.visibility)], asked)


def frozen_set(call: Call, asked: SetAsked) -> forms.FrozenSet:
    """One frozen set."""
    with call.site.workspace.reading() as db:
        return _set_row(call, _set(call, db, asked.name))


def members(call: Call, asked: MembersAsked) -> Rows:
    """The members of a set in the order of the answer: what they are called only where they are to be seen today."""
    workspace = call.site.workspace
    with workspace.reading() as db:
        row = _set(call, db, asked.name)
        page = page_of(range(row.releases), asked)
        start = page.items[0] if page.items else 0
        found = list(islice(frozen_members(workspace.data, row.name, start=start), len(page.items)))
        seen = visible_ids(db, [one.release_id for one in found], call.visibility)
    rows = [
        forms.MemberRow(
            rank=one.rank,
            score=one.score,
            permalink=f"d/{one.release_id}@{one.version_id}.{one.derivation}",
            title=one.release.article.title if one.release and one.release_id in seen else None,
            published=one.release.article.published if one.release and one.release_id in seen else None,
            erased_by=one.erased,
        )
        for one in found
    ]
    return Rows(items=rows, next=page.next, total=page.total)


def difference(call: Call, asked: DifferenceAsked) -> forms.SetDifference:
    """How another set, or today's answer, differs; releases that joined since only where they are to be seen."""
    workspace = call.site.workspace
    with workspace.reading() as db:
        name = _set(call, db, asked.name).name
        other = _set(call, db, asked.other).name if asked.other is not None else None
    found = set_difference(workspace, name, other, today=date.today())
    with workspace.reading() as db:
        seen = visible_ids(db, found.added, call.visibility)
    return forms.SetDifference(
        set=name,
        other=other,
        added=[one for one in found.added if one in seen],
        removed=list(found.removed),
        changed=list(found.changed),
        retagged=list(found.retagged),
    )


def verification(call: Call, asked: SetAsked) -> forms.Verified:
    """Whether the file of a set agrees with its hash."""
    with call.site.workspace.reading() as db:
        row = _set(call, db, asked.name)
    wrong = verify_set(call.site.workspace.data, row)
    return forms.Verified(sha256=row.sha256, agrees=wrong is None, problem=wrong)


def set_export(call: Call, asked: SetExportAsked) -> Response:
    """The texts of then, as far as they may be read today."""
    with call.site.workspace.reading() as db:
        row = _set(call, db, asked.name)
    return exported(call.site, row, asked.format, call.viewer.standing)


def make_set(call: Call, asked: Asked) -> forms.FrozenSet | Response:
    """Freeze what a query finds now."""
    wanted: SetToFreeze = call.body
    deciding = Deciding.begin(call.viewer.name)
    try:
        row = freeze(
            call.site.workspace,
            wanted.name,
            storable(wanted.query),
            note=storable(wanted.note or "") or None,
            decided_by=deciding.decided_by,
            decided_at=deciding.decided_at,
            id=new_id(),
        )
    except (ArchiveError, ConfigError) as error:
        return refused(error)
    return _set_row(call, row)


def _set_row(call: Call, row: SetRow) -> forms.FrozenSet:
    return forms.FrozenSet(
        citation=cite_set(call.site.title, row),
        **{name: getattr(row, name) for name in forms.FrozenSet.model_fields if name != "citation"},
    )


def _set(call: Call, db: Database, name: str) -> SetRow:
    found = seen_set(call.site.workspace, db, name, call.visibility)
    if found is None:
        raise HTTPException(404)
    return found


SEARCHES = (
    Endpoint(
        path="/searches",
        name="saved_searches",
        tag="searches",
        summary="Saved searches with their feeds",
        asks=PageAsked,
        answers=forms.Saved,
        is_list=True,
        run=saved_searches,
        needs_account=True,
    ),
    Endpoint(
        path="/searches",
        name="keep_search",
        tag="searches",
        summary="Keep a search under a name",
        method="POST",
        body=SearchToKeep,
        answers=forms.Saved,
        run=keep,
        role="archivist",
        cost=4,
    ),
    Endpoint(
        path="/searches/{name}",
        name="saved_search",
        tag="searches",
        summary="One saved search",
        asks=SavedAsked,
        answers=forms.Saved,
        run=saved_search,
        needs_account=True,
    ),
    Endpoint(
        path="/searches/{name}",
        name="remove_search",
        tag="searches",
        summary="Remove a saved search",
        method="DELETE",
        asks=SavedAsked,
        answers=forms.Saved,
        run=forget,
        role="archivist",
        cost=4,
    ),
    Endpoint(
        path="/searches/{name}/new",
        name="whats_new",
        tag="searches",
        summary="Hits that were added, changed or tagged anew since somebody last looked",
        asks=NewAsked,
        answers=forms.NewHit,
        is_list=True,
        run=whats_new,
        needs_account=True,
        cost=12,
    ),
    Endpoint(
        path="/searches/{name}/seen",
        name="looked",
        tag="searches",
        summary="Mark a saved search as looked at",
        method="POST",
        asks=SavedAsked,
        body=Seen,
        answers=forms.Saved,
        run=looked,
        role="archivist",
        cost=4,
    ),
)

SETS = (
    Endpoint(
        path="/sets",
        name="sets",
        tag="sets",
        summary="Frozen result sets",
        asks=PageAsked,
        answers=forms.FrozenSet,
        is_list=True,
        run=sets,
        needs_account=True,
    ),
    Endpoint(
        path="/sets",
        name="freeze",
        tag="sets",
        summary="Freeze what a query finds now",
        method="POST",
        body=SetToFreeze,
        answers=forms.FrozenSet,
        run=make_set,
        role="archivist",
        cost=60,
    ),
    Endpoint(
        path="/sets/{name}",
        name="set",
        tag="sets",
        summary="One frozen set, with its hash and how it is cited",
        asks=SetAsked,
        answers=forms.FrozenSet,
        run=frozen_set,
        needs_account=True,
    ),
    Endpoint(
        path="/sets/{name}/members",
        name="set_members",
        tag="sets",
        summary="The members of a frozen set in the order of the answer",
        asks=MembersAsked,
        answers=forms.MemberRow,
        is_list=True,
        run=members,
        needs_account=True,
        cost=4,
    ),
    Endpoint(
        path="/sets/{name}/difference",
        name="set_difference",
        tag="sets",
        summary="How today's answer, or another set, differs from a frozen set",
        asks=DifferenceAsked,
        answers=forms.SetDifference,
        run=difference,
        needs_account=True,
        cost=60,
    ),
    Endpoint(
        path="/sets/{name}/verification",
        name="set_verification",
        tag="sets",
        summary="Whether the file of a frozen set agrees with its hash",
        asks=SetAsked,
        answers=forms.Verified,
        run=verification,
        needs_account=True,
        cost=12,
    ),
    Endpoint(
        path="/sets/{name}/export",
        name="set_export",
        tag="sets",
        summary="The texts of a frozen set as they were then",
        asks=SetExportAsked,
        media_types=tuple(dict.fromkeys(kind.partition(";")[0] for _, kind in FORMATS.values())),
        run=set_export,
        needs_account=True,
        cost=60,
    ),
)

KEPT_ENDPOINTS = (*SEARCHES, *SETS)
"""What is about what people keep."""
