"""Clean and classify one capture: pure, and the same in this process or in a worker.

Together with the plugin manager this is the only place that catches everything: a document that breaks a cleaner
or a classifier fails alone, and the failure names the plugin.
"""

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Literal, TypeVar

from archive_pipeline.clean.page import CapturePage
from archive_pipeline.errors import ArchivePipelineError, PluginContractError, Quarantine, Skip
from archive_pipeline.model import Article, Capture, Failure, Finding, Person, Processed, Quote, Source, Tag
from archive_pipeline.plugin_manager import PluginManager
from archive_pipeline.protocols import Classifier, Cleaner
from archive_pipeline.registry import Entry

__all__ = ["process"]

GATE = "gate"
"""The name of the cleaner that a source with `gate = false` goes without."""

Stage = Literal["clean", "classify"]
FindingT = TypeVar("FindingT", Tag, Person, Quote)


def process(capture: Capture, source: Source, plugins: PluginManager) -> Processed:
    """Clean, then classify. Never raises: what went wrong stands in `status`, `reason` and `failures`.

    A quarantined document goes the whole way too, so that a person who looks at it sees every field.
    """
    page = CapturePage(capture)
    result = Processed(status="accepted", article=Article(url=capture.url, media_type=capture.media_type))
    timings: dict[str, float] = {}
    for step in plugins.cleaners:
        if step.name == GATE and not source.gate:
            continue
        result = _timed_clean(step, result, page, source, timings)
        if result.status in {"skipped", "failed"}:
            return replace(result, timings=timings)
    for entry in plugins.classifiers:
        result = _timed_classify(entry, result, capture, source, timings)
    return replace(result, timings=timings)


def _timed_clean(
    step: Entry[Cleaner], result: Processed, page: CapturePage, source: Source, timings: dict[str, float]
) -> Processed:
    started = perf_counter()
    assert result.article is not None
    try:
        article = step.obj.clean(result.article, page, source)
        if not isinstance(article, Article):
            raise PluginContractError(f"clean() gab {type(article).__name__} zurück, nicht Article")
    except Skip as skip:
        return replace(result, status="skipped", reason=skip.reason)
    except Quarantine as quarantine:
        return replace(result, status="quarantined", reason=result.reason or quarantine.reason)
    except Exception as error:  # noqa: BLE001 - a document fails alone
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
        findings = entry.obj.classify(result.article, source)
        for finding in findings:
            _check(finding, result.article)
    except Exception as error:  # noqa: BLE001 - a document loses one classifier's findings, not more
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


def _check(finding: Finding, article: Article) -> None:
    """Every span slices back to its text; a tag without evidence is no tag."""
    if isinstance(finding, Tag):
        if not finding.evidence:
            raise PluginContractError(f"Tag {finding.axis}={finding.value} ohne Beleg")
        for span in finding.evidence:
            field = article.title or "" if span.field == "title" else article.text
            if field[span.start : span.end] != span.text or not span.text:
                raise PluginContractError(
                    f"Beleg von {finding.axis}={finding.value} stimmt nicht: {span.text!r} steht nicht an {span.start}"
                )
    elif isinstance(finding, Person | Quote):
        if not 0 <= finding.start < finding.end <= len(article.text):
            raise PluginContractError(f"Spanne {finding.start}–{finding.end} liegt außerhalb des Textes")
    else:
        raise PluginContractError(f"classify() gab {type(finding).__name__} zurück")


def _failure(capture: Capture, stage: Stage, error: Exception, entry: Entry[Cleaner] | Entry[Classifier]) -> Failure:
    reason = error.message if isinstance(error, ArchivePipelineError) else f"{type(error).__name__}: {error}"
    expected = isinstance(error, ArchivePipelineError) and not isinstance(error, PluginContractError)
    return Failure(
        source_id=capture.source_id,
        key=capture.key,
        stage=stage,
        reason=reason if expected else f"{entry.name}: {reason}",
        plugin=None if expected else entry.plugin,
    )
