"""Every kind of page under the eyes of axe-core, by keyboard alone, and in two languages, in Debian's Chromium."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

NO_PAGES = re.compile(
    r"/api/|/openapi|/static|/healthz|/metrics|/robots|/oai|/timemap|/timegate|/memento"
    r"|\.(atom|\{form\})|/original$|/zitat|/logout$"
)
"""Routes that answer with something else than a page of ours."""

FOR_ALL = re.compile(r"/(search[?]|d/|kreis|partei|org|thema|person|sources|runs|about|nix)|/$")
"""Pages that need no account where there are accounts."""

WIDTHS = (1280, 390)

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

AXE = """async (tags) => {
  const found = await axe.run(document, {iframes: false, runOnly: tags, resultTypes: ["violations"]});
  return found.violations.flatMap(
    (rule) => rule.nodes.map((node) => `${rule.impact} ${rule.id}: ${node.html.slice(0, 200)}`));
}"""


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of a German-speaking person."""
    context = browser.new_context(color_scheme="light", locale="de-DE")
    yield context.new_page()
    context.close()


def violations(page: Any, axe: str, address: str) -> list[str]:
    """Whatever axe-core objects to in a page, wide and narrow; `evaluate` needs no leave of the page's own policy."""
    page.goto(address)
    page.evaluate(axe)
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        found += [f"{address}, {width} px: {one}" for one in page.evaluate(AXE, TAGS)]
    return found


def log_in(page: Any, address: str, password: str) -> None:
    page.goto(f"{address}/login")
    page.get_by_label("Name").fill("eva")
    page.get_by_label("Passwort").fill(password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/")


def test_no_kind_of_page_is_left_out(web_app: Any, page_paths: dict[str, str]) -> None:
    def routes(app: Any) -> Iterator[str]:
        for route in app.routes:
            methods = getattr(route, "methods", None) or {"GET"}
            if "GET" in methods and not NO_PAGES.search(route.path):
                yield route.path

    inner = web_app
    while not hasattr(inner, "routes"):
        inner = inner._app
    assert set(routes(inner)) - {"/login", "/account"} <= page_paths.keys()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("who", ["nobody", "archivist"])
def test_axe_has_no_objection(
    page: Any, axe: str, members_address: str, page_paths: dict[str, str], password: str, who: str
) -> None:
    paths = ["/login", *(path for path in page_paths.values() if FOR_ALL.match(path))]
    if who == "archivist":
        log_in(page, members_address, password)
        paths = ["/account", *page_paths.values()]
    assert [one for path in paths for one in violations(page, axe, members_address + path)] == []


WATCH = """() => {
  const places = new Map([...document.querySelectorAll("*")].map((one, place) => [one, place]));
  window.reached = [];
  addEventListener("focusin", (event) => {
    const one = event.target, style = getComputedStyle(one), inner = one.querySelector(".reach");
    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    const shown = inner ? getComputedStyle(inner).stroke !== "none" : outlined;
    window.reached.push({place: places.get(one), shown, what: one.outerHTML.slice(0, 120)});
  });
  addEventListener("focusout", (event) => {  // by now it was scrolled to
    if (event.target.matches(".skip")) return;  // has left already
    const box = event.target.getBoundingClientRect(), last = window.reached.at(-1);
    last.shown &&= box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  });
  const keys = "a[href], button, input:not([type=hidden]), select, textarea, summary, iframe, [tabindex='0']";
  return [...document.querySelectorAll(keys)].filter((one) => one.checkVisibility())
    .map((one) => [places.get(one), one.outerHTML.slice(0, 120)]);
}"""


@pytest.mark.parametrize(
    "path", ["/search?q=pflege&f=thema:health", "/d/{freibad}?q=freibad", "/review", "/save?q=pflege", "/takedown/new"]
)
def test_tab_reaches_everything_in_order_and_shows_where_it_is(
    browser: Any, served: str, freibad: str, path: str
) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(served + path.format(freibad=freibad))
    wanted = page.evaluate(WATCH)
    page.evaluate("document.querySelector('.skip').focus()")
    for _ in range(len(wanted) + 5):  # places that scroll are reached as well
        page.keyboard.press("Tab")
    reached = page.evaluate("window.reached")
    places = [one["place"] for one in reached]
    once = places[: places.index(places[0], 1)] if places[0] in places[1:] else places
    assert [what for place, what in wanted if place not in once] == []
    assert once == sorted(once), "the order of the page is the order of the keys"
    assert [one["what"] for one in reached if not one["shown"]] == []
    context.close()


def test_the_skip_link_leads_past_the_navigation(page: Any, served: str) -> None:
    page.goto(f"{served}/search?q=pflege")
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert skip.get_attribute("href") == "#main"
    assert skip.bounding_box()["x"] >= 0, "it is seen while it has the focus"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


@pytest.mark.parametrize("wish", ["reduce", "no-preference"])
def test_nothing_moves_for_those_who_wish_so(browser: Any, served: str, freibad: str, wish: str) -> None:
    context = browser.new_context(reduced_motion=wish)
    page = context.new_page()
    page.goto(f"{served}/d/{freibad}")
    behaviour = page.evaluate("getComputedStyle(document.documentElement).scrollBehavior")
    assert behaviour == ("auto" if wish == "reduce" else "smooth")
    moving = """() => [...document.querySelectorAll("*")].filter((one) => {
      const style = getComputedStyle(one);
      return style.animationName !== "none" || parseFloat(style.transitionDuration) > 0;
    }).length"""
    assert page.evaluate(moving) == 0
    context.close()


SPOKEN = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (node.textContent.trim() && !parent.closest("script, style, code, pre"))
      found.push([parent.closest("[lang]").lang, node.textContent.trim()]);
  }
  return found;
}"""

WORDS = {
    "en": re.compile(
        r"\b(der|den|dem|das|und|oder|ist|sind|wird|nicht|mit|ohne|für|über|von|vom|zu|zum|zur|im|auf|eine?)\b"
    ),
    "de": re.compile(r"\b(the|of|and|or|is|are|with|without|for|from|to|by|not)\b"),
}
"""Words of the other language."""


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_text_says_what_language_it_is_in(
    page: Any, furnished_address: str, page_paths: dict[str, str], language: str
) -> None:
    found = []
    for path in page_paths.values():
        page.goto(f"{furnished_address}{path}{'&' if '?' in path else '?'}lang={language}")
        assert page.evaluate("document.documentElement.lang") == language
        found += [(path, spoken, text[:90]) for spoken, text in page.evaluate(SPOKEN) if WORDS[spoken].search(text)]
    assert found == []
