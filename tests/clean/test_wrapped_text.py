"""Plain text broken at a width, as mail programs and editors leave it: the body stays whole."""

import textwrap

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TITLES = ("Neue Beratungsstelle eröffnet", "Kreistag berät über den Haushalt 2026", "Mehr Busse für den Nordkreis")
SUBTITLES = (
    None,
    "Angebot für Familien im ganzen Kreisgebiet",
    "Landrat lobt die gute Zusammenarbeit aller Beteiligten",
)
PLACES = ("", "Kreis Auental. ", "OBERHAIN. ", "Talbach (pm) – ", "Oberhain, 2. März 2026 – ")
SENTENCES = (
    "Die neue Beratungsstelle im Kreishaus hat am 2. März 2026 ihre Türen für Ratsuchende im ganzen Kreis geöffnet.",
    "Sie hilft bei Anträgen, Widersprüchen und allen Fragen rund um Pflege, Wohngeld und Teilhabe.",
    "„Wir wollen die Wege kurz halten“, sagte Landrätin Petra Lindhorst bei der Eröffnung.",
    "Rund 1.200 Menschen haben das Angebot im ersten Jahr genutzt, davon kamen 340 aus Oberhain.",
    "Wer einen Termin braucht, kann ihn von montags bis freitags zwischen 8 und 12 Uhr vereinbaren.",
    "Der Kreistag hatte die Mittel von 380.000 Euro im Herbst einstimmig bewilligt.",
)


@settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    title=st.sampled_from(TITLES),
    subtitle=st.sampled_from(SUBTITLES),
    place=st.sampled_from(PLACES),
    paragraphs=st.lists(
        st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=4, unique=True), min_size=1, max_size=3
    ),
    width=st.sampled_from((60, 72, 80, 100, 115, None)),
)
def test_hard_wrapped_text_loses_no_sentence(title, subtitle, place, paragraphs, width, clean) -> None:
    """Whatever the width of its lines, the body of a plain text stays whole, its sentences in their order."""
    body = [" ".join(sentences) for sentences in paragraphs]
    body[0] = place + body[0]
    blocks = [block for block in (title, subtitle, *body) if block]
    broken = blocks if width is None else [textwrap.fill(block, width, break_on_hyphens=False) for block in blocks]
    article = clean("\n\n".join(broken).encode(), key="x.txt", media_type="text/plain").article

    kept = " ".join(article.text.split())
    assert {sentence for sentences in paragraphs for sentence in sentences if sentence not in kept} == set()
    assert article.title == title
    assert article.subtitle in (None, subtitle)


@pytest.mark.parametrize("gap", ["\n", "\n\n"])
def test_first_line_of_a_paragraph_is_no_subtitle(gap, clean) -> None:
    text = (
        f"Neue Beratungsstelle eröffnet{gap}Kreis Auental. Die neue Beratungsstelle im Kreishaus hat am 2. März 2026"
        " eröffnet. Sie hilft bei\nAnträgen, Widersprüchen und Fragen zur Pflege.\n\nDer Kreistag hatte zugestimmt."
    )
    article = clean(text.encode(), key="x.txt", media_type="text/plain").article
    assert article.subtitle is None
    assert article.title == "Neue Beratungsstelle eröffnet"
    assert article.dateline == "Kreis Auental"
    assert "Sie hilft bei Anträgen, Widersprüchen" in article.text
