"""Language of running text, the same answer every time."""

import pytest

from archive_pipeline.language.identify import identify, stop_word_share, words

GERMAN = (
    "Der Kreistag hat am Montag beschlossen, die Schule in der Stadt zu erweitern und neu zu streichen, sagt der Rat."
)
TERSE = "Straßenbauarbeiten Bundesstraße Ortsdurchfahrt Vollsperrung Umleitungsstrecke Rücksicht"
ENGLISH = "The district council decided at its meeting on Monday to extend the school in the town and to paint it."
FRENCH = "Le conseil du district a décidé lundi lors de sa réunion d'agrandir l'école de la ville au printemps."


@pytest.mark.parametrize(("text", "language"), [(GERMAN, "de"), (TERSE, "de"), (ENGLISH, "en"), (FRENCH, "fr")])
def test_language(text, language) -> None:
    answers = {identify(text) for _ in range(20)}
    assert len(answers) == 1
    found, score = answers.pop()
    assert found == language
    assert score > 0.8


@pytest.mark.parametrize("text", ["", "Kreis Soest", "123 456 " * 50])
def test_too_short_to_tell(text) -> None:
    assert identify(text) is None


def test_stop_word_share() -> None:
    assert stop_word_share(words(GERMAN), "de") > 0.3
    assert stop_word_share(words(ENGLISH), "de") < 0.15
    assert stop_word_share([], "de") == 0.0
