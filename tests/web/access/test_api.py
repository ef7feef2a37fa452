"""The API: answers, pages, formats, caching, errors."""

import csv
import io
import json
import shutil
from typing import Any

import pytest
from starlette.testclient import TestClient

from archive_pipeline.accounts import Accounts, accounts_file
from archive_pipeline.web.api import ENDPOINTS

API = "/api/v1"


def test_search_is_the_object_of_the_command_line(archivist: TestClient, built: Any, apl: Any) -> None:
    answered = archivist.get(f"{API}/search", params={"q": "Radwege", "limit": 3}).json()
    told = apl.json("-C", built.folder, "search", "Radwege", "--limit", "3", "--json")
    for changing in ("next_cursor", "suggestion"):
        told.pop(changing, None)
        answered.pop(changing, None)
    assert answered == {**told, "facets": answered["facets"]}
    assert {name: rows for name, rows in answered["facets"].items() if name in told["facets"]} == told["facets"]


def test_cursor_reaches_every_hit_once(archivist: TestClient) -> None:
    seen: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(10):
        page = archivist.get(f"{API}/hits", params={"q": "Radwege", "limit": 2, **cursor}).json()
        seen += [row["id"] for row in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert len(seen) == len(set(seen)) == page["total"] == 6


def test_fields_choose_what_is_told(archivist: TestClient) -> None:
    page = archivist.get(f"{API}/hits", params={"fields": "id,title", "limit": 1}).json()
    assert [set(row) for row in page["items"]] == [{"id", "title"}]
    refused = archivist.get(f"{API}/hits", params={"fields": "id,passwort"})
    assert refused.status_code == 400
    assert "passwort" in refused.json()["detail"]


def test_rows_come_as_csv_and_jsonl(archivist: TestClient) -> None:
    params = {"q": "Radwege", "limit": 2, "fields": "id,title,access"}
    table = archivist.get(f"{API}/hits", params={**params, "format": "csv"})
    lines = archivist.get(f"{API}/hits", params={**params, "format": "jsonl"})
    rows = list(csv.DictReader(io.StringIO(table.text, newline="")))
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert lines.headers["content-disposition"] == 'attachment; filename="hits.jsonl"'
    assert [row["id"] for row in rows] == [json.loads(line)["id"] for line in lines.text.splitlines()]
    assert len(rows) == 6


def test_what_a_client_has_is_not_sent_again(archivist: TestClient, nobody: TestClient, built: Any) -> None:
    for path in (f"{API}/search?q=Radwege", f"{API}/releases/{built.ids['public']}"):
        first = archivist.get(path)
        again = archivist.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert first.headers["cache-control"] == "private, no-cache"
        assert "Authorization" in first.headers["vary"]
        if "search" in path:  # somebody else sees something else under the same address
            assert nobody.get(path).headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/nirgends", 404, "not_found"),
        ("/releases/d0d0d0d0d0d0", 404, "unknown_release"),
        ("/search?limit=viele", 400, "invalid"),
        ("/search?grenze=3", 400, "invalid"),
        ("/search?q=a&q=b", 400, "query"),
        ("/hits?cursor=unsinn", 400, "query"),
        ("/axes/planet", 400, "invalid"),
    ],
)
def test_errors_have_one_form(archivist: TestClient, path: str, status: int, code: str) -> None:
    answer = archivist.get(API + path)
    found = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (found["status"], found["code"], found["type"]) == (status, code, "about:blank")
    assert found["detail"]


def test_a_wrong_method_is_told_in_the_same_form(archivist: TestClient) -> None:
    answer = archivist.delete(f"{API}/search")
    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"


