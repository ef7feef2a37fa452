"""The reading room: who asks from its networks reads what may be read there, and nobody else."""

from functools import partial
from typing import Any

import pytest
from starlette.testclient import TestClient
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from archive_pipeline.accounts import Accounts, accounts_file
from archive_pipeline.errors import ConfigError
from archive_pipeline.web.access import AccountViewer, read_networks
from archive_pipeline.web.app import create_app

NETWORKS = read_networks("192.0.2.0/24, 2001:db8:1::/48")
PROXY = "198.51.100.1"


def client_from(archive: Any, address: str, *, role: str | None = None, trusted: str = "") -> TestClient:
    """Somebody at an address, as the server of `serve --onsite` sees it."""
    accounts = Accounts(accounts_file(archive.workspace.data))
    viewers = partial(AccountViewer, accounts=accounts, onsite=NETWORKS, behind_proxy=bool(trusted))
    app: Any = create_app(archive.workspace, viewers=viewers, secret=accounts.secret())
    if trusted:
        app = ProxyHeadersMiddleware(app, trusted_hosts=trusted)
    client = TestClient(app, base_url="https://127.0.0.1", follow_redirects=False, client=(address, 1))
    if role is not None:
        scope: Any = {"reader": "read", "archivist": "review"}[role]
        client.headers["authorization"] = f"Bearer {accounts.issue_token(role, scope).text}"
    return client


def standing(client: TestClient, **headers: str) -> str:
    return str(
        client.get("/api/v1/me", headers={name.replace("_", "-"): text for name, text in headers.items()}).json()[
            "standing"
        ]
    )


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8:1:2::7", "::ffff:192.0.2.7"])
def test_the_reading_room_reads_what_is_for_it(built: Any, address: str) -> None:
    client = client_from(built, address)
    assert standing(client) == "onsite"
    found = client.get("/api/v1/search?q=Kreisverwaltung&limit=100").json()
    sources = {hit["source"] for hit in found["hits"]}
    assert sources == {"public", "login", "onsite"}
    assert client.get(f"/d/{built.ids['onsite']}").status_code == 200
    assert client.get(f"/d/{built.ids['closed']}").status_code == 404
    assert client.get(f"/d/{built.ids['embargo']}").status_code == 404


def test_an_account_reads_more_there_and_an_archivist_no_less(built: Any) -> None:
    assert standing(client_from(built, "192.0.2.7", role="reader")) == "onsite"
    assert standing(client_from(built, "203.0.113.7", role="reader")) == "login"
    assert standing(client_from(built, "192.0.2.7", role="archivist")) == "archivist"


def test_being_there_is_no_account(built: Any) -> None:
    client = client_from(built, "192.0.2.7")
    assert client.get("/api/v1/sets").status_code == 401
    assert client.get("/searches").status_code == 303
    assert client.get("/review").status_code == 303


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-IP", "Forwarded"])
def test_nobody_gets_in_by_saying_so(built: Any, name: str) -> None:
    value = "for=192.0.2.7" if name == "Forwarded" else "192.0.2.7"
    for trusted in ("", PROXY):
        client = client_from(built, "203.0.113.7", trusted=trusted)
        assert standing(client, **{name.replace("-", "_"): value}) == "reader"
        text = client.get("/search?q=Lesesaalwort", headers={name: value}).text
        assert built.ids["onsite"] not in text


def test_a_trusted_proxy_names_who_asks_and_the_last_word_is_its_own(built: Any) -> None:
    client = client_from(built, PROXY, trusted=PROXY)
    assert standing(client, X_Forwarded_For="192.0.2.7") == "onsite"
    assert standing(client, X_Forwarded_For="203.0.113.7") == "reader"
    assert standing(client, X_Forwarded_For="192.0.2.7, 203.0.113.7") == "reader"  # the first is what somebody claims


def test_a_proxy_that_nobody_trusts_stands_in_no_reading_room(built: Any) -> None:
    client = client_from(built, "192.0.2.7")
    assert standing(client) == "onsite"
    assert standing(client, X_Forwarded_For="203.0.113.7") == "reader"
    assert standing(client, Via="1.1 proxy") == "reader"


@pytest.mark.parametrize("text", ["lesesaal", "192.0.2.0/33", "192.0.2.7/24"])
def test_networks_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="Netze"):
        read_networks(text)


def test_serving_a_reading_room_needs_accounts(apl: Any, tmp_path: Any) -> None:
    apl("init", tmp_path / "neu", "--sample")
    done = apl("-C", tmp_path / "neu", "serve", "--onsite", "192.0.2.0/24", "--port", "0", code=4)
    assert "users add" in done.stderr
    options = ("--onsite", "192.0.2.0/24", "--forwarded-allow-ips", "*", "--port", "0")
    assert "--forwarded-allow-ips" in apl("-C", tmp_path / "neu", "serve", *options, code=4).stderr
