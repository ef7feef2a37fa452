"""Documents made to hold a cleaner up: each takes time in proportion to its length, or little whatever it says."""

import time

import pytest

PROSE = "Der Kreistag hat am Montag beschlossen, dass die neue Schule gebaut wird. Das sagte der Landrat. "
PARAGRAPH = f"<p>{PROSE * 3}</p>"
HEADING = "<h1>Kreis baut neue Schule</h1>"
PLAIN = {"key": "x.txt", "media_type": "text/plain"}
MAIL = {"key": "x.eml", "media_type": "message/rfc822"}


def page(inner: str, head: str = "") -> bytes:
    return f"<!doctype html><html><head>{head}</head><body>{inner}{PARAGRAPH}</body></html>".encode()


def structured(script: str) -> str:
    return f'<script type="application/ld+json">{script}</script>'


def seconds(clean, body: bytes, **capture: object) -> float:
    started = time.process_time()
    clean(body, **capture)
    return time.process_time() - started


# what would take ages, as every part of it can be read in two ways
AMBIGUOUS = {
    "comments": ("<!-- a -->\n" * 60 + f"<div>{PARAGRAPH}</div>").encode(),
    "label": page(f"{HEADING}<p>Datum {'den ' * 40}5: 10.12.2018</p>"),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_page_that_can_be_read_in_many_ways_is_read_in_one(name, clean) -> None:
    assert seconds(clean, AMBIGUOUS[name]) < 5


def test_a_subject_with_many_notices_behind_the_title(clean) -> None:
    subject = f"Haushalt beschlossen {'- Sperrfrist ' * 60}{'x' * 80}"
    mail = f"From: a@b.example\nSubject: {subject}\nDate: Tue, 14 Jun 2022 09:12:00 +0200\n\n{PROSE * 3}"
    assert seconds(clean, mail.encode(), **MAIL) < 5


def test_notices_behind_the_title_of_a_subject_go_one_after_the_other(clean) -> None:
    subject = "PM: Kreis baut neue Schule - Pressemitteilung, zur Veröffentlichung (Sperrfrist: heute, 12 Uhr)"
    mail = f"From: a@b.example\nSubject: {subject}\nDate: Tue, 14 Jun 2022 09:12:00 +0200\n\n{PROSE * 3}"
    assert clean(mail.encode(), **MAIL).article.title == "Kreis baut neue Schule"


@pytest.mark.parametrize(
    ("before", "behind"), [("", ""), ("//<![CDATA[\n", "\n//]]>"), ("<!--", "-->"), (" \n", ";\n")], ids=repr
)
def test_structured_data_is_read_whatever_stands_around_it(before, behind, clean) -> None:
    data = f'{before}{{"@type": "NewsArticle", "headline": "Kreis baut", "datePublished": "2024-05-06"}}{behind}'
    article = clean(page(HEADING, structured(data))).article
    assert (str(article.published), article.published_source) == ("2024-05-06", "json-ld")


LONG = {
    "spaces in structured data": lambda n: (page(HEADING, structured('{"a":"' + " " * (20 * n) + '"}')), {}),
    "a list in structured data": lambda n: (page(HEADING, structured("[" + "1," * (50 * n) + "1]") * 5), {}),
    "openings of a lead": lambda n: (
        page(
            f"{HEADING}<div>{'<p>Weil</p>' * n}</div>",
            '<meta name="description" content="Weil wir die Schule brauchen und die Kinder sich freuen, bauen wir">',
        ),
        {},
    ),
    "contacts": lambda n: ((f"{PROSE}\n\n" * (n // 4) + "Kontakt:\n\nHinweis\n\n" * n).encode(), PLAIN),
    "lists of releases": lambda n: (("Weitere Meldungen\n\n" * (4 * n) + "Ende.").encode(), PLAIN),
    "broken lines": lambda n: ((f"{PROSE[:70]} und\n" * (8 * n)).encode(), PLAIN),
    "headings": lambda n: (page("<h1>Schule</h1>" * (5 * n)), {}),
    "bylines": lambda n: (page(f"{HEADING}{'<div class=byline>' * 100}{'<i></i>' * (5 * n)}{'</div>' * 100}"), {}),
}


@pytest.mark.parametrize("name", LONG)
def test_a_document_four_times_as_long_takes_no_sixteen_times_as_long(name, clean) -> None:
    small, large = (LONG[name](n) for n in (500, 2000))
    seconds(clean, small[0], **small[1])
    least, most = (min(seconds(clean, body, **about) for _ in range(2)) for body, about in (small, large))
    assert most < 10 * max(least, 0.05)
