"""The review queue: verdicts become decisions like those of the command line, and can be taken back."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from starlette.testclient import TestClient

from archive_pipeline.web.app import create_app
from archive_pipeline.web.viewer import Viewer
from archive_pipeline.workspace import open_workspace

TEXT = """Kreisverband lädt ein

Lemgo, 4. März 2024. Der Kreisverband lädt zu einer Radtour durch Lippe ein. Unterwegs geht es um den Bahnhof, um das
Freibad und um die Frage, wie der Ort mit dem Bus besser zu erreichen ist. Die Tour ist kostenlos, alle sind willkommen.
"""


@pytest.fixture
def folder(web_archive: Path, tmp_path: Path) -> Path:
    """An archive to decide about."""
    return Path(shutil.copytree(web_archive, tmp_path / "archiv"))


def client_of(folder: Path, **values: Any) -> TestClient:
    return TestClient(create_app(open_workspace(folder), **values), base_url="http://127.0.0.1")


def forms(client: TestClient) -> list[dict[str, str]]:
    tree = html.fromstring(client.get("/review").text)
    return [
        {one.get("name"): one.get("value") or "" for one in form.cssselect("input")}
        for form in tree.cssselect("article form")
    ]


def decisions(folder: Path) -> list[dict[str, Any]]:
    (path,) = folder.rglob("decisions.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_verdict_is_written_down_and_taken_back(folder: Path) -> None:
    client = client_of(folder)
    cases = forms(client)
    assert cases
    case = next(one for one in cases if one["value"] != "none")
    answer = client.post("/review/judge", data={**case, "verdict": "accept", "note": "steht so im Text"})
    assert answer.status_code == 200
    tree = html.fromstring(answer.text)
    assert "Angenommen" in tree.cssselect(".done")[0].text_content()
    written = decisions(folder)
    assert [one["schema"] for one in written] == ["apl/tag-decision/1", "apl/review/1"]
    assert {one["note"] for one in written} == {"steht so im Text"}
    assert (written[0]["axis"], written[0]["value"], written[0]["action"]) == (case["axis"], case["value"], "add")
    page = client.get(f"/d/{case['release']}").text
    assert "gesetzt" in page
    keys = [(one["axis"], one["value"]) for one in forms(client)]
    assert (case["axis"], case["value"]) not in keys
    undo = {one.get("name"): one.get("value") for one in tree.cssselect(".done form input")}
    assert "Zurückgenommen" in client.post("/review/undo", data=undo).text
    assert (case["axis"], case["value"]) in [(one["axis"], one["value"]) for one in forms(client)]


def test_a_case_that_changed_meanwhile_is_not_judged(folder: Path) -> None:
    client = client_of(folder)
    case = forms(client)[0]
    answer = client.post("/review/judge", data={**case, "verdict": "skip", "digest": "0" * 16})
    assert answer.status_code == 409
    assert not list(folder.rglob("decisions.jsonl"))


NOT_FOUND = (
    "<!doctype html><html lang=de><head><title>404 - Seite nicht gefunden</title></head><body>"
    "<h1>404 – Seite nicht gefunden</h1><p>Die angeforderte Seite existiert leider nicht.</p></body></html>"
)


def test_a_document_in_quarantine_is_taken_in_or_kept_out(apl: Any, folder: Path) -> None:
    (folder / "eingang" / "weg.html").write_text(NOT_FOUND, encoding="utf-8")
    assert apl.json("-C", folder, "run", "eingang", "--json")["quarantined"] == 1
    client = client_of(folder)
    (held,) = (form for form in forms(client) if "held" in form)
    assert client.post("/review/judge", data={**held, "verdict": "skip"}).status_code == 400
    assert not list(folder.rglob("decisions.jsonl"))
    assert client.post("/review/judge", data={**held, "verdict": "reject"}).status_code == 200
    assert [(one["schema"], one["action"]) for one in decisions(folder)] == [("apl/hold-decision/1", "confirm")]
    assert not [form for form in forms(client) if "held" in form]


def test_a_reader_reviews_nothing(folder: Path) -> None:
    def readers(app: Any) -> Any:
        async def viewed(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("state", {})["viewer"] = Viewer(name="", role="reader", standing="reader")
            await app(scope, receive, send)

        return viewed

    client = client_of(folder, viewers=readers)
    assert client.get("/review").status_code == 403
    assert client.post("/review/judge", data={"verdict": "accept"}).status_code == 403
    assert "/review" not in client.get("/").text


def test_what_is_not_for_readers_is_on_no_page(make_archive: Callable[..., Path], apl: Any) -> None:
    folder = make_archive({"radtour.txt": TEXT})
    settings = folder / "sources.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + 'access = "closed"\n', encoding="utf-8")
    apl("-C", folder, "run")
    release = apl.json("-C", folder, "search", "radtour", "--json")["hits"][0]["id"]

    def readers(app: Any) -> Any:
        async def viewed(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("state", {})["viewer"] = Viewer(name="", role="reader", standing="reader")
            await app(scope, receive, send)

        return viewed

    client = client_of(folder, viewers=readers)
    for path in ("/", "/search?q=radtour", "/search?q=radtour&view=kwic", "/kreis", "/person", "/sources/eingang",
                 "/search.csv?q=radtour", "/search.jsonl", "/search.atom"):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "Kreisverband" not in answer.text, path
        assert release not in answer.text, path
    for path in (f"/d/{release}", f"/d/{release}@1", f"/d/{release}/original", f"/d/{release}/zitat.bib"):
        assert client.get(path).status_code == 404, path
    assert "Radtour" in client_of(folder).get(f"/d/{release}").text
