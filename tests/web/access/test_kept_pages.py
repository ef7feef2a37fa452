"""Pages on which people keep something or decide: saved searches, frozen sets, takedown cases."""

import csv
import io
import json
import re
from typing import Any

import pytest
from lxml import html
from starlette.testclient import TestClient

from archive_pipeline.archive.lock import writer_lock
from archive_pipeline.workspace import utc_now

POSTS = [
    "/save",
    "/searches/seen",
    "/searches/remove",
    "/freeze",
    "/takedown/new",
    "/takedown/2026-1/decide",
    "/takedown/2026-1/finish",
]


def submit(client: TestClient, page: str, action: str, **values: str) -> Any:
    """Fill in the form of a page that leads to an address, as a browser does, and send it."""
    tree = html.fromstring(client.get(page).text)
    form = next(one for one in tree.forms if one.get("action").endswith(action))
    fields = {name: value for name, value in form.form_values() if name != "hide"}
    return client.post(form.get("action"), data={**fields, **values})


def add_release(own: Any, apl: Any, name: str, text: str) -> None:
    (own.folder / "eingang/public" / name).write_text(text, encoding="utf-8")
    apl("-C", own.folder, "run", "public")


def badges(client: TestClient, name: str) -> list[str]:
    """What the list of saved searches says of one."""
    cards = html.fromstring(client.get("/searches").text).cssselect(".kept .card")
    card = next(one for one in cards if one.cssselect("h2 a")[0].text == name)
    return [one.text for one in card.cssselect(".badge")]


def test_a_search_is_saved_tells_what_is_new_and_is_removed(own: Any, apl: Any, as_role: Any) -> None:
    reader = as_role("reader")
    assert "/save?q=Kreisverwaltung" in reader.get("/search?q=Kreisverwaltung").text
    answer = submit(reader, "/save?q=Kreisverwaltung", "/save", name="Wege / Räder")
    assert answer.status_code == 303
    page = answer.headers["location"].partition("?")[0]
    assert "nichts dazugekommen" in reader.get(page).text
    fresh = (
        "Neuer Radweg\n\nSoest, 3. Juni 2024. Die Kreisverwaltung baut einen neuen Radweg bis zum Bahnhof der Stadt."
    )
    add_release(own, apl, "neu.txt", fresh)
    assert badges(reader, "Wege / Räder") == ["1 neu"]
    assert "Neuer Radweg" in reader.get(page).text.partition("Alle Treffer")[0]
    looked = submit(reader, page, "/searches/seen")
    assert looked.headers["location"].startswith(page)
    assert "nichts dazugekommen" in reader.get(page).text
    kept = apl.json("-C", own.folder, "saved", "list", "--json")["saved"][1]
    assert (kept["name"], kept["query"], kept["saved_by"]) == ("Wege / Räder", "Kreisverwaltung", "reader")
    submit(reader, page, "/searches/remove")
    assert reader.get(page).status_code == 404
    assert len(apl.json("-C", own.folder, "saved", "list", "--json")["saved"]) == 1


def test_what_is_new_is_new_for_those_who_may_see_it(own: Any, apl: Any, as_role: Any) -> None:
    reader, archivist = as_role("reader"), as_role("archivist")
    submit(reader, "/save?q=Radweg", "/save", name="Wege")
    secret = (
        "Geheimer Radweg\n\nSoest, 3. Juni 2024. Ein Radweg, der geschlossen bleibt, und niemand soll davon wissen."
    )
    (own.folder / "eingang/closed/neu.txt").write_text(secret, encoding="utf-8")
    apl("-C", own.folder, "run", "closed")
    for path in ("/searches/Wege", "/api/v1/searches/Wege/new"):
        assert "Geheimer" not in reader.get(path).text
    assert reader.get("/api/v1/searches/Wege/new").json()["total"] == 0
    assert badges(reader, "Wege") == []
    assert badges(archivist, "Wege") == ["1 neu"]
    assert "Geheimer" in archivist.get("/searches/Wege").text


