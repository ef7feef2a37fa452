"""Search as a whole: query text in, hits, snippets, facets and notes out."""

import json
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import pytest

from archive_pipeline.classify.vocabulary import builtin_vocabularies
from archive_pipeline.index.whoosh_engine import WhooshEngine
from archive_pipeline.protocols import IndexDocument
from archive_pipeline.search.names import VocabularyNames
from archive_pipeline.search.service import FACETS, FoundRelease, SearchService, results_as_json

TODAY = date(2026, 11, 22)

RELEASES = (
    IndexDocument(
        key="a",
        title="Mehr Geld für Sprachkurse",
        text="Der Landkreis fördert Sprachkurse. Die Bürgermeisterin dankt.",
        source="lippe",
        captured=date(2026, 11, 1),
        published=date(2025, 3, 1),
        district=("05766",),
        district_mentioned=("05766", "05974"),
        party=("fdp",),
        party_mentioned=("fdp", "spd"),
        topic=("immigration",),
    ),
    IndexDocument(
        key="b",
        title="Haushalt beschlossen",
        text="Der Rat hat den Haushalt beschlossen. Sprachkurse bleiben erhalten.",
        source="soest",
        captured=date(2026, 11, 2),
        published=date(2026, 11, 10),
        district=("05974",),
        district_mentioned=("05974",),
        party=("spd",),
        party_mentioned=("spd",),
        topic=("macroeconomics",),
    ),
    IndexDocument(
        key="c",
        title="Ohne Datum",
        text="Eine Mitteilung über Sprachkurse ohne Datum.",
        source="soest",
        captured=date(2026, 11, 3),
        district=("05974",),
        district_mentioned=("05974",),
    ),
)


class Texts:
    def found_releases(self, ids: Sequence[str]) -> Iterable[FoundRelease]:
        for release in RELEASES:
            if release.key in ids:
                yield FoundRelease(
                    id=release.key,
                    title=release.title,
                    text=release.text,
                    url=f"https://example.org/{release.key}",
                    published=release.published,
                    source_id=release.source,
                )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterable[SearchService]:
    index = WhooshEngine().create(tmp_path_factory.mktemp("search") / "index")
    index.upsert(RELEASES)
    index.commit(3)
    yield SearchService(index=index, releases=Texts(), names=VocabularyNames(builtin_vocabularies()))
    index.close()


def ids(service: SearchService, query: str, **options: object) -> list[str]:
    return [hit.id for hit in service.search(query, today=TODAY, **options).hits]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Sprachkurs", {"a", "b", "c"}),
        ("kreis:Lippe", {"a"}),
        ("kreis:Soest Sprachkurse", {"b", "c"}),
        ("kreis.erwähnt:Soest", {"a", "b", "c"}),
        ("partei:SPD", {"b"}),
        ("partei.erwähnt:Sozialdemokraten", {"a", "b"}),
        ("thema:Einwanderung", {"a"}),
        ("thema:Migration", {"a"}),
        ("quelle:soest -Haushalt", {"c"}),
        ("datum:2025", {"a"}),
        ("datum:unbekannt", {"c"}),
        ("erfasst:2026-11-02", {"b"}),
        ("seit:30t", {"b"}),
        ("titel:Haushalt", {"b"}),
        ("", {"a", "b", "c"}),
    ],
)
def test_finds(service: SearchService, query: str, expected: set[str]) -> None:
    results = service.search(query, today=TODAY)

    assert {hit.id for hit in results.hits} == expected
    assert (results.total, results.notes) == (len(expected), ())


def test_hits_show_snippets_and_title_highlights(service: SearchService) -> None:
    hit = next(hit for hit in service.search("Sprachkurs", today=TODAY).hits if hit.id == "a")

    assert [hit.title[h.start : h.end] for h in hit.title_highlights] == ["Sprachkurse"]
    assert [s.text[h.start : h.end] for s in hit.snippets for h in s.highlights] == ["Sprachkurse"]
    assert hit.score > 0


def test_facets_count_all_hits_with_labels(service: SearchService) -> None:
    results = service.search("Sprachkurs", today=TODAY, limit=1)
    facets = {field: {v.label: v.count for v in values} for field, values in results.facets}

    assert tuple(facets) == FACETS
    assert facets["district"] == {"Kreis Soest": 2, "Kreis Lippe": 1}
    assert facets["party"] == {"FDP": 1, "SPD": 1}
    assert facets["year"] == {"2025": 1, "2026": 1}


