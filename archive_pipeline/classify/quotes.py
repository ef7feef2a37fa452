"""Direct speech with its speaker.

Marks come as „…“, „…”, "…", »…«, «…» and mixed or missing at the close; nesting is counted by kind. Speech is counted
from five words with a verb; shorter words count when a verb of speech ascribes them. Names of films, programmes and
mottos are no speech.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from archive_pipeline.classify.matcher import DOT, HYPHEN, PARAGRAPH, SPACE, Grid
from archive_pipeline.classify.names import LexiconSource
from archive_pipeline.classify.persons import ACADEMIC_TITLES, OFFICE, NamedPerson, find_persons
from archive_pipeline.classify.reading import Reading, read
from archive_pipeline.classify.vocabulary import cue_words
from archive_pipeline.model import Article, Finding, Quote, Source

__all__ = ["QuoteClassifier", "Span", "find_quotes", "marked_spans"]

_CLOSERS = {"„": '“”"‟', "“": "”", "»": "«", "«": "»", '"': '"“”', "”": "”"}
_OPENING = re.compile(r"[„»«“\"”]")
_ANY_MARK = re.compile(r"[„»«“\"”]")
_RUN_ON = 1200
_PARAGRAPH = re.compile(r"\n\s*\n")
_MIN_WORDS = 5
_MAX_QUOTE = 3000
_REACH = 400
"""Code points before and after a quotation in which its sentence is looked at."""

_MAX_JOINED = 4
"""Names that are joined by hyphens to one surname."""

_SENTENCE_END = re.compile(r"[.!?…](?=\s|$|[“”\"«»])")
_ABBREVIATION = re.compile(r"\b(?:Dr|Prof|St|bzw|ca|Nr|Dipl|Ing|[A-Z])$")
_LOWER_VERB = re.compile(
    r"^[a-zäöü]{2,}(?:t|en|te|ten|st|ern|eln)$|"
    r"^(?:ist|sind|war|bin|habe|sei|wäre|gibt|muss|kann|will|darf|soll|hat)$"
)
_NO_VERB = cue_words("no_verb")


@dataclass(frozen=True, slots=True)
class Span:
    """Marked words: `start` to `end` without the marks; `outer_start` and `outer_end` include them."""

    start: int
    end: int
    outer_start: int
    outer_end: int


def _opens(text: str, at: int, mark: str) -> bool:
    before = text[at - 1] if at else " "
    after = text[at + 1] if at + 1 < len(text) else " "
    if mark == "„":
        return True
    if after.isspace():
        return False
    return not before.isalnum() and before not in ".!?,;"


def _close(text: str, start: int, mark: str, limit: int) -> int | None:
    """Where the speech opened by `mark` closes, nested marks of the same kind counted."""
    depth = 1
    closers = _CLOSERS[mark]
    for at in range(start, limit):
        character = text[at]
        if character == mark and mark == "„":
            depth += 1
        elif character in closers:
            depth -= 1
            if depth == 0:
                return at
    return None


def _close_later(text: str, start: int, mark: str) -> int | None:
    """The close of a speech that runs over a few paragraphs: the next mark of any kind, if it closes."""
    found = _ANY_MARK.search(text, start, start + _RUN_ON)
    if not found or found.group() not in _CLOSERS[mark]:
        return None
    at = found.start()
    before = text[at - 1]
    opens = found.group() == mark and (before.isspace() or before == "(") and text[at + 1 : at + 2].strip() != ""
    return None if opens else at


def marked_spans(text: str) -> tuple[Span, ...]:
    """Everything between quotation marks. An opening mark without its close ends at the paragraph, unless the next
    paragraph opens with a mark: then one speech runs on."""
    breaks = [match.start() for match in _PARAGRAPH.finditer(text)] + [len(text)]
    spans: list[Span] = []
    at = 0
    while True:
        found = _OPENING.search(text, at)
        if not found:
            return tuple(spans)
        opening, mark = found.start(), found.group()
        at = opening + 1
        if not _opens(text, opening, mark):
            continue
        end, closed = _end_of(text, opening, mark, breaks)
        if end > opening + 1:
            spans.append(Span(opening + 1, end, opening, end + closed))
            at = end + closed


def _end_of(text: str, opening: int, mark: str, breaks: list[int]) -> tuple[int, int]:
    """The end of a marked span and the length of its closing mark (0 where it is missing)."""
    limit = breaks[bisect_right(breaks, opening)] if bisect_right(breaks, opening) < len(breaks) else len(text)
    first_limit = limit
    while True:
        close = _close(text, opening + 1, mark, limit)
        if close is not None:
            return close, 1
        if limit == first_limit:
            later_close = _close_later(text, limit, mark)
            if later_close is not None:
                return later_close, 1
        following = text[limit : limit + 40].lstrip()
        if limit >= len(text) or limit - opening > _MAX_QUOTE or not following.startswith(mark):
            return min(limit, opening + _MAX_QUOTE), 0
        # the next paragraph's opening mark only repeats the first one
        reopened = text.index(mark, limit)
        later = breaks[min(bisect_right(breaks, limit), len(breaks) - 1)]
        close = _close(text, reopened + 1, mark, later)
        if close is not None:
            return close, 1
        limit = later


class _Speech:
    """Decides which marked spans of a reading are speech, and whose."""

    def __init__(self, reading: Reading) -> None:
        self.grid: Grid = reading.text.grid
        self.text = reading.text.grid.text
        self.persons = find_persons(reading)
        self.speech = cue_words("speech")
        self.titles = cue_words("title_before")
        self.by_surname: dict[str, list[NamedPerson]] = {}
        self.by_office: dict[str, list[NamedPerson]] = {}
        for person in self.persons:
            self.by_surname.setdefault(person.surname, []).append(person)
            if person.office:
                self.by_office.setdefault(_office_stem(person.office), []).append(person)
        self.by_start = {person.first: person for person in self.persons}
        self.inside = {i for person in self.persons for i in range(person.first + 1, person.last + 1)}

    def quotes(self) -> tuple[Quote, ...]:
        """Speech in order, with speakers."""
        spans = marked_spans(self.text)
        found: list[Quote] = []
        previous_end, previous = 0, None
        for span in spans:
            if not self._is_speech(span):
                continue
            speaker = self._speaker(span, previous_end, previous)
            found.append(Quote(text=self.text[span.start : span.end], speaker=speaker, start=span.start, end=span.end))
            previous_end, previous = span.outer_end, speaker
        return tuple(found)

    def _tokens(self, start: int, end: int) -> range:
        return range(bisect_left(self.grid.starts, start), bisect_left(self.grid.starts, end))

    def _is_speech(self, span: Span) -> bool:
        inside = self._tokens(span.start, span.end)
        words = [self.grid.tokens[i] for i in inside]
        if not words or self._is_title(span):
            return False
        has_verb = any(_LOWER_VERB.match(word) and word not in _NO_VERB for word in words)
        if len(words) >= _MIN_WORDS and has_verb:
            return True
        ends_sentence = self.text[span.end - 1] in ".!?"
        if len(words) > 2 and ends_sentence and has_verb and self._after_ascription(span):
            return True
        told = has_verb and len(words) > 2 and self._said(span)
        return (
            2 <= len(words) < 12
            and self._ascribed(span)
            and (words[0][0].islower() or ends_sentence or told or len(words) >= _MIN_WORDS)
        )

    def _said(self, span: Span) -> bool:
        """Whether a verb of speech follows right behind the marks: "„Handwerk hat Zukunft“, sagte …"."""
        behind = self._tokens(span.outer_end, span.outer_end + 40)[:1]
        comma = self.text[span.outer_end : span.outer_end + 1] == ","
        return comma and any(self.grid.tokens[i] in self.speech for i in behind)

    def _is_title(self, span: Span) -> bool:
        """Whether a word like Film, Motto or über stands right before the marks."""
        before = bisect_left(self.grid.starts, span.outer_start)
        near = self.grid.tokens[max(0, before - 2) : before]
        if not near:
            return False
        if set(self.text[self.grid.ends[before - 1] : span.outer_start]) & set(".:!?"):
            return False
        own_sentence = self.text[span.end - 1] in ".!" and len(self._tokens(span.start, span.end)) > 9
        return not own_sentence and (near[-1] in self.titles or (near[0] in self.titles and near[-1] in _ARTICLES))

    def _ascribed(self, span: Span) -> bool:
        """A verb of speech and a speaker in the same sentence outside the marks."""
        before, after = self._sentence(span)
        outside = [*before, *after]
        names = any(i in self.by_start or self._surname_at(i) in self.by_surname for i in outside)
        office = any(_office_stem(self.grid.tokens[i]) in self.by_office for i in outside)
        verb = any(self.grid.tokens[i] in self.speech for i in outside)
        if self._said(span) and any(self.grid.tokens[i] in _PRONOUNS for i in after[:3]):
            return True
        return (names or office) and (verb or not any(self.grid.tokens[i] in _FINITE for i in outside))

    def _after_ascription(self, span: Span) -> bool:
        """Whether the sentence before, in the same paragraph, gives a person the floor."""
        start = max(self.text.rfind("\n\n", 0, span.outer_start), 0)
        if self.text[start : span.outer_start].rstrip()[-1:] not in (".", ":"):
            return False
        stop = self.text[start : span.outer_start].rstrip()[:-1].rfind(". ")
        before = self._tokens(start + max(stop, 0), span.outer_start)
        return any(self.grid.tokens[i] in self.speech for i in before) and self._named(before) is not None

    def _sentence(self, span: Span) -> tuple[range, range]:
        """Tokens of the sentence before and after a marked span."""
        left = span.outer_start
        start = max(self.text.rfind("\n", 0, left), self._last_stop(left), left - _REACH - 1) + 1
        stop = self._next_stop(span.outer_end)
        line = self.text.find("\n\n", span.outer_end)
        end = min(stop, line if line >= 0 else len(self.text))
        if self.text[span.end - 1] in ".!?" and self.text[span.outer_end : span.outer_end + 1] not in (",", " "):
            end = span.outer_end
        return self._tokens(start, left), self._tokens(span.outer_end, max(end, span.outer_end))

    def _next_stop(self, start: int) -> int:
        for match in _SENTENCE_END.finditer(self.text, start, start + _REACH):
            if not _ABBREVIATION.search(self.text, max(start, match.start() - 6), match.start()):
                return match.start()
        return min(len(self.text), start + _REACH)

    def _last_stop(self, left: int) -> int:
        stop = -1
        for match in _SENTENCE_END.finditer(self.text, max(0, left - _REACH), left):
            if not _ABBREVIATION.search(self.text, max(0, match.start() - 6), match.start()):
                stop = match.start()
        return stop

    def _speaker(self, span: Span, previous_end: int, previous: str | None) -> str | None:
        before, after = self._sentence(span)
        follows = self.text[span.outer_end : span.outer_end + 3].lstrip()
        if follows[:1] == "," or follows[:1].islower() or follows[:1] in "–-":
            name = self._after(after)
            if name:
                return name
            name = self._latter(after, max(previous_end, span.outer_start - _REACH), span.outer_start)
            if name:
                return name
            if any(self.grid.tokens[i] in _PRONOUNS for i in after[:6]) and previous:
                return self._subject(previous_end, span.outer_start) or previous
        name = self._named(before) or self._in_next_sentence(span)
        if name:
            return name
        if any(self.grid.tokens[i] in _PRONOUNS for i in before) and previous:
            return self._subject(previous_end, span.outer_start) or previous
        start = max(previous_end, self.text.rfind("\n\n", 0, span.outer_start))
        name = self._named(self._tokens(start, span.outer_start), last=True)
        if name:
            return name
        between = self.text[previous_end : span.outer_start]
        if between.rstrip().endswith(":") and (name := self._from_paragraph_before(span)):
            return name
        same_paragraph = "\n\n" not in between
        near = len(self._tokens(previous_end, span.outer_start)) < 40
        if previous and (same_paragraph or near):
            return previous
        return self._from_paragraph_before(span)

    def _latter(self, after: range, start: int, end: int) -> str | None:
        """Whom "diese" means, where the speech is hers ("betonte diese."): who was named last before it."""
        if (
            len(after) < 2
            or self.grid.tokens[after[1]] not in _LATTER
            or self.grid.gaps[after[1] + 1 :][:1] == (SPACE,)
        ):
            return None
        return next((name for i in reversed(self._tokens(start, end)) if (name := self._name_at(i))), None)

    def _subject(self, start: int, end: int) -> str | None:
        """The last person whose name opens a sentence between two places, an office before it: whom "er" means then."""
        for i in reversed(self._tokens(max(start, end - _REACH), end)):
            name = self._name_at(i) if i not in self.inside else None
            if name is None:
                continue
            first = i
            while first and self.grid.gaps[first] in (SPACE, HYPHEN) and _may_open(self.grid.tokens[first - 1]):
                first -= 1
            gap = self.text[self.grid.ends[first - 1] : self.grid.starts[first]] if first else "\n"
            if self.grid.starts[first] >= start and set(gap) & set(".!?\n"):
                return name
        return None

    def _in_next_sentence(self, span: Span) -> str | None:
        """ "„…“ Mit diesen Worten eröffnete Bürgermeisterin Eva Beispiel …", "„…“ Das sagte Eva Beispiel …"."""
        if self.text[span.end - 1] not in ".!?":
            return None
        following = self._tokens(span.outer_end, span.outer_end + 120)
        words = [self.grid.tokens[i] for i in following[:3]]
        said = words[:1] in (["Das"], ["Dies"]) and words[1:2] and words[1] in self.speech and "auch" not in words
        return self._after(following) if said or words in (["Mit", "diesen", "Worten"], ["So", "hat", "es"]) else None

    def _from_paragraph_before(self, span: Span) -> str | None:
        """A paragraph that is all speech belongs to whom the one before introduces with a colon or a verb."""
        start = self.text.rfind("\n\n", 0, span.outer_start)
        if start < 0 or self.text[start : span.outer_start].strip():
            return None
        opening = self.text.rfind("\n\n", 0, start)
        tokens = self._tokens(max(opening, 0), start)
        if not any(self.grid.tokens[i] in self.speech for i in tokens):
            return None
        return self._named(tokens, last=True)

    def _after(self, after: range) -> str | None:
        """The first name behind the marks, in the same sentence, if a verb of speech comes with it."""
        for i in after[:28]:
            name = self._name_at(i)
            if name:
                return name
        return None

    def _named(self, tokens: range, *, last: bool = False) -> str | None:
        """The name a range of tokens gives the floor to: the one nearest a verb of speech, else the first or last."""
        names = [(i, name) for i in tokens if (name := self._name_at(i))]
        if not names:
            return None
        verbs = [i for i in tokens if self.grid.tokens[i] in self.speech]
        if verbs:
            verb = verbs[-1]
            return min(names, key=lambda pair: (abs(pair[0] - verb), pair[0]))[1]
        return names[-1][1] if last else names[0][1]

    def _name_at(self, i: int) -> str | None:
        person = self.by_start.get(i)
        if person:
            return person.full
        token, surname = self.grid.tokens[i], self._surname_at(i)
        joined = i > 0 and self.grid.gaps[i] == HYPHEN and self._surname_at(i - 1) in self.by_surname
        if joined or token in ACADEMIC_TITLES:
            return None
        if surname in self.by_surname and i not in self.inside:
            return _nearest(self.by_surname[surname], i)
        name = i  # of "Frau Prof. Dr. Muster" the token behind the titles
        while name and self.grid.tokens[name - 1] in ACADEMIC_TITLES and self.grid.gaps[name] in (SPACE, DOT):
            name -= 1
        before = self.grid.tokens[name - 1] if name else ""
        addressed = before in ("Frau", "Herr", "Herrn") or (before and OFFICE.search(before))
        if addressed and token[0].isupper() and self.grid.gaps[name] == SPACE and not OFFICE.search(token):
            return surname
        if before in ("der", "die", "Der", "Die"):
            holders = self.by_office.get(_office_stem(token))
            return _nearest(holders, i) if holders else None
        if before == "so" and token[0].isupper() and self.grid.gaps[name] != PARAGRAPH and not OFFICE.search(token):
            return surname
        return None

    def _surname_at(self, i: int) -> str:
        """The name that a token is or begins: "Schulte-Muster" is one surname."""
        grid, last = self.grid, i
        while (
            last + 1 < min(len(grid), i + _MAX_JOINED)
            and grid.gaps[last + 1] == HYPHEN
            and grid.tokens[last + 1][0].isupper()
        ):
            last += 1
        whole = grid.span(i, last)
        single = last > i and grid.tokens[i] in self.by_surname and whole not in self.by_surname
        return grid.tokens[i] if single else whole


_ARTICLES = frozenset({"der", "die", "das", "den", "dem", "des", "im", "in", "Der", "Die", "Das"})
_PRONOUNS = frozenset({"er", "sie", "Er", "Sie"})
_LATTER = frozenset({"diese", "dieser", "Letztere", "Letzterer", "letztere", "letzterer"})
_FINITE = frozenset({"ist", "hat", "wird", "wurde", "war", "sind", "haben", "werden", "fand", "steht"})


def _nearest(persons: Sequence[NamedPerson], i: int) -> str:
    """Of persons who share a name or an office the one named in full last before token i."""
    place = bisect_right(persons, i, key=lambda person: person.first)
    return persons[max(0, place - 1)].full


def _may_open(token: str) -> bool:
    """Whether a word can stand between the beginning of a sentence and the name that is its subject."""
    return token[0].isupper() or token in ("des", "der", "stellvertretende", "erste", "ehemalige")


@lru_cache(maxsize=20_000)
def _office_stem(office: str) -> str:
    return re.sub(r"(?:e?[ns]|er)$", "", office)


@lru_cache(maxsize=8)
def find_quotes(reading: Reading) -> tuple[Quote, ...]:
    """Direct speech of a reading with its speakers, in order of position; empty where the text isn't German."""
    return _Speech(reading).quotes() if reading.german else ()


class QuoteClassifier:
    """Finds direct speech and its speakers."""

    def __init__(self, lexicon: LexiconSource) -> None:
        self._lexicon = lexicon
        self.version = lexicon.version

    def classify(self, article: Article, source: Source) -> Sequence[Finding]:
        """Quotes in order of their position."""
        reading = read(article, source, self._lexicon())
        return find_quotes(reading)
