"""Which links sound like releases: German words, as they stand in navigations and addresses."""

import pytest

from archive_pipeline.discovering.press import press_weight


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("Pressemitteilungen", "Presse"),
        ("Presse", "Aktuelles"),
        ("Medieninformationen", "Aktuelles"),
        ("Aktuelle Meldungen", "Aktuelles"),
        ("Aktuelles", "Bürgerservice"),
        ("Pressemitteilungen", "Pressespiegel"),
        ("Nachrichten", "Veranstaltungen"),
        ("Pressemeldungen", "Pressefotos"),
        ("Presse", "Pressesprecher"),
        ("Presse", "Pressefreiheit"),
        ("News", "Newsletter"),
        ("Presse", "Expressversand"),
        ("Meldungen", "Anmeldungen"),
        ("Aktuelles", "Stellenangebote aktuell"),
    ],
)
def test_one_says_it_more_clearly_than_the_other(better: str, worse: str) -> None:
    assert press_weight(better) > press_weight(worse)


def test_the_path_speaks_where_the_text_is_silent() -> None:
    assert press_weight("mehr", "https://kreis.example/service/pressemitteilungen/") > 0.8
    assert press_weight("mehr", "https://kreis.example/presse%C3%BCbersicht") > 0.5
    assert press_weight("mehr", "https://kreis.example/kompressen/") == 0
    assert press_weight("", "http://[::1") == 0
