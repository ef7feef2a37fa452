"""An archive with something of every access level and with pages that mean harm, and clients of every role."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from archive_pipeline.accounts import Accounts, accounts_file
from archive_pipeline.archive.decision_forms import TakedownRequest, TakedownStep
from archive_pipeline.archive.decisions import decide
from archive_pipeline.web.access import AccountViewer
from archive_pipeline.web.app import create_app
from archive_pipeline.workspace import Workspace, open_workspace, utc_now

LEVELS = ("public", "login", "onsite", "closed")
PASSWORD = "vier gelbe Fahrräder"
SCRIPT = "<script>alert('titel')</script>"
HANDLER = '" onmouseover="alert(1)'

CONFIG = '[archive]\ntitle = "Probe \\"><script>alert(0)</script>"\n' + "".join(
    f'\n[[source]]\nid = "{level}"\ntitle = "Quelle {level} <b>fett</b>"\nfetcher = "folder"\n'
    f'path = "eingang/{level}"\naccess = "{level}"\ngate = false\n'
    for level in LEVELS
)

BODY = (
    "Der Kreis Soest hat heute mitgeteilt, dass die Kreisverwaltung im kommenden Jahr mehr Geld für den Ausbau der "
    "Radwege ausgibt. „Wir bauen {word} und auch die Radwege an den Schulen“, sagte Landrätin Eva Muster (SPD). "
    "Der Kreistag hat den Haushalt beschlossen. Die Arbeiten beginnen im Frühjahr und dauern bis zum Herbst."
)


def page(title: str, word: str, extra: str = "") -> str:
    """A captured page."""
    escaped = title.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return (
        f'<!doctype html><html lang="de"><head><meta charset="utf-8"><title>{escaped}</title></head><body>'
        f"<article><h1>{escaped}</h1><time datetime='2024-05-06'>6. Mai 2024</time>"
        f"<p>{extra}</p><p>{BODY.format(word=word)}</p></article><script>alert('seite')</script></body></html>"
    )


WORDS = {
    "public": "Offenwort",
    "login": "Kontowort",
    "onsite": "Lesesaalwort",
    "closed": "Geheimwort",
    "embargo": "Sperrfristwort",
    "hidden": "Verborgenwort",
}
"""One word for each release that no other has."""


@dataclass(frozen=True)
class Archive:
    """The archive, and the id of the release of each kind."""

    folder: Path
    ids: dict[str, str]

    @property
    def workspace(self) -> Workspace:
        return open_workspace(self.folder)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, apl: Callable[..., Any]) -> Archive:
    """Built once; only for reading."""
    folder = tmp_path_factory.mktemp("zugang") / "archiv"
    for level in LEVELS:
        documents = folder / "eingang" / level
        documents.mkdir(parents=True)
        (documents / "mitteilung.html").write_text(page(f"Mitteilung {WORDS[level]}", WORDS[level]), encoding="utf-8")
    public = folder / "eingang" / "public"
    (public / "hidden.html").write_text(page("Verborgen", WORDS["hidden"]), encoding="utf-8")
    (public / "embargo.html").write_text(
        page("Gesperrt", WORDS["embargo"], "Sperrfrist: 31.12.2099, 10 Uhr"), encoding="utf-8"
    )
    (public / "böse'\"><img src=x onerror=alert(2)>.html").write_text(
        page(f"{SCRIPT} {HANDLER} Titelwort", "Bösewort", "&lt;img src=x onerror=alert(3)&gt; javascript:alert(4)"),
        encoding="utf-8",
    )
    (folder / "sources.toml").write_text(CONFIG, encoding="utf-8")
    apl("-C", folder, "run", "public")
    apl("-C", folder, "search", "Kreisverwaltung", "--save", "Kreisverwaltung", "--ids")
    apl("-C", folder, "run")  # what is not public is new since the search was saved
    workspace = open_workspace(folder)
    with workspace.reading() as db:
        rows = list(db.query("SELECT id, source_id, path FROM release"))
    ids = {row["source_id"]: row["id"] for row in rows if row["path"] == "mitteilung.html"}
    ids |= {Path(row["path"]).stem: row["id"] for row in rows if row["path"] in ("hidden.html", "embargo.html")}
    ids["evil"] = next(row["id"] for row in rows if "onerror" in row["path"])
    with workspace.writing("test") as db:
        common = {"decided_by": "Archivarin", "decided_at": utc_now(), "case": "2026-1"}
        decide(
            db,
            workspace.decisions_file,
            [
                TakedownRequest(id=str(uuid4()), release_ids=(ids["hidden"],), ground="Art. 17", **common),
                TakedownStep(id=str(uuid4()), step="hide", **common),
            ],
        )
        workspace.update_index(db)
    for name, query in (("alles", "Kreisverwaltung"), ("offenes", "quelle:public")):
        apl("-C", folder, "set", "create", name, "--query", query)
    accounts = Accounts(accounts_file(workspace.data))
    for name in ("reader", "archivist", "admin"):
        accounts.add(name, name, PASSWORD)
    return Archive(folder=folder, ids=ids)


@pytest.fixture
def own(built: Archive, tmp_path: Path) -> Archive:
    """A copy that may be changed."""
    shutil.copytree(built.folder, tmp_path / "archiv")
    return Archive(folder=tmp_path / "archiv", ids=built.ids)


def make_client(archive: Archive, *, base: str = "https://127.0.0.1", **options: Any) -> TestClient:
    """A client of a server with accounts."""
    workspace = archive.workspace
    accounts = Accounts(accounts_file(workspace.data))
    app = create_app(workspace, viewers=partial(AccountViewer, accounts=accounts), secret=accounts.secret())
    return TestClient(app, base_url=base, follow_redirects=False, raise_server_exceptions=False, **options)


@pytest.fixture(name="client_of", scope="session")
def _client_of() -> Callable[..., TestClient]:
    """Makes clients of servers with accounts."""
    return make_client


@pytest.fixture(autouse=True, scope="session")
def _quick_hashes() -> Iterator[None]:
    """Hashes that take no time; one test looks at the real ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("archive_pipeline.accounts.HARDNESS", {"time_cost": 1, "memory_cost": 64, "parallelism": 1})
        yield