def test_a_search_belongs_to_who_saved_it_and_to_archivists(own: Any, as_role: Any) -> None:
    reader, archivist = as_role("reader"), as_role("archivist")
    submit(archivist, "/save?q=Haushalt", "/save", name="Geld")
    page = reader.get("/searches/Geld").text
    assert "/searches/remove" not in page
    token = re.search(r'name="token" value="([^"]+)"', reader.get("/save?q=x").text)
    assert token is not None
    for action in ("/searches/remove", "/searches/seen"):
        assert reader.post(action, data={"token": token[1], "name": "Geld", "seq": "1"}).status_code == 403
    taken = submit(reader, "/save?q=Radwege", "/save", name="Geld", replace="1")
    assert (taken.status_code, "jemand anderes" in taken.text) == (409, True)
    submit(reader, "/save?q=Radwege", "/save", name="Wege")
    again = submit(reader, "/save?q=Schulen", "/save", name="Wege")
    assert (again.status_code, 'name="replace"' in again.text) == (409, True)
    assert submit(reader, "/save?q=Schulen", "/save", name="Wege", replace="1").status_code == 303
    assert "Schulen" in reader.get("/searches/Wege").text
    assert submit(archivist, "/searches/Wege", "/searches/remove").status_code == 303


@pytest.mark.parametrize("name", ["", " ", "..", "x" * 81])
def test_a_name_that_is_none_is_refused_with_the_form(own: Any, as_role: Any, name: str) -> None:
    answer = submit(as_role("reader"), "/save?q=Radwege", "/save", name=name)
    assert answer.status_code == 400
    assert html.fromstring(answer.text).cssselect("#problem")
    assert 'value="Radwege"' in answer.text


def test_a_set_is_frozen_shown_compared_and_taken_along(own: Any, apl: Any, as_role: Any) -> None:
    archivist, reader = as_role("archivist"), as_role("reader")
    answer = submit(archivist, "/freeze?q=Offenwort", "/freeze", name="offen-2026", note="für den Bericht")
    assert answer.headers["location"] == "/sets/offen-2026?new=1"
    row = apl.json("-C", own.folder, "set", "list", "--json")[0]
    for client in (archivist, reader):
        assert "offen-2026" in client.get("/sets").text
        page = client.get("/sets/offen-2026?pruefen=1").text
        assert row["sha256"] in page
        assert "Jede Zeile stimmt" in page
        assert f"d/{own.ids['public']}@" in page
    table = list(csv.DictReader(io.StringIO(reader.get("/sets/offen-2026/export.csv").text)))
    assert [one["id"] for one in table] == [own.ids["public"]]
    assert "Kein Unterschied" in reader.get("/sets/offen-2026/vergleich").text
    fresh = "Noch ein Offenwort\n\nSoest, 3. Juni 2024. Auch hier steht ein Offenwort in einer neuen Mitteilung."
    add_release(own, apl, "neu.txt", fresh)
    assert "1 Mitteilung dazugekommen" in reader.get("/sets/offen-2026/vergleich").text
    again = submit(archivist, "/freeze?q=x", "/freeze", name="offen-2026")
    assert (again.status_code, "gibt es schon" in again.text) == (400, True)
    wrong = submit(archivist, "/freeze?q=x", "/freeze", name="../users")
    assert (wrong.status_code, "kann kein Name" in wrong.text) == (400, True)
    assert reader.get("/freeze?q=x").status_code == 403


def test_a_set_is_there_for_those_who_may_read_all_of_it(own: Any, apl: Any, as_role: Any, client_of: Any) -> None:
    for name, query in (("geheim", "Geheimwort"), ("offen", "Offenwort OR Kontowort")):
        apl("-C", own.folder, "set", "create", name, "--query", query)
    reader, archivist = as_role("reader"), as_role("archivist")
    for start in ("/sets", "/api/v1/sets"):
        listed = reader.get(start).text
        assert [name in listed for name in ("offen", "geheim", "alles")] == [True, False, False]
        for name in ("geheim", "alles"):
            assert archivist.get(f"{start}/{name}").status_code == 200
            for rest in ("", "/vergleich", "/export.csv", "/members", "/difference"):
                assert reader.get(f"{start}/{name}{rest}").status_code == 404
    assert reader.get("/sets/offen/vergleich?mit=geheim").status_code == 404
    assert client_of(own).get("/sets").headers["location"] == "/login?next=/sets"
    # what is withheld later hides no set, and its text does not come out of one
    apl("-C", own.folder, "takedown", "hide", own.ids["public"], "--reason", "x")
    page = reader.get("/sets/offen").text
    assert "nicht mehr zu sehen" in page
    assert "Mitteilung Offenwort" not in page
    assert "Offenwort" not in reader.get("/sets/offen/export.jsonl").text
    assert "Mitteilung Offenwort" not in reader.get("/api/v1/sets/offen/members").text


