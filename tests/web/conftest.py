"""A sample archive with a few documents of a hostile press office, and the pages over it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the extra 'web' is not installed")

import uvicorn
from starlette.testclient import TestClient

from archive_pipeline.web.app import create_app
from archive_pipeline.web.serving import listen
from archive_pipeline.workspace import Workspace, open_workspace

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
def _serving(workspace: Workspace) -> Iterator[str]:
    """The pages over real HTTP on loopback; the address."""
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(create_app(workspace), lifespan="off", log_level="warning"))
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
