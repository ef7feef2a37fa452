"""Entries have their times: dissolved districts, renamed parties."""

from datetime import date

import pytest

from archive_pipeline.classify import vocabularies
from archive_pipeline.classify.gazetteer import builtin_gazetteer
from archive_pipeline.classify.vocabulary import MUNICIPALITY, entries_of, label_of
from archive_pipeline.model import Axis
from archive_pipeline.search.names import VocabularyNames

AACHEN = "Der Kreis Aachen saniert die Berufsschule. Der Kreistag des Kreises Aachen hat das am Montag beschlossen."


def values(findings):
    return {tag.value: tag for tag in findings if tag.score >= 0.5}


@pytest.mark.parametrize("day", [None, date(2004, 5, 1), date(2009, 10, 20), date(2022, 5, 1)])
def test_a_dissolved_district_leads_to_its_successor_and_stays_visible(classify, day):
    (tag,) = values(classify("district", AACHEN, published=day)).values()
    assert tag.value == "05334"
    assert tag.label == "Städteregion Aachen (früher Kreis Aachen, 05354)"
    assert any("Kreis" in evidence.text and "Aachen" in evidence.text for evidence in tag.evidence)


def test_the_name_of_a_dissolved_district_says_less_long_after(classify):
    text = "Im Kreis Aachen fing alles an."
    then, now = (classify("district", text, published=date(year, 5, 1))[0].score for year in (2004, 2022))
    assert then > now


def test_a_divided_district_is_decided_by_its_company(classify):
    text = "Der Landkreis Anhalt-Zerbst wird aufgeteilt."
    day = date(2007, 5, 1)
    assert set(values(classify("district", text, published=day))) == {"15082"}
    company = f"{text} In Dessau-Roßlau freut man sich über die Orte, die zu Dessau-Roßlau kommen."
    assert set(values(classify("district", company, published=day))) == {"15001"}


def test_a_district_that_kept_its_name_is_the_one_of_today(classify):
    (tag,) = classify("district", "Der Landkreis Meißen baut.", published=date(2004, 5, 1))
    assert (tag.value, tag.label) == ("14627", "Landkreis Meißen")


def test_a_source_may_name_the_key_of_its_time(classify):
    text = "Der Kreistag hat getagt. Der Kreis baut eine Schule."
    assert "05334" in values(classify("district", text, district="05354"))


@pytest.mark.parametrize(
    ("day", "party"),
    [(None, "linke"), (date(2006, 5, 1), "pds"), (date(2007, 6, 15), "pds"), (date(2007, 6, 16), "linke")],
)
def test_a_name_means_the_party_that_carried_it_then(classify, day, party):
    assert set(values(classify("party", "Die Linkspartei fordert mehr Geld.", published=day))) == {party}


def test_a_party_of_the_past_keeps_its_own_key(classify):
    found = values(classify("party", "Die PDS und die WASG wollen fusionieren.", published=date(2006, 5, 1)))
    assert set(found) == {"pds", "wasg"}


def test_a_weak_name_counts_only_since_there_is_one(classify):
    text = "Die SPD und die HEIMAT stritten im Rat, auch die NPD."
    assert classify("party", text, published=date(2024, 5, 1))
    old = classify("party", "Die SPD und Volt stritten im Rat.", published=date(2004, 5, 1))
    new = classify("party", "Die SPD und Volt stritten im Rat.", published=date(2024, 5, 1))
    assert {tag.value for tag in old} == {"spd"}
    assert {tag.value for tag in new} == {"spd", "volt"}


def test_every_successor_is_there_and_no_current_district_has_one():
    entries = {entry.value: entry for entry in entries_of(vocabularies(), Axis.DISTRICT)}
    districts = [entry for entry in entries.values() if entry.kind != MUNICIPALITY]
    assert sum(1 for entry in districts if not entry.valid_to) == 400
    for entry in districts:
        assert bool(entry.successors) == bool(entry.valid_to), entry.value
        assert all(not entries[key].valid_to for key in entry.successors), entry.value
    gazetteer = builtin_gazetteer()
    assert {entry.value for entry in districts} == set(gazetteer.districts)
    assert all(entry.parent in gazetteer.districts for entry in entries.values() if entry.kind == MUNICIPALITY)
    parties = {entry.value: entry for entry in entries_of(vocabularies(), Axis.PARTY)}
    assert parties["pds"].successors == parties["wasg"].successors == ("linke",)
    assert all(key in parties for entry in parties.values() for key in entry.successors)


def test_labels_of_keys_in_their_forms():
    known = vocabularies()
    assert label_of(known, Axis.DISTRICT, "05974") == "Kreis Soest"
    assert label_of(known, Axis.DISTRICT, "99999") is None
    assert label_of(known, Axis.DISTRICT, "05370020") is None  # a municipality is no district
    assert label_of(known, Axis.PARTY, "uwg@05370") == "UWG (Kreis Heinsberg)"
    assert label_of(known, Axis.PARTY, "uwg@99999") is None


def test_a_filter_understands_the_names_and_keys_of_the_past():
    names = VocabularyNames(vocabularies())
    for text in ("Kreis Aachen", "05354", "05313", "Städteregion Aachen"):
        assert names.resolve("district", text) == ("05334",), text
    assert names.resolve("district", "Landkreis Göttingen") == ("03159",)
    assert set(names.resolve("district", "Landkreis Anhalt-Zerbst")) == {"15082", "15091", "15001", "15086"}
    assert names.resolve("party", "Die Heimat") == ("npd",)