def test_a_damaged_set_says_so(own: Any, apl: Any, as_role: Any) -> None:
    apl("-C", own.folder, "set", "create", "offen", "--query", "Offenwort")
    path = own.folder / "archive/sets/offen.jsonl"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"Haushalt", b"Hausha1t"))
    answer = as_role("archivist").get("/sets/offen?pruefen=1")
    assert "sha256" in answer.text
    assert "Traceback" not in answer.text
    assert answer.status_code == 500


def test_a_case_is_opened_hidden_and_shown_again(own: Any, as_role: Any, client_of: Any) -> None:
    archivist, nobody, key = as_role("archivist"), client_of(own), own.ids["public"]
    assert f"/takedown/new?d={key}" in archivist.get(f"/d/{key}").text
    assert "/takedown/new" not in nobody.get(f"/d/{key}").text
    answer = submit(
        archivist,
        f"/takedown/new?d={key}",
        "/takedown/new",
        ground="Art. 17 DSGVO",
        requester="Eva Klagt",
        reason="Name",
    )
    page = answer.headers["location"].partition("?")[0]
    assert "noch" in archivist.get(page).text
    assert nobody.get(f"/d/{key}").status_code == 200
    unreasoned = submit(archivist, page, "/decide", verdict="hide", reason=" ")
    assert (unreasoned.status_code, "Begründung fehlt" in unreasoned.text) == (400, True)
    assert submit(archivist, page, "/decide", verdict="hide", reason="berechtigt").status_code == 303
    gone = nobody.get(f"/d/{key}")
    assert gone.status_code == 410
    assert "Eva Klagt" not in gone.text
    assert nobody.get("/search?q=Offenwort").text.count(key) == 0
    assert submit(archivist, page, "/decide", verdict="keep", reason="doch nicht").status_code == 303
    assert nobody.get(f"/d/{key}").status_code == 200
    steps = html.fromstring(archivist.get(page).text).cssselect(".steps > li > strong")
    assert [one.text for one in steps] == ["beantragt", "gesperrt", "bleibt zu sehen"]


def test_a_case_can_begin_with_hiding(own: Any, as_role: Any, client_of: Any) -> None:
    archivist = as_role("archivist")
    names = f"d/{own.ids['public']}\n{own.ids['login']}"
    answer = submit(archivist, "/takedown/new", "/takedown/new", releases=names, reason="eilt", hide="1")
    assert answer.headers["location"].endswith("?done=hide")
    assert client_of(own).get(f"/d/{own.ids['public']}").status_code == 410
    assert as_role("reader").get(f"/d/{own.ids['login']}").status_code == 410
    unknown = submit(archivist, "/takedown/new", "/takedown/new", releases="d/0000", reason="Grund bleibt stehen")
    assert (unknown.status_code, "Grund bleibt stehen" in unknown.text) == (404, True)


def test_erasing_shows_first_what_goes_and_asks_for_the_number(own: Any, as_role: Any) -> None:
    archivist, key = as_role("archivist"), own.ids["public"]
    page = (
        submit(archivist, f"/takedown/new?d={key}", "/takedown/new", reason="x").headers["location"].partition("?")[0]
    )
    planned = submit(archivist, page, "/decide", verdict="plan", reason="verlangt")
    assert planned.status_code == 200
    fields = dict(
        next(one for one in html.fromstring(planned.text).forms if "decide" in one.get("action")).form_values()
    )
    assert "mitteilung.html" in planned.text
    case = page.rpartition("/")[2]
    for values in ({"confirm": "2026-99"}, {"confirm": case, "plan": "0" * 64}):
        answer = archivist.post(f"{page}/decide", data={**fields, "verdict": "erase", **values})
        assert "Noch ist nichts gelöscht" in answer.text
    assert archivist.get(f"/d/{key}").status_code == 200
    erased = archivist.post(f"{page}/decide", data={**fields, "verdict": "erase", "confirm": case})
    assert erased.status_code == 303
    assert archivist.get(f"/d/{key}").status_code == 410
    after = archivist.get(page).text
    assert "verdict" not in after
    assert "Offenwort" not in (own.folder / "archive/decisions.jsonl").read_text(encoding="utf-8")
    again = archivist.post(f"{page}/decide", data={**fields, "verdict": "keep"})
    assert (again.status_code, "lässt sich nicht zurücknehmen" in again.text) == (409, True)


