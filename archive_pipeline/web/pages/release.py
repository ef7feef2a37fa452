"""A release: its text with what was found in it, where it comes from, what became of it, and how to cite it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from sqlite_utils import Database
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from archive_pipeline.archive.decided import decision_history
from archive_pipeline.archive.reading import suggestions
from archive_pipeline.archive.reuse_reading import Reuse, ReusedRelease, reuse_of
from archive_pipeline.archive.versions import Place, VersionRow, events_of, find_place, load_at, versions_of
from archive_pipeline.archive.visibility import Visibility, visible_ids
from archive_pipeline.archive.word_diff import word_diff
from archive_pipeline.export.citations import BibTeX, Citation, CslJson, Ris, cite
from archive_pipeline.model import Axis, Person, Quote, Release, Role, Tag
from archive_pipeline.search.parser import parse_query
from archive_pipeline.search.snippets import highlights
from archive_pipeline.searching import open_search
from archive_pipeline.web.cards import cards_of, source_titles
from archive_pipeline.web.described import described
from archive_pipeline.web.marking import Mark, Piece, compared, marked_paragraphs, marked_pieces
from archive_pipeline.web.rendering import Site, base_of, render, site_of
from archive_pipeline.web.viewer import viewer_of, visibility_of

__all__ = ["CITATION_FORMATS", "COMPARED", "alike", "citation", "cited_as", "compare", "release"]

CITATION_FORMATS = {
    "bib": (BibTeX(), "application/x-bibtex"),
    "ris": (Ris(), "application/x-research-info-systems"),
    "json": (CslJson(), "application/vnd.citationstyles.csl+json"),
}
"""The citations that can be had, by the ending of their addresses."""

COMPARED = ("title", "subtitle", "teaser", "published", "modified", "number")
"""What two versions are compared by, besides the text."""

EVIDENCE_SHOWN = 6
AXIS_ORDER = (Axis.PARTY, Axis.DISTRICT, Axis.TOPIC, Axis.ORGANISATION)
ROLE_ORDER = (Role.ISSUER, Role.PRIMARY, Role.ABOUT, Role.SECONDARY, Role.MENTIONED)
PLACE_OF = {Axis.PARTY: "partei", Axis.DISTRICT: "kreis", Axis.TOPIC: "thema", Axis.ORGANISATION: "org"}


PUBLISHERS_EVENTS = ("silent change", "removal at source", "relaunch")
"""What readers see of a release's events: what the publisher did. Who here did what is for archivists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTag:
    """A tag, the anchors of its evidence. `name` is that of the evidence in the text, `decided`: a person set it."""

    name: str
    place: str
    tag: Tag
    decided: bool
    anchors: tuple[tuple[str, str], ...]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPerson:
    """A person with everything they are called in the release, and where they are first named."""

    name: str
    role: str | None
    party: str | None
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownQuote:
    """Direct speech, its speaker and where it stands."""

    text: str
    speaker: str | None
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SidePassage:
    """A shared passage as it stands here and there."""

    here: str
    there: str
    words: int
    is_quote: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedWith:
    """Another release that shares text with this one. `direction` says who took from whom, as far as is known:
    `same` for the same text, `from_other`, `to_other`, or `unknown`."""

    other: ReusedRelease
    source: str
    direction: str
    share: float
    words: int
    passages: tuple[SidePassage, ...]


