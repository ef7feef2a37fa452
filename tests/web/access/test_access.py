"""Accounts, sessions, tokens, throttling, and when a server starts without login."""

import re
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from archive_pipeline import accounts as accounts_module
from archive_pipeline.accounts import PER_ADDRESS, PER_PAIR, Accounts, accounts_file
from archive_pipeline.errors import ConfigError, ThrottledError
from archive_pipeline.web.access import LocalOnly, choose_access, is_loopback, safe_next
from archive_pipeline.web.api_limits import CAPACITY, Budget
from archive_pipeline.web.app import create_app
from archive_pipeline.workspace import utc_now

PASSWORD = "vier gelbe Fahrräder"
HARDNESS = dict(accounts_module.HARDNESS)


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    """Accounts with one archivist."""
    found = Accounts(tmp_path / "users.db")
    found.add("Käthe", "archivist", PASSWORD)
    return found


def log_in(client: TestClient, name: str = "archivist", password: str = PASSWORD, **values: str) -> Any:
    """Fill the form in and send it."""
    page = client.get("/login", params=values).text
    found = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    return client.post("/login", data={**found, "name": name, "password": password})


def test_only_the_owner_reads_the_file_and_it_holds_no_secret(accounts: Accounts, tmp_path: Path) -> None:
    session = accounts.log_in("käthe", PASSWORD, "127.0.0.1")
    token = accounts.issue_token("Käthe", "review")
    data = (tmp_path / "users.db").read_bytes()
    assert stat.S_IMODE((tmp_path / "users.db").stat().st_mode) == 0o600
    assert b"$argon2id$" in data
    assert all(secret.encode() not in data for secret in (PASSWORD, str(session), token.text))


def test_a_hash_is_as_hard_as_the_standard_wants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts_module, "HARDNESS", HARDNESS)
    accounts = Accounts(tmp_path / "users.db")
    accounts.add("eva", "reader", PASSWORD)
    assert b"$argon2id$v=19$m=65536,t=3,p=4$" in (tmp_path / "users.db").read_bytes()
    assert accounts.log_in("eva", PASSWORD, "127.0.0.1") is not None


def test_names_differ_by_more_than_case(accounts: Accounts) -> None:
    with pytest.raises(ConfigError, match="gibt es schon"):
        accounts.add("KÄTHE", "reader", PASSWORD)
    for name in ("", "a b", "../x", "a" * 65, "<b>"):
        with pytest.raises(ConfigError, match="kein Name"):
            accounts.add(name, "reader", PASSWORD)


@pytest.mark.parametrize("password", ["kurz", "aaaaaaaaaaaaaaaa", "x" * 300])
def test_weak_passwords_are_refused(accounts: Accounts, password: str) -> None:
    with pytest.raises(ConfigError):
        accounts.add("neu", "reader", password)


def test_a_session_ends_by_age_by_rest_by_password_and_with_its_account(tmp_path: Path) -> None:
    now = utc_now()
    clock = [now]
    accounts = Accounts(tmp_path / "users.db", clock=lambda: clock[0])
    accounts.add("eva", "reader", PASSWORD)

    def begin() -> str:
        clock[0] = now
        session = accounts.log_in("eva", PASSWORD, "127.0.0.1")
        assert session is not None
        assert accounts.account_of(session) is not None
        return session

    session = begin()
    clock[0] = now + timedelta(hours=13)
    assert accounts.account_of(session) is None
    session = begin()
    for hours in range(0, 24 * 8, 6):  # used all the time, and still no longer than a week
        clock[0] = now + timedelta(hours=hours)
        lasts = accounts.account_of(session) is not None
    assert not lasts
    session = begin()
    accounts.set_password("eva", PASSWORD + "!")
    assert accounts.account_of(session) is None
    accounts.set_password("eva", PASSWORD)
    session = begin()
    accounts.remove("eva")
    assert accounts.account_of(session) is None


