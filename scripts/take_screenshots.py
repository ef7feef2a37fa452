"""Take the pictures of docs/screenshots: the main pages over the sample archive, wide and as a telephone shows them.

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
SIZES = {"": (1280, 960), "-narrow": (390, 844)}
"""What is added to a picture's name, and how large it is."""

MOST_BYTES = 250_000
PAGES = {
    "start": "/",
    "search": "/search?q=wohn*&f=thema:housing",
    "release": "/d/{release}?q=pflege",
    "district": "/kreis/05766",
    "review": "/review",
}
"""The main pages, by the names of their pictures."""


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
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
        )
        for suffix, (width, height) in SIZES.items():
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light", locale="de-DE")
            for name, path in PAGES.items():
                save(page, address + path.format(release=release), output / f"{name}{suffix}.png")
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
