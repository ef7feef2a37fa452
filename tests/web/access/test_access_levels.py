"""Nobody sees more than they may: not in a page, an API answer, a feed, an export or a count."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from lxml import html
from starlette.routing import Match, Route
from starlette.testclient import TestClient

from archive_pipeline.web import app
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

SETS = ("alles", "offenes")
"""Frozen sets: of everything, and of the public source, in which one release is under embargo."""

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
    "/thema/transportation",
    "/org",
    "/org/kreis-soest",
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
    *(f"/search.{form}?{QUERY}" for form in ("csv", "jsonl", "bibtex", "ris", "csl-json")),
    f"/api/v1/kwic?{QUERY}&limit=200",
    f"/api/v1/kwic?{QUERY}&format=csv",
    "/review",
    "/searches",
    "/searches/Kreisverwaltung",
    f"/save?{QUERY}",
    f"/freeze?{QUERY}",
    "/sets",
    *(f"/sets/{name}{rest}" for name in SETS for rest in ("", "?pruefen=1", "/vergleich")),
    "/sets/offenes/vergleich?mit=alles",
    *(f"/sets/{name}/export.{form}" for name in SETS for form in ("csv", "jsonl", "bibtex", "ris")),
    "/takedown",
    "/takedown/2026-1",
    "/takedown/new",
    "/metrics",
    "/healthz",
    "/api/v1/me",
    "/api/v1/sources/closed",
    "/api/v1/searches",
    "/api/v1/searches/Kreisverwaltung",
    "/api/v1/searches/Kreisverwaltung/new",
    "/api/v1/searches/Kreisverwaltung/new?format=csv",
    "/api/v1/sets",
    *(f"/api/v1/sets/{name}{rest}" for name in SETS for rest in ("", "/members", "/difference", "/verification")),
    *(f"/api/v1/sets/{name}/export?format={form}" for name in SETS for form in ("csv", "jsonl", "bibtex", "ris")),
    "/api/v1/review",
    "/api/v1/takedown",
    "/api/v1/takedown/2026-1",
]

OF_ONE = [
    "/d/{id}",
    "/d/{id}@1",
    "/d/{id}@1.1",
    "/d/{id}/original",
    "/d/{id}/vergleich",
    "/d/{id}/zitat.bib",
    "/d/{id}/zitat.ris",
    "/d/{id}/zitat.json",
    "/d/{id}/aehnlich",
    *(
        "/api/v1" + one.path.replace("{ref}", "{id}")
        for one in ENDPOINTS
        if one.path.startswith("/releases/{ref}") and one.method == "GET"
    ),
    "/api/v1/releases/{id}@1.1",
    "/api/v1/releases/{id}/original?attachment=0",
]


WITHOUT_RELEASES = {"/login", "/account", "/robots.txt", "/openapi.json", "/api/v1/openapi.json"}
"""Outputs that are made of nothing that the archive holds."""

FOR_EVERYBODY = {"/login", "/logout"}
FOR_ACCOUNTS = {"/save", "/searches/seen", "/searches/remove"}
"""What changes something and is not for archivists alone."""


def routes() -> list[Route]:
    """Every address of pages and API."""
    return [one for one in app._routes() if isinstance(one, Route)]


def test_every_output_is_asked_in_these_tests() -> None:
    """A new page or endpoint belongs into the lists above: then it is known to show nobody too much."""
    asked = set()
    for address in [*ADDRESSES, *(one.format(id="0123456789abcdef") for one in OF_ONE)]:
        scope = {"type": "http", "method": "GET", "path": urlsplit(address).path}
        asked.add(next(one.path for one in routes() if one.matches(scope)[0] is Match.FULL))
    outputs = {one.path for one in routes() if "GET" in (one.methods or ())}
    assert outputs - asked - WITHOUT_RELEASES == set()


@pytest.mark.parametrize(
    "route", [one for one in routes() if "GET" not in (one.methods or ())], ids=lambda one: one.name
)
def test_what_changes_something_is_for_archivists(clients: dict[str, TestClient], built: Any, route: Route) -> None:
    path = (
        route.path.replace("{ref}", built.ids["public"]).replace("{name}", "Kreisverwaltung").replace("{id}", "2026-1")
    )
    before = (built.folder / "archive/decisions.jsonl").read_bytes()
    for who in ("nobody", "reader"):
        answer = clients[who].request(next(iter(route.methods or ())), path, json={})
        allowed = route.path in FOR_EVERYBODY or (route.path in FOR_ACCOUNTS and who == "reader")
        if not allowed:
            assert answer.status_code == (401 if who == "nobody" and "/api/" in path else 403)
    assert (built.folder / "archive/decisions.jsonl").read_bytes() == before


@pytest.mark.parametrize("who", SEEN)
@pytest.mark.parametrize("address", ADDRESSES)
def test_no_answer_holds_what_its_reader_may_not_see(
    clients: dict[str, TestClient], built: Any, who: str, address: str
) -> None:
    answer = clients[who].get(address)
    assert answer.status_code < 500
    hidden = set(WORDS) - SEEN[who]
    leaks = {kind for kind in hidden if WORDS[kind] in answer.text or built.ids[kind] in answer.text}
    if "/takedown" in address and who == "archivist":
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


@pytest.mark.parametrize("who", SEEN)
def test_pages_of_sources_and_runs_count_what_is_seen(clients: dict[str, TestClient], who: str) -> None:
    client, seen = clients[who], SEEN[who]
    table = html.fromstring(client.get("/sources").text).cssselect("table.sources tbody tr")
    counts = {row.cssselect(".facts")[0].text: int(row.cssselect("td.number")[0].text_content()) for row in table}
    assert counts == {
        "public": 3 if "embargo" in seen else 2,
        **{level: int(level in seen) for level in ("login", "onsite", "closed")},
    }
    for level in ("login", "onsite", "closed"):
        values = html.fromstring(client.get(f"/sources/{level}").text).cssselect("dl.pairs dd")
        assert values[1].text_content().split()[0] == str(int(level in seen))
        assert ("–" in [one.text_content() for one in values]) == (level not in seen)
    told = client.get("/api/v1/sources").json()["items"]
    assert {one["id"] for one in told if one["last_new_at"]} == seen & {"public", "login", "onsite", "closed"}
    assert who == "archivist" or {(one["since"], one["cause"]) for one in told} == {(None, None)}
    runs = client.get("/api/v1/runs").json()["items"]
    if who != "archivist":  # the journal of the archivists counts what they hid since
        assert sum(one["new"] for one in runs) == len(seen) + 1
        assert {one["failed"] for one in runs} == {None}
        visits = client.get("/api/v1/runs/last").json()["sources"]
        assert {one["source_id"]: one["new"] for one in visits if one["new"]} == dict.fromkeys(seen - {"public"}, 1)
        assert {one["seen"] for one in visits} == {None}
    cells = html.fromstring(client.get("/runs").text).cssselect("tbody tr td.number:nth-of-type(3)")
    assert [int(cell.text) for cell in cells] == [one["new"] for one in runs]
    page = html.fromstring(client.get("/runs/last").text)
    head = [cell.text for cell in page.cssselect("thead th")]
    new = {row[0].text_content(): int(row[head.index("neu")].text) for row in page.cssselect("tbody tr")}
    assert {name for name, number in new.items() if number} == seen - {"public", "embargo"}


@pytest.mark.parametrize("kind", ["login", "onsite", "closed", "embargo", "hidden"])
def test_a_word_that_only_a_hidden_release_has_finds_nothing(nobody: TestClient, kind: str) -> None:
    word = WORDS[kind]
    for query in (word, f"{word[:7]}*", f"={word}", f'"bauen {word}"', f"zitat:{word}", f"-={word}"):
        found = nobody.get("/api/v1/search", params={"q": query, "match": "all"}).json()
        assert found["total"] == (2 if query.startswith("-") else 0)
        assert WORDS[kind].casefold() not in str(found["suggestion"]).casefold()


@pytest.mark.parametrize(
    "address",
    [
        "/review",
        "/takedown",
        "/takedown/2026-1",
        "/takedown/new",
        "/freeze",
        "/api/v1/review",
        "/api/v1/takedown",
        "/metrics",
    ],
)
def test_what_archivists_do_is_theirs(clients: dict[str, TestClient], address: str) -> None:
    assert clients["nobody"].get(address).status_code in (303, 401)
    assert clients["reader"].get(address).status_code == 403
    assert clients["admin"].get(address).status_code == 200


def test_persons_who_decide_are_named_to_archivists_only(clients: dict[str, TestClient], built: Any) -> None:
    path = f"/api/v1/releases/{built.ids['public']}/events"
    assert all((row["agent"] or "archive_pipeline/").startswith("archive_pipeline/")
               for row in clients["nobody"].get(path).json()["items"])  # fmt: skip