def test_tokens_do_no_more_than_scope_and_account_allow(accounts: Accounts) -> None:
    accounts.add("leser", "reader", PASSWORD)
    with pytest.raises(ConfigError, match="kann kein Token"):
        accounts.issue_token("leser", "review")
    token = accounts.issue_token("Käthe", "review", days=1)
    assert accounts.bearer(token.text) == ("Käthe", "archivist")
    accounts.set_role("Käthe", "reader")
    assert accounts.bearer(token.text) == ("Käthe", "reader")
    accounts.revoke_token(token.id)
    assert accounts.bearer(token.text) is None
    read = accounts.issue_token("Käthe", "read", days=1)
    later = Accounts(accounts._file, clock=lambda: utc_now() + timedelta(days=2))
    assert later.bearer(read.text) is None


def test_guessing_is_throttled_also_after_a_restart(accounts: Accounts) -> None:
    for _ in range(PER_PAIR):
        assert accounts.log_in("Käthe", "falsch falsch", "192.0.2.1") is None
    again = Accounts(accounts._file)
    with pytest.raises(ThrottledError) as stopped:
        again.log_in("käthe", PASSWORD, "192.0.2.1")
    assert 0 < stopped.value.seconds <= 15 * 60 + 1
    assert again.log_in("Käthe", PASSWORD, "192.0.2.2") is not None  # nobody locks somebody else out


def test_one_address_can_not_try_many_accounts(accounts: Accounts) -> None:
    for number in range(PER_ADDRESS):
        address = f"2001:db8::{number:x}"  # one network of one customer
        assert accounts.log_in(f"niemand{number}", "falsch falsch", address) is None
    with pytest.raises(ThrottledError):
        accounts.log_in("Käthe", PASSWORD, "2001:db8::ffff")


def test_logging_in_makes_a_new_session_and_ends_the_old_one(own: Any, client_of: Any) -> None:
    client = client_of(own)
    assert client.get("/review").headers["location"] == "/login?next=/review"
    answer = log_in(client, next="/review")
    assert (answer.status_code, answer.headers["location"]) == (303, "/review")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-apl_session=")
    assert all(word in cookie.lower() for word in ("secure", "httponly", "samesite=lax", "path=/"))
    first = client.cookies["__Host-apl_session"]
    assert client.get("/review").status_code == 200
    log_in(client)
    second = client.cookies["__Host-apl_session"]
    assert first != second
    other = client_of(own)
    other.cookies["__Host-apl_session"] = first
    assert other.get("/review").status_code == 303


def test_a_session_that_somebody_else_chose_is_none(own: Any, client_of: Any) -> None:
    client = client_of(own)
    client.cookies.set("__Host-apl_session", "vorgegeben", domain="127.0.0.1", path="/")
    assert log_in(client).status_code == 303
    assert client.cookies["__Host-apl_session"] != "vorgegeben"
    intruder = client_of(own)
    intruder.cookies["__Host-apl_session"] = "vorgegeben"
    assert intruder.get("/api/v1/me").json()["name"] == ""


def test_logging_out_ends_the_session_on_the_server(own: Any, client_of: Any) -> None:
    client = client_of(own)
    log_in(client)
    session = client.cookies["__Host-apl_session"]
    token = re.search(r'name="token" value="([^"]+)"', client.get("/account").text)
    assert token is not None
    assert client.post("/logout", data={"token": token[1]}).status_code == 303
    client.cookies["__Host-apl_session"] = session
    assert client.get("/api/v1/me").json()["name"] == ""


def test_a_wrong_password_says_nothing_about_the_account(own: Any, client_of: Any) -> None:
    client = client_of(own)
    wrong, unknown = log_in(client, password="falsch falsch"), log_in(client, name="niemand", password="falsch falsch")
    assert wrong.status_code == unknown.status_code == 401

    def shown(answer: Any) -> str:
        return re.sub(r'(name="token" value|name="name" value)="[^"]*"', "", answer.text)

    assert shown(wrong) == shown(unknown)


def test_a_token_that_does_not_hold_is_refused_not_taken_for_nobody(nobody: TestClient) -> None:
    answer = nobody.get("/api/v1/me", headers={"authorization": "Bearer apl_falsch"})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "content-security-policy" in answer.headers


def test_local_use_needs_no_login_and_anything_else_does(own: Any) -> None:
    workspace = own.workspace
    assert not choose_access(workspace, "127.0.0.1").has_login
    assert not choose_access(workspace, "::1").has_login
    assert choose_access(workspace, "0.0.0.0").has_login
    assert choose_access(workspace, "127.0.0.1", login=True).has_login
    accounts_file(workspace.data).unlink()
    for host, login in (("0.0.0.0", False), ("192.0.2.7", False), ("archiv.example", False), ("127.0.0.1", True)):
        with pytest.raises(ConfigError, match="noch kein Konto"):
            choose_access(workspace, host, login=login)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "127.0.0.1.example", "::ffff:192.0.2.1"])
