from dataclasses import replace

import pytest

from archive_pipeline.classify import classifiers, vocabularies
from archive_pipeline.classify.calibration import calibrate
from archive_pipeline.classify.gazetteer import builtin_gazetteer
from archive_pipeline.errors import ConfigError
from archive_pipeline.model import Article, Axis, Source, Vocabulary, VocabularyEntry

SOURCE = Source(id="test")


def own(*entries: VocabularyEntry) -> Vocabulary:
    return Vocabulary(name="own", version="7", licence="CC0", entries=entries)


def test_every_axis_has_entries():
    axes = {entry.axis for vocabulary in vocabularies() for entry in vocabulary.entries}
    assert axes == set(Axis)
    assert all(vocabulary.version and vocabulary.licence for vocabulary in vocabularies())


def test_all_districts_and_their_municipalities():
    gazetteer = builtin_gazetteer()
    current = [district for district in gazetteer.districts.values() if not district.valid_to]
    assert len(current) == 400
    assert {municipality.district for municipality in gazetteer.municipalities.values()} <= set(gazetteer.districts)
    assert gazetteer.label("05974") == "Kreis Soest"
    assert gazetteer.label("05515") == "Münster"
    assert gazetteer.label("99999") == "99999"


@pytest.mark.parametrize(
    ("entry", "classifier", "text", "value"),
    [
        (
            VocabularyEntry(axis=Axis.PARTY, value="buntes-dorf", label="Buntes Dorf", surfaces=("Buntes Dorf",)),
            "party",
            "Buntes Dorf beantragt Bänke.",
            "buntes-dorf",
        ),
        (
            VocabularyEntry(axis=Axis.ORGANISATION, value="xyz", label="Xyz-Hilfe", surfaces=("Xyzhilfe",)),
            "organisation",
            "Die Xyzhilfe dankt.",
            "xyz",
        ),
        (
            VocabularyEntry(axis=Axis.TOPIC, value="bees", label="Bienen", surfaces=("zargen*",), kind="facet"),
            "topic",
            "Zargenbau und Zargenholz: Die Zargen werden knapp.",
            "bees",
        ),
        (
            VocabularyEntry(axis=Axis.DISTRICT, value="05974", label="Kreis Soest", surfaces=("Hellwegkreis",)),
            "district",
            "Der Hellwegkreis feiert.",
            "05974",
        ),
    ],
)
def test_plugins_add_records(entry, classifier, text, value):
    built = dict(classifiers((*vocabularies(), own(entry))))
    findings = built[classifier].classify(Article(text=text), SOURCE)
    assert value in {tag.value for tag in findings}
    assert built[classifier].version.endswith("+7")


def test_doubled_value_is_refused_by_name():
    entry = VocabularyEntry(axis=Axis.PARTY, value="spd", label="SPD", surfaces=("SPD",))
    built = dict(classifiers((*vocabularies(), own(entry))))
    with pytest.raises(ConfigError, match=r"'spd'.*parties"):
        built["party"].classify(Article(text="Text"), SOURCE)


def test_construction_reads_nothing():
    broken = Vocabulary(name="broken", version="1", licence="CC0", entries=(None,))  # type: ignore[arg-type]
    assert [name for name, _ in classifiers((broken,))][:4] == ["district", "party", "organisation", "topic"]


@pytest.mark.parametrize("scale", ["district", "party_issuer", "organisation", "topic_primary", "topic_secondary"])
def test_scores_rise_with_points_and_stay_probabilities(scale):
    scores = [calibrate(scale, points / 10) for points in range(-10, 120)]
    assert scores == sorted(scores)
    assert 0 < scores[0] < 0.7
    assert scores[-1] < 1


def test_same_reading_for_changed_source_settings(classify):
    text = "Der Kreistag hat getagt."
    assert classify("district", text) == ()
    assert classify("district", text, district="05974")[0].value == "05974"
    assert classify("district", text) == ()


def test_removed_spans_change_no_tag(built_in):
    article = Article(text="Der Kreis Soest baut.", title="SPD: Neues Haus")
    changed = replace(article, boilerplate="Der Kreis Unna und die CDU. Mehr zum Kreis Lippe.")
    for classifier in built_in.values():
        assert classifier.classify(article, SOURCE) == classifier.classify(changed, SOURCE)
