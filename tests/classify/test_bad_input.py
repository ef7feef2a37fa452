"""No text, however odd, breaks a classifier, and none of these names a district."""

import time
import unicodedata

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
@settings(max_examples=150, deadline=None, derandomize=True)
def test_evidence_slices_back_for_any_text(text, title):
    check(Article(text=text, title=title), Source(id="t", district="05974", party="spd", organisation="drk"))


@given(words=st.lists(WORDS, max_size=40), title=st.lists(WORDS, max_size=8))
@settings(max_examples=200, deadline=None, derandomize=True)
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


RELEASE = (
    "Der Landrat des Kreises Soest, Eva Muster (SPD), sagt: „Wir bauen eine Schule in Lippstadt und Werl.“ "
    "Die CDU-Fraktion im Kreistag ist dagegen. "
)
FOREIGN = {
    "turkish": (
        "Belediye başkanı bugün yeni okulu açtı. Çocuklar ve aileleri törene katıldı. Halle ve Hof şehirlerinde "
        "yaşayan vatandaşlar için yeni bir merkez kuruldu. Münster ve Essen kentlerinden konuklar geldi, SPD de geldi."
    ),
    "polish": (
        "Starosta powiatu otworzył nową szkołę. Mieszkańcy gminy przybyli licznie, także goście z Essen i Hof. Radni "
        "przyjęli budżet na rok przyszły i dziękowali wszystkim wolontariuszom za pomoc w organizacji w Münster."
    ),
    "english": (
        "The mayor of Essen met students from Münster and Halle in the town hall. The council of Hof will vote on the "
        "budget next week, and the SPD said it would agree. People from Soest came and asked many questions."
    ),
    "arabic": "افتتح رئيس البلدية مدرسة جديدة في مدينة Essen و Münster. وقال إن التعليم هو المستقبل في Soest و Hof.",
}


def districts_of(article: Article) -> set[str]:
    found = findings_of(article, Source(id="t"))
    return {f.value for f in found if isinstance(f, Tag) and f.axis == "district" and f.score >= 0.5}


@pytest.mark.parametrize("language", FOREIGN)
def test_names_in_other_languages_are_no_districts(language):
    article = Article(text=FOREIGN[language])
    assert districts_of(article) == set()
    check(article, Source(id="t"))


@pytest.mark.parametrize(
    ("text", "possible"),
    [
        ("Der Landrat des Kreises S\u043eest und die Stadt L\u0456ppstadt laden alle ein.", set()),  # Cyrillic
        ("Der Landrat des Kreises \uff33\uff4f\uff45\uff53\uff54 lädt alle herzlich ein.", {"05974"}),  # full width
        ("Der Landrat des Kreises So\u200dest und die Stadt Mün\u200bster laden ein.", {"05974", "05515"}),
        (unicodedata.normalize("NFD", "Der Landrat des Kreises Gütersloh lädt zum Fest ein."), {"05754"}),
        ("DER LANDRAT DES KREISES SOEST SAGT DANKE, UND DIE SPD SOEST LÄDT EIN.", {"05974"}),
        ("der landrat des kreises soest lädt ein und die stadt werl kommt auch", {"05974"}),
    ],
)
def test_look_alikes_name_what_they_look_like_or_nothing(text, possible):
    assert districts_of(Article(text=text)) <= possible
    check(Article(text=text), Source(id="t"))


@pytest.mark.parametrize(
    "text",
    [
        RELEASE * 14_000,
        RELEASE.upper() * 14_000,
        "".join(c for c in RELEASE if c.isalnum() or c == " ") * 14_000,
        "„" * 2_000_000,
        "Verein für " * 180_000,
        "Kreisverband Soest " * 105_000,
        "Kreis Soest\n\n" * 150_000,
    ],
    ids=["running", "capitals", "no punctuation", "marks", "half names", "names", "lines"],
)
def test_two_megabytes_are_read_in_time(text):
    """Ten seconds are many times what it takes: only a rule that grows with the square of the text needs longer."""
    started = time.process_time()
    check(Article(text=text), Source(id="t"))
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    "words",
    [
        "(SPD) ",
        "SPD und ",
        "Kölner Feuerwehr ",
        "Stadtwerke Soest ",
        "Dazu sagt die SPD-Fraktion: ",
        "DRK Unna, ",
        "Anna Müller (SPD), ",
        "Bund der Abc (BDA) ",
        "Müller und „wir haben das so gewollt“ und ",
        "unsere CDU-Fraktion Eva Muster ",
        "Frau Dr. Dr. ",
    ],
)
def test_what_comes_back_a_thousand_times_costs_no_more_than_its_length(words):
    """Twice the text may take twice the time, not four times; least of three, as garbage is collected at any time."""

    def seconds(repeated: int) -> float:
        article = Article(text=words * repeated, title=None, language="de")
        taken = []
        for _ in range(3):
            begin = time.process_time()
            findings_of(article, Source(id="t"))
            taken.append(time.process_time() - begin)
        return min(taken)

    seconds(100)
    assert seconds(8000) < 10 * max(seconds(2000), 0.05)
