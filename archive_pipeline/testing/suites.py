"""The contracts of fetchers, cleaners and classifiers as test classes: subclass one and let pytest collect it."""

import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import ClassVar

from lxml import etree
from pydantic import BaseModel

from archive_pipeline.clean import CapturePage
from archive_pipeline.errors import CleanError, FetchError, Quarantine, Skip, TransientFetchError
from archive_pipeline.model import (
    Article,
    Capture,
    CaptureResult,
    Evidence,
    Finding,
    Gone,
    Item,
    Person,
    Quote,
    Refused,
    Source,
    Tag,
    Unmodified,
)
from archive_pipeline.protocols import Classifier, Cleaner, Fetcher
from archive_pipeline.testing.isolation import no_network, quick, well_formed
from archive_pipeline.testing.material import BODIES, MEDIA_TYPES, MOMENT, PAGE, RELEASE, Answer, Reply, page_of
from archive_pipeline.testing.replaying import ReplayContext, replay

__all__ = ["ClassifierContract", "CleanerContract", "FetcherContract"]

RECENT = date(2024, 1, 1)


class FetcherContract:
    """What every fetcher keeps. Set `subject`, `source` (with `options`) and `answers` or `base` so that the source
    offers at least one item."""

    subject: Fetcher
    source: Source
    answers: ClassVar[Mapping[str, Answer]] = {}
    base: Path = Path()

    def test_states_its_settings(self) -> None:
        """`options` is a settings class that refuses unknown keys, so that a misspelt one is found."""
        options = self.subject.options
        assert issubclass(options, BaseModel), "options must be a pydantic model"
        assert options.model_config.get("extra") == "forbid", "options must refuse unknown keys: extra='forbid'"
        assert isinstance(self.source.options, options), "source.options must be an instance of the fetcher's options"
        assert pickle.loads(pickle.dumps(self.source)).id == self.source.id, "a source must travel to other processes"  # noqa: S301

    def test_claims_look_at_the_address_only(self) -> None:
        """`claims` answers with a number or None, without asking anybody."""
        urls = (
            self.source.url or "",
            "https://presse.example/",
            "https://presse.example:8080/a?b=c#d",
            "https://ä.example/ö",
        )
        for url in urls:
            claim = quick(f"claims({url!r})", self.subject.claims, url)
            assert claim is None or (type(claim) is int and claim > 0), f"claims({url!r}) returned {claim!r}"
            assert claim == quick(url, self.subject.claims, url), f"claims({url!r}) changes"

    def test_discovers_the_same_items_every_time(self) -> None:
        """Items with unique keys, in the same order; nothing is captured while discovering."""
        context = self._context()
        items = quick("discover()", self._discover, context)
        assert items, "the answers must offer at least one item"
        _check_items(items, self.source)
        assert all(capture.kind == "discovery" for capture in context.stored), "discover() must not capture items"
        assert self._discover(self._context()) == items, "discover() is not deterministic"

    def test_goes_on_where_it_stopped(self) -> None:
        """A later run, that knows everything and has the bookmark, and one that asks for a range of days, discover
        nothing but what the first one did."""
        context = self._context()
        items = {item.key: item for item in self._discover(context)}
        context.known.update(items)
        for later in (context, replay(self.answers, base=self.base, since=RECENT)):
            again = quick("discover() again", self._discover, later)
            _check_items(again, self.source)
            assert all(items.get(item.key) == item for item in again), "discover() gives other items the second time"

    def test_captures_through_the_context(self) -> None:
        """Every result is one the context gave or a plain refusal, and belongs to the item."""
        context = self._context()
        for item in self._discover(context):
            results = quick(f"capture({item.key})", self._capture, item, context)
            assert results, f"{item.key}: capture() yields nothing"
            for result in results:
                assert isinstance(result, Capture | Unmodified | Gone | Refused), f"capture() yields {result!r}"
                if isinstance(result, Capture):
                    assert any(result is stored for stored in context.stored), "a capture that no context stored"
                    assert result.source_id == self.source.id, f"a capture of {result.source_id!r}"

    def test_survives_what_servers_send(self) -> None:
        """Whatever comes back for a listing, discover() ends in items or in a FetchError."""
        for name, answer in _odd_answers().items():
            try:
                items = quick(name, self._discover, replay(otherwise=answer, base=self.base))
            except FetchError:
                continue
            _check_items(items, self.source)

    def test_survives_what_comes_instead_of_a_page(self) -> None:
        """Whatever comes back for an item, capture() ends in results or in a FetchError."""
        first = next(iter(self._discover(self._context())), None)
        assert first is not None, "the answers must offer at least one item"
        for name, answer in _odd_answers().items():
            context = replay(otherwise=answer, base=self.base)
            try:
                results = quick(f"capture() of {name}", self._capture, first, context)
            except FetchError:
                continue
            assert all(isinstance(result, Capture | Unmodified | Gone | Refused) for result in results)

    def _context(self) -> ReplayContext:
        return replay(self.answers, base=self.base)

    def _discover(self, context: ReplayContext) -> list[Item]:
        with no_network():
            return list(self.subject.discover(self.source, context))

    def _capture(self, item: Item, context: ReplayContext) -> list[CaptureResult]:
        with no_network():
            return list(self.subject.capture(item, self.source, context))


