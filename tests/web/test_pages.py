"""What the pages show, read as a browser would read them."""

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from lxml import html

PAGES = (
    "/",
    "/search?q=pflege",
    "/search?q=kreis&view=kwic",
    "/search?q=xyzzyqq",
    "/kreis",
    "/kreis/05766",
    "/partei",
    "/partei/spd",
    "/org",
    "/thema",
    "/thema/housing",
    "/person",
    "/sources",
    "/sources/eingang",
    "/runs",
    "/review",
    "/about",
)


def tree_of(client: Any, path: str, status: int = 200) -> html.HtmlElement:
    response = client.get(path)
    assert response.status_code == status, f"{path} → {response.status_code}"
    tree: html.HtmlElement = html.fromstring(response.text)
    return tree


def texts(tree: html.HtmlElement, selector: str) -> list[str]:
    return [" ".join(one.text_content().split()) for one in tree.cssselect(selector)]


@pytest.mark.parametrize(
    ("path", "language"),
    [(path, "de") for path in PAGES]
    + [(path, "en") for path in ("/", "/search?q=pflege", "/sources/eingang", "/review")],
)
def test_structure_of_every_page(web_client: Any, path: str, language: str) -> None:
    tree = tree_of(web_client, f"{path}{'&' if '?' in path else '?'}lang={language}")
    assert tree.get("lang") == language
    assert len(tree.cssselect("h1")) == 1
    assert [one.tag for one in tree.cssselect("body > header, body > main, body > footer")] == [
        "header",
        "main",
        "footer",
    ]
    assert tree.cssselect("a.skip")[0].get("href") == "#main"
    assert tree.findtext(".//title", "").strip()
    ids = [one.get("id") for one in tree.cssselect("[id]")]
    assert len(ids) == len(set(ids)), "an id stands twice"
    labelled = {one.get("for") for one in tree.cssselect("label")}
    for field in tree.cssselect("input:not([type=hidden]), select, textarea"):
        assert field.get("id") in labelled or field.getparent().tag == "label", html.tostring(field)
    for image in tree.cssselect("img"):
        assert image.get("alt") is not None
    for button in tree.cssselect("button, a"):
        assert button.text_content().strip() or button.get("aria-label"), html.tostring(button)
    for table in tree.cssselect("table"):
        assert table.cssselect("caption")
        assert all(cell.get("scope") for cell in table.cssselect("th"))
    for name in ("aria-labelledby", "aria-describedby"):
        for one in tree.cssselect(f"[{name}]"):
            assert set(one.get(name).split()) <= set(ids)
    levels = [int(one.tag[1]) for one in tree.cssselect("h1, h2, h3, h4")]
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels
    assert not tree.cssselect("[style], style, script:not([src]):not([type='application/ld+json'])")
    for one in tree.cssselect("[src], link[href]"):
        assert not re.match("https?:|//", one.get("src") or one.get("href")) or one.get("rel") == "canonical"


@pytest.mark.parametrize("path", ["/", "/search?q=pflege&f=kreis:05766", "/partei/spd"])
def test_links_inside_lead_somewhere(web_client: Any, path: str) -> None:
    tree = tree_of(web_client, path)
    found = {
        one.get("href") for one in tree.cssselect("nav a, aside a, .timeline a") if one.get("href", "").startswith("/")
    }
    for address in sorted(found)[:12]:
        assert web_client.get(address).status_code == 200, address


def test_start_counts_what_is_there(web_client: Any) -> None:
    tree = tree_of(web_client, "/")
    numbers = dict(reversed(one.split(" ", 1)) for one in texts(tree, ".numbers li"))
    total = tree_of(web_client, "/search").cssselect("[role=status] strong")[0].text_content()
    assert total == f"{numbers['Mitteilungen']} Mitteilungen"
    assert numbers["Quellen"] == "2"
    assert len(tree.cssselect(".card")) == 6
    assert "ohne Datum" in tree.cssselect(".timeline figcaption")[0].text_content()


def test_a_facet_narrows_and_an_exclusion_widens_it_again(web_client: Any) -> None:
    tree = tree_of(web_client, "/search?q=kreis")
    link = tree.xpath("//section[h3='Parteien']//a[.='SPD']")[0].get("href")
    kept = tree_of(web_client, link)
    assert texts(kept, ".chip")[0].startswith("Partei SPD")
    assert all("SPD" in one for one in texts(kept, ".card .tags"))
    count = int(kept.cssselect("[role=status] strong")[0].text_content().split()[0])
    without = tree_of(web_client, tree.xpath("//section[h3='Parteien']//a[@aria-label='ohne SPD']")[0].get("href"))
    assert "nicht" in texts(without, ".chip")[0]
    all_of_them = int(tree.cssselect("[role=status] strong")[0].text_content().split()[0])
    assert int(without.cssselect("[role=status] strong")[0].text_content().split()[0]) == all_of_them - count
    back = tree_of(web_client, kept.cssselect(".chip")[0].get("href"))
    assert texts(back, ".summary") == texts(tree, ".summary")