def test_what_is_no_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_the_command_refuses_to_start_without_accounts(apl: Any, tmp_path: Path) -> None:
    apl("init", tmp_path / "neu")
    for options in (["--host", "0.0.0.0"], ["--forwarded-allow-ips", "127.0.0.1"], ["--root-path", "/a"], ["--login"]):
        done = apl("-C", tmp_path / "neu", "serve", "--port", "0", *options, code=4)
        assert "users add" in done.stderr


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_local_use_answers_no_proxy(own: Any, name: str) -> None:
    client = TestClient(create_app(own.workspace, viewers=LocalOnly), base_url="http://127.0.0.1")
    assert client.get("/api/v1/me").json()["role"] == "archivist"
    refused = client.get("/api/v1/me", headers={name: "192.0.2.1"})
    assert refused.status_code == 403
    assert "--login" in refused.text


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "evil",
     "/\r\nSet-Cookie: a=b", "javascript:alert(1)", "/%0d%0a\nx", "", " /review", "/" + "a" * 3000],
)  # fmt: skip
def test_next_stays_on_this_server(target: str) -> None:
    assert safe_next(target) == "/"


def test_next_keeps_addresses_of_pages() -> None:
    assert safe_next("/search?q=pflege&f=kreis:05974#treffer") == "/search?q=pflege&f=kreis:05974#treffer"


def test_limits_bound_what_one_client_asks(built: Any, client_of: Any) -> None:
    client = client_of(built)
    answers = [client.get("/api/v1/export?q=nichts") for _ in range(CAPACITY // 60 + 1)]
    assert [one.status_code for one in answers] == [200] * (CAPACITY // 60) + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert answers[-1].json()["code"] == "too_many_requests"


@pytest.mark.parametrize(("path", "cost"), [("/search?q=nichts", 4), ("/search.atom?q=nichts", 4), ("/search.csv", 60)])
def test_limits_bound_searches_on_pages(client_of: Any, built: Any, path: str, cost: int) -> None:
    client = client_of(built)
    client.get("/api/v1/export?q=nichts")
    enough = (CAPACITY - 60) // cost
    assert [client.get(path).status_code for _ in range(enough + 1)] == [200] * enough + [429]


def test_limits_forget_who_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archive_pipeline.web.api_limits.MOST_CLIENTS", 3)
    budget = Budget(clock=lambda: 0.0)

    class State:
        came_by = "nothing"

    class Client:
        host = ""

    class Request:
        state, client = State(), Client()

    for number in range(10):
        Request.client.host = f"192.0.2.{number}"
        budget.take(Request(), 1)  # type: ignore[arg-type]
    assert len(budget._clients) == 3


def test_commands_manage_accounts(apl: Any, tmp_path: Path) -> None:
    folder = tmp_path / "neu"
    apl("init", folder)
    refused = apl("-C", folder, "users", "add", "eva", code=4)
    assert "--password-stdin" in refused.stderr
    Accounts(accounts_file(folder / "archive")).add("eva", "admin", PASSWORD)
    listed = apl.json("-C", folder, "users", "list", "--json")
    assert [(one["name"], one["role"]) for one in listed["users"]] == [("eva", "admin")]
    token = apl.json("-C", folder, "users", "token", "add", "eva", "--scope", "read", "--json")
    assert token["token"] not in apl("-C", folder, "users", "token", "list").stdout
    apl("-C", folder, "users", "token", "revoke", token["id"])
    apl("-C", folder, "users", "role", "eva", "reader")
    apl("-C", folder, "users", "remove", "eva", code=2)
    apl("-C", folder, "users", "remove", "eva", "--yes")
    assert apl.json("-C", folder, "users", "list", "--json")["users"] == []


def test_accounts_survive_a_rebuild(own: Any, apl: Any) -> None:
    apl("-C", own.folder, "rebuild")
    assert len(apl.json("-C", own.folder, "users", "list", "--json")["users"]) == 3
