"""What goes beyond one page of hits: spelling, likeness, cursors, occurrences, counts over time."""

import base64
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import feedparser
import pytest

from archive_pipeline.classify.vocabulary import builtin_vocabularies
from archive_pipeline.errors import QueryError, UnknownReleaseError
from archive_pipeline.index.tantivy_engine import TantivyEngine
from archive_pipeline.index.whoosh_engine import WhooshEngine
from archive_pipeline.protocols import Index, IndexDocument, IndexEngine
from archive_pipeline.query import Filter, Not
from archive_pipeline.search.atom import atom_feed
from archive_pipeline.search.explain import explain_query, explained_as_json
from archive_pipeline.search.kwic import Concordance, sort_lines
from archive_pipeline.search.names import VocabularyNames
from archive_pipeline.search.service import FoundRelease, SearchService
from archive_pipeline.search.timeline import make_timeline

TODAY = date(2026, 11, 22)
CAPTURED = datetime(2026, 11, 1, 12, tzinfo=UTC)


def document(key: str, text: str, *, title: str = "Titel", published: date | None = None, **tags: Any) -> IndexDocument:
    return IndexDocument(key=key, title=title, text=text, source="s", captured=TODAY, published=published, **tags)


class Texts:
    """The indexed documents, read back as an archive would."""

    def __init__(self, documents: Iterable[IndexDocument], quotes: dict[str, tuple[tuple[int, int], ...]]) -> None:
        self._documents = {document.key: document for document in documents}
        self._quotes = quotes

    def found_releases(self, ids: Sequence[str]) -> Iterator[FoundRelease]:
        for key in sorted(set(ids) & self._documents.keys()):  # in any order
            found = self._documents[key]
            yield FoundRelease(
                id=key,
                title=found.title,
                text=found.text,
                url=f"https://example.org/{key}",
                published=found.published,
                source_id=found.source,
                quotes=self._quotes.get(key, ()),
                captured_at=CAPTURED,
            )


def serving(
    folder: Path, documents: Sequence[IndexDocument], *, engine: IndexEngine | None = None, **quotes: Any
) -> tuple[SearchService, Index]:
    index = (engine or WhooshEngine()).create(folder / "index")
    index.upsert(documents)
    index.commit(len(documents))
    names = VocabularyNames(builtin_vocabularies())
    return SearchService(index=index, releases=Texts(documents, quotes), names=names), index


WORDS = (
    "Integrationszentrum",
    "Flüchtlingshilfe",
    "Hückelhoven",
    "Bürgermeister",
    "Zuschuss",
    "Sprachkurs",
    "Schule",
    "Haushalt",
)