def test_a_bar_of_the_timeline_is_a_link_to_its_period_and_a_row_of_the_table(web_client: Any) -> None:
    tree = tree_of(web_client, "/search")
    bars = {one.get("href"): one.get("aria-label") for one in tree.cssselect(".timeline svg a")}
    rows = {one.get("href") for one in tree.cssselect(".timeline table a")}
    assert bars.keys() <= rows
    address, label = next(iter(bars.items()))
    period, _, count = label.partition(": ")
    found = tree_of(web_client, address)
    assert texts(found, "[role=status] strong") == [count]
    assert period in texts(found, ".chip")[0]
    assert "ohne Datum" in texts(found, "[role=status]")[0]


def test_undated_releases_are_called_that_and_can_be_asked_for(web_client: Any) -> None:
    tree = tree_of(web_client, "/search?d=unbekannt")
    assert "Uferstraße" in " ".join(texts(tree, ".card"))
    assert all("ohne Datum" in one for one in texts(tree, ".card > .facts"))


@pytest.mark.parametrize(("query", "words"), [("datum:2024", "dazu"), ("datum:unbekannt", "davon"), ("der", "davon")])
def test_undated_releases_are_counted_apart_where_a_date_is_typed(web_client: Any, query: str, words: str) -> None:
    found = texts(html.fromstring(web_client.get("/search", params={"q": query}).text), "[role=status]")[0]
    assert f"{words} " in found
    assert "ohne Datum" in found


def test_filters_hold_whatever_the_words_are(web_client: Any) -> None:
    for words in ("pflege OR schule", 'pflege "offen', "a) OR (b", "pflege NOT", "kreis:", "(((", "-", "schule ODER"):
        tree = web_client.get("/search", params={"q": words, "f": "partei:spd"})
        assert tree.status_code == 200
        for tags in texts(html.fromstring(tree.text), ".card .tags"):
            assert "SPD" in tags, words


def test_notes_name_the_column_that_was_typed(web_client: Any) -> None:
    plain = texts(html.fromstring(web_client.get("/search", params={"q": '"offen'}).text), ".note")
    filtered = web_client.get("/search", params={"q": '"offen', "f": "partei:spd"})
    assert plain[0] in texts(html.fromstring(filtered.text), ".note")


def test_mentions_are_one_click_away(web_client: Any) -> None:
    tree = tree_of(web_client, "/search?f=partei:cdu")
    links = tree.xpath("//p[@role='status']/a[contains(., 'nur')]")
    assert links
    more = int(links[0].text_content().split()[0])
    before = int(tree.cssselect("[role=status] strong")[0].text_content().split()[0])
    after = tree_of(web_client, links[0].get("href"))
    assert int(after.cssselect("[role=status] strong")[0].text_content().split()[0]) == before + more


def test_pages_of_results(web_client: Any) -> None:
    first = tree_of(web_client, "/search?sort=oldest")
    following = first.cssselect(".pages a[rel=next]")[0].get("href")
    second = tree_of(web_client, following)
    assert second.cssselect(".pages [aria-current=page]")[0].text_content() == "2"
    assert not set(texts(first, ".card h3 a")) & set(texts(second, ".card h3 a"))
    assert texts(tree_of(web_client, second.cssselect(".pages a[rel=prev]")[0].get("href")), ".card h3") == texts(
        first, ".card h3"
    )
    assert "reichen" in tree_of(web_client, "/search?page=900").text_content()


