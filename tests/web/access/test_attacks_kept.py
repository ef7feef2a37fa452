"""Attacks on what people keep and decide: odd names and forms, two people at once, and what must not get lost."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from lxml import html
from starlette.testclient import TestClient

from archive_pipeline.archive.lock import writer_lock
from archive_pipeline.archive.saved_searches import SavedSearch
from archive_pipeline.archive.takedown import find_cases
from archive_pipeline.decide.deciding import Deciding
from archive_pipeline.decide.following import keep_search, remove_search
from archive_pipeline.errors import ArchiveError, ConfigError
from archive_pipeline.web.access import choose_access, read_networks
from archive_pipeline.workspace import utc_now

API = "/api/v1"


def token_of(client: TestClient, page: str = "/save?q=x") -> str:
    """The token that the forms of this browser carry."""
    found = re.search(r'name="token" value="([^"]+)"', client.get(page).text)
    assert found is not None
    return found[1]


def send(client: TestClient, action: str, **values: str) -> Any:
    """Send a form that came from a page of this server."""
    return client.post(action, data={"token": token_of(client), **values})


def problem(answer: Any) -> str:
    """What a page says went wrong."""
    return " ".join(html.fromstring(answer.text).cssselect("#problem")[0].text_content().split())


def fields_of(client: TestClient, page: str, ending: str) -> dict[str, str]:
    """The fields of the form of a page whose address ends so."""
    form = next(one for one in html.fromstring(client.get(page).text).forms if one.get("action").endswith(ending))
    return dict(form.form_values())


def new_case(client: TestClient, key: str) -> str:
    """The page of a new case."""
    answer = send(client, "/takedown/new", releases=key, reason="x")
    return str(answer.headers["location"].partition("?")[0])


@pytest.mark.parametrize("path", ["/search", "/search.atom", "/search.csv", "/sets/alles"])
def test_a_page_number_of_any_length_is_a_page_number(archivist: TestClient, path: str) -> None:
    for number in ("9" * 5000, "0" * 5000 + "2", "0", "-1", "²", ""):
        assert archivist.get(path, params={"q": "Radwege", "page": number}).status_code == 200


def multipart(charset: str, fields: dict[str, str]) -> dict[str, Any]:
    """A form in a character set of the sender's choice."""
    parts = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    )
    return {
        "content": f"{parts}--x--\r\n".encode(),
        "headers": {"content-type": f"multipart/form-data; boundary=x; charset={charset}"},
    }


@pytest.mark.parametrize("charset", ["punycode", "undefined", "unicode_escape", "rot13", "utf-16"])
def test_a_form_in_an_odd_character_set_is_no_error_of_the_server(own: Any, as_role: Any, charset: str) -> None:
    archivist = as_role("archivist")
    values = {"token": token_of(archivist), "releases": r"\ud800 .", "reason": r"\ud800 .", "q": r"\ud800 ."}
    for path in ("/takedown/new", "/save", "/freeze", "/login", "/logout", "/review/judge"):
        assert archivist.post(path, **multipart(charset, values)).status_code < 500


@pytest.mark.parametrize("query", ["\x00", " \x07 ", "Radweg " * 400])
def test_a_search_is_kept_as_it_was_asked_or_not_at_all(own: Any, as_role: Any, query: str) -> None:
    reader = as_role("reader")
    answer = send(reader, "/save", q=query, name="Wege")
    assert answer.status_code == 400
    assert problem(answer)
    assert reader.get("/searches/Wege").status_code == 404


def test_a_set_is_frozen_as_it_was_asked_or_not_at_all(own: Any, as_role: Any) -> None:
    archivist = as_role("archivist")
    answer = send(archivist, "/freeze", q="Radweg OR " * 300, name="wege")
    assert (answer.status_code, "mehr als 2048 Zeichen" in problem(answer)) == (400, True)
    assert archivist.get("/sets/wege").status_code == 404
    assert "mehr als 2048 Zeichen" in problem(archivist.get("/freeze", params={"q": "Radweg OR " * 300}))