def _odd_answers() -> dict[str, Answer]:
    answers: dict[str, Answer] = {name: Reply(body=body) for name, body in BODIES.items()}
    answers |= {f"{name} as {kind}": Reply(body=BODIES[name], media_type=kind) for name, kind in MEDIA_TYPES.items()}
    answers["time-out"] = TransientFetchError("Zeit überschritten")
    return answers | {"refused": Refused("robots.txt"), "gone": Gone("HTTP 410"), "error": FetchError("HTTP 400")}


def _check_items(items: Sequence[Item], source: Source) -> None:
    for item in items:
        assert isinstance(item, Item), f"discover() yields {item!r}"
        well_formed(item, "discover()")
        assert item.source_id == source.id, f"{item.key}: source_id is {item.source_id!r}"
        assert item.key, "an item without a key"
        assert item.published is None or datetime.fromisoformat(item.published), "published is an ISO date"
    keys = [item.key for item in items]
    assert len(keys) == len(set(keys)), "two items share a key"


class CleanerContract:
    """What every cleaner keeps. Set `subject`; `bodies` adds documents of your own by name. `url` is where all come
    from, `captured_at` when, for cleaners that look at it.

    `idempotent`: cleaning what is clean already changes nothing. Set it False only for a step that must see the
    document as it came.
    """

    subject: Cleaner
    source: Source = Source(id="probe", url="https://presse.example")
    url: str = PAGE
    captured_at: datetime = MOMENT
    bodies: ClassVar[Mapping[str, bytes]] = {}
    idempotent: bool = True

    def test_ends_in_an_article_or_says_why_not(self) -> None:
        """An Article that can travel to another process and be stored, or Skip, Quarantine, CleanError; nothing else,
        and soon."""
        for name, article, page in self._documents():
            result = quick(name, self._clean, article, page)
            assert isinstance(result, Article | str), f"{name}: clean() returned {type(result).__name__}"
            well_formed(result, name)
            assert pickle.loads(pickle.dumps(result)) == result, f"{name}: the article can't be copied"  # noqa: S301

    def test_is_pure(self) -> None:
        """The same document gives the same article, and the parsed tree stays as it is."""
        documents = zip(self._documents(), self._documents(), self._documents(), strict=True)
        for (name, article, page), (_, _, another), (_, _, untouched) in documents:
            first = self._clean(article, page)
            assert self._clean(article, another) == first, f"{name}: not deterministic"
            assert _markup(page) == _markup(untouched), f"{name}: the tree was changed"

    def test_is_idempotent(self) -> None:
        """What was cleaned once stays as it is."""
        if not self.idempotent:
            return
        for (name, article, page), (_, _, another) in zip(self._documents(), self._documents(), strict=True):
            once = self._clean(article, page)
            if isinstance(once, Article):
                assert self._clean(once, another) == once, f"{name}: cleaning again changes it"

    def _documents(self) -> Iterator[tuple[str, Article, CapturePage]]:
        """Each body for a step that comes first, and for one that finds a text already; as HTML and as what it is."""
        for name, body in {**BODIES, **self.bodies}.items():
            yield name, Article(url=self.url, media_type="text/html"), self._page(body)
            yield f"{name}, with text", RELEASE, self._page(body)
        for name, kind in MEDIA_TYPES.items():
            yield f"{name} as {kind}", Article(media_type=kind), self._page(BODIES[name], kind)

    def _page(self, body: bytes, media_type: str = "text/html") -> CapturePage:
        return page_of(body, url=self.url, media_type=media_type, captured_at=self.captured_at)

    def _clean(self, article: Article, page: CapturePage) -> Article | str:
        """The article, or the reason given instead of one."""
        try:
            with no_network():
                return self.subject.clean(article, page, self.source)
        except (Skip, Quarantine) as verdict:
            return f"{type(verdict).__name__}: {verdict.reason}"
        except CleanError as error:
            return f"CleanError: {error.message}"


