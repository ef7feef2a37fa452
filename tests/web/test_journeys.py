"""Journeys in a real browser, with and without JavaScript: Debian's Chromium, steered by Playwright, on loopback."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

SOME = ("/search", "/d/{ref}", "/sources/{id}", "/review", "/takedown/{id}")


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
    is_meant = "401" in told.text or "/original" in told.text + told.location.get("url", "")
    return told.type in ("error", "warning") and not is_meant


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


def test_every_place_of_a_word_in_its_context(page: Any, served: str) -> None:
    page.goto(f"{served}/search?q=haushalt")
    page.get_by_role("navigation", name="Ansicht").get_by_role("link").click()
    page.wait_for_url("**view=kwic**")
    words = page.locator(".kwic mark").all_inner_texts()
    assert words
    assert all("haushalt" in word.lower() for word in words)
    page.locator(".kwic .facts a").first.click()
    page.wait_for_url("**/d/*")
    assert page.locator(".text mark, h1 mark").count() > 0
    page.go_back()
    assert page.locator(".kwic mark").all_inner_texts() == words


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
def test_no_page_scrolls_sideways(browser: Any, furnished_address: str, page_paths: dict[str, str], width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    for path in page_paths.values() if width == 390 else (page_paths[one] for one in SOME):
        page.goto(furnished_address + path)
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


def test_text_stands_out_from_its_ground_in_the_dark(
    browser: Any, furnished_address: str, page_paths: dict[str, str]
) -> None:
    """In the light axe looks at it."""
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    for path in page_paths.values():
        page.goto(furnished_address + path)
        assert page.evaluate(CONTRAST) == [], path
    context.close()


def test_english_pages(page: Any, served: str) -> None:
    page.goto(served)
    page.get_by_role("link", name="English").click()
    page.wait_for_url("**lang=en*")
    page.get_by_label("Search the releases").fill("pflege")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=pflege")
    assert "releases" in page.get_by_role("status").inner_text()


def test_a_search_is_saved_and_taken_off_the_list_again(page: Any, own_address: str) -> None:
    page.goto(f"{own_address}/search?q=pflege")
    page.get_by_role("link", name="Suche speichern").click()
    page.get_by_label("Name").fill("Pflege")
    page.keyboard.press("Enter")
    page.wait_for_url("**/searches/Pflege?saved=1")
    assert page.get_by_role("heading", level=1).inner_text() == "Pflege"
    page.get_by_role("navigation").first.get_by_role("link", name="Gespeichert").click()
    page.locator(".kept").get_by_role("link", name="Pflege", exact=True).click()
    page.get_by_text("Suche entfernen").first.click()
    page.locator("form[action$='/searches/remove'] button").click()
    page.wait_for_url("**/searches?removed=1")
    assert page.locator(".kept").count() == 0


def test_a_release_is_hidden_after_a_complaint_and_shown_again(page: Any, own_address: str, freibad: str) -> None:
    page.goto(f"{own_address}/d/{freibad}")
    page.locator("a[href*='/takedown/new']").click()
    assert freibad in page.get_by_label("Mitteilungen", exact=True).input_value()
    page.get_by_label("Rechtsgrund").fill("Art. 17 DSGVO")
    page.locator("form[action$='/takedown/new'] button").click()
    page.wait_for_url(re.compile(r"/takedown/\d{4}-1"))
    case = page.url.partition("?")[0]

    def decide(verdict: str) -> None:
        page.get_by_label("Begründung").fill("nach Prüfung")
        with page.expect_navigation():
            page.locator(f"button[value={verdict}]").click()

    decide("hide")
    assert page.request.get(f"{own_address}/d/{freibad}").status == 410
    page.goto(f"{own_address}/search?q=freibad+rutsche")
    assert page.locator(f".card h3 a[href*='{freibad}']").count() == 0
    page.goto(case)
    decide("keep")
    assert page.request.get(f"{own_address}/d/{freibad}").status == 200
    page.goto(f"{own_address}/takedown")
    assert case.rpartition("/")[2] in page.locator("main").inner_text()


def test_logging_in_shows_what_archivists_do_and_logging_out_ends_it(
    page: Any, members_address: str, password: str
) -> None:
    page.goto(f"{members_address}/search?q=pflege")
    assert page.get_by_role("link", name="Prüfen").count() == 0
    page.get_by_role("link", name="Anmelden").click()
    page.get_by_label("Name").fill("eva")
    page.get_by_label("Passwort").fill("nicht dieses Passwort")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert page.get_by_label("Name").input_value() == "eva"
    page.get_by_label("Passwort").fill(password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=pflege")
    page.get_by_role("link", name="Prüfen").click()
    assert page.locator(".case").count() > 0
    page.get_by_role("link", name="eva").click()
    page.get_by_role("button", name="Abmelden", exact=True).click()
    page.wait_for_url(lambda address: "/account" not in address)
    page.goto(f"{members_address}/review")
    assert "/login" in page.url