def test_no_page_is_offered_that_can_not_be_turned_to(web_client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("asking", "pages.results"):
        monkeypatch.setattr(f"archive_pipeline.web.{module}.MOST_PAGES", 2)
    assert [one.text_content() for one in tree_of(web_client, "/search").cssselect(".pages li")][-2] == "2"
    last = tree_of(web_client, "/search?page=3")
    assert last.cssselect(".pages [aria-current=page]")[0].text_content() == "2"
    assert not last.cssselect(".pages a[rel=next]")


def test_an_empty_answer_says_what_else_to_try(web_client: Any) -> None:
    tree = tree_of(web_client, "/search?q=xyzzyqq&f=partei:spd")
    assert "Nichts gefunden" in tree.text_content()
    assert tree.cssselect(".empty a")[0].get("href") == "/search?q=xyzzyqq"


def test_kwic_lines_stand_round_the_word(web_client: Any) -> None:
    tree = tree_of(web_client, "/search?q=freibad&view=kwic")
    assert any("neue Freibad" in one.replace("\xa0", " ") for one in texts(tree, ".kwic tr"))
    assert "/d/" in tree.cssselect(".kwic a")[0].get("href")


def test_release_page(web_client: Any, freibad: str) -> None:
    tree = tree_of(web_client, f"/d/{freibad}?q=rutsche")
    assert [one.text_content() for one in tree.cssselect(".text mark")] == ["Rutsche"]
    assert "Kreis Lippe" in texts(tree, ".tag-row .tag")
    anchors = {one.get("href")[1:] for one in tree.cssselect(".evidence-links a")}
    ids = {one.get("id") for one in tree.cssselect("[id]")}
    assert anchors
    assert anchors <= ids
    assert tree.cssselect(".said figcaption")[0].text_content() == "Wiebke Sandkühler"
    assert any("Wiebke Sandkühler" in one and "Landrätin" in one for one in texts(tree, ".people li"))
    assert tree.cssselect("a.more[href$='/vergleich']")
    assert "zurück zur Suche" in tree.cssselect(".back")[0].text_content()


def test_evidence_of_a_tag_is_the_text_it_names(web_client: Any, freibad: str) -> None:
    tree = tree_of(web_client, f"/d/{freibad}")
    for link in tree.cssselect(".evidence-links a"):
        name = link.get("href")[1:].partition("-")[0]
        quoted = link.text_content().strip("„“").rstrip("…")
        marked = "".join(one.text_content() for one in tree.cssselect(f"[data-e~={name}]"))
        assert quoted in marked


def test_versions_and_their_comparison(web_client: Any, freibad: str) -> None:
    tree = tree_of(web_client, f"/d/{freibad}/vergleich")
    assert "drei" in " ".join(texts(tree, ".diff del"))
    assert "vier" in " ".join(texts(tree, ".diff ins"))
    former = tree_of(web_client, f"/d/{freibad}@1")
    assert "drei Euro" in former.cssselect(".text")[0].text_content()
    assert "nicht der aktuelle Text" in former.cssselect(".notice")[0].text_content()
    permalink = former.cssselect(".history tr[aria-current] a")[0].get("href")
    assert re.fullmatch(rf"/d/{freibad}@[0-9a-f]+\.\d+", permalink)
    assert "drei Euro" in tree_of(web_client, permalink).cssselect(".text")[0].text_content()


def test_shared_passages_stand_side_by_side(web_client: Any) -> None:
    tree = tree_of(web_client, "/search?q=pflegende+angehörige+dienst")
    address = tree.cssselect(".card h3 a")[0].get("href")
    passages = tree_of(web_client, address).cssselect(".side-by-side tbody tr")
    assert passages
    assert "größte Pflegedienst des Landes" in passages[0][0].text_content()
    assert "größte Pflegedienst des Landes" in passages[0][1].text_content()


def test_similar_releases_leave_the_release_itself_out(web_client: Any, freibad: str) -> None:
    address = tree_of(web_client, f"/d/{freibad}").cssselect(".alike a")[0].get("href")
    tree = tree_of(web_client, address)
    found = [one.get("href") for one in tree.cssselect(".card h3 a")]
    assert found
    assert f"/d/{freibad}" not in found


def test_a_release_is_found_by_the_beginning_of_its_id(web_client: Any, freibad: str) -> None:
    answer = web_client.get(f"/d/{freibad[:8]}?q=bad", follow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["location"] == f"/d/{freibad}?q=bad"


def test_metadata_for_reference_managers(web_client: Any, freibad: str) -> None:
    tree = tree_of(web_client, f"/d/{freibad}")
    meta = {one.get("name"): one.get("content") for one in tree.cssselect("meta[name]")}
    assert meta["citation_publication_date"] == "2024/05/03"
    assert meta["DC.date"] == "2024-05-03"
    assert meta["citation_title"].endswith("Freibad in Detmold")
    assert meta["citation_publisher"]
    described = json.loads(tree.cssselect("script[type='application/ld+json']")[0].text)
    assert described["@type"] == "NewsArticle"
    assert described["datePublished"] == "2024-05-03"
    assert described["headline"] == meta["citation_title"]
    undated = tree_of(web_client, "/search?q=uferstraße").cssselect(".card h3 a")[0].get("href")
    names = [one.get("name") for one in tree_of(web_client, undated).cssselect("meta[name]")]
    assert "citation_publication_date" not in names
    assert "DC.date" not in names


@pytest.mark.parametrize(("ending", "begin"), [("bib", "@online{"), ("ris", "TY  - ELEC"), ("json", "{")])
def test_citations(web_client: Any, freibad: str, ending: str, begin: str) -> None:
    answer = web_client.get(f"/d/{freibad}@1/zitat.{ending}")
    assert answer.text.startswith(begin)
    assert "attachment" in answer.headers["content-disposition"]
    assert f"d/{freibad}@" in answer.text


def test_hits_to_take_along(web_client: Any) -> None:
    page = tree_of(web_client, "/search?q=freibad&f=quelle:eingang")
    feed = web_client.get(page.cssselect("link[rel=alternate]")[0].get("href"))
    assert feed.headers["content-type"].startswith("application/atom+xml")
    assert feed.text.count("<entry>") == len(page.cssselect(".card")) == 1
    table = web_client.get("/search.csv?q=freibad&f=kreis:05766")
    assert table.text.startswith("id,permalink,")
    hits = tree_of(web_client, "/search?q=freibad&f=kreis:05766").cssselect("[role=status] strong")[0].text_content()
    lines = web_client.get("/search.jsonl?q=freibad&f=kreis:05766").text.splitlines()
    assert len(lines) == int(hits.split()[0])
    assert all(json.loads(line)["id"] for line in lines)
    assert "@online{" in web_client.get("/search.bibtex?q=freibad").text
    assert web_client.get("/search.exe?q=freibad").status_code == 404


def test_landing_page(web_client: Any) -> None:
    tree = tree_of(web_client, "/kreis/05766")
    assert texts(tree, "h1") == ["Kreis Lippe"]
    assert "Q6230" in tree.text_content()
    assert tree.cssselect(".timeline svg a")
    assert tree.xpath("//aside//h3[.='Themen']")
    beside = tree.cssselect("aside .counts a")[0].get("href")
    assert (
        texts(tree_of(web_client, beside), ".chip")[0].startswith("Kreis Lippe")
        or "Kreis" in texts(tree_of(web_client, beside), ".chip")[0]
    )
    assert web_client.get("/kreis/99999").status_code == 404
    assert web_client.get("/org/gibt-es-nicht").status_code == 404


def test_person_page(web_client: Any) -> None:
    tree = tree_of(web_client, "/person")
    address = tree.xpath("//a[.='Wiebke Sandkühler']")[0].get("href")
    person = tree_of(web_client, address)
    assert "Landrätin" in person.cssselect(".lead")[0].text_content()
    assert "die Preise bleiben stabil" in person.cssselect(".said blockquote")[0].text_content()
    assert web_client.get("/person/Niemand").status_code == 404


def test_sources_and_runs(web_client: Any) -> None:
    tree = tree_of(web_client, "/sources")
    assert "in Ordnung" in tree.cssselect(".sources")[0].text_content()
    source = tree_of(web_client, "/sources/eingang")
    assert source.cssselect(".calendar a")[0].get("href") == "/search?f=quelle%3Aeingang&d=2024-05"
    runs = tree_of(web_client, "/runs")
    assert len(runs.cssselect("tbody tr")) == 2
    run = tree_of(web_client, runs.cssselect("tbody a")[0].get("href"))
    assert "eingang" in run.cssselect("tbody")[0].text_content()
    assert web_client.get("/runs/zzzz").status_code == 404
    assert web_client.get("/sources/zzzz").status_code == 404


def test_both_languages_know_the_same_words(web_client: Any) -> None:
    german, english = (tree_of(web_client, f"/search?q=pflege&lang={one}") for one in ("de", "en"))
    assert texts(german, "nav[aria-label=Hauptnavigation] a") != texts(english, "nav[aria-label='Main navigation'] a")
    assert "6 Mitteilungen" in german.cssselect("[role=status]")[0].text_content()
    assert "6 releases" in english.cssselect("[role=status]")[0].text_content()
    web_client.get("/?lang=en")
    assert tree_of(web_client, "/about").get("lang") == "en"
    web_client.get("/?lang=de")
    assert tree_of(web_client, "/about").get("lang") == "de"


def test_errors_are_pages(web_client: Any) -> None:
    tree = tree_of(web_client, "/d/ffffffffffffffff", 404)
    assert "keine Mitteilung" in tree.cssselect("h1")[0].text_content()
    assert (
        tree_of(web_client, "/gibt-es-nicht?lang=en", 404).cssselect("h1")[0].text_content() == "There is no such page"
    )
    web_client.cookies.clear()


def test_what_is_in_the_pages_stays_small(web_client: Any) -> None:
    for path in PAGES:
        assert len(web_client.get(path).content) < 100_000, path
