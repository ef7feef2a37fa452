"""Journeys in a real browser, with and without JavaScript: Debian's Chromium, steered by Playwright, on loopback."""

import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.workspace import Workspace, open_workspace

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
PAGES = ("/", "/search?q=kreis", "/search?q=kreis&view=kwic", "/kreis/05766", "/org", "/person", "/sources",
         "/sources/sample", "/runs", "/review", "/about")  # fmt: skip

SOME = ("/", "/search?q=kreis", "/sources/sample", "/review")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium. Where it is missing the journeys are skipped, or fail when they are required."""
    required = os.environ.get("ARCHIVE_PIPELINE_REQUIRE_BROWSER") == "1"
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        _missing("playwright is not installed: pip install playwright", required=required)
    if CHROMIUM is None:
        _missing("chromium is not installed: apt-get install chromium", required=required)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            yield browser
            browser.close()


def _missing(why: str, *, required: bool) -> None:
    if required:
        pytest.fail(f"the browser tests are required, but {why}")
    pytest.skip(f"NO BROWSER TESTS: {why}")


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def page(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A page that reports everything a browser complains of."""
    context = browser.new_context(java_script_enabled=request.param, locale="de-DE")
    context.set_default_timeout(10_000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda told: complaints.append(told.text) if _complains(told) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: complaints.append(asked.url) if "//127.0.0.1:" not in asked.url else None)
    yield page
    context.close()
    assert complaints == []


def _complains(told: Any) -> bool:
    """Whether the browser complains of a page of ours; of what a captured page is kept from it must."""
    is_captured = "/original" in told.text + told.location.get("url", "") or "/assets/site.css" in told.text
    return told.type in ("error", "warning") and not is_captured


def test_search_narrow_read_and_back(page: Any, served: str) -> None:
    page.goto(served)
    page.get_by_label("Mitteilungen durchsuchen").fill("pflege")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=pflege")
    before = page.get_by_role("status").inner_text()
    page.locator(".facet", has_text="Parteien").get_by_role("link", name="SPD", exact=True).click()
    page.wait_for_url("**f=partei*")
    assert page.locator(".chip").first.inner_text().replace("\n", " ").startswith("Partei SPD")
    page.locator(".card h3 a").first.click()
    page.wait_for_url("**/d/*")
    assert page.locator(".text mark").count() > 0
    page.go_back()
    page.go_back()
    assert page.get_by_role("status").inner_text() == before
    assert page.locator(".chip").count() == 0


def test_a_bar_of_the_timeline_is_clicked(page: Any, served: str) -> None:
    page.goto(f"{served}/search?q=kreis")
    page.locator(".timeline svg a").first.click()
    page.wait_for_url("**d=20*")
    assert page.locator(".chip").first.inner_text().startswith("Zeitraum")


def test_evidence_is_shown_for_the_tag_under_the_pointer_and_in_focus(page: Any, served: str, freibad: str) -> None:
    page.goto(f"{served}/d/{freibad}")
    row = page.locator(".tag-row", has=page.get_by_role("link", name="Kreis Lippe", exact=True)).first
    name = row.get_attribute("data-tag")
    evidence = page.locator(f".text [data-e~={name}], h1 [data-e~={name}]").first

    def style() -> str:
        return str(evidence.evaluate("one => getComputedStyle(one).textDecorationStyle"))

    page.mouse.move(1, 1)
    assert style() == "dotted"
    row.hover()
    assert style() == "solid"
    page.mouse.move(1, 1)
    row.locator("a.tag").focus()
    assert style() == "solid"
    row.locator(".evidence-links a").first.click()
    assert re.search(rf"#{name}-\d+$", page.url)
    page.mouse.move(1, 1)
    page.evaluate("document.activeElement.blur()")
    target = page.locator(":target, span:target + .ev, span:target + span + .ev").last
    assert target.evaluate("one => getComputedStyle(one).textDecorationStyle") == "solid"


def test_versions_are_compared(page: Any, served: str, freibad: str) -> None:
    page.goto(f"{served}/d/{freibad}")
    page.get_by_role("link", name="Fassungen vergleichen").first.click()
    page.wait_for_url("**/vergleich")
    assert "drei" in page.locator(".diff del").all_inner_texts()