def release(request: Request) -> Response:
    """The page of a release, or of one of its versions or derivations."""
    site, ref = site_of(request), request.path_params["ref"]
    seen, internal = visibility_of(request), viewer_of(request).may("archivist")
    with site.workspace.reading() as db:
        place = find_place(db, f"d/{ref}", seen)
        if not ref.startswith(place.release_id):
            rest = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"{base_of(request)}/d/{place.release_id}{_after_at(ref)}{rest}", 302)
        found = load_at(db, place)
        versions, events = versions_of(db, found.id), events_of(db, found.id)
        decisions = decision_history(db, found.id) if internal else []
        unsure = suggestions(db, found.id) if _is_current(versions, place) else []
        shared = _shared(site, db, found.id, seen)
    words = request.query_params.get("q", "").strip()[:2048]
    tags = _tags(found.tags)
    here = next(one for one in versions if one.id == place.version_id)
    cited = cited_as(site, found)
    marks = _marks(site, found, tags, words)
    values = {
        "release": found,
        "place": place,
        "permalink": f"{_origin(request)}/{place}",
        "canonical": f"{_origin(request)}/d/{found.id}",
        "title": _title(site, found, tags, words),
        "paragraphs": marked_paragraphs(found.article.text, marks, found.article.pages),
        "tags": {axis: [one for one in tags if one.tag.axis == axis] for axis in AXIS_ORDER},
        "unsure": unsure,
        "persons": _persons(found.persons),
        "quotes": _quotes(found.quotes),
        "versions": versions,
        "version": here,
        "is_current": _is_current(versions, place),
        "events": [event for event in events if internal or event.type in PUBLISHERS_EVENTS],
        "internal": internal,
        "decisions": decisions,
        "shared": shared,
        "source_title": source_titles(site).get(found.source_id, found.source_id),
        "cited": cited,
        "formats": {name: _rendered(name, cited) for name in CITATION_FORMATS},
        "meta": described(cited, found, f"{_origin(request)}/d/{found.id}"),
        "q": words,
        "back": f"/search?{urlencode({'q': words})}" if words else None,
    }
    return render(request, "release.html", values)


def compare(request: Request) -> Response:
    """Two versions of a release, word by word."""
    site, ref = site_of(request), request.path_params["ref"]
    seen = visibility_of(request)
    with site.workspace.reading() as db:
        here = find_place(db, f"d/{ref}", seen)
        versions = versions_of(db, here.release_id)
        if len(versions) < 2:
            raise HTTPException(404)
        numbers = [request.query_params.get("a", ""), request.query_params.get("b", "")]
        if not all(number.isascii() and number.isdigit() and len(number) < 4 for number in numbers):
            numbers = [str(versions[-2].number), str(versions[-1].number)]
        before, after = (load_at(db, find_place(db, f"d/{here.release_id}@{number}", seen)) for number in numbers)
    changes = word_diff(before.article.text, after.article.text)
    fields = [
        (name, str(old or ""), str(new or ""))
        for name in COMPARED
        if (old := getattr(before.article, name)) != (new := getattr(after.article, name))
    ]
    software = {one.id: (one.software, one.profile) for one in versions}
    return render(
        request,
        "compare.html",
        {
            "before": before,
            "after": after,
            "versions": versions,
            "changes": len(changes),
            "pieces": compared(after.article.text, changes),
            "fields": fields,
            "other_rules": software.get(before.version_id) != software.get(after.version_id),
        },
    )


def alike(request: Request) -> Response:
    """Releases that share the most telling words of one."""
    site, ref = site_of(request), request.path_params["ref"]
    seen = visibility_of(request)
    with site.workspace.reading() as db:
        found = load_at(db, find_place(db, f"d/{ref}", seen))
    with open_search(site.workspace, seen) as search:
        others = search.like(found.id, today=date.today())
    values = {"release": found, "cards": cards_of(site, others.hits, seen), "understood": others.understood}
    return render(request, "alike.html", values)


def citation(request: Request) -> Response:
    """The citation of a release in one of the formats, as a file."""
    site, ref, form = site_of(request), request.path_params["ref"], request.path_params["form"]
    if form not in CITATION_FORMATS:
        raise HTTPException(404)
    with site.workspace.reading() as db:
        found = load_at(db, find_place(db, f"d/{ref}", visibility_of(request)))
    return Response(
        _rendered(form, cited_as(site, found)),
        media_type=f"{CITATION_FORMATS[form][1]}; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{found.id}.{form}"'},
    )


def cited_as(site: Site, found: Release) -> Citation:
    """How a release is cited here, with the names of the archive and the source."""
    source = source_titles(site).get(found.source_id, found.source_id)
    return cite(found, archive=site.title or "Pressearchiv", source=source)


def _rendered(form: str, cited: Citation) -> str:
    return CITATION_FORMATS[form][0].render(cited)


