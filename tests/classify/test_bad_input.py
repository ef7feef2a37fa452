"""No text, however odd, breaks a classifier, and none of these names a district."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_pipeline.classify import classifiers, vocabularies
from archive_pipeline.model import Article, Source, Tag

BUILT_IN = classifiers(vocabularies())
VOCABULARY = """Kreis Soest Landrat des Kreises Lippe CDU SPD FDP-Fraktion Grüne Die die DRK-Kreisverband Verein e.V.
(KIZ) „ “ » « " sagte so Eva Muster in Bürgermeister Hückelhoven Münster . , : - Stadt Schule \u00ad für und Integration
Rat MdL (SPD) Ministerium Landtag Polizei Kreistag Heinsberger"""
WORDS = st.sampled_from([*VOCABULARY.split(), "\n\n"])


def findings_of(article: Article, source: Source) -> list[object]:
    return [finding for _, classifier in BUILT_IN for finding in classifier.classify(article, source)]


def check(article: Article, source: Source) -> None:
    for finding in findings_of(article, source):
        if isinstance(finding, Tag):
            assert finding.evidence
            assert 0 <= finding.score <= 1
            assert finding.value
            assert finding.label
            for evidence in finding.evidence:
                field = (article.title if evidence.field == "title" else article.text) or ""
                assert field[evidence.start : evidence.end] == evidence.text
                assert evidence.text.strip()
        else:
            assert article.text[finding.start : finding.end].strip()


@given(text=st.text(max_size=200), title=st.none() | st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_evidence_slices_back_for_any_text(text, title):
    check(Article(text=text, title=title), Source(id="t", district="05974", party="spd", organisation="drk"))


@given(words=st.lists(WORDS, max_size=40), title=st.lists(WORDS, max_size=8))
@settings(max_examples=200, deadline=None)
def test_evidence_slices_back_for_any_mixture(words, title):
    article = Article(text=" ".join(words), title=" ".join(title), url="https://www.spd-soest.de/")
    check(article, Source(id="t"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\n \t",
        "HEINSBERG KREIS HEINSBERG LANDRAT PUSCH SAGT DANKE FÜR DIE HILFE IM KREISHAUS",
        "heinsberg kreis soest landrat lippe",
        "Der Kreis \u041deinsberg und \u039aöln und S\u043eest",  # Cyrillic and Greek look-alikes
        "The district of columbia and the city of Boston met in Texas with people from Rome and Salzburg.",
        "Le maire de Strasbourg a rencontré le président de la région à Paris, et les élus de Metz et de Colmar.",
        "De burgemeester van Bergen en de gemeente Rust werken samen met de stad Essen in de regio van het land en zo.",
        "0123456789 " * 50,
        '„„„““»»««"""' * 20,
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16") * 30,
        "\x00\x01\x02 \u202e \ufeff",
    ],
)
def test_no_district_is_invented(text):
    article = Article(text=text)
    found = findings_of(article, Source(id="t"))
    assert not [f for f in found if isinstance(f, Tag) and f.axis == "district" and f.score >= 0.5]
    check(article, Source(id="t"))


@pytest.mark.parametrize(
    "text",
    [
        "Der Kreis Soest baut eine Schule und sagt: „Wir bauen.“ " * 3600,  # 200 kB
        "der kreis soest baut eine schule ohne punkt und komma " * 200,
        "(" * 5000 + "Verein „" * 300,
        "Ministerium für " + "Arbeit, " * 3000,
        "a" * 200_000,
    ],
)
def test_long_and_shapeless_text(text):
    check(Article(text=text), Source(id="t"))
