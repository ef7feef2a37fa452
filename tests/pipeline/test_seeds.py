"""The user's own five documents, the whole way through the command line: what the product is for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SHORT = ("000", "001", "002", "003", "004")


@pytest.fixture
def archived(apl: Any, seeds_archive: Path) -> Path:
    summary = apl.json("-C", seeds_archive, "run", "--json")
    assert (summary["new"], summary["failed"], summary["quarantined"], summary["exit_code"]) == (5, 0, 0, 0)
    return seeds_archive


@pytest.fixture
def releases(apl: Any, archived: Path) -> dict[str, Any]:
    lines = apl("-C", archived, "export", "jsonl").stdout.splitlines()
    return {release["path"][:3]: release for release in map(json.loads, lines)}


def tags(release: dict[str, Any], axis: str, *roles: str) -> list[str]:
    return [
        tag["value"]
        for tag in release["tags"]
        if tag["axis"] == axis and tag["score"] >= 0.5 and (not roles or tag["role"] in roles)
    ]


def test_all_five_are_archived_once(apl: Any, archived: Path) -> None:
    again = apl.json("-C", archived, "run", "--json")
    assert (again["new"], again["changed"], again["unchanged"], again["exit_code"]) == (0, 0, 5, 0)
    assert "Nichts Neues" in apl("-C", archived, "run").stdout


def test_districts(releases: dict[str, Any]) -> None:
    found = {key: tags(release, "district", "issuer", "about") for key, release in releases.items()}
    assert found == {"000": ["05370"], "001": ["05370"], "002": ["05370"], "003": ["05766"], "004": ["05974"]}


def test_parties(releases: dict[str, Any]) -> None:
    found = {key: tags(release, "party", "issuer", "about") for key, release in releases.items()}
    assert found == {"000": ["fdp"], "001": ["fdp"], "002": [], "003": ["cdu"], "004": ["spd"]}


def test_immigration_is_the_primary_topic_of_all(releases: dict[str, Any]) -> None:
    for key, release in releases.items():
        assert tags(release, "topic", "primary") == ["immigration"], key
        assert tags(release, "topic")[0] == "immigration", key


@pytest.mark.parametrize(
    ("key", "word"),
    [
        ("000", "KAI"),
        ("001", "KAI"),
        ("001", "DRK"),
        ("002", "Kommunales Integrationszentrum"),
        ("003", "Kommunales Integrationszentrum"),
        ("003", "Deutsches Rotes Kreuz"),
        ("004", "Kommunales Integrationszentrum"),
    ],
)
def test_organisations(releases: dict[str, Any], key: str, word: str) -> None:
    labels = [tag["label"] for tag in releases[key]["tags"] if tag["axis"] == "organisation" and tag["score"] >= 0.5]
    names = {word, "DRK", "Deutsches Rotes Kreuz"} if word in {"DRK", "Deutsches Rotes Kreuz"} else {word}
    if word == "KAI":
        names.add("Kristallisationspunkt")
    assert any(name in label for label in labels for name in names), labels


def test_every_tag_has_evidence_that_stands_in_the_text(releases: dict[str, Any]) -> None:
    for release in releases.values():
        assert release["tags"]
        for tag in release["tags"]:
            assert tag["evidence"]
            for span in tag["evidence"]:
                field = release["article"][span["field"]]
                assert field[span["start"] : span["end"]] == span["text"]


@pytest.fixture(scope="module")
def expected(shared: Path) -> dict[str, Any]:
    """What a careful archivist records for each document, read by hand; it lies beside the documents."""
    found = json.loads((shared / "seeds" / "expected.json").read_text(encoding="utf-8"))
    return {name[:3]: record for name, record in found.items()}


def test_every_axis_is_as_a_careful_archivist_records_it(releases: dict[str, Any], expected: dict[str, Any]) -> None:
    for key, record in expected.items():
        release = releases[key]
        assert tags(release, "district", "issuer", "about") == record["district"], key
        party = record["party"]
        assert tags(release, "party", "issuer") == party.get("issuer", party.get("any", [])), key
        assert set(tags(release, "party")) >= set(party.get("mentioned", ())), key
        topic = record["topic"]
        secondary = set(tags(release, "topic", "secondary"))
        assert tags(release, "topic", "primary") == [topic["primary"]], key
        assert secondary <= set(topic["secondary_any_of"]), key


def test_persons_with_offices_and_parties(releases: dict[str, Any], expected: dict[str, Any]) -> None:
    """Who stands in a caption alone is cut out with it; all others are recorded, and nobody else."""
    for key, record in expected.items():
        release = releases[key]
        text = release["article"]["text"]
        found = {person["name"]: person for person in release["persons"]}
        named = {name: party for name, _, party in record["persons"] if name in text}
        assert set(found) == set(named), key
        assert {name: found[name]["party"] for name in named} == named, key
        assert all(found[name]["role"] for name in named), key


def test_quotes_with_speakers(releases: dict[str, Any], expected: dict[str, Any]) -> None:
    for key, record in expected.items():
        quotes = releases[key]["quotes"]
        assert len(quotes) == len(record["quotes"]), key
        for beginning, speaker in record["quotes"]:
            said = [quote["speaker"] for quote in quotes if beginning in quote["text"]]
            assert said == [speaker], (key, beginning)
        assert not [q for q in quotes if q["text"] in record.get("not_quotes", ())], key


def test_the_quote_of_two_documents_is_found_in_both(releases: dict[str, Any], expected: dict[str, Any]) -> None:
    beginnings = [{beginning for beginning, _ in expected[key]["quotes"]} for key in ("000", "001")]
    (shared_beginning,) = beginnings[0] & beginnings[1]
    for key in ("000", "001"):
        assert any(shared_beginning in quote["text"] for quote in releases[key]["quotes"]), key


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Integration", set(SHORT)),
        ("sprecher:Lenzen", {"000", "001"}),
        ("zitat:Dialog", {"000", "001"}),
        ("partei:fdp Dialog", {"000", "001"}),
        ("kreis:Lippe", {"003"}),
        ("kreis:Soest", {"004"}),
        ("thema:immigration -kreis:05370", {"003", "004"}),
        ("Fluechtlingshilfe", {"004"}),
    ],
)
def test_search(apl: Any, archived: Path, query: str, expected: set[str]) -> None:
    found = apl.json("-C", archived, "search", query, "--json")
    assert {hit["path"][:3] for hit in found["hits"]} == expected
    assert found["total"] == len(expected)


def test_facets_add_up(apl: Any, archived: Path) -> None:
    found = apl.json("-C", archived, "search", "Integration", "--json")
    districts = {row["value"]: row["count"] for row in found["facets"]["district"]}
    assert districts == {"05370": 3, "05766": 1, "05974": 1}
    parties = {row["value"]: row["count"] for row in found["facets"]["party"]}
    assert parties == {"fdp": 2, "cdu": 1, "spd": 1}
    assert {row["value"]: row["count"] for row in found["facets"]["topic"]}["immigration"] == 5
    assert found["undated"] == 5


def test_rebuild_gives_everything_back(apl: Any, archived: Path, same: Callable[[Path], Any]) -> None:
    before = same(archived)
    hits = apl.json("-C", archived, "search", "Integration", "--json")
    (archived / "archive" / "archive.db").unlink()
    for path in (archived / "archive" / "index").rglob("*"):
        if path.is_file():
            path.unlink()
    result = apl.json("-C", archived, "rebuild", "--json")
    assert result["releases"] == 5
    assert same(archived) == before
    assert apl.json("-C", archived, "search", "Integration", "--json") == hits