def test_what_was_not_understood_is_said_before_it_is_frozen(archivist: TestClient) -> None:
    for path in ("/freeze", "/save"):
        notes = html.fromstring(archivist.get(path, params={"q": "(((Radwege"}).text).cssselect(".note")
        assert any("Klammer" in note.text_content() for note in notes)


@pytest.mark.parametrize("name", ["\u200b", "\ufeff", "\u00ad\u202e", "\u3164", "\u200d"])
def test_a_name_that_nobody_sees_is_none(own: Any, as_role: Any, name: str) -> None:
    assert send(as_role("reader"), "/save", q="Radwege", name=name).status_code == 400
    assert as_role("archivist").post(f"{API}/searches", json={"name": name, "query": "x"}).status_code == 400


def test_names_are_kept_as_they_are_read(own: Any, as_role: Any) -> None:
    reader = as_role("reader")
    for name, kept in (
        ("a\u202eb\u200b", "ab"),
        ("👩\u200d🌾 Land", "👩\u200d🌾 Land"),
        ("../x", "../x"),
        ("100 % #?&;", "100 % #?&;"),
    ):
        answer = send(reader, "/save", q="Radwege", name=name)
        page = reader.get(answer.headers["location"])
        assert (page.status_code, html.fromstring(page.text).cssselect("h1")[0].text) == (200, kept)
    with pytest.raises(ConfigError):
        keep_search(own.workspace, "\u200b", "x", match="all", sort="newest", deciding=Deciding.begin("Eva"))


def test_whoever_may_replace_is_asked_while_nobody_else_writes(own: Any) -> None:
    """Between the look at a form and its answer somebody else may have saved a search of that name."""
    asked: list[SavedSearch] = []

    def refuse(known: SavedSearch) -> bool:
        asked.append(known)
        return False

    eva, common = Deciding.begin("Eva"), {"match": "all", "sort": "newest"}
    keep_search(own.workspace, "Wege", "Radwege", deciding=eva, **common)  # type: ignore[arg-type]
    with pytest.raises(ArchiveError, match="gibt es schon"):
        keep_search(own.workspace, "Wege", "Haushalt", deciding=eva, may_replace=refuse, **common)  # type: ignore[arg-type]
    with pytest.raises(ArchiveError, match="inzwischen eine andere"):
        remove_search(own.workspace, "Wege", eva, may_remove=refuse)
    assert [(one.name, one.query, one.saved_by) for one in asked] == [("Wege", "Radwege", "Eva")] * 2


def test_what_a_run_wrote_between_the_look_and_the_word_is_told(own: Any, apl: Any, as_role: Any) -> None:
    reader = as_role("reader")
    send(reader, "/save", q="Kreisverwaltung", name="Kreis")
    inbox = own.folder / "eingang/public"
    (inbox / "neu.txt").write_text(
        "Neuer Radweg\n\nSoest, 3. Juni 2024. Die Kreisverwaltung baut einen neuen Radweg bis zum Bahnhof der Stadt.",
        encoding="utf-8",
    )
    apl("-C", own.folder, "run", "public")
    looked = fields_of(reader, "/searches/Kreis", "/searches/seen")
    page = inbox / "mitteilung.html"
    page.write_text(page.read_text(encoding="utf-8").replace("bis zum Herbst", "bis in den Winter"), encoding="utf-8")
    apl("-C", own.folder, "run", "public")
    assert reader.post("/searches/seen", data=looked).status_code == 303
    badges = html.fromstring(reader.get("/searches/Kreis").text).cssselect(".changed-hit .badge")
    assert [one.text for one in badges] == ["geändert"]


