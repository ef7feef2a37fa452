"""Who sends a release by its heading, its own voice and its sender lines, and what must not pass for that."""

import pytest

from archive_pipeline.model import Tag

TOWN_REPORT = (
    "Der Rat der Stadt Werl hat den Haushalt beschlossen. „Wir Grüne hätten mehr für den Klimaschutz getan“, sagte Eva "
    "Muster. „Wir Sozialdemokraten tragen den Haushalt mit“, sagte Jan Beispiel. Bürgermeister Max Probe dankte allen."
)


def values(found, role=None):
    return {tag.value for tag in found if isinstance(tag, Tag) and tag.score >= 0.5 and role in (None, tag.role)}


@pytest.mark.parametrize(
    ("title", "text", "issuers"),
    [
        ("Haushalt", "Der Haushalt ist unseriös. Die CDU kürzt. Wir Grüne im Kreistag lehnen ihn ab.", {"gruene"}),
        ("Haushalt", "Die SPD redet viel. Für uns Linke ist klar, dass der Haushalt niemandem hilft.", {"linke"}),
        ("Haushalt", "Presseerklärung der FDP-Ratsfraktion Werl\n\nDie SPD hat sich verrechnet.", {"fdp"}),
        ("Auch LINKE gegen Hochhaus", "Die SPD war dagegen, die CDU dafür.", {"linke"}),
        ("Linke & Piraten: Kein Hochhaus", "Die CDU hat zugestimmt.", {"linke"}),
        ("Haushalt beschlossen", TOWN_REPORT, set()),
        ("AfD verliert Sitze", "Für uns im Bündnis ist das Ansporn, uns weiter gegen die AfD zu engagieren.", set()),
        ("Presseschau", "Presseerklärung der Stadt Werl\n\nDie SPD hat einen Antrag gestellt.", set()),
    ],
)
def test_issuer(classify, title, text, issuers):
    assert values(classify("party", text, title=title, language="de"), "issuer") == issuers


@pytest.mark.parametrize(
    ("fields", "districts"),
    [
        ({"source_line": "CDU-Kreisverband Soest"}, {"05974"}),
        ({"contact": "Pressestelle\nNordstraße 1\n59494 Soest"}, set()),  # an address alone names no district
        ({"author": "Anna Soest"}, set()),  # a surname is no place
        ({"source_line": "Deutscher Verband für Muster, Berlin"}, set()),  # a capital is the seat of many
    ],
)
def test_senders_place_needs_a_local_text(classify, fields, districts):
    local = "Der Kreistag berät am Montag über den Haushalt. Die Sitzung im Kreishaus ist öffentlich."
    assert values(classify("district", local, language="de", **fields)) == districts
    wide = "Der Bundestag berät über die Rente. Die Bundesregierung plant eine Kommission in Deutschland."
    assert values(classify("district", wide, language="de", **fields)) == set()
