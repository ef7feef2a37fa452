"""Take the pictures of docs/screenshots: the main pages over the sample archive, in Debian's Chromium.

    .venv/bin/python scripts/take_screenshots.py

Needs playwright and chromium (`apt-get install chromium`), no network.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Thread

import uvicorn
from playwright.sync_api import Page, sync_playwright

from archive_pipeline.searching import open_search
from archive_pipeline.web.app import create_app
from archive_pipeline.web.serving import listen
from archive_pipeline.workspace import Workspace, open_workspace, utc_now

ROOT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT = 1280, 960
MOST_BYTES = 250_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "screenshots")
    output: Path = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        workspace = make_archive(Path(folder) / "archiv")
        listener = listen("127.0.0.1", 0)
        server = uvicorn.Server(uvicorn.Config(create_app(workspace), lifespan="off", log_level="warning"))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            take(f"http://127.0.0.1:{listener.getsockname()[1]}", release_about_care(workspace), output)
        finally:
            server.should_exit = True
            thread.join()


def make_archive(folder: Path) -> Workspace:
    """The sample archive."""
    for arguments in (("init", str(folder), "--sample"), ("-C", str(folder), "run")):
        subprocess.run([sys.executable, "-m", "archive_pipeline", *arguments], check=True, capture_output=True)
    return open_workspace(folder)


def release_about_care(workspace: Workspace) -> str:
    """A release with quotations, persons and shared passages."""
    with open_search(workspace) as search:
        return search.search("pflegende angehörige stuhlkreis", today=utc_now().date(), limit=1).hits[0].id


def take(address: str, release: str, output: Path) -> None:
    """One picture of each main page."""
    pages = {
        "start": "/",
        "search": "/search?q=wohn*&f=thema:housing",
        "release": f"/d/{release}?q=pflege",
        "district": "/kreis/05766",
        "review": "/review",
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", locale="de-DE")
        for name, path in pages.items():
            save(page, address + path, output / f"{name}.png")
        browser.close()


def save(page: Page, address: str, file: Path) -> None:
    """One picture, which must stay small."""
    page.goto(address)
    if file.stem == "release":
        page.locator(".tag-row").nth(1).hover()
    page.screenshot(path=file)
    size = file.stat().st_size
    print(f"{file}  {size / 1000:.0f} kB")
    if size > MOST_BYTES:
        sys.exit(f"{file.name} is larger than {MOST_BYTES} bytes")


if __name__ == "__main__":
    main()