@pytest.fixture(autouse=True)
def _no_limits(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Tests ask more than a client may; for those about limits nothing comes back, however slow the machine is."""
    about_limits = "limits" in request.node.name
    monkeypatch.setattr("archive_pipeline.web.api_limits.REFILL", 0.01 if about_limits else 10**9)
    if not about_limits:
        monkeypatch.setattr("archive_pipeline.web.api_limits.CAPACITY", 10**9)


@pytest.fixture(scope="session")
def clients(built: Archive) -> dict[str, TestClient]:
    """Somebody without account, and one with a token for each role."""
    accounts = Accounts(accounts_file(built.workspace.data))
    found = {"nobody": make_client(built)}
    for name, scope in (("reader", "read"), ("archivist", "review"), ("admin", "admin")):
        found[name] = make_client(built)
        found[name].headers["authorization"] = f"Bearer {accounts.issue_token(name, scope).text}"  # type: ignore[arg-type]
    return found


@pytest.fixture(scope="session")
def nobody(clients: dict[str, TestClient]) -> TestClient:
    """Somebody without account."""
    return clients["nobody"]


@pytest.fixture(scope="session")
def archivist(clients: dict[str, TestClient]) -> TestClient:
    """An archivist's program."""
    return clients["archivist"]


@pytest.fixture
def as_role(own: Any, client_of: Callable[..., TestClient]) -> Callable[[str], TestClient]:
    """A browser of somebody with this role, at an archive of its own."""

    def make(role: str) -> TestClient:
        accounts = Accounts(accounts_file(own.workspace.data))
        scope: Any = {"reader": "read", "archivist": "review", "admin": "admin"}[role]
        client = client_of(own)
        client.headers["authorization"] = f"Bearer {accounts.issue_token(role, scope).text}"
        return client

    return make
