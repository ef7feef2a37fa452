"""Clean and classify one capture: pure, and the same in this process or in a worker.

Together with the plugin manager this is the only place that catches everything: a document that breaks a cleaner
or a classifier fails alone, and the failure names the plugin.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from archive_pipeline.clean.page import CapturePage
from archive_pipeline.clean.spans import large_removals
from archive_pipeline.errors import ArchivePipelineError, PluginContractError, Quarantine, Skip
from archive_pipeline.model import (
    Article,
    Capture,
    Doubt,
    Failure,
    Finding,
    Item,
    Person,
    Processed,
    Quote,
    Source,
    Tag,
)
from archive_pipeline.plugin_loading.discovery import BUILTIN
from archive_pipeline.plugin_manager import PluginManager
from archive_pipeline.protocols import Classifier, Cleaner, Explainer
from archive_pipeline.registry import Entry

__all__ = ["Explanation", "check_item", "classify", "clean", "doubts", "let_through", "process"]

GATE = "gate"
"""The name of the cleaner that a source with `gate = false` goes without."""

ARTICLE = TypeAdapter(Article)
ITEM = TypeAdapter(Item)
DOUBT = TypeAdapter(Doubt)
FINDINGS: dict[type, TypeAdapter[Any]] = {kind: TypeAdapter(kind) for kind in (Tag, Person, Quote)}

Stage = Literal["clean", "classify"]
FindingT = TypeVar("FindingT", Tag, Person, Quote)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What classifiers left out, and which of them could not say it."""

    doubts: tuple[Doubt, ...]
    failures: tuple[Failure, ...]


def process(capture: Capture, source: Source, plugins: PluginManager) -> Processed:
    """Clean, then classify. Never raises: what went wrong stands in `status`, `reason` and `failures`.

    A quarantined document goes the whole way too, so that a person who looks at it sees every field.
    """
    result = clean(capture, source, plugins)
    if result.status in {"skipped", "failed"}:
        return result
    assert result.article is not None
    found = classify(result.article, capture, source, plugins)
    return replace(
        result,
        tags=found.tags,
        persons=found.persons,
        quotes=found.quotes,
        failures=(*result.failures, *found.failures),
        timings={**result.timings, **found.timings},
    )


def clean(capture: Capture, source: Source, plugins: PluginManager) -> Processed:
    """Take a capture through the chain of cleaners, guard to gate. Never raises.

    A rule that removed more than 30 % of the text is named in the article's notes: `large-removal:<rule>:<percent>`.
    """
    page = CapturePage(capture)
    result = Processed(status="accepted", article=Article(url=capture.url, media_type=capture.media_type))
    timings: dict[str, float] = {}
    for step in plugins.cleaners:
        if step.name == GATE and not source.gate:
            continue
        result = _timed_clean(step, result, page, source, timings)
        if result.status in {"skipped", "failed"}:
            break
    assert result.article is not None
    large = tuple(f"large-removal:{rule}:{round(100 * share)}" for rule, share in large_removals(result.article))
    if large:
        result = replace(result, article=replace(result.article, notes=(*result.article.notes, *large)))
    return replace(_checked(result, capture), timings=timings)


def _checked(result: Processed, capture: Capture) -> Processed:
    """The result, failed if its article can't be stored. Every plugin's step was checked by itself; those of the core
    are checked here, all at once, which is five percent of the time of a page that a site profile reads."""
    try:
        _check_article(result.article)
    except PluginContractError as error:
        failure = Failure(
            source_id=capture.source_id, key=capture.key, stage="clean", reason=error.message, plugin=BUILTIN
        )
        return replace(result, status="failed", reason=failure.reason, failures=(*result.failures, failure))
    return result


def let_through(processed: Processed) -> Processed:
    """A result that was quarantined, accepted because a person decided so; any other one as it is."""
    if processed.status != "quarantined":
        return processed
    return replace(processed, status="accepted", reason=None)


def classify(article: Article, capture: Capture, source: Source, plugins: PluginManager) -> Processed:
    """Classify an article that was cleaned before. Never raises. The capture only names the document, its body is not
    looked at."""
    result = Processed(status="accepted", article=article)
    timings: dict[str, float] = {}
    for entry in plugins.classifiers:
        result = _timed_classify(entry, result, capture, source, timings)
    return replace(result, timings=timings)


def doubts(article: Article, capture: Capture, source: Source, plugins: PluginManager) -> Explanation:
    """What the classifiers considered for an article and left out, under the rules of today. Never raises."""
    found: list[Doubt] = []
    failures: list[Failure] = []
    for entry in plugins.classifiers:
        if isinstance(entry.obj, Explainer):
            try:
                said = tuple(entry.obj.doubts(article, source))
                _check_doubts(said)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - the others explain themselves all the same
                failures.append(_failure(capture, "classify", error, entry))
            else:
                found += said
    return Explanation(doubts=tuple(found), failures=tuple(failures))


