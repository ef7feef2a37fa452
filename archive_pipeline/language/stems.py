"""What is known about single words: folded form, stem, compound parts. Results are cached."""

from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

from archive_pipeline.language.cistem import cistem
from archive_pipeline.language.compounds import CompoundSplitter, Part
from archive_pipeline.language.folding import fold, reduce_umlauts
from archive_pipeline.language.words import VERBS

__all__ = ["CACHE_SIZE", "WordAnalysis", "analyse_word", "splitter"]


class WordAnalysis(NamedTuple):
    """A word as search sees it: folded, folded and masculine, stemmed; stems of its compound parts."""

    form: str
    masculine: str
    stem: str
    parts: tuple[str, ...]


_NOUNS = ("nouns_wikidata.txt", "nouns_own.txt", "opaque.txt", "places.txt")
CACHE_SIZE = 500_000
"""Different words that are remembered."""
_PARTS_REMEMBERED = 20_000
_cache: dict[str, WordAnalysis] = {}

_PERSONS = ("er", "or", "eur", "ist", "ent", "ant", "log", "graf", "soph", "nom", "at", "iker", "aer", "iv")
"""Endings of masculine nouns from which feminine ones are made with -in."""

_VERB_ENDINGS = ("t", "te", "ten", "et", "ete", "eten", "st", "end", "ende", "enden", "ender", "endes")
_MIN_VERB = 4
_MIN_PERSON = 5
_MAX_COMBINED = 6


@cache
def splitter() -> CompoundSplitter:
    """The splitter over the word lists of this package, read once per process."""
    adjectives, stems = _lines("modifiers.txt").split("stems")
    plurals = _lines("plurals.txt").split()
    return CompoundSplitter(
        _folded("".join(map(_lines, _NOUNS))),
        adjectives=_folded(adjectives),
        stems=_folded(stems),
        plurals=dict(zip(map(fold, plurals[::2]), map(fold, plurals[1::2]), strict=True)),
    )


def analyse_word(surface: str) -> WordAnalysis:
    """Everything about one word without signs; case matters only for a few verbs."""
    known = _cache.get(surface)
    if known is None:
        if len(_cache) >= CACHE_SIZE:
            _cache.clear()
        known = _cache[surface] = _analyse(surface)
    return known


def _analyse(surface: str) -> WordAnalysis:
    form = fold(surface)
    if form in VERBS and surface.islower():
        return WordAnalysis(form, form, form, ())
    masculine = _masculine(form)
    parts = splitter().split(masculine)
    if not parts:
        return WordAnalysis(form, masculine, _stem(masculine, splitter().lemma(masculine)), ())
    stem = _combined_stem(masculine, parts)
    found = [_part_stem(part.lemma) for part in parts if part.searchable]
    count = len(parts)
    if 2 < count <= _MAX_COMBINED:
        runs = [(i, j) for i in range(count) for j in range(i + 2, count + 1) if j - i < count]
        found += [_combined_stem(masculine, parts[i:j], last=j == count) for i, j in runs]
    return WordAnalysis(form, masculine, stem, tuple(dict.fromkeys(part for part in found if part != stem)))


def _combined_stem(word: str, parts: tuple[Part, ...], *, last: bool = True) -> str:
    """The key of neighbouring parts taken as one word; `last` when they end the compound."""
    front = word[parts[0].start : parts[-1].start]
    return _stem(word[parts[0].start : None if last else parts[-1].end], front + parts[-1].lemma)


@lru_cache(_PARTS_REMEMBERED)
def _part_stem(lemma: str) -> str:
    """The key of a part of a compound: the same parts come again in word after word."""
    return _stem(lemma, "")


def _stem(form: str, lemma: str) -> str:
    """The key of a form: its dictionary form where the lists know it, so that Bürger is not Burg, Arbeiter not
    Arbeit and Kurs not Kur; CISTEM for all other words."""
    lemma = lemma or splitter().lemma(form) or _verb_lemma(form)
    if not lemma:
        return cistem(reduce_umlauts(form))
    if lemma.endswith("en") and splitter().is_noun(lemma[:-1]):
        lemma = lemma[:-1]  # Reisen, the infinitive, is Reise
    key = reduce_umlauts(lemma)
    if key.endswith("en") and len(lemma) > 4:
        return key[:-2]
    if key.endswith("e") and len(lemma) > 4 and not splitter().is_noun(lemma[:-1]):
        return key[:-1]  # but Kohle is not Kohl
    return key


def _verb_lemma(form: str) -> str:
    """The listed noun beside a verb form (arbeitet, gearbeitet: arbeit), or nothing."""
    for ending in _VERB_ENDINGS:
        base = form[: -len(ending)]
        if form.endswith(ending) and len(base) >= _MIN_VERB:
            if splitter().is_noun(base):
                return base
            if base.startswith("ge") and splitter().is_noun(base[2:]):
                return base[2:]
    return ""


def _masculine(form: str) -> str:
    """Bürgerin, Bürgerinnen -> bürger; other words unchanged."""
    for ending in ("innen", "in"):
        base = form[: -len(ending)]
        if form.endswith(ending) and len(base) > 3 and not form.endswith("ein"):
            if splitter().is_noun(form):
                return form
            lemma = splitter().lemma(base) or splitter().lemma(base + "e")
            if lemma or splitter().split(base):
                return lemma or base
            if len(base) >= _MIN_PERSON and base.endswith(_PERSONS):
                return base
            return form
    return form


def _lines(name: str) -> str:
    text = files("archive_pipeline.language").joinpath("data", name).read_text("utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("#")) + "\n"


def _folded(words: str) -> set[str]:
    return {fold(word) for word in words.split()}