def _markup(page: CapturePage) -> bytes | None:
    """The page's tree, written out; None where there is none."""
    try:
        tree = page.tree
    except CleanError:
        return None
    return None if tree is None else etree.tostring(tree)


class ClassifierContract:
    """What every classifier keeps. Set `subject`; `articles` adds releases of your own by name."""

    subject: Classifier
    source: Source = Source(id="probe", url="https://presse.example")
    articles: ClassVar[Mapping[str, Article]] = {}

    def test_states_its_version(self) -> None:
        """`version` stands in every tag, so it is one word."""
        version = self.subject.version
        assert isinstance(version, str), "version is no text"
        assert version == "".join(version.split()), "version holds spaces"
        assert version, "version is empty"
        assert "@" not in version, "version holds an @"

    def test_every_finding_has_its_place_in_the_text(self) -> None:
        """Tags with evidence that is in the text, persons and quotes within the text; soon, and without network."""
        for name, article in self._documents():
            findings = quick(name, self._classify, article)
            for finding in findings:
                self._check(finding, article, name)
            assert pickle.loads(pickle.dumps(findings)) == findings, f"{name}: can't be copied"  # noqa: S301

    def test_is_pure(self) -> None:
        """The same article gives the same findings in the same order."""
        for name, article in self._documents():
            first = self._classify(article)
            assert self._classify(article) == first, f"{name}: not deterministic"

    def _documents(self) -> Iterator[tuple[str, Article]]:
        yield "release", RELEASE
        yield "without title", replace(RELEASE, title=None)
        yield "empty", Article()
        yield "title only", Article(title=RELEASE.title)
        yield "odd characters", replace(RELEASE, text=f"\x00\u00ad🏛\u0301 {RELEASE.text}\u2028ﬀ İ ẞ")
        yield "other language", replace(RELEASE, text="The council met. Nothing was decided.", language="en")
        yield "huge", replace(RELEASE, text="\n\n".join([RELEASE.text] * 100))
        yield from self.articles.items()

    def _classify(self, article: Article) -> list[Finding]:
        with no_network():
            return list(self.subject.classify(article, self.source))

    def _check(self, finding: Finding, article: Article, name: str) -> None:
        assert isinstance(finding, Tag | Person | Quote), f"{name}: classify() returned {finding!r}"
        well_formed(finding, name)
        if not isinstance(finding, Tag):
            assert 0 <= finding.start < finding.end <= len(article.text), f"{name}: {finding} lies outside the text"
            return
        assert 0 <= finding.score <= 1, f"{name}: score {finding.score}"
        assert finding.by.partition("@")[2] == self.subject.version, f"{name}: by is {finding.by!r}, not name@version"
        assert finding.evidence, f"{name}: {finding.axis}={finding.value} has no evidence"
        for span in finding.evidence:
            assert isinstance(span, Evidence), f"{name}: evidence is {span!r}"
            field = article.title or "" if span.field == "title" else article.text
            assert span.text, f"{name}: {finding.axis}={finding.value} has empty evidence"
            assert field[span.start : span.end] == span.text, f"{name}: {span.text!r} is not at {span.start}"
