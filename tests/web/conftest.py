"""A sample archive with a few documents of a hostile press office, the pages over it, and a browser."""

import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, NoReturn

import pytest

pytest.importorskip("starlette", reason="the extra 'web' is not installed")

import uvicorn
from starlette.testclient import TestClient

from archive_pipeline.accounts import Accounts, accounts_file
from archive_pipeline.archive.takedown import find_cases
from archive_pipeline.web.access import AccountViewer
from archive_pipeline.web.app import create_app
from archive_pipeline.web.serving import listen
from archive_pipeline.workspace import Workspace, open_workspace

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]

FREIBAD = """<!doctype html><html lang="de"><head><meta charset="utf-8">
<title>Neues &lt;script&gt;alert(1)&lt;/script&gt; Freibad in Detmold</title>
<script>document.title = "gehackt"; top.hacked = true</script></head><body onload="top.hacked = true"><main>
<h1>Neues &lt;script&gt;alert(1)&lt;/script&gt; Freibad in Detmold</h1>
<p>Detmold, 3. Mai 2024. Der Kreis Lippe öffnet am Samstag das neue Freibad. &lt;img src=x onerror=alert(2)&gt;
Landrätin Wiebke Sandkühler sagte: „Wir freuen uns auf viele Gäste, und die Preise bleiben stabil.“ Das Bad hat drei
Becken und eine Rutsche, die vierzig Meter lang ist.</p>
<p>Der Eintritt kostet drei Euro, für Kinder ist er frei. Geöffnet ist täglich von neun bis zwanzig Uhr, auch an
Feiertagen. Wer mit dem Bus kommt, fährt umsonst.</p><form action="/review/judge" method="post"><input name="verdict">
</form></main></body></html>"""

UNDATED = """Sperrung der Uferstraße

Die Uferstraße bleibt wegen Bauarbeiten an der Wasserleitung für zwei Wochen voll gesperrt. Die Umleitung führt über den
Marktplatz und ist ausgeschildert. Die Stadtwerke bitten alle Anlieger um Verständnis für die Behinderungen.
"""