def test_undated_releases_are_counted_with_and_without_date_filter(service: SearchService) -> None:
    assert service.search("Sprachkurs", today=TODAY).undated == 1
    assert service.search("Sprachkurs datum:2025..", today=TODAY).undated == 1
    assert service.search("Haushalt datum:2025..", today=TODAY).undated == 0


@pytest.mark.parametrize(
    ("query", "undated", "by_date"),
    [
        ("Sprachkurs ODER datum:2026", 1, False),  # c is a hit by its word
        ("Sprachkurs (datum:2025 ODER datum:unbekannt)", 1, False),
        ("Haushalt ODER datum:2025", 1, True),  # c alone has no date, however many hits the words have
        ("datum:unbekannt", 1, False),
        ("Sprachkurs -datum:2025", 1, False),
    ],
)
def test_undated_hits_are_never_counted_as_left_out(
    service: SearchService, query: str, undated: int, by_date: bool
) -> None:
    found = service.search(query, today=TODAY)
    assert (found.undated, found.by_date) == (undated, by_date)


def test_releases_that_only_mention_are_counted(service: SearchService) -> None:
    assert service.search("partei:SPD", today=TODAY).mentioned_only == 1
    assert service.search("kreis:Soest Haushalt", today=TODAY).mentioned_only == 0
    assert service.search("Sprachkurs", today=TODAY).mentioned_only == 0


def test_only_the_open_match_widens_and_says_so(service: SearchService) -> None:
    widened = service.search("Haushalt Bürgermeisterin", today=TODAY)

    assert (widened.widened, widened.match, widened.total) == (True, "any", 2)
    assert any("alle Wörter" in note for note in widened.notes)
    assert service.search("Haushalt Bürgermeisterin", today=TODAY, match="all").total == 0
    assert not service.search("Haushalt beschlossen", today=TODAY).widened


def test_order_and_pages(service: SearchService) -> None:
    assert ids(service, "Sprachkurs", sort="newest") == ["b", "a", "c"]
    assert ids(service, "Sprachkurs", sort="oldest") == ["a", "b", "c"]
    assert ids(service, "Sprachkurs", sort="newest", offset=1, limit=1) == ["a"]
    assert ids(service, "Sprachkurs", offset=10) == []


def test_a_hit_that_is_gone_from_the_archive_is_left_out(tmp_path: Path) -> None:
    index = WhooshEngine().create(tmp_path / "index")
    index.upsert([IndexDocument(key="gone", title="t", text="Haushalt", source="s", captured=TODAY)])
    index.commit(1)
    results = SearchService(index=index, releases=Texts(), names=VocabularyNames(())).search("Haushalt", today=TODAY)

    assert (results.total, results.hits) == (1, ())


def test_json_has_the_agreed_shape(service: SearchService) -> None:
    data = json.loads(json.dumps(results_as_json(service.search("Sprachkurs datum:2025", today=TODAY))))

    assert {"query", "understood", "notes", "total", "undated", "hits", "facets"} <= data.keys()
    assert set(data["facets"]) == {"district", "party", "organisation", "topic", "year"}
    assert data["facets"]["district"] == [{"value": "05766", "label": "Kreis Lippe", "count": 1}]
    assert {"id", "url", "path", "title", "score"} <= data["hits"][0].keys()


def test_names_of_places_parties_and_voter_groups() -> None:
    names = VocabularyNames(builtin_vocabularies())

    assert names.resolve("district", "Kreis Heinsberg") == ("05370",)
    assert names.resolve("district_mentioned", "heinsberg") == ("05370",)
    assert len(names.resolve("district", "München")) == 2
    assert names.resolve("state", "NRW") == ("05",)
    assert names.resolve("party", "uwg@05370") == ("uwg@05370",)
    assert names.resolve("party", "die grünen") == ("gruene",)
    assert names.resolve("organisation", "DRK") == ("drk",)
    assert "Lippe" in names.nearest("district", "Lipe")
    assert names.label("district", "05766") == "Kreis Lippe"
    assert names.label("topic", "no-such") == "no-such"


def test_finer_topics_and_associations_are_found_under_their_parent() -> None:
    names = VocabularyNames(builtin_vocabularies())

    assert names.resolve("topic", "Sport") == ("culture",)
    assert names.resolve("party", "SGK") == ("spd",)
    assert names.resolve("party", "Junge Union") == ("cdu",)
    assert names.resolve("party", "grüne") == ("gruene",)
