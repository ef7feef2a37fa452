"""What two texts have in common: fingerprints to find candidates by, and the passages themselves.

Fingerprints are hashes of word 5-grams, of which those are kept whose smallest word stands at one of their ends, by a
hash of the word: closed syncmers (Edgar: Syncmers are more sensitive than minimizers, PeerJ 2021). Two in five are, and
at least one of any four in a row, so two texts that share eight words in a row share a fingerprint. Unlike with
winnowing the words around don't decide what is kept, so a formula has the same fingerprints wherever it stands. Of
direct speech all grams are kept, for quotes are short and often changed in a word. Texts that are alike as a whole
share a bucket: a band of a MinHash signature (rensa), or the hash of all words.

Everything here is a pure function of text, the same in every process and on every machine.
"""

import hashlib
import re
import struct
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Literal

from rensa import RMinHash

__all__ = ["Comparison", "Kind", "Passage", "Sketch", "buckets", "compare", "sketch", "word_spans"]

Kind = Literal["exact", "near", "passage", "quote"]
"""`exact`: all words are the same; `near`: at least four in five; `passage`: a part; `quote`: direct speech alone."""

GRAM = 5

NEAR = 0.8
"""Share of the words of two texts that they have in common (Dice) from which on they are near-duplicates."""
MIN_WORDS = 15
"""Shared words of the shortest passage: formulas of the trade ("Weitere Informationen gibt es bei ...") are shorter."""
MIN_QUOTE = 10
"""The same inside direct speech in both texts, where formulas are rare."""
MIN_FREE = 20
"""The same where only half the words are vouched for, as between changes that stand close to each other."""
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
VARIED = 7
"""Different words, numbers aside, of the least varied passage: calendars and opening hours repeat few."""
# fmt: off
CONTACT = frozenset((
    "pressekontakt", "pressekontakte", "presserückfragen", "presseanfragen", "medienkontakt", "medienanfragen",
    "ansprechpartner", "ansprechpartnerin", "ansprechpartnerinnen", "ansprechperson", "impressum",
    "haftungsausschluss", "disclaimer", "honorarfrei", "belegexemplar",
))
# fmt: on
"""Words after which a source says whom to call and what may be printed: no words of the release."""
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
    """A text as it is compared: its words in order, the fingerprints that are kept with the place of the word where
    each begins, all of them as a set, and its direct speech as spans of words (half open)."""

    words: tuple[str, ...]
    places: tuple[tuple[int, int], ...]
    fingerprints: frozenset[int]
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
    words = tuple(map(_normal, WORD.findall(text)))
    spoken = tuple(_spoken(text, quotes)) if quotes else ()
    places = tuple(_places(words, spoken))
    return Sketch(words=words, places=places, fingerprints=frozenset(gram for _, gram in places), quotes=spoken)


def buckets(words: Sequence[str]) -> frozenset[int]:
    """The buckets a text of these words belongs to; none for one too short to be a duplicate."""
    return frozenset(_buckets(words)) if len(words) >= MIN_TEXT else frozenset()


@lru_cache(maxsize=200_000)
def _normal(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()


@lru_cache(maxsize=200_000)
def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def _places(words: Sequence[str], spoken: Sequence[Span]) -> Iterator[tuple[int, int]]:
    hashes = list(map(_hash, words))
    said = {place for start, end in spoken for place in range(start, end - GRAM + 1)}
    one, two, three, four, five = FACTORS
    grams = zip(hashes, hashes[1:], hashes[2:], hashes[3:], hashes[4:], strict=False)
    for place, (a, b, c, d, e) in enumerate(grams):
        ends = a if a < e else e
        if (ends <= b and ends <= c and ends <= d) or place in said:
            yield place, (a * one + b * two + c * three + d * four + e * five & MASK) >> (64 - BITS)


def _buckets(words: Sequence[str]) -> Iterator[int]:
    yield _bucket(" ".join(words).encode())
    signature = RMinHash(num_perm=PERMUTATIONS, seed=SEED)
    signature.update([" ".join(words[start : start + SHINGLE]) for start in range(len(words) - SHINGLE + 1)])
    digest = signature.digest()
    rows = PERMUTATIONS // BANDS
    for band in range(BANDS):
        yield _bucket(struct.pack(f"<B{rows}Q", band, *digest[band * rows : (band + 1) * rows]))


def _bucket(content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=BITS // 8).digest())


def _spoken(text: str, quotes: Sequence[Span]) -> Iterator[Span]:
    spans = word_spans(text)
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    for start, end in quotes:
        first, last = bisect_left(starts, start), bisect_right(ends, end)
        if first < last:
            yield first, last


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
    runs = list(_runs(earlier.words, later.words))
    passages = [_passage(earlier, later, chain) for chain in _chains(runs)]
    matched = sum(passage.words for passage in passages)
    similarity = 2 * matched / (len(earlier.words) + len(later.words))
    kind: Kind = "near"
    shortest = min(len(earlier.words), len(later.words))
    if similarity < NEAR or shortest < MIN_TEXT:
        passages = [one for one in passages if _is_varied(later.words[slice(*one.later)])]
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


def _runs(earlier: Sequence[str], later: Sequence[str]) -> Iterator[Run]:
    """Runs of at least GRAM equal words, from left to right in the later text, each the longest from where it starts;
    of equally long ones that which goes on where the last one ended."""
    ours, theirs = _grams(earlier), _grams(later)
    shared = set(ours).intersection(theirs)
    places: dict[tuple[str, ...], list[int]] = {gram: [] for gram in shared}
    for place, gram in enumerate(ours):
        if gram in shared:
            places[gram].append(place)
    end = ahead = 0
    for here, gram in enumerate(theirs):
        if here < end or gram not in shared:
            continue
        best = (0, 0, 0)
        for place in places[gram][:PLACES]:
            best = max(best, (_equal(earlier, later, place, here), -abs(place - here - ahead), place))
        length, _, place = best
        yield place, here, length
        end, ahead = here + length, place - here


def _grams(words: Sequence[str]) -> list[tuple[str, ...]]:
    return list(zip(words, words[1:], words[2:], words[3:], words[4:], strict=False))


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


def _is_varied(words: Sequence[str]) -> bool:
    return len({word for word in words if word.isalpha()}) >= VARIED


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
    some, formulaic = _covered_words(later, shared, formulas)
    for passage in passages:
        start, end = passage.later
        least = MIN_QUOTE if passage.is_quote else MIN_WORDS
        end = next((place for place in range(start, end) if later.words[place] in CONTACT), end)
        words = passage.words - (passage.later[1] - end)
        if words < least:
            continue
        vouched, free = sum(rare[start:end]), words - sum(covered[start:end])
        scattered = free >= MIN_FREE and vouched >= MIN_FREE // 2
        is_long = words - sum(formulaic[start:end]) >= LONG and sum(some[start:end]) >= LONG // 2
        if vouched >= least - passage.is_quote or scattered or is_long:
            yield passage


def _covered_words(later: Sketch, shared: frozenset[int], common: frozenset[int]) -> tuple[bytearray, bytearray]:
    """For each word of the later text whether shared fingerprints that are not common cover it, and no common one; and
    whether a common one does. Where two formulas meet, every gram is rare: so a common one outweighs those."""
    own, others = bytearray(len(later.words)), bytearray(len(later.words))
    ones, zeros = b"\x01" * GRAM, bytes(GRAM)
    for place, gram in later.places:
        if gram in shared and gram not in common:
            own[place : place + GRAM] = ones
    for place, gram in later.places:
        if gram in common:
            others[place : place + GRAM] = ones
            own[place : place + GRAM] = zeros
    return own, others
