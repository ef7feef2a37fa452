"""What programs keep and decide through the API: searches, frozen sets, takedown cases, tags; and occurrences."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from archive_pipeline.accounts import Accounts, accounts_file
from archive_pipeline.archive.lock import writer_lock
from archive_pipeline.workspace import utc_now

API = "/api/v1"


@pytest.fixture
def programs(own: Any, client_of: Callable[..., TestClient]) -> Callable[[str], TestClient]:
    """A program with a token of this scope of the archivist's account, at an archive of its own."""

    def make(scope: Any) -> TestClient:
        accounts = Accounts(accounts_file(own.workspace.data))
        client = client_of(own)
        client.headers["authorization"] = f"Bearer {accounts.issue_token('archivist', scope).text}"
        return client

    return make


def test_a_search_is_kept_followed_and_removed(own: Any, apl: Any, programs: Any) -> None:
    client, reading = programs("review"), programs("read")
    wanted = {"name": "Wege", "query": "Radwege", "match": "any"}
    kept = client.post(f"{API}/searches", json=wanted).json()
    assert kept["saved_by"] == "archivist"
    assert kept["feed"].endswith("/search.atom?q=Radwege&match=any")
    assert client.get(kept["feed"].partition("127.0.0.1")[2]).status_code == 200
    again = client.post(f"{API}/searches", json=wanted)
    assert (again.status_code, again.json()["code"]) == (409, "archive")
    assert client.post(f"{API}/searches", json={**wanted, "replace": True}).status_code == 200
    assert client.post(f"{API}/searches", json={"name": "..", "query": "x"}).status_code == 400
    title = "Kreis Soest plant neue Radwege am Bahnhof"
    fresh = f"{title}\n\nSoest, 3. Juni 2024. Der Kreis baut neue Radwege bis zum Bahnhof und an allen Schulen."
    (own.folder / "eingang/public/neu.txt").write_text(fresh, encoding="utf-8")
    apl("-C", own.folder, "run", "public")
    new = reading.get(f"{API}/searches/Wege/new").json()
    assert [(row["change"], row["hit"]["title"]) for row in new["items"]] == [("new", title)]
    seen = {"seq": new["items"][0]["seq"]}
    assert reading.post(f"{API}/searches/Wege/seen", json=seen).status_code == 403
    assert client.post(f"{API}/searches/Wege/seen", json=seen).json()["seen_seq"] == seen["seq"]
    assert client.post(f"{API}/searches/Wege/seen", json={"seq": 10**9}).json()["seen_seq"] == seen["seq"]
    assert reading.get(f"{API}/searches/Wege/new").json()["total"] == 0
    assert reading.delete(f"{API}/searches/Wege").status_code == 403
    assert client.delete(f"{API}/searches/Wege").json()["name"] == "Wege"
    assert client.get(f"{API}/searches/Wege").status_code == 404
    assert client.delete(f"{API}/searches/Wege").status_code == 404


def test_nothing_is_removed_from_a_web_page(own: Any, programs: Any) -> None:
    client = programs("review")
    for site in ("cross-site", "same-site"):
        answer = client.delete(f"{API}/searches/Kreisverwaltung", headers={"sec-fetch-site": site})
        assert answer.status_code == 403
    assert client.get(f"{API}/searches/Kreisverwaltung").status_code == 200


def test_a_set_is_frozen_verified_and_compared(own: Any, apl: Any, programs: Any) -> None:
    client = programs("review")
    made = client.post(f"{API}/sets", json={"name": "offen", "query": "Offenwort", "note": "für später"})
    row = made.json()
    assert row["releases"] == 1
    assert row["sha256"] in row["citation"]
    assert client.get(f"{API}/sets/offen").json() == row
    assert client.get(f"{API}/sets/offen/verification").json()["agrees"] is True
    members = client.get(f"{API}/sets/offen/members").json()
    assert members["total"] == 1
    assert members["items"][0]["permalink"].startswith(f"d/{own.ids['public']}@")
    lines = client.get(f"{API}/sets/offen/export", params={"format": "jsonl"}).text.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [own.ids["public"]]
    apl("-C", own.folder, "tag", own.ids["public"], "+topic:transportation")
    found = client.get(f"{API}/sets/offen/difference").json()
    assert (found["retagged"], found["added"]) == ([own.ids["public"]], [])
    assert own.ids["login"] in client.get(f"{API}/sets/offen/difference", params={"other": "alles"}).json()["added"]
    assert client.post(f"{API}/sets", json={"name": "offen", "query": "x"}).status_code == 409
    assert client.post(f"{API}/sets", json={"name": "Offen!", "query": "x"}).status_code == 400
    assert programs("read").post(f"{API}/sets", json={"name": "neu", "query": "x"}).status_code == 403


def test_members_come_in_pages(own: Any, programs: Any) -> None:
    client = programs("review")
    total = client.get(f"{API}/sets/alles").json()["releases"]
    first = client.get(f"{API}/sets/alles/members", params={"limit": 2}).json()
    second = client.get(f"{API}/sets/alles/members", params={"limit": 200, "cursor": first["next"]}).json()
    ranks = [row["rank"] for row in first["items"] + second["items"]]
    assert ranks == list(range(1, total + 1))
    assert second["next"] is None


