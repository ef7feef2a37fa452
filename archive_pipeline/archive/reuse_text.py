"""What two texts have in common: fingerprints to find candidates by, and the passages themselves.

Fingerprints are winnowed hashes of word 5-grams (Schleimer, Wilkerson, Aiken: Winnowing, SIGMOD 2003): of every four
grams in a row the smallest is kept, so two texts that share eight words in a row share a fingerprint; of direct speech
all are kept, for quotes are short and often changed in a word. Texts that are alike as a whole share a bucket: a band
of a MinHash signature (rensa), or the hash of all words.

Everything here is a pure function of text, the same in every process and on every machine.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Literal

from rensa import RMinHash

__all__ = ["Comparison", "Kind", "Passage", "Sketch", "compare", "sketch", "word_spans"]

Kind = Literal["exact", "near", "passage", "quote"]
"""`exact`: all words are the same; `near`: at least four in five; `passage`: a part; `quote`: direct speech alone."""

GRAM = 5
WINDOW = 4
"""A run of GRAM + WINDOW - 1 = 8 shared words always shares a fingerprint."""

NEAR = 0.8
"""Share of the words of two texts that they have in common (Dice) from which on they are near-duplicates."""
MIN_WORDS = 15
"""Shared words of the shortest passage: formulas of the trade ("Weitere Informationen gibt es bei ...") are shorter."""
MIN_QUOTE = 10
"""The same inside direct speech in both texts, where formulas are rare."""
MIN_FREE = 18
"""The same where not all words are vouched for, as between changes that stand close to each other."""
LONG = 40
"""The same where other releases have the words too, though not so many that they are a formula: two formulas may follow
each other twice."""
MOST = 0.7
"""Share of the shorter text from which on what is shared can't be mere formulas."""
MIN_TEXT = 25
"""Words of the shortest text that can be a duplicate: "Siehe Anlage" is said in many places."""
GAP = 8
"""Words that may differ inside a passage on either side before it counts as two."""
LINK = 3
"""Words of the shortest run that still belongs to a passage at its ends."""
IN_QUOTE = 0.9
"""Share of a passage that direct speech must cover for it to be a quote."""
PLACES = 8
"""Places of one gram in the earlier text that are tried; a text that repeats itself has many."""

PERMUTATIONS, BANDS, SHINGLE, SEED = 63, 21, 3, 20_030_609
"""MinHash over word trigrams, 21 bands of 3: two texts with a Jaccard index of 0.5 share a band with a chance of 94 %,
with one of 0.6 with 99 %, with one of 0.1 with 2 %. A text that many print has no rare fingerprint, so where each of
them has own lines around it, it is found by this alone."""

WORD = re.compile(r"\w+")
BITS = 48
MASK = 2**64 - 1
FACTORS = tuple(accumulate([0x9E3779B97F4A7C15] * GRAM, lambda a, b: a * b & MASK))

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """A text as it is compared: its words in order, the hash of the gram that begins at each, the fingerprints kept of
    these, the buckets it belongs to, and its direct speech as spans of words (half open)."""

    words: tuple[str, ...]
    grams: tuple[int, ...]
    fingerprints: frozenset[int]
    buckets: frozenset[int]
    quotes: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A shared passage as spans of words in both texts (half open); `words` of them are the same on both sides."""

    earlier: Span
    later: Span
    words: int
    is_quote: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What two texts share. `similarity` is the share of all their words, `share` that of the later text alone; both
    from 0 to 1. Passages stand in the order of the later text."""

    kind: Kind
    similarity: float
    share: float
    passages: tuple[Passage, ...]


def word_spans(text: str) -> list[Span]:
    """Where each word of a text begins and ends, in code points."""
    return [match.span() for match in WORD.finditer(text)]


def sketch(text: str, quotes: Sequence[Span] = ()) -> Sketch:
    """What is compared of a text; `quotes` are spans of its direct speech in code points."""
    found = WORD.findall(text)
    words = tuple(_normal(word) for word in found)
    grams = tuple(_grams(words))
    spoken = tuple(_spoken(text, quotes)) if quotes else ()
    said = (gram for start, end in spoken for gram in grams[start : max(start, end - GRAM + 1)])
    return Sketch(
        words=words,
        grams=grams,
        fingerprints=frozenset(_winnowed(grams)).union(said),
        buckets=frozenset(_buckets(words)) if len(words) >= MIN_TEXT else frozenset(),
        quotes=spoken,
    )


