"""Looking at letters first misses nothing that analysing the whole text finds."""

import random
import re
from importlib.resources import files

import pytest

from archive_pipeline.index.terms import PART_SIGN, WordQuery
from archive_pipeline.language.analysis import TokenFields, token_fields
from archive_pipeline.query import Exact, Fuzzy, Node, Or, Phrase, Prefix, Term
from archive_pipeline.search.kwic import Concordance
from archive_pipeline.search.occurrences import Words, leaves, sought_by
from archive_pipeline.search.service import FoundRelease

_PIECES = """
Integrations- und Sprachförderkurse Integrations-/Sprachkurse -leiterinnen Schulleiter (-innen) 10 000 131.000 28. 11.
2017 28.11.2017 z. B. u. a. A46 – Häuser Haus Krankenhäuser Straße „Straßen KommAn-NRW, FDP-Fraktion Bürger*innen
Bürger/-innen cafe\u0301 Café Museen Museum der Stadt Städte Stadtrat, GROẞ groß Flüch\u00adtlinge Flüchtlingshilfe! 5,5
"""
_WORDS = """
Integrationskurse Sprachkurs Schulleiterin 10000 131000 November Haus Strasse Straße KommAn-NRW KommAnNRW Fraktion
Bürgerin Café Museum Stadt der Flüchtling Hilfe groß 2017 A 46 zB
"""
PIECES, WORDS = _PIECES.split(), _WORDS.split()
SEPARATORS = (" ", " ", " ", "\n", "\u00a0", "\n\n")


def text(chance: random.Random) -> str:
    return "".join(chance.choice(PIECES) + chance.choice(SEPARATORS) for _ in range(chance.randint(1, 60)))


def leaf(chance: random.Random) -> Node:
    word = chance.choice(WORDS)
    return chance.choice((Term(word), Exact(word), Prefix(word[:3]), Fuzzy(word, chance.randint(1, 2))))


def matching(tokens: list[TokenFields], node: Node) -> set[tuple[str, int, int, str]]:
    """What the leaves look up, wherever it stands."""
    found = set()
    for one in leaves(node):
        sought = sought_by(one)
        for token in tokens:
            key = PART_SIGN + token.text if token.kind == "part" else token.text
            if isinstance(sought, WordQuery):
                is_met = key in sought.keys
            elif isinstance(one, Exact):
                is_met = token.form in sought
            else:
                is_met = isinstance(sought, str) and token.form.startswith(
                    sought[: 3 if isinstance(one, Prefix) else 1]
                )
            if is_met:
                found.add((token.text, token.start, token.end, token.form))
    return found


@pytest.mark.parametrize("seed", range(8))
def test_every_token_that_answers_a_query_is_found(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(60):
        written, node = text(chance), Or((leaf(chance), leaf(chance)))
        words = Words([(one, sought_by(one)) for one in leaves(node)])

        assert matching(words.tokens(written), node) == matching(token_fields(written), node), (written, node)


@pytest.mark.parametrize("seed", range(4))
def test_phrases_are_found_wherever_they_stand(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(60):
        written = text(chance)
        first, second = chance.sample(("Museen", "der", "Stadtrat", "KommAn-NRW", "Straße"), 2)
        slop = chance.randint(0, 2)
        node = Phrase((first, second), slop)
        release = FoundRelease(id="r", title="", text=written)
        found = {(line.start, line.end) for line in Concordance(node).lines(release)}

        assert found == phrases(written, node), (written, node)


def phrases(written: str, node: Phrase) -> set[tuple[int, int]]:
    """By looking at every chain of tokens; of overlapping ones the longest counts, as for `Concordance`."""
    sought = sought_by(node)
    assert isinstance(sought, WordQuery)
    tokens = [token for token in token_fields(written) if token.kind != "part"]
    chains = [(token, token) for token in tokens if token.text in sought.sequence[0]]
    for keys in sought.sequence[1:]:
        chains = [
            (first, token)
            for first, last in chains
            for token in tokens
            if token.text in keys and 0 < token.position - last.position <= node.slop + 1
        ]
    shortest: dict[int, int] = {}
    for first, last in chains:
        shortest[first.start] = min(last.end, shortest.get(first.start, last.end))
    spans = sorted(shortest.items(), key=lambda span: (span[0], -span[1]))
    kept: set[tuple[int, int]] = set()
    behind = -1
    for start, end in spans:
        if end > behind:
            kept.add((start, end))
            behind = end
    return kept


def test_the_first_letters_of_a_key_stand_in_every_word_of_the_lists() -> None:
    """The word lists join words whose spelling differs: each still has the letters that are looked for."""
    data = files("archive_pipeline.language").joinpath("data")
    lists = [entry.read_text("utf-8") for entry in data.iterdir() if entry.name.endswith(".txt")]
    words = sorted({word for part in lists for word in re.findall(r"[^\W\d_]{2,}", part)})
    assert len(words) > 10_000

    missed = []
    for word in words:
        for key in {token.text for token in token_fields(word)}:
            wanted = Words([(Term(word), WordQuery((key,)))])
            if not wanted.tokens(f"{word}."):
                missed.append((word, key))
    assert missed == []