def test_a_release_is_told_whole(archivist: TestClient, built: Any) -> None:
    release_id = built.ids["public"]
    whole = archivist.get(f"{API}/releases/{release_id}").json()
    assert "Offenwort" in whole["article"]["text"]
    versions = archivist.get(f"{API}/releases/{release_id}/versions").json()["items"]
    exact = versions[0]["permalink"].removeprefix("d/")
    assert archivist.get(f"{API}/releases/{exact}").json() == whole
    tags = archivist.get(f"{API}/releases/{release_id}/tags").json()
    assert all(span["text"] in whole["article"]["text"] + whole["article"]["title"]
               for tag in tags["tags"] for span in tag["evidence"])  # fmt: skip
    quotes = archivist.get(f"{API}/releases/{release_id}/quotes").json()["items"]
    assert any("Offenwort" in quote["text"] for quote in quotes)
    assert archivist.get(f"{API}/releases/{release_id}/events").json()["total"] > 0
    assert archivist.get(f"{API}/releases/{release_id}/citation").json()["csl_json"]["type"] == "webpage"


def test_the_original_is_handed_over_byte_for_byte_and_never_shown(archivist: TestClient, built: Any) -> None:
    answer = archivist.get(f"{API}/releases/{built.ids['public']}/original")
    assert answer.content == (built.folder / "eingang/public/mitteilung.html").read_bytes()
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_harvesting_goes_on_where_it_ended(archivist: TestClient) -> None:
    first = archivist.get(f"{API}/releases", params={"limit": 2}).json()
    second = archivist.get(f"{API}/releases", params={"limit": 200, "cursor": first["next"]}).json()
    seqs = [row["seq"] for row in first["items"] + second["items"]]
    assert seqs == sorted(set(seqs))
    assert second["next"] is None
    assert archivist.get(f"{API}/releases", params={"since": seqs[-1]}).json()["items"] == []


def test_a_verdict_is_taken_once_and_can_be_taken_back(own: Any, client_of: Any) -> None:
    accounts = Accounts(accounts_file(own.workspace.data))
    client = client_of(own)
    client.headers["authorization"] = f"Bearer {accounts.issue_token('archivist', 'review').text}"
    case = client.get(f"{API}/review", params={"limit": 1}).json()["items"][0]
    verdict = {name: case[name] for name in ("release", "axis", "value", "digest")} | {"verdict": "reject"}
    stale = client.post(f"{API}/review/decisions", json={**verdict, "digest": "0" * 16})
    assert (stale.status_code, stale.json()["code"]) == (409, "conflict")
    decided = client.post(f"{API}/review/decisions", json=verdict)
    assert decided.status_code == 200
    assert case not in client.get(f"{API}/review", params={"limit": 200}).json()["items"]
    written = (own.folder / "archive/decisions.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(written[-1])["decided_by"] == "archivist"
    undone = client.post(f"{API}/review/undo", json={"batch": decided.json()["batch"]})
    assert undone.json()["decisions"] == decided.json()["decisions"]
    assert case in client.get(f"{API}/review", params={"limit": 200}).json()["items"]
    client.headers["authorization"] = f"Bearer {accounts.issue_token('archivist', 'read').text}"
    assert client.post(f"{API}/review/decisions", json=verdict).status_code == 403


def test_monitoring_tells_of_the_archive_and_of_nobody(clients: dict[str, TestClient]) -> None:
    assert clients["nobody"].get("/healthz").json() == {"status": "ok"}
    figures = clients["admin"].get("/metrics")
    assert figures.headers["content-type"].startswith("text/plain")
    assert "apl_releases 7.0" in figures.text
    assert "archivist" not in figures.text
    assert [clients[who].get("/metrics").status_code for who in ("nobody", "reader", "archivist")] == [303, 403, 403]


def test_health_says_when_the_index_is_gone(own: Any, client_of: Any) -> None:
    client = client_of(own)
    shutil.rmtree(own.folder / "archive/index")
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"status": "index"})
    assert client.get(f"{API}/search").json()["code"] == "indexing"


def test_the_document_describes_every_endpoint(archivist: TestClient) -> None:
    document = archivist.get(f"{API}/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    told = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert told == {(one.method, API + one.path) for one in ENDPOINTS}