@pytest.fixture(scope="session")
def web_archive(apl: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, a page with two versions and markup that is meant to do harm, and a text without a date."""
    folder: Path = tmp_path_factory.mktemp("web") / "archiv"
    apl("init", folder, "--sample")
    inbox = folder / "eingang"
    inbox.mkdir()
    with (folder / "sources.toml").open("a", encoding="utf-8") as settings:
        settings.write('\n[[source]]\nid = "eingang"\ntitle = "Eingang"\nfetcher = "folder"\npath = "eingang"\n')
    page = inbox / "freibad.html"
    page.write_text(FREIBAD, encoding="utf-8")
    (inbox / "sperrung.txt").write_text(UNDATED, encoding="utf-8")
    apl("-C", folder, "run")
    page.write_text(FREIBAD.replace("drei Euro", "vier Euro fünfzig"), encoding="utf-8")
    apl("-C", folder, "run", "eingang")
    return folder


@pytest.fixture(scope="session")
def web_workspace(web_archive: Path) -> Workspace:
    """That archive, opened."""
    return open_workspace(web_archive)


@pytest.fixture(scope="session")
def web_app(web_workspace: Workspace) -> Any:
    """The pages of that archive."""
    return create_app(web_workspace)


@pytest.fixture
def web_client(web_app: Any) -> TestClient:
    """Somebody at this machine, without cookies."""
    return TestClient(web_app, base_url="http://127.0.0.1")


@pytest.fixture(scope="session")
def freibad(web_archive: Path, apl: Any) -> str:
    """The id of the release with two versions."""
    return str(apl.json("-C", web_archive, "search", "freibad rutsche", "--json")["hits"][0]["id"])


@contextmanager
def _serving(workspace: Workspace, **options: Any) -> Iterator[str]:
    """The pages over real HTTP on loopback; the address."""
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(create_app(workspace, **options), lifespan="off", log_level="warning"))
    thread = Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="session")
def serving() -> Callable[[Workspace], AbstractContextManager[str]]:
    """Serves the pages of an archive for as long as one is inside."""
    return _serving


@pytest.fixture(scope="session")
def served(web_workspace: Workspace) -> Iterator[str]:
    """The address of the pages for browsers."""
    with _serving(web_workspace) as address:
        yield address


@pytest.fixture(scope="session")
def password() -> str:
    """What everybody who has an account there logs in with."""
    return "vier gelbe Fahrräder"


@pytest.fixture
def own_archive(web_archive: Path, tmp_path: Path) -> Workspace:
    """An archive to decide about."""
    return open_workspace(Path(shutil.copytree(web_archive, tmp_path / "archiv")))


@pytest.fixture
def own_address(own_archive: Workspace) -> Iterator[str]:
    """Its pages."""
    with _serving(own_archive) as address:
        yield address


@pytest.fixture(scope="session")
def furnished(apl: Any, web_archive: Path, freibad: str, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """That archive with something of everything that people keep: a saved search, a frozen set, a takedown case."""
    folder = Path(shutil.copytree(web_archive, tmp_path_factory.mktemp("furnished") / "archiv"))
    apl("-C", folder, "search", "pflege", "--save", "Pflege im Kreis")
    apl("-C", folder, "set", "create", "pflege-2026", "--query", "pflege")
    apl("-C", folder, "takedown", "request", freibad, "--ground", "Art. 17 DSGVO")
    return open_workspace(folder)


@pytest.fixture(scope="session")
def page_paths(furnished: Workspace, freibad: str) -> dict[str, str]:
    """One page of every kind, by the route it comes from; a page that has several faces, by what it shows."""
    with furnished.reading() as db:
        run = next(db.query("SELECT id FROM run"))["id"]
        case = find_cases(db)[0].id
    return {
        "/": "/",
        "/search": "/search?q=kreis",
        "/search, in context": "/search?q=kreis&view=kwic",
        "/search, narrowed": "/search?q=wohn*&f=thema:housing&x=partei:spd&d=2020..2030",
        "/search, nothing found": "/search?q=xyzzyqq&f=partei:spd",
        "/d/{ref}": f"/d/{freibad}?q=freibad",
        "/d/{ref}/vergleich": f"/d/{freibad}/vergleich",
        "/d/{ref}/aehnlich": f"/d/{freibad}/aehnlich",
        "/kreis": "/kreis",
        "/kreis/{value:path}": "/kreis/05766",
        "/partei": "/partei",
        "/partei/{value:path}": "/partei/spd",
        "/org": "/org",
        "/org/{value:path}": "/org/drk",
        "/thema": "/thema",
        "/thema/{value:path}": "/thema/housing",
        "/person": "/person",
        "/person/{name:path}": "/person/Wiebke%20Sandkühler",
        "/sources": "/sources",
        "/sources/{id}": "/sources/sample",
        "/runs": "/runs",
        "/runs/{id}": f"/runs/{run}",
        "/about": "/about",
        "no such page": "/nix",
        "/review": "/review",
        "/save": "/save?q=pflege",
        "/searches": "/searches",
        "/searches/{name:path}": "/searches/Pflege%20im%20Kreis",
        "/freeze": "/freeze?q=pflege",
        "/sets": "/sets",
        "/sets/{name}": "/sets/pflege-2026",
        "/sets/{name}/vergleich": "/sets/pflege-2026/vergleich",
        "/takedown": "/takedown",
        "/takedown/new": f"/takedown/new?d={freibad}",
        "/takedown/{id}": f"/takedown/{case}",
    }


@pytest.fixture(scope="session")
def furnished_address(furnished: Workspace) -> Iterator[str]:
    """All pages, for the person at this machine."""
    with _serving(furnished) as address:
        yield address


@pytest.fixture(scope="session")
def members_address(furnished: Workspace, password: str) -> Iterator[str]:
    """All pages, for those who log in: `eva` is archivist."""
    accounts = Accounts(accounts_file(furnished.data))
    accounts.add("eva", "archivist", password)
    with _serving(furnished, viewers=partial(AccountViewer, accounts=accounts), secret=accounts.secret()) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium. Where it is missing the journeys are skipped, or fail when they are required."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        missing("playwright is not installed: pip install playwright")
    if CHROMIUM is None:
        missing("chromium is not installed: apt-get install chromium")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            yield browser
            browser.close()


def missing(why: str) -> NoReturn:
    """Skip, or fail where the browser tests are required."""
    if os.environ.get("ARCHIVE_PIPELINE_REQUIRE_BROWSER") == "1":
        pytest.fail(f"the browser tests are required, but {why}")
    pytest.skip(f"NO BROWSER TESTS: {why}")


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, which looks a page over for what keeps people out."""
    try:
        import axe_playwright_python
    except ModuleNotFoundError:
        missing("axe-core is not installed: pip install axe-playwright-python")
    return (Path(axe_playwright_python.__path__[0]) / "axe.min.js").read_text(encoding="utf-8")
