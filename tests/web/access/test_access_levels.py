"""Nobody sees more than they may: not in a page, an API answer, a feed, an export or a count."""

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from archive_pipeline.web.api import ENDPOINTS

WORDS = {
    "public": "Offenwort",
    "login": "Kontowort",
    "onsite": "Lesesaalwort",
    "closed": "Geheimwort",
    "embargo": "Sperrfristwort",
    "hidden": "Verborgenwort",
}

SEEN = {
    "nobody": {"public"},
    "reader": {"public", "login"},
    "archivist": {"public", "login", "onsite", "closed", "embargo"},
}
"""Nobody reads what is under embargo but archivists, and what is withheld nobody at all."""

QUERY = "q=Kreisverwaltung"

ADDRESSES = [
    "/",
    f"/search?{QUERY}",
    f"/search?{QUERY}&view=kwic",
    f"/search?{QUERY}&sort=newest&page=2",
    "/search?q=",
    f"/search.atom?{QUERY}",
    "/search.atom",
    "/kreis",
    "/kreis/05974",
    "/partei",
    "/partei/spd",
    "/thema",
    "/org",
    "/person",
    "/person/Eva Muster",
    "/sources",
    *(f"/sources/{level}" for level in ("public", "login", "onsite", "closed")),
    "/runs",
    "/runs/last",
    "/about",
    f"/api/v1/search?{QUERY}&limit=100",
    f"/api/v1/hits?{QUERY}&limit=100",
    f"/api/v1/hits?{QUERY}&format=csv",
    f"/api/v1/hits?{QUERY}&format=jsonl",
    f"/api/v1/facets?{QUERY}&facets=source,party,district,month",
    f"/api/v1/timeline?{QUERY}&by=source",
    "/api/v1/releases?limit=200",
    "/api/v1/releases?format=csv",
    "/api/v1/releases?format=jsonl",
    *(f"/api/v1/export?format={form}" for form in ("jsonl", "csv", "bibtex", "ris")),
    "/api/v1/axes/party",
    "/api/v1/axes/party/spd?limit=50",
    "/api/v1/axes/district/05974?limit=50",
    "/api/v1/persons",
    "/api/v1/persons/Eva%20Muster",
    "/api/v1/sources",
    "/api/v1/runs",
    "/api/v1/runs/last",
    "/api/v1/sets",
    "/api/v1/searches",
    "/api/v1/review",
    "/api/v1/takedown",
]

OF_ONE = [
    "/d/{id}",
    "/d/{id}@1",
    "/d/{id}@1.1",
    "/d/{id}/original",
    "/d/{id}/vergleich",
    "/d/{id}/zitat.bib",
    "/d/{id}/zitat.ris",
    *("/api/v1" + one.path.replace("{ref}", "{id}") for one in ENDPOINTS if one.path.startswith("/releases/{ref}")),
    "/api/v1/releases/{id}@1.1",
    "/api/v1/releases/{id}/original?attachment=0",
]


@pytest.mark.parametrize("who", SEEN)
@pytest.mark.parametrize("address", ADDRESSES)
def test_no_answer_holds_what_its_reader_may_not_see(
    clients: dict[str, TestClient], built: Any, who: str, address: str
) -> None:
    answer = clients[who].get(address)
    assert answer.status_code < 500
    hidden = set(WORDS) - SEEN[who]
    leaks = {kind for kind in hidden if WORDS[kind] in answer.text or built.ids[kind] in answer.text}
    if address.startswith("/api/v1/takedown") and who == "archivist":
        leaks.discard("hidden")  # the case names what it withholds
    assert leaks == set()


@pytest.mark.parametrize("who", SEEN)
@pytest.mark.parametrize("address", OF_ONE)
def test_what_is_not_to_be_seen_is_not_there(
    clients: dict[str, TestClient], built: Any, who: str, address: str
) -> None:
    unknown = clients[who].get(address.format(id="0123456789abcdef"))
    for kind, word in WORDS.items():
        answer = clients[who].get(address.format(id=built.ids[kind]))
        if kind in SEEN[who]:
            assert answer.status_code in (200, 404)  # some releases have no second version and no attachment
            assert answer.status_code == 200 or "vergleich" in address or "attachment" in address or "diff" in address
        elif kind == "hidden":
            assert answer.status_code == 410
            assert word not in answer.text
        else:  # as if it were not there, to the letter
            assert answer.status_code == unknown.status_code == 404
            assert _told(answer.text, built.ids[kind]) == _told(unknown.text, "0123456789abcdef")


def _told(text: str, release_id: str) -> str:
    return re.sub(r'value="[^"]*"', "", text.replace(release_id, "ID"))


@pytest.mark.parametrize("who", SEEN)
def test_counts_agree_with_what_is_seen(clients: dict[str, TestClient], who: str) -> None:
    client, expected = clients[who], len(SEEN[who]) + 1  # the evil page is public
    found = client.get(f"/api/v1/search?{QUERY}&limit=100&facets=source,year,month,party").json()
    assert found["total"] == len(found["hits"]) == expected
    for name in ("source", "month"):
        assert sum(row["count"] for row in found["facets"][name]) == expected
    timeline = client.get(f"/api/v1/timeline?{QUERY}").json()
    assert sum(row["count"] for row in timeline["rows"]) + timeline["undated"] == expected
    assert timeline["volume"] == expected
    assert sum(row["releases"] for row in client.get("/api/v1/sources").json()["items"]) == expected
    assert int(client.get("/api/v1/export").headers["x-total-count"]) == expected


@pytest.mark.parametrize("kind", ["login", "onsite", "closed", "embargo", "hidden"])
def test_a_word_that_only_a_hidden_release_has_finds_nothing(nobody: TestClient, kind: str) -> None:
    word = WORDS[kind]
    for query in (word, f"{word[:7]}*", f"={word}", f'"bauen {word}"', f"zitat:{word}", f"-={word}"):
        found = nobody.get("/api/v1/search", params={"q": query, "match": "all"}).json()
        assert found["total"] == (2 if query.startswith("-") else 0)
        assert WORDS[kind].casefold() not in str(found["suggestion"]).casefold()


@pytest.mark.parametrize("address", ["/review", "/api/v1/review", "/api/v1/takedown", "/metrics"])
def test_what_archivists_do_is_theirs(clients: dict[str, TestClient], address: str) -> None:
    assert clients["nobody"].get(address).status_code in (303, 401)
    assert clients["reader"].get(address).status_code == 403
    assert clients["admin"].get(address).status_code == 200


def test_persons_who_decide_are_named_to_archivists_only(clients: dict[str, TestClient], built: Any) -> None:
    path = f"/api/v1/releases/{built.ids['public']}/events"
    assert all((row["agent"] or "archive_pipeline/").startswith("archive_pipeline/")
               for row in clients["nobody"].get(path).json()["items"])  # fmt: skip
