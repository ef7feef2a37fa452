"""Rules of one site: selectors, days of validity, and the errors of a rules.toml."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from archive_pipeline.clean import CapturePage
from archive_pipeline.clean.profile import SiteProfile
from archive_pipeline.errors import ConfigError
from archive_pipeline.model import Article, Source
from archive_pipeline.plugin_loading.rules import read_rules

BODY = (
    "Der Landkreis Auental baut die Radwege entlang der Kreisstraßen aus. Dafür stehen zwei Millionen Euro bereit. " * 3
)
PAGE = f"""
<html><body><div id="kopf"><a class="logo">Kreis</a></div>
<div class="meldung"><h2 class="titel neu">Radwege werden ausgebaut</h2><p class="unter">Zwei Millionen Euro</p>
<span class="datum" data-art="tag">Mo, 05.06.2023 (8 Uhr)</span>
<div class="inhalt"><p>{BODY}</p><p class="teilen">Jetzt teilen</p><ul><li>Nord</li><li>Süd</li></ul></div>
<div class="bild"><p>Der neue Radweg. Foto: Ina Kuhn</p></div>
<div class="kontakt"><p>Presse</p><p>Tel. 12</p></div></div>
<p class="inhalt">Anderes</p></body></html>
"""
RULES = """
[[site]]
hosts = ["*.auental.example"]
title = "h2.titel"
subtitle = "p.unter, p.nie"
date = { selector = "span.datum[data-art='tag']" }
body = ["div.meldung > .inhalt"]
remove = "p.teilen"
caption = "//div[@class='bild']/p"
contact = ".kontakt"
"""


@pytest.fixture
def load(tmp_path):
    def load_text(text: str) -> SiteProfile:
        path = tmp_path / "rules.toml"
        path.write_text(text, encoding="utf-8")
        return SiteProfile(read_rules(path, "probe").sites)

    return load_text


def cleaned(profile, page_of, url="https://www.auental.example/a", body=PAGE) -> Article:
    return profile.clean(Article(), page_of(body.encode(), url=url), Source(id="probe"))


def test_every_field_is_read(load, page_of) -> None:
    article = cleaned(load(RULES), page_of)
    assert article.title == "Radwege werden ausgebaut"
    assert article.subtitle == "Zwei Millionen Euro"
    assert article.published.isoformat() == "2023-06-05"
    assert article.published_confidence == "high"
    assert article.text.startswith("Der Landkreis Auental baut")
    assert article.text.endswith("Nord\n\nSüd")
    assert "teilen" not in article.text
    assert "Anderes" not in article.text
    assert [(credit.kind, credit.text) for credit in article.credits] == [
        ("caption", "Der neue Radweg."),
        ("photo", "Ina Kuhn"),
    ]
    assert article.contact == "Presse\nTel. 12"


def test_another_host_is_left_alone(load, page_of) -> None:
    assert cleaned(load(RULES), page_of, url="https://www.anderswo.example/a") == Article()
    assert cleaned(load(RULES), page_of, url=None) == Article()


def test_a_short_body_is_left_to_the_general_extractor(load, page_of) -> None:
    assert cleaned(load(RULES), page_of, body=PAGE.replace(BODY, "Kurz.")) == Article()


@pytest.mark.parametrize(
    ("limits", "applies"),
    [
        ("valid_from = 2026-01-01", True),
        ("valid_from = 2026-12-01", False),
        ("valid_until = 2026-12-01", True),
        ("valid_until = 2026-01-01", False),
    ],
)
def test_rules_hold_for_captures_of_their_days(limits, applies, load, page_of) -> None:
    assert bool(cleaned(load(RULES + limits), page_of).text) is applies


def test_date_format(load, page_of) -> None:
    rules = RULES.replace("[data-art='tag']\"", '", format = "Mo, %d.%m.%Y (8 Uhr)"')
    assert cleaned(load(rules), page_of).published.isoformat() == "2023-06-05"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"\[\[site\]\]"),
        ("site = 1", r"\[\[site\]\]"),
        ("[[site]]\nhosts = ['a']", 'Schlüssel "body" fehlt'),
        ("[[site]]\nbody = 'p'", "hosts oder fetchers"),
        ("[[site]]\nhosts = ['a']\nbody = 'p:::x'", "p:::x"),
        ("[[site]]\nhosts = ['a']\nbody = '//p['", "nicht lesbar"),
        ("[[site]]\nhosts = ['a']\nbody = 'div >'", "div >"),
        ("[[site]]\nhosts = ['a']\nbody = 'p'\ntitel = 'h1'", '"titel" – meinten Sie "title"'),
        ("[[site]]\nhosts = ['a']\nbody = '//p[foo:bar()]'", "nicht lesbar"),
        ("[[site]]\nhosts = ['https://a.de/x']\nbody = 'p'", 'meinten Sie "a.de"'),
        ("[[site]]\nhosts = ['a']\nbody = 'p'\ndate = {selector = 'p', form = '%d'}", 'meinten Sie "format"'),
        ("[[site]]\nhosts = ['a']\nbody = 'p'\ndate = {selector = 'p', format = '%d.%m.'}", "Tag, Monat und Jahr"),
        ("[[site]]\nhosts = ['a']\nbody = 'p'\nvalid_from = 2020-02-01\nvalid_until = 2020-01-01", "liegt nach"),
        ("[[site]]\nhosts = 3\nbody = 'p'", "hosts"),
        ("[[site]]\nhosts = ['a']\nbody = 'p'\nvalid_from = '2020'", "valid_from"),
        ("[[site]\n", "rules.toml"),
    ],
)
def test_mistakes_name_the_file_and_the_value(text, message, load) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load(text)
    assert "rules.toml:" in caught.value.message
    assert all(problem.line for problem in caught.value.problems)


def test_a_day_that_has_begun_in_germany_is_not_to_come(load, page_of) -> None:
    capture = page_of(PAGE.encode(), url="https://www.auental.example/a").capture
    at_night = replace(capture, captured_at=datetime(2023, 6, 4, 22, 30, tzinfo=UTC))
    article = load(RULES).clean(Article(), CapturePage(at_night), Source(id="probe"))
    assert str(article.published) == "2023-06-05"