@pytest.fixture(scope="module", params=[WhooshEngine, TantivyEngine], ids=["whoosh", "tantivy"])
def words(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SearchService:
    documents = [document(f"w{n}", f"Die {word} kommt. Mehr {word} im Kreis.") for n, word in enumerate(WORDS * 12)]
    rare = document("rare", "Der Haushlat ist da, ein Zuschuss der Schule auch.")
    return serving(tmp_path_factory.mktemp("words"), [*documents, rare], engine=request.param())[0]


@pytest.mark.parametrize(
    ("query", "better"),
    [
        ("Integratoinszentrum", "Integrationszentrum"),
        ("kreis Hükelhoven", "kreis Hückelhoven"),
        ("Fluechtlingshlife", "Flüchtlingshilfe"),
        ("Haushlat", "Haushalt"),
        ("Hasuhalt ODER Bürgermeistr", "Haushalt ODER Bürgermeister"),
        ("Hückel hoven", "Hückelhoven"),
        ("Schulzuschuss", "Schule Zuschuss"),
        ("titel:Title", "titel:Titel"),
    ],
)
def test_did_you_mean(words: SearchService, query: str, better: str) -> None:
    assert words.search(query, today=TODAY, with_suggestion=True).suggestion == better


@pytest.mark.parametrize(
    "query",
    ["Integrationszentrum", "xyzxyzxyz", "=Haushlat", "Haushl*", "-Integratoinszentrum", "12345", "", "kreis:Lipe"],
)
def test_nothing_better_is_said_of_what_is_fine_exact_or_unlike_everything(words: SearchService, query: str) -> None:
    assert words.search(query, today=TODAY, with_suggestion=True).suggestion is None


def test_words_out_of_sight_are_never_suggested(tmp_path: Path) -> None:
    hidden = document("h", "Das Geheimprojekt.", access="closed")
    _, index = serving(tmp_path, [hidden, document("a", "Haushalt")])
    texts = Texts([hidden], {})
    service = SearchService(
        index=index, releases=texts, names=VocabularyNames(()), restrictions=(Not(Filter("access", ("closed",))),)
    )
    assert service.search("Geheimprojket", today=TODAY, with_suggestion=True).suggestion is None


def test_more_like_this(tmp_path: Path) -> None:
    common = "Der Rat der Stadt hat das heute beschlossen. "
    documents = [
        document("a", common + "Neue Radwege und Fahrradstraßen entstehen.", title="Radwege", party=("spd",)),
        document("b", common + "Fahrradstraßen helfen, Radwege auch.", party=("spd",)),
        document("c", common + "Ein Radweg an der Schule.", party=("cdu",)),
        *(document(f"x{n}", common + f"Thema{n} und anderes.") for n in range(20)),
    ]
    service, _ = serving(tmp_path, documents)
    alike = service.like("a", today=TODAY)
    assert [hit.id for hit in alike.hits] == ["b", "c"]
    assert alike.total == 2
    assert "Radwege" in alike.understood
    assert [hit.id for hit in service.like("a", query="partei:cdu", today=TODAY).hits] == ["c"]
    assert [hit.id for hit in service.like("a", today=TODAY, offset=1).hits] == ["c"]
    with pytest.raises(UnknownReleaseError):
        service.like("gone", today=TODAY)


def test_a_release_is_in_no_count_of_those_like_it(tmp_path: Path) -> None:
    words = "Neue Radwege und Fahrradstraßen entstehen."
    documents = [
        document("a", words, party_mentioned=("spd",)),
        document("b", words, party=("spd",), party_mentioned=("spd",)),
        document("c", words, party_mentioned=("spd",), published=date(2020, 1, 1)),
        *(document(f"x{n}", f"Thema{n} und anderes.") for n in range(20)),
    ]
    service, _ = serving(tmp_path, documents)
    alike = service.like("a", today=TODAY)
    assert (alike.total, alike.undated) == (2, 1)
    alike = service.like("a", query="partei:spd", today=TODAY)
    assert (alike.total, alike.undated, alike.mentioned_only) == (1, 1, 1)
    alike = service.like("b", query="partei:spd", today=TODAY)
    assert (alike.total, alike.undated, alike.mentioned_only) == (0, 0, 2)
    alike = service.like("a", query="datum:2020", today=TODAY)
    assert (alike.total, alike.undated, alike.by_date) == (1, 1, True)


@pytest.mark.parametrize("engine", [WhooshEngine(), TantivyEngine()], ids=["whoosh", "tantivy"])
def test_cursors_lead_through_all_hits_and_notice_changes(tmp_path: Path, engine: IndexEngine) -> None:
    chance = random.Random(7)
    days = [date(2020, 1, 1 + chance.randrange(28)) for _ in range(57)]
    documents = [document(f"k{n:02}", "Haushalt", published=day) for n, day in enumerate(days)]
    service, index = serving(tmp_path, documents, engine=engine)

    found: list[str] = []
    page = service.search("Haushalt", today=TODAY, sort="newest", limit=10)
    found += [hit.id for hit in page.hits]
    while page.cursor:
        page = service.search("Haushalt", today=TODAY, limit=10, cursor=page.cursor)
        found += [hit.id for hit in page.hits]
        assert not page.changed
    assert found == [hit.key for hit in service.scan(service.parse("Haushalt", today=TODAY).node)]
    assert len(set(found)) == 57

    first = service.search("Haushalt", today=TODAY, sort="newest", limit=10)
    index.upsert([document("new", "Haushalt", published=date(2026, 1, 1))])
    index.commit(99)
    second = service.search("Haushalt", today=TODAY, limit=10, cursor=first.cursor)
    assert second.changed
    assert [hit.id for hit in second.hits] == found[10:20]  # goes on behind the last hit shown, nothing twice


def test_a_cursor_of_another_query_is_refused(words: SearchService) -> None:
    cursor = words.search("kreis", today=TODAY, limit=3).cursor
    with pytest.raises(QueryError, match="andere"):
        words.search("schule", today=TODAY, cursor=cursor)
    infinite = base64.urlsafe_b64encode(b'["x", 0, "all", "2026-01-01", 1, Infinity, "k"]').decode()
    deep = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    for broken in ("x", "ééé", "W10", "bnVsbA", (cursor or "")[:-4], infinite, deep):
        with pytest.raises(QueryError, match="nicht lesbar"):
            words.search("kreis", today=TODAY, cursor=broken)


KWIC = (
    document(
        "a", "Der Rat der Stadt tagt.\nDie Stadt und ihr Rathaus: „Mehr Geld für die Stadt“, sagt er.", title="Rat"
    ),
    document("b", "Alle Städte brauchen Geld.", title="Stadt", published=date(2020, 5, 1)),
)


def kwic(service: SearchService, query: str, width: int = 20) -> list[tuple[str, str, str, str]]:
    node = service.parse(query, today=TODAY).node
    concordance = Concordance(node, width=width)
    lines = [line for release in service.scan_releases(node, sort="oldest") for line in concordance.lines(release)]
    return [(line.release_id, line.left, line.hit, line.right) for line in lines]


@pytest.fixture(scope="module")
def concordances(tmp_path_factory: pytest.TempPathFactory) -> SearchService:
    start = KWIC[0].text.index("Mehr")
    with_quotes = [KWIC[0], KWIC[1]]
    quoted = [
        IndexDocument(**{**{f: getattr(d, f) for f in d.__slots__}, "quotes": ("Mehr Geld für die Stadt",)})
        if d.key == "a"
        else d
        for d in with_quotes
    ]
    return serving(tmp_path_factory.mktemp("kwic"), quoted, a=((start, start + 23),))[0]


def test_every_occurrence_has_a_line(concordances: SearchService) -> None:
    assert [(key, hit) for key, _, hit, _ in kwic(concordances, "stadt")] == [
        ("b", "Stadt"),
        ("b", "Städte"),
        ("a", "Stadt"),
        ("a", "Stadt"),
        ("a", "Stadt"),
    ]
    assert kwic(concordances, '"Rat der Stadt"') == [("a", "Der ", "Rat der Stadt", " tagt. Die Stadt und")]
    assert [hit for *_, hit, _ in kwic(concordances, '"Stadt Rathaus"~3')] == ["Stadt und ihr Rathaus"]
    assert "Rat der Stadt" in [hit for *_, hit, _ in kwic(concordances, 'stadt "Rat der Stadt"')]
    assert [hit for *_, hit, _ in kwic(concordances, "zitat:stadt")] == ["Stadt"]
    assert [hit for *_, hit, _ in kwic(concordances, "titel:stadt")] == ["Stadt"]
    assert [hit for *_, hit, _ in kwic(concordances, "rath*")] == ["Rathaus"]
    assert [hit for *_, hit, _ in kwic(concordances, "=stadt tagt~")] == ["Stadt", "tagt", "Stadt", "Stadt"]
    assert kwic(concordances, "-stadt") == []


def test_occurrences_sort_by_what_stands_beside_them(concordances: SearchService) -> None:
    node = concordances.parse("stadt", today=TODAY).node
    concordance = Concordance(node, width=20)
    lines = [line for release in concordances.scan_releases(node) for line in concordance.lines(release)]
    right = [line.right for line in sort_lines(lines, "right")]
    left = [line.left.split()[-1] if line.left.split() else "" for line in sort_lines(lines, "left")]
    assert [text.split()[0] if text.split() else "" for text in right] == ["", "brauchen", "“,", "tagt.", "und"]
    assert [word.lower() for word in left] == ["", "alle", "der", "die", "die"]
    assert [line.release_id for line in sort_lines(lines, "date")] == ["b", "b", "a", "a", "a"]


TIMES = (
    *(document(f"s{n}", "Pflege", published=date(2020, 1, n + 1), party=("spd",)) for n in range(2)),
    *(document(f"t{n}", "Haushalt", published=date(2020, 3, n + 1), party=("spd",)) for n in range(2)),
    document("u", "Pflege", published=date(2022, 1, 1), party=("cdu",)),
    document("v", "Pflege"),
)


@pytest.fixture(scope="module")
def times(tmp_path_factory: pytest.TempPathFactory) -> SearchService:
    return serving(tmp_path_factory.mktemp("times"), TIMES)[0]


def test_counts_by_year_are_shares_of_all_that_was_published(times: SearchService) -> None:
    found = make_timeline(times, "pflege", today=TODAY)
    assert [(row.period, row.count, row.volume) for row in found.rows] == [
        ("2020", 2, 4),
        ("2021", 0, 0),
        ("2022", 1, 1),
    ]
    assert [row.share for row in found.rows] == [0.5, None, 1.0]
    assert (found.total, found.undated, found.volume, found.undated_volume) == (4, 1, 6, 1)


def test_months_without_hits_are_there_and_groups_stand_apart(times: SearchService) -> None:
    found = make_timeline(times, "pflege datum:2020..2022", today=TODAY, histogram="month", by="party")
    assert len(found.rows) == 2 * 25
    spd = [row for row in found.rows if row.group and row.group.value == "spd"]
    assert [(row.period, row.count, row.volume) for row in spd if row.volume] == [("2020-01", 2, 2), ("2020-03", 0, 2)]
    assert (found.undated, found.undated_volume, found.by_date) == (1, 1, True)
    assert found.basis == "datum:2020-01-01..2022-12-31"


def test_groups_without_periods(times: SearchService) -> None:
    found = make_timeline(times, "pflege", today=TODAY, histogram=None, by="party", top=1)
    assert [(row.group.label, row.count, row.volume) for row in found.rows if row.group] == [("SPD", 2, 4)]


def test_a_query_of_filters_alone_is_a_share_of_everything(times: SearchService) -> None:
    found = make_timeline(times, "partei:cdu", today=TODAY)
    assert (found.basis, found.volume) == ("alle Mitteilungen", 6)
    found = make_timeline(times, "datum:2020", today=TODAY)
    assert (found.total, found.undated, found.by_date) == (4, 1, True)
    assert (found.volume, found.undated_volume, found.volume_by_date) == (6, 1, False)
    found = make_timeline(times, "pflege (datum:2020 ODER datum:unbekannt)", today=TODAY)
    assert (found.total, found.undated, found.by_date) == (3, 1, False)
    assert (found.volume, found.undated_volume, found.volume_by_date) == (5, 1, False)
    assert make_timeline(times, "quelle:s pflege", today=TODAY).sources == ("s",)
    assert make_timeline(times, "nirgends", today=TODAY).rows == ()


def test_an_explained_query_names_what_is_looked_up(words: SearchService) -> None:
    parsed = words.parse('Schulen "der Haushalt"~2 =Kreis haush* huckelhoven~ partei:spd -x datum:2020', today=TODAY)
    nodes = explain_query(parsed.node, words.names, forms=words.forms, count=words.count)
    by_kind = {node.kind: explained_as_json(node) for node in nodes}
    assert by_kind["Term"]["parts"] is True
    assert by_kind["Phrase"]["slop"] == 2
    assert by_kind["Exact"]["forms"] == ["kreis"]
    assert by_kind["Prefix"]["forms"] == ["haushalt", "haushlat"]
    assert by_kind["Fuzzy"]["forms"] == ["hueckelhoven"]
    assert by_kind["Filter"]["values"] == [{"value": "spd", "label": "SPD"}]
    assert by_kind["Range"]["text"] == "2020-01-01..2020-12-31"
    assert by_kind["Exact"]["documents"] == 96
    assert explain_query(parsed.node, words.names)[0].documents is None


def test_atom_is_read_by_feed_readers(words: SearchService) -> None:
    found = words.search("Zuschuss", today=TODAY, limit=2)
    hits = [*found.hits, *words.search("Haushlat", today=TODAY).hits]
    text = atom_feed(hits, query="Zuschuss <&\x00", title="Archiv", updated=CAPTURED, address="https://example.org/a")
    feed = feedparser.parse(text.encode())
    assert not feed.bozo
    assert feed.version == "atom10"
    assert feed.feed.title.startswith("Archiv: Zuschuss <&")
    assert [entry.link for entry in feed.entries] == [hit.url for hit in hits]
    assert len({entry.id for entry in feed.entries}) == 3
    assert feed.entries[0].updated == "2026-11-01T12:00:00Z"
    assert "Zuschuss" in feed.entries[0].summary
    assert not feedparser.parse(atom_feed((), query="", title="", updated=CAPTURED).encode()).bozo