@lru_cache(maxsize=200_000)
def _normal(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()


@lru_cache(maxsize=200_000)
def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def _grams(words: Sequence[str]) -> Iterator[int]:
    hashes = [_hash(word) for word in words]
    one, two, three, four, five = FACTORS
    for a, b, c, d, e in zip(hashes, hashes[1:], hashes[2:], hashes[3:], hashes[4:], strict=False):
        yield (a * one + b * two + c * three + d * four + e * five & MASK) >> (64 - BITS)


def _winnowed(grams: Sequence[int]) -> Iterator[int]:
    if len(grams) < WINDOW:
        return iter([min(grams)] if grams else [])
    return map(min, zip(grams, grams[1:], grams[2:], grams[3:], strict=False))


def _buckets(words: Sequence[str]) -> Iterator[int]:
    yield _bucket(" ".join(words).encode())
    signature = RMinHash(num_perm=PERMUTATIONS, seed=SEED)
    signature.update([" ".join(words[start : start + SHINGLE]) for start in range(len(words) - SHINGLE + 1)])
    digest = signature.digest()
    rows = PERMUTATIONS // BANDS
    for band in range(BANDS):
        yield _bucket(repr((band, digest[band * rows : (band + 1) * rows])).encode())


def _bucket(content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=BITS // 8).digest())


def _spoken(text: str, quotes: Sequence[Span]) -> Iterator[Span]:
    spans = word_spans(text)
    for start, end in quotes:
        inside = [number for number, (left, right) in enumerate(spans) if left >= start and right <= end]
        if inside:
            yield inside[0], inside[-1] + 1


def compare(
    earlier: Sketch,
    later: Sketch,
    *,
    formulas: frozenset[int] = frozenset(),
    frequent: frozenset[int] = frozenset(),
    same_source: bool = False,
) -> Comparison | None:
    """What two texts share, or None when that says nothing.

    `formulas` are fingerprints of formulas and boilerplate: words that only these vouch for count for no passage.
    `frequent` ones count for long passages alone. With `same_source` neither does what ends both texts: there a source
    says who it is, however few releases it has yet. Where two texts are mostly the same none of this matters.
    """
    if not earlier.words or not later.words:
        return None
    if earlier.words == later.words:
        return _exact(earlier) if len(later.words) >= MIN_TEXT else None
    runs = list(_runs(earlier, later))
    passages = [_passage(earlier, later, chain) for chain in _chains(runs)]
    matched = sum(passage.words for passage in passages)
    similarity = 2 * matched / (len(earlier.words) + len(later.words))
    kind: Kind = "near"
    shortest = min(len(earlier.words), len(later.words))
    if similarity < NEAR or shortest < MIN_TEXT:
        if sum(passage.words for passage in passages if passage.words >= MIN_WORDS) < MOST * shortest:
            if same_source:
                passages = [one for one in passages if one.is_quote or not _ends_both(one, earlier, later)]
            passages = list(_telling(passages, earlier, later, formulas, frequent))
        kind = "quote" if all(passage.is_quote for passage in passages) else "passage"
    passages = [passage for passage in passages if passage.words >= MIN_QUOTE] or passages
    if not passages:
        return None
    share = min(1.0, sum(passage.words for passage in passages) / len(later.words))
    return Comparison(
        kind=kind, similarity=round(min(similarity, 1.0), 4), share=round(share, 4), passages=tuple(passages)
    )


def _exact(text: Sketch) -> Comparison:
    whole = (0, len(text.words))
    passage = Passage(earlier=whole, later=whole, words=len(text.words), is_quote=False)
    return Comparison(kind="exact", similarity=1.0, share=1.0, passages=(passage,))


Run = tuple[int, int, int]
"""Where a run of equal words begins in the earlier and in the later text, and how many words it has."""


def _runs(earlier: Sketch, later: Sketch) -> Iterator[Run]:
    """Runs of at least GRAM equal words, from left to right in the later text, each the longest from where it starts;
    of equally long ones that which goes on where the last one ended."""
    places: dict[int, list[int]] = {}
    for place, gram in enumerate(earlier.grams):
        places.setdefault(gram, []).append(place)
    here = expected = 0
    while here < len(later.grams):
        best = (0, 0, 0)
        for place in places.get(later.grams[here], ())[:PLACES]:
            length = _equal(earlier.words, later.words, place, here)
            best = max(best, (length, -abs(place - expected), place))
        length, _, place = best
        if length >= GRAM:
            yield place, here, length
            here += length
            expected = place + length
        else:
            here += 1
            expected += 1


def _equal(earlier: Sequence[str], later: Sequence[str], place: int, here: int) -> int:
    most = min(len(earlier) - place, len(later) - here)
    length = 0
    while length < most and earlier[place + length] == later[here + length]:
        length += 1
    return length


def _chains(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Runs that follow each other in both texts with at most GAP other words between."""
    chain: list[Run] = []
    for run in runs:
        if chain:
            place, here, length = chain[-1]
            if not (0 <= run[0] - place - length <= GAP and run[1] - here - length <= GAP):
                yield chain
                chain = []
        chain.append(run)
    if chain:
        yield chain


def _passage(earlier: Sketch, later: Sketch, chain: Sequence[Run]) -> Passage:
    words = sum(length for _, _, length in chain)
    for (place, here, length), (next_place, next_here, _) in pairwise(chain):
        left, right = earlier.words[place + length : next_place], later.words[here + length : next_here]
        if left and right:
            blocks = SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks()
            words += sum(block.size for block in blocks)
    (left_more, left_first, left_last), (right_more, right_first, right_last) = (
        _more(earlier.words[: chain[0][0]][::-1], later.words[: chain[0][1]][::-1]),
        _more(earlier.words[chain[-1][0] + chain[-1][2] :], later.words[chain[-1][1] + chain[-1][2] :]),
    )
    words += left_more + right_more
    first = (chain[0][0] - left_first, chain[-1][0] + chain[-1][2] + right_first)
    last = (chain[0][1] - left_last, chain[-1][1] + chain[-1][2] + right_last)
    is_quote = _covered(first, earlier.quotes) and _covered(last, later.quotes)
    return Passage(earlier=first, later=last, words=words, is_quote=is_quote)


def _more(earlier: Sequence[str], later: Sequence[str]) -> tuple[int, int, int]:
    """What of the next words belongs to a passage that ends here: runs too short to begin one, behind a changed word or
    two. How many words are the same, and how far they reach in each text."""
    ours, theirs = earlier[: GAP // 2 + GRAM], later[: GAP // 2 + GRAM]
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    near = [block for block in blocks if block.size >= LINK and max(block.a, block.b) <= GAP // 2]
    if not near:
        return 0, 0, 0
    words = sum(block.size for block in near)
    return words, near[-1].a + near[-1].size, near[-1].b + near[-1].size


def _covered(span: Span, quotes: Sequence[Span]) -> bool:
    inside = sum(max(0, min(span[1], end) - max(span[0], start)) for start, end in quotes)
    return inside >= IN_QUOTE * (span[1] - span[0])


def _ends_both(passage: Passage, earlier: Sketch, later: Sketch) -> bool:
    behind = (len(earlier.words) - passage.earlier[1], len(later.words) - passage.later[1])
    return max(behind) <= LINK


def _telling(
    passages: Sequence[Passage], earlier: Sketch, later: Sketch, formulas: frozenset[int], frequent: frozenset[int]
) -> Iterator[Passage]:
    """The passages that are no mere formulas: enough of their words are vouched for by rare fingerprints, or more of
    them by fingerprints that are at least no formulas."""
    shared = earlier.fingerprints & later.fingerprints
    rare, covered = _covered_words(later, shared, formulas | frequent)
    some, _ = _covered_words(later, shared, formulas)
    for passage in passages:
        start, end = passage.later
        least = MIN_QUOTE if passage.is_quote else MIN_WORDS
        vouched = sum(rare[start:end])
        free = passage.words - sum(covered[start:end])
        scattered = free >= MIN_FREE and vouched > GRAM
        if passage.words >= least and (vouched >= least - 1 or scattered or sum(some[start:end]) >= LONG):
            yield passage


def _covered_words(later: Sketch, shared: frozenset[int], common: frozenset[int]) -> tuple[bytearray, bytearray]:
    """For each word of the later text whether shared fingerprints that are not common cover it, and no common one; and
    whether a common one does. Where two formulas meet, every gram is rare: so a common one outweighs those."""
    own, others = bytearray(len(later.words)), bytearray(len(later.words))
    ones, zeros = b"\x01" * GRAM, bytes(GRAM)
    for place, gram in enumerate(later.grams):
        if gram in shared:
            (others if gram in common else own)[place : place + GRAM] = ones
    for place, gram in enumerate(later.grams if any(others) else ()):
        if gram in shared and gram in common:
            own[place : place + GRAM] = zeros
    return own, others
