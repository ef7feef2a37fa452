"""A release that came by mail and stands on the web is one; two that resemble each other are two."""

from dataclasses import replace
from datetime import date
from textwrap import fill

import pytest

from archive_pipeline.mail.sameness import same_release
from archive_pipeline.model import Article
from tests.mail.mails import BODY

TEASER = (
    "Kreis Ostwald. Die Brücke über die Wehre wird saniert, Lastwagen müssen noch bis zum Herbst außen herum fahren."
)
MORE = "„Auf die neue Brücke freuen sich alle“, ergänzte Ortsvorsteher Till Meier. Bei Regen ruhen die Arbeiten."
WEB = Article(
    title="Kreis Ostwald saniert Brücke",
    text=f"{TEASER}\n\n{BODY}\n{MORE}",
    published=date(2024, 5, 6),
    url="https://www.kreis-ostwald.example/presse/2024/bruecke",
)
MAIL = Article(title="Kreis Ostwald saniert Brücke über die Wehre", text=f"{BODY}\n{MORE}", published=date(2024, 5, 7))
WEEK = (
    "Auch in der kommenden Woche kontrolliert der Kreis Ostwald die Geschwindigkeit. Gemessen wird am {} in der {}, "
    "am Tag darauf in der {}. Änderungen sind möglich. Der Kreis weist darauf hin, dass überall im Kreisgebiet mit "
    "Kontrollen zu rechnen ist. Zu hohe Geschwindigkeit ist nach wie vor die häufigste Ursache schwerer Unfälle. Im "
    "vergangenen Jahr gab es {} Unfälle mit Verletzten. Der Kreis bittet alle, die unterwegs sind, um Rücksicht."
)


def both_ways(first: Article, second: Article) -> bool:
    answer = same_release(first, second)
    assert same_release(second, first) is answer
    return answer


SAME = {
    "a missing teaser": MAIL,
    "other line breaks": replace(MAIL, text=fill(MAIL.text, 60)),
    "the same text": WEB,
    "a footer that was left": replace(
        MAIL, text=f"{MAIL.text}\n\nKreis Ostwald, Pressestelle, Markt einfach hinten links"
    ),
    "no date": replace(MAIL, published=None),
    "other quotation marks": replace(MAIL, text=MAIL.text.replace("„", '"').replace("“", '"')),
}


@pytest.mark.parametrize("name", SAME)
def test_one_release(name):
    assert both_ways(WEB, SAME[name])


OTHER = {
    "other figures": replace(MAIL, text=MAIL.text.replace("4,2 Millionen", "5,1 Millionen")),
    "another year": replace(MAIL, text=MAIL.text.replace("1962", "1973")),
    "a month later": replace(MAIL, published=date(2024, 6, 6)),
    "the opening alone": replace(MAIL, text=MAIL.text[:300]),
    "another text": replace(MAIL, text=" ".join(reversed(MAIL.text.split()))),
    "nothing": replace(MAIL, text=""),
}


@pytest.mark.parametrize("name", OTHER)
def test_another_release(name):
    assert not both_ways(WEB, OTHER[name])


def test_texts_from_one_template_are_two():
    weeks = [
        Article(text=WEEK.format("Montag, 6. Mai,", "Hauptstraße", "Lindenallee", 212), published=date(2024, 5, 3)),
        Article(text=WEEK.format("Montag, 13. Mai,", "Schulstraße", "Ringstraße", 212), published=date(2024, 5, 10)),
    ]
    assert not both_ways(*weeks)


def test_short_notices_are_never_one():
    notice = Article(text="Das Bürgerbüro bleibt am Freitag geschlossen.")
    assert not both_ways(notice, notice)


def test_a_mended_sentence_needs_the_same_address():
    mended = replace(MAIL, text=MAIL.text.replace("haben lange genug gewartet", "freuen sich auf die neue Fahrbahn"))
    mended = replace(mended, text=mended.text.replace("Bei Regen ruhen die Arbeiten.", "Gearbeitet wird auch nachts."))
    assert not both_ways(WEB, mended)
    assert both_ways(WEB, replace(mended, url=f"{WEB.url}?utm_source=mail"))
    assert not both_ways(WEB, replace(mended, url="https://www.kreis-ostwald.example/presse/2024/andere"))