def test_cases_opened_at_the_same_moment_beside_a_run_stay_apart(own: Any, as_role: Any) -> None:
    archivist = as_role("archivist")
    keys = [own.ids[name] for name in ("public", "login", "onsite", "closed", "evil")]
    bodies = [{"releases": [key], "ground": f"Grund {key}", "reason": "eilt", "hide": True} for key in keys]
    with writer_lock(own.workspace.data, "run", utc_now()), ThreadPoolExecutor(len(bodies)) as pool:
        answers = list(pool.map(lambda body: archivist.post(f"{API}/takedown", json=body), bodies))
    assert [answer.status_code for answer in answers] == [200] * len(bodies)
    with own.workspace.reading() as db:
        cases = [one for one in find_cases(db) if one.id != "2026-1"]
    assert {(one.ground, one.release_ids) for one in cases} == {(f"Grund {key}", (key,)) for key in keys}


def test_what_somebody_withheld_meanwhile_is_not_shown_again_unseen(own: Any, as_role: Any, client_of: Any) -> None:
    archivist, key = as_role("archivist"), own.ids["public"]
    page = new_case(archivist, key)
    stale = {**fields_of(archivist, page, "/decide"), "verdict": "keep", "reason": "unbegründet"}
    assert send(archivist, f"{page}/decide", verdict="hide", reason="eilt").status_code == 303
    answer = archivist.post(f"{page}/decide", data=stale)
    assert (answer.status_code, "inzwischen jemand entschieden" in problem(answer)) == (409, True)
    assert "unbegründet" in answer.text
    assert client_of(own).get(f"/d/{key}").status_code == 410
    api = f"{API}{page}/decide"
    refused = archivist.post(api, json={"verdict": "keep", "reason": "x", "looked_at": 1})
    assert (refused.status_code, client_of(own).get(f"/d/{key}").status_code) == (409, 410)
    assert archivist.post(api, json={"verdict": "keep", "reason": "x", "looked_at": 2}).status_code == 200


def test_nothing_is_erased_after_somebody_decided_otherwise(own: Any, as_role: Any) -> None:
    archivist, key = as_role("archivist"), own.ids["public"]
    page = new_case(archivist, key)
    planned = send(archivist, f"{page}/decide", verdict="plan", reason="verlangt")
    form = next(one for one in html.fromstring(planned.text).forms if one.get("action").endswith("/decide"))
    kept = {**fields_of(archivist, page, "/decide"), "verdict": "keep", "reason": "abgelehnt"}
    assert archivist.post(f"{page}/decide", data=kept).status_code == 303
    typed = {**dict(form.form_values()), "verdict": "erase", "confirm": page.rpartition("/")[2]}
    answer = archivist.post(f"{page}/decide", data=typed)
    assert (answer.status_code, "Noch ist nichts gelöscht" in problem(answer)) == (400, True)
    assert archivist.get(f"/d/{key}").status_code == 200


def test_every_decision_has_a_reason(own: Any, as_role: Any, client_of: Any) -> None:
    archivist, key = as_role("archivist"), own.ids["public"]
    before = (own.folder / "archive/decisions.jsonl").read_bytes()
    answer = send(archivist, "/takedown/new", releases=key, reason=" ", hide="1")
    assert (answer.status_code, "Begründung fehlt" in problem(answer)) == (400, True)
    for reason in (" ", "\x00", "\u00a0"):
        for path, body in (("", {"releases": [key], "hide": True}), ("/2026-1/decide", {"verdict": "keep"})):
            refused = archivist.post(f"{API}/takedown{path}", json={**body, "reason": reason})
            assert (refused.status_code, "Begründung" in refused.json()["detail"]) == (400, True)
    assert archivist.post(f"{API}/takedown", json={"releases": [key], "hide": True}).status_code == 400
    assert (own.folder / "archive/decisions.jsonl").read_bytes() == before
    assert client_of(own).get(f"/d/{key}").status_code == 200


def test_no_release_of_a_long_list_is_left_out_in_silence(own: Any, as_role: Any) -> None:
    archivist = as_role("archivist")
    names = "\n".join([own.ids["public"], *(f"https://presse.example/{number}.html" for number in range(200))])
    answer = send(archivist, "/takedown/new", releases=names, reason="Grund bleibt stehen")
    assert (answer.status_code, "höchstens 200" in problem(answer)) == (400, True)
    assert "Grund bleibt stehen" in answer.text
    assert "/199.html" in answer.text


