"""Nicknames of coalitions suggest the parties that governed on the day of a release, and never tag them."""

from datetime import date

import pytest

CASES = [
    (
        "Die Ampel hat sich in Berlin geeinigt, die Bundesregierung atmet auf.",
        date(2023, 5, 1),
        {"spd", "gruene", "fdp"},
    ),
    ("Die Ampel hat sich in Berlin geeinigt, die Bundesregierung atmet auf.", None, {"spd", "gruene", "fdp"}),
    ("Die Ampel hat sich in Berlin geeinigt, die Bundesregierung atmet auf.", date(2020, 5, 1), set()),
    ("Die neue Ampel an der Kreuzung steht, die Stadt freut sich über mehr Sicherheit.", date(2023, 5, 1), set()),
    ("Die NRW-Koalition hält Wort, sagt die Landesregierung.", date(2019, 3, 1), {"cdu", "fdp"}),
    ("Die NRW-Koalition hält Wort, sagt die Landesregierung.", date(2023, 3, 1), set()),
    ("Die GroKo streitet, der Bundestag wartet auf das Gesetz.", date(2018, 6, 1), {"cdu", "csu", "spd"}),
    ("Die GroKo streitet, der Bundestag wartet auf das Gesetz.", date(2011, 6, 1), set()),
    ("Die schwarz-rote Koalition plant ein Gesetz im Bundestag.", date(2025, 9, 1), {"cdu", "csu", "spd"}),
    ("Die Jamaika-Koalition regiert im Landtag in Kiel.", date(2018, 9, 1), {"cdu", "gruene", "fdp"}),
]


@pytest.mark.parametrize(("text", "published", "parties"), CASES)
def test_a_nickname_suggests_the_parties_of_its_time(classify, text, published, parties):
    found = classify("party", text, published=published, language="de")
    assert {tag.value for tag in found} == parties
    assert all(tag.score < 0.5 and tag.role == "mentioned" for tag in found)
    assert all(text[e.start : e.end] == e.text for tag in found for e in tag.evidence)


def test_a_party_that_is_named_is_not_suggested_again(classify):
    found = classify("party", "Die FDP kritisiert die Ampel, in der sie regiert.", published=date(2023, 1, 1))
    assert [tag.value for tag in found if tag.value == "fdp"] == ["fdp"]