def test_the_captured_page_runs_nothing(page: Any, served: str, freibad: str) -> None:
    page.goto(f"{served}/d/{freibad}")
    title = page.title()
    page.get_by_text("Original hier zeigen").click()
    frame = page.frame_locator("iframe")
    frame.get_by_text("Der Eintritt kostet").wait_for()
    assert page.title() == title
    assert page.evaluate("window.hacked === undefined")


@pytest.fixture
def own_archive(web_archive: Path, tmp_path: Path) -> Workspace:
    """An archive to decide about."""
    return open_workspace(Path(shutil.copytree(web_archive, tmp_path / "archiv")))


@pytest.fixture
def own_address(own_archive: Workspace, serving: Callable[[Workspace], AbstractContextManager[str]]) -> Iterator[str]:
    """Its pages."""
    with serving(own_archive) as address:
        yield address


def test_a_case_is_judged_by_keyboard_alone(browser: Any, own_address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{own_address}/review")
    heads = page.locator(".case h2").all_inner_texts()
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("j")
    assert page.locator(".case.current h2").inner_text() == heads[1]
    with page.expect_navigation():
        page.keyboard.press("a")
    assert "Angenommen" in page.locator(".done").inner_text()
    after = page.locator(".case h2").all_inner_texts()
    assert after[0] == heads[0]
    assert after[:2] != heads[:2]
    page.locator("input[name=note]").first.focus()
    page.keyboard.type("ja")
    assert page.locator("input[name=note]").first.input_value() == "ja", "keys are letters where one writes"
    page.keyboard.press("Escape")
    page.locator("main").focus()
    with page.expect_navigation():
        page.keyboard.press("u")
    assert "Zurückgenommen" in page.locator(".done").inner_text()
    assert page.locator(".case h2").all_inner_texts() == heads
    page.keyboard.press("?")
    page.get_by_label("Tasten benutzen").uncheck()
    page.keyboard.press("j")
    assert page.locator(".case.current h2").inner_text() == heads[0]
    context.close()


def test_a_case_is_judged_without_script(browser: Any, own_address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{own_address}/review")
    heads = page.locator(".case h2").all_inner_texts()
    page.get_by_role("button", name="Zurückstellen").first.click()
    page.wait_for_url("**done=skip**")
    assert page.locator(".case h2").all_inner_texts()[0] != heads[0]
    context.close()


@pytest.mark.parametrize("width", [390, 320])
def test_no_page_scrolls_sideways(browser: Any, served: str, freibad: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    for path in (*(PAGES if width == 390 else SOME), f"/d/{freibad}?q=freibad", f"/d/{freibad}/vergleich"):
        page.goto(served + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    context.close()


CONTRAST = """() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, place) => sum + v * [0.2126, 0.7152, 0.0722][place], 0);
  const poor = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !one.checkVisibility() || one.closest(".visually-hidden, .skip, svg, [aria-hidden=true]")) continue;
    let back = one;
    while (back && (channels(getComputedStyle(back).backgroundColor)[3] ?? 1) === 0) back = back.parentElement;
    const style = getComputedStyle(one);
    const [a, b] = [style.color, back ? getComputedStyle(back).backgroundColor : "rgb(255,255,255)"]
      .map((colour) => light(channels(colour)) + 0.05);
    const ratio = Math.max(a, b) / Math.min(a, b);
    const what = `${one.tagName}.${one.className} ${one.textContent.trim().slice(0, 30)}`;
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${what}`);
  }
  return poor;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(browser: Any, served: str, freibad: str, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    pages = (*(PAGES if scheme == "light" else SOME), f"/d/{freibad}?q=freibad", f"/d/{freibad}/vergleich")
    for path in (*pages, "/search?q=xyzzyqq&f=partei:spd"):
        page.goto(served + path)
        assert page.evaluate(CONTRAST) == [], path
    context.close()


def test_the_first_tab_skips_to_the_content(page: Any, served: str) -> None:
    page.goto(f"{served}/about")
    page.keyboard.press("Tab")
    assert page.locator(":focus").get_attribute("href") == "#main"
    page.keyboard.press("Enter")
    page.wait_for_url("**#main")


def test_english_pages(page: Any, served: str) -> None:
    page.goto(served)
    page.get_by_role("link", name="English").click()
    page.wait_for_url("**lang=en*")
    page.get_by_label("Search the releases").fill("pflege")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=pflege")
    assert "releases" in page.get_by_role("status").inner_text()