def test_addresses_with_commas_are_one_release(own: Any, as_role: Any) -> None:
    with own.workspace.writing("test") as db:
        address = "https://presse.example/pm,12;3.html"
        db.execute("UPDATE release SET url = ? WHERE id = ?", [address, own.ids["public"]])
        db.conn.commit()
    typed = f"{address},https://presse.example/pm,12;3.html; {own.ids['login']},d/{own.ids['closed']};"
    answer = send(as_role("archivist"), "/takedown/new", releases=typed, reason="x")
    assert answer.status_code == 303
    with own.workspace.reading() as db:
        found = {one.id: one for one in find_cases(db)}[answer.headers["location"].partition("?")[0][10:]]
    assert set(found.release_ids) == {own.ids[name] for name in ("public", "login", "closed")}


@pytest.mark.parametrize("case", ["2026-99", "nichts", "%0d%0aSet-Cookie:%20x=1", "..", "%2e%2e", "x" * 10_000])
def test_a_case_that_is_none_is_not_there(own: Any, as_role: Any, case: str) -> None:
    archivist = as_role("archivist")
    for ending, values in (("finish", {}), ("decide", {"verdict": "hide", "reason": "x"})):
        answer = send(archivist, f"/takedown/{case}/{ending}", **values)
        assert answer.status_code in (404, 405)
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("done", ["plan", "erase", "hide", "keep", "opened", "x", "<script>"])
def test_the_address_alone_does_not_say_what_was_done(archivist: TestClient, done: str) -> None:
    answer = archivist.get("/takedown/2026-1", params={"done": done})
    said = html.fromstring(answer.text).cssselect('[role="status"]')
    assert (answer.status_code, len(said)) == (200, 1 if done == "hide" else 0)


def test_a_damaged_set_is_shown_with_what_is_wrong_and_what_to_do(own: Any, as_role: Any) -> None:
    path = own.folder / "archive/sets/offenes.jsonl"
    path.chmod(0o644)
    whole = path.read_bytes()
    for content in (whole.replace(b"Haushalt", b"Hausha1t"), whole[:-20], None):
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        answer = as_role("archivist").get("/sets/offenes")
        alert = html.fromstring(answer.text).cssselect('[role="alert"]')[0].text_content()
        assert (answer.status_code, "offenes.jsonl" in alert, "archive-pipeline restore" in alert) == (500, True, True)