def test_a_case_is_opened_and_decided(own: Any, programs: Any, nobody: TestClient, client_of: Any) -> None:
    client, key = programs("review"), own.ids["public"]
    asked = {"releases": [f"d/{key}"], "ground": "Art. 17 DSGVO", "requester": "Eva Klagt", "reason": "Name"}
    assert programs("read").post(f"{API}/takedown", json=asked).status_code == 403
    opened = client.post(f"{API}/takedown", json=asked).json()
    assert (opened["state"], opened["release_ids"]) == ("requested", [key])
    assert client_of(own).get(f"{API}/releases/{key}").status_code == 200
    path = f"{API}/takedown/{opened['id']}/decide"
    assert client.post(path, json={"verdict": "hide"}).status_code == 400
    assert client.post(path, json={"verdict": "erase", "reason": "x"}).status_code == 400
    assert client.post(path, json={"verdict": "hide", "reason": "berechtigt"}).json()["state"] == "hidden"
    assert client_of(own).get(f"{API}/releases/{key}").status_code == 410
    assert client.post(path, json={"verdict": "keep", "reason": "doch nicht"}).json()["state"] == "kept"
    assert client_of(own).get(f"{API}/releases/{key}").status_code == 200
    at_once = client.post(f"{API}/takedown", json={**asked, "hide": True}).json()
    assert [one["step"] for one in at_once["steps"]] == ["request", "hide"]
    unknown = client.post(f"{API}/takedown", json={"releases": ["d/0000"]})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_release")
    assert client.post(f"{API}/takedown/2026-99/decide", json={"verdict": "keep", "reason": "x"}).status_code == 404


def test_a_locked_archive_says_so(own: Any, programs: Any) -> None:
    client = programs("review")
    with writer_lock(own.workspace.data, "rebuild", utc_now()):
        for path, body in (
            ("/searches", {"name": "x", "query": "x"}),
            ("/sets", {"name": "x", "query": "x"}),
            ("/takedown/2026-1/decide", {"verdict": "keep", "reason": "x"}),
            (f"/releases/{own.ids['public']}/tags", {"changes": [{"action": "add", "axis": "party", "value": "spd"}]}),
        ):
            answer = client.post(API + path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (423, "locked")
            assert "gesperrt von PID" in answer.json()["detail"]


def test_tags_are_set_and_taken_back(own: Any, programs: Any) -> None:
    client, path = programs("review"), f"{API}/releases/{own.ids['public']}/tags"
    before = client.get(path).json()["tags"]
    changes = [
        {"action": "add", "axis": "topic", "value": "transportation"},
        {"action": "remove", "axis": "party", "value": "spd"},
    ]
    assert programs("read").post(path, json={"changes": changes}).status_code == 403
    decided = client.post(path, json={"changes": changes, "note": "nachgelesen"}).json()
    assert decided["decisions"] == 2
    after = client.get(path).json()["tags"]
    assert ("topic", "transportation", "primary") in {(one["axis"], one["value"], one["role"]) for one in after}
    assert all((one["axis"], one["value"]) != ("party", "spd") for one in after)
    for wrong in (
        {"action": "add", "axis": "topic", "value": "gibtesnicht"},
        {"action": "add", "axis": "topic", "value": "housing", "role": "issuer"},
    ):
        assert client.post(path, json={"changes": [wrong]}).status_code == 400
    client.post(f"{API}/review/undo", json={"batch": decided["batch"]})
    assert client.get(path).json()["tags"] == before
    assert client.post(f"{API}/releases/{own.ids['hidden']}/tags", json={"changes": changes}).status_code == 410


def test_occurrences_come_in_pages_each_once(archivist: TestClient) -> None:
    params = {"q": "Radwege", "width": 20}
    everything = archivist.get(f"{API}/kwic", params={**params, "limit": 200}).json()["items"]
    assert {line["hit"] for line in everything} == {"Radwege"}
    assert all(len(line["left"]) <= 20 and len(line["right"]) <= 20 for line in everything)
    seen: list[Any] = []
    cursor: dict[str, str] = {}
    for _ in range(100):
        page = archivist.get(f"{API}/kwic", params={**params, "limit": 5, **cursor}).json()
        seen += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == everything
    assert len(everything) > 6
    table = csv.DictReader(io.StringIO(archivist.get(f"{API}/kwic", params={**params, "format": "csv"}).text))
    assert len(list(table)) == len(everything)


def test_filters_alone_have_no_occurrences(archivist: TestClient) -> None:
    assert archivist.get(f"{API}/kwic", params={"q": "quelle:public"}).json()["items"] == []
    for cursor in ("x", "1", "1.x", "-1.0"):
        assert archivist.get(f"{API}/kwic", params={"q": "Radwege", "cursor": cursor}).status_code == 400