def _origin(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _after_at(ref: str) -> str:
    _, at, rest = ref.partition("@")
    return at + rest


def _is_current(versions: Sequence[VersionRow], place: Place) -> bool:
    return any(one.is_current and (one.id, one.derivation) == (place.version_id, place.derivation) for one in versions)


def _tags(tags: Sequence[Tag]) -> tuple[ShownTag, ...]:
    ordered = sorted(tags, key=lambda one: (AXIS_ORDER.index(one.axis), ROLE_ORDER.index(one.role), -one.score))
    found = []
    for number, tag in enumerate(ordered, start=1):
        name = f"t{number}"
        anchors = tuple((f"{name}-{place}", span.text) for place, span in enumerate(tag.evidence, start=1))
        found.append(
            ShownTag(
                name=name,
                place=PLACE_OF[tag.axis],
                tag=tag,
                decided=tag.by.startswith("decision@"),
                anchors=anchors[:EVIDENCE_SHOWN],
                more=max(0, len(anchors) - EVIDENCE_SHOWN),
            )
        )
    return tuple(found)


def _evidence(tags: Sequence[ShownTag], field: str) -> list[Mark]:
    return [
        Mark(start=span.start, end=span.end, kind="evidence", name=one.name, anchor=f"{one.name}-{place}")
        for one in tags
        for place, span in enumerate(one.tag.evidence, start=1)
        if span.field == field
    ]


def _marks(site: Site, found: Release, tags: Sequence[ShownTag], words: str) -> list[Mark]:
    marks = _evidence(tags, "text") + _hits(site, found.article.text, words, None)
    anchors = {one.anchor for one in _persons(found.persons)}
    for number, person in enumerate(found.persons, start=1):
        anchor = f"p{number}"
        marks.append(
            Mark(start=person.start, end=person.end, kind="person", anchor=anchor if anchor in anchors else "")
        )
    marks += [
        Mark(start=quote.start, end=quote.end, kind="quote", anchor=f"z{number}")
        for number, quote in enumerate(found.quotes, start=1)
    ]
    return marks


def _title(site: Site, found: Release, tags: Sequence[ShownTag], words: str) -> tuple[Piece, ...]:
    title = found.article.title or ""
    return marked_pieces(title, _evidence(tags, "title") + _hits(site, title, words, "title"))


def _hits(site: Site, text: str, words: str, field: str | None) -> list[Mark]:
    if not words:
        return []
    node = parse_query(words, names=site.names, today=date.today()).node
    return [Mark(start=one.start, end=one.end, kind="hit") for one in highlights(text, node, field)]


def _persons(persons: Sequence[Person]) -> tuple[ShownPerson, ...]:
    """Each once, with the first office and party that is stated."""
    found: dict[str, ShownPerson] = {}
    for number, one in enumerate(persons, start=1):
        known = found.get(one.name)
        found[one.name] = ShownPerson(
            name=one.name,
            role=(known.role if known else None) or one.role,
            party=(known.party if known else None) or one.party,
            anchor=known.anchor if known else f"p{number}",
        )
    return tuple(found.values())


def _quotes(quotes: Sequence[Quote]) -> tuple[ShownQuote, ...]:
    return tuple(
        ShownQuote(text=one.text, speaker=one.speaker, anchor=f"z{number}")
        for number, one in enumerate(quotes, start=1)
    )


def _shared(site: Site, db: Database, release_id: str, seen: Visibility) -> tuple[SharedWith, ...]:
    """What the release shares with others, as far as those are to be seen."""
    links = reuse_of(db, release_id)
    others = {_other(link, release_id).id for link in links}
    visible = visible_ids(db, sorted(others), seen)
    titles = source_titles(site)
    return tuple(_side(link, release_id, titles) for link in links if _other(link, release_id).id in visible)


def _other(link: Reuse, release_id: str) -> ReusedRelease:
    return link.later if link.earlier.id == release_id else link.earlier


def _side(link: Reuse, release_id: str, titles: dict[str, str]) -> SharedWith:
    is_earlier = link.earlier.id == release_id
    other = _other(link, release_id)
    direction = "unknown" if not link.is_certain else "to_other" if is_earlier else "from_other"
    return SharedWith(
        other=other,
        source=titles.get(other.source_id, other.source_id),
        direction="same" if link.kind in ("exact", "near") else direction,
        share=link.share,
        words=link.words,
        passages=tuple(
            SidePassage(
                here=one.earlier_text if is_earlier else one.later_text,
                there=one.later_text if is_earlier else one.earlier_text,
                words=one.words,
                is_quote=one.is_quote,
            )
            for one in link.passages
        ),
    )