def test_a_page_of_a_set_starts_where_it_says(own: Any, as_role: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archive_pipeline.web.pages.sets.PAGE", 2)
    archivist = as_role("archivist")
    total = archivist.get(f"{API}/sets/alles").json()["releases"]
    ranks: list[str] = []
    for page in range(1, -(-total // 2) + 1):
        tree = html.fromstring(archivist.get("/sets/alles", params={"page": page}).text)
        ranks += [one.get("value") for one in tree.cssselect(".members > li")]
    assert ranks == [str(rank) for rank in range(1, total + 1)]
    behind = archivist.get(f"{API}/sets/alles/members", params={"cursor": "999"}).json()
    assert (behind["items"], behind["next"], behind["total"]) == ([], None, total)


@pytest.mark.parametrize("trusted", ["*", "127.0.0.1, *", "0.0.0.0/0", "127.0.0.1,::/0"])
def test_no_reading_room_behind_proxies_that_anybody_can_be(own: Any, trusted: str) -> None:
    with pytest.raises(ConfigError, match="nicht jeder Proxy"):
        choose_access(own.workspace, "0.0.0.0", onsite=read_networks("192.0.2.0/24"), trusted=trusted)


def test_a_release_is_new_when_its_embargo_ends_however_often_somebody_looked(own: Any, apl: Any, as_role: Any) -> None:
    now = utc_now()
    with own.workspace.writing("test") as db:
        ended = (now - timedelta(hours=1)).isoformat(timespec="seconds")
        db.execute("UPDATE release SET embargo_until = ? WHERE id = ?", [ended, own.ids["embargo"]])
        seen = (now - timedelta(hours=2)).isoformat()
        db.execute("UPDATE saved_search SET seen_seq = (SELECT max(seq) FROM outbox), seen_at = ?", [seen])
        db.conn.commit()
    reader, archivist = as_role("reader"), as_role("archivist")
    path = f"{API}/searches/Kreisverwaltung/new"
    assert [(row["change"], row["hit"]["id"]) for row in reader.get(path).json()["items"]] == [
        ("new", own.ids["embargo"])
    ]
    assert "1 neu" in reader.get("/searches").text
    assert archivist.get(path).json()["items"] == []
    row = apl.json("-C", own.folder, "saved", "run", "Kreisverwaltung", "--new", "--keep", "--json", "--as", "login")
    assert row["new"] == 1
    looked = fields_of(archivist, "/searches/Kreisverwaltung", "/searches/remove")
    seq = str(archivist.get(f"{API}/searches/Kreisverwaltung").json()["seen_seq"])
    assert archivist.post("/searches/seen", data={**looked, "seq": seq}).status_code == 303
    assert reader.get(path).json()["items"] == []


def test_one_reader_does_not_fill_the_list_of_all(own: Any, as_role: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archive_pipeline.web.pages.searches.MOST_SAVED", 2)
    monkeypatch.setattr("archive_pipeline.web.pages.searches.COUNTED", 2)
    reader, archivist = as_role("reader"), as_role("archivist")
    statuses = [send(reader, "/save", q="Radwege", name=name).status_code for name in ("!1", "!2", "!3")]
    assert statuses == [303, 303, 409]
    assert send(reader, "/save", q="Schulen", name="!2", replace="1").status_code == 303
    for name in ("Haushalt", "Wege"):
        assert send(archivist, "/save", q="Radwege", name=name).status_code == 303
    cards = {
        card.cssselect("h2 a")[0].text: card
        for card in html.fromstring(archivist.get("/searches").text).cssselect(".kept .card")
    }
    assert {name for name, card in cards.items() if "nichts Neues" in card.text_content()} == {"Haushalt", "Wege"}


def test_who_writes_is_said_in_the_language_of_the_page(own: Any, as_role: Any) -> None:
    with writer_lock(own.workspace.data, "run", utc_now()):
        for page in ("/takedown/2026-1", "/takedown/new"):
            notice = html.fromstring(as_role("archivist").get(page, params={"lang": "en"}).text).cssselect(".notice")[0]
            assert re.search(r"At the moment PID \d+ \(run, since [^)]+\) is writing", notice.text_content())
            assert "seit" not in notice.text_content()
            assert not notice.cssselect('[lang="de"]')


def test_a_decision_on_the_command_line_has_a_reason_too(own: Any, apl: Any) -> None:
    before = (own.folder / "archive/decisions.jsonl").read_bytes()
    for verdict in ("keep", "hide", "erase"):
        said = apl("-C", own.folder, "takedown", "decide", "2026-1", verdict, "--reason", " ", "--yes", code=2)
        assert "Eine Begründung fehlt" in said.stderr
    assert (own.folder / "archive/decisions.jsonl").read_bytes() == before


def test_a_neighbouring_host_puts_no_form_cookie_of_its_own_here(own: Any, as_role: Any, client_of: Any) -> None:
    """What belongs to the parent domain is another cookie, even with a token that this server signed for somebody."""
    stranger, reader = client_of(own), as_role("reader")
    token = token_of(stranger, "/login")
    (name, value), *more = stranger.cookies.items()
    assert (name.startswith("__Host-"), more) == (True, [])
    reader.cookies.set(name.removeprefix("__Host-"), value)
    assert reader.post("/save", data={"token": token, "q": "Radwege", "name": "Wege"}).status_code == 403
    assert send(reader, "/save", q="Radwege", name="Wege").status_code == 303