def test_while_a_run_writes_hiding_works_and_the_rest_says_why_not(own: Any, as_role: Any, client_of: Any) -> None:
    archivist, key = as_role("archivist"), own.ids["public"]
    page = (
        submit(archivist, f"/takedown/new?d={key}", "/takedown/new", reason="x").headers["location"].partition("?")[0]
    )
    submit(archivist, "/save?q=Radwege", "/save", name="Wege")
    with writer_lock(own.workspace.data, "run", utc_now()):
        assert "Gerade schreibt PID" in archivist.get(page).text
        assert submit(archivist, page, "/decide", verdict="hide", reason="eilt").status_code == 303
        assert client_of(own).get(f"/d/{key}").status_code == 410
        for verdict in ("keep", "plan"):
            answer = submit(archivist, page, "/decide", verdict=verdict, reason="Grund bleibt stehen")
            assert answer.status_code == 423
            assert "gesperrt von PID" in answer.text
            assert "Grund bleibt stehen" in answer.text
        for action, values in (("/save", {"name": "Neu"}), ("/freeze", {"name": "neu"})):
            answer = submit(archivist, f"{action}?q=Radwege", action, **values)
            assert (answer.status_code, "gesperrt von PID" in answer.text) == (423, True)
        assert submit(archivist, "/searches/Wege", "/searches/remove").status_code == 423
    assert submit(archivist, page, "/decide", verdict="keep", reason="fertig").status_code == 303


def test_large_archives_are_erased_on_the_command_line(own: Any, as_role: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archive_pipeline.web.pages.takedown.MOST_CAPTURES", 2)
    archivist = as_role("archivist")
    page = archivist.get("/takedown/2026-1").text
    assert "archive-pipeline takedown decide 2026-1 erase" in page
    assert 'value="plan"' not in page
    answer = submit(archivist, "/takedown/2026-1", "/decide", verdict="plan", reason="x")
    assert (answer.status_code, "auf der Kommandozeile" in answer.text) == (409, True)


@pytest.mark.parametrize("path", POSTS)
def test_forms_need_role_and_token(own: Any, as_role: Any, client_of: Any, path: str) -> None:
    before = (own.folder / "archive/decisions.jsonl").read_bytes()
    data = {"q": "Radwege", "name": "x", "releases": own.ids["public"], "reason": "x", "verdict": "keep"}
    assert client_of(own).post(path, data=data).status_code == 403
    assert as_role("archivist").post(path, data=data).status_code == 403
    if "searches" not in path and path != "/save":
        reader = as_role("reader")
        token = re.search(r'name="token" value="([^"]+)"', reader.get("/save?q=x").text)
        assert token is not None
        assert reader.post(path, data={**data, "token": token[1]}).status_code == 403
    assert (own.folder / "archive/decisions.jsonl").read_bytes() == before


def test_control_characters_do_not_reach_the_record(own: Any, as_role: Any) -> None:
    submit(
        as_role("archivist"), "/takedown/new", "/takedown/new", releases=own.ids["public"], reason="a\x1b[31mrot\x07"
    )
    lines = (own.folder / "archive/decisions.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[-1])["note"] == "a [31mrot"


@pytest.mark.parametrize(
    "path", ["/searches", "/save?q=a", "/sets", "/freeze?q=a", "/takedown", "/takedown/new", "/takedown/2026-1"]
)
def test_the_pages_are_there_in_both_languages(archivist: TestClient, path: str) -> None:
    for language in ("de", "en"):
        tree = html.fromstring(archivist.get(path, params={"lang": language}).text)
        assert tree.get("lang") == language
        assert len(tree.cssselect("h1")) == 1