def _check_doubts(said: Sequence[object]) -> None:
    for doubt in said:
        if not isinstance(doubt, Doubt):
            raise PluginContractError(f"doubts() gab {type(doubt).__name__} zurück, nicht Doubt")
        _check_fields(DOUBT, doubt, "doubts()")


def _timed_clean(
    step: Entry[Cleaner], result: Processed, page: CapturePage, source: Source, timings: dict[str, float]
) -> Processed:
    started = perf_counter()
    assert result.article is not None
    try:
        article = step.obj.clean(result.article, page, source)
        if article is not result.article and step.plugin != BUILTIN:
            _check_article(article)
    except Skip as skip:
        return replace(result, status="skipped", reason=skip.reason)
    except Quarantine as quarantine:
        return replace(result, status="quarantined", reason=result.reason or quarantine.reason)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a document fails alone
        failure = _failure(page.capture, "clean", error, step)
        return replace(result, status="failed", reason=failure.reason, failures=(failure,))
    finally:
        timings[step.name] = (perf_counter() - started) * 1000
    return replace(result, article=article)


def _timed_classify(
    entry: Entry[Classifier], result: Processed, capture: Capture, source: Source, timings: dict[str, float]
) -> Processed:
    started = perf_counter()
    assert result.article is not None
    try:
        findings = tuple(entry.obj.classify(result.article, source))
        for finding in findings:
            _check(finding, result.article)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a document loses one classifier's findings, not more
        return replace(result, failures=(*result.failures, _failure(capture, "classify", error, entry)))
    finally:
        timings[entry.name] = (perf_counter() - started) * 1000
    return replace(
        result,
        tags=(*result.tags, *_of(Tag, findings)),
        persons=(*result.persons, *_of(Person, findings)),
        quotes=(*result.quotes, *_of(Quote, findings)),
    )


def _of(kind: type[FindingT], findings: Sequence[object]) -> list[FindingT]:
    return [finding for finding in findings if isinstance(finding, kind)]


def _check_article(article: object) -> None:
    if not isinstance(article, Article):
        raise PluginContractError(f"clean() gab {type(article).__name__} zurück, nicht Article")
    _check_fields(ARTICLE, article, "clean()")


def check_item(item: object, source: Source) -> None:
    """Make sure that what a fetcher offers is an item of its own source, with values that can be stored. Raises
    PluginContractError."""
    if not isinstance(item, Item):
        raise PluginContractError(f"discover() gab {type(item).__name__} zurück, nicht Item")
    _check_fields(ITEM, item, "discover()")
    if item.source_id != source.id or not item.key:
        raise PluginContractError(
            f"discover() gab ein Item von {item.source_id!r} mit dem Schlüssel {item.key!r} zurück"
        )


def _check_fields(kind: TypeAdapter[Any], value: object, call: str) -> None:
    """Make sure that every field has its type and can be written: the archive takes all of a batch or nothing.

    Raises PluginContractError naming the plugin's `call`, the class and the field.
    """
    try:
        kind.validate_json(kind.dump_json(value, warnings="error"))
    except ValidationError as error:
        problem = error.errors()[0]
        why = f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
    except PydanticSerializationError as error:
        why = " ".join(str(error).split())
    else:
        return
    raise PluginContractError(f"{call} gab einen ungültigen Wert ({type(value).__name__}) zurück: {why}")


def _check(finding: Finding, article: Article) -> None:
    """Every span slices back to its text; a tag without evidence is no tag."""
    if type(finding) not in FINDINGS:
        raise PluginContractError(f"classify() gab {type(finding).__name__} zurück")
    _check_fields(FINDINGS[type(finding)], finding, "classify()")
    if isinstance(finding, Tag):
        name = f"{finding.axis}={finding.value}"
        if not finding.evidence:
            raise PluginContractError(f"Tag {name} ohne Beleg")
        if not 0 <= finding.score <= 1:
            raise PluginContractError(f"Tag {name}: score {finding.score} liegt nicht zwischen 0 und 1")
        for span in (*finding.evidence, *(keyword.evidence for keyword in finding.keywords)):
            field = article.title or "" if span.field == "title" else article.text
            if not 0 <= span.start < span.end or field[span.start : span.end] != span.text:
                raise PluginContractError(f"Beleg von {name} stimmt nicht: {span.text!r} steht nicht an {span.start}")
    elif not 0 <= finding.start < finding.end <= len(article.text):
        raise PluginContractError(f"Spanne {finding.start}–{finding.end} liegt außerhalb des Textes")


def _failure(
    capture: Capture, stage: Stage, error: BaseException, entry: Entry[Cleaner] | Entry[Classifier]
) -> Failure:
    reason = error.message if isinstance(error, ArchivePipelineError) else f"{type(error).__name__}: {error}"
    expected = isinstance(error, ArchivePipelineError) and not isinstance(error, PluginContractError)
    return Failure(
        source_id=capture.source_id,
        key=capture.key,
        stage=stage,
        reason=reason if expected else f"{entry.name}: {reason}",
        plugin=None if expected else entry.plugin,
    )
