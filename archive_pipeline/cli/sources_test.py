"""`sources test`: what a source would bring, stage by stage, on two of its items. Nothing is stored."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import click

from archive_pipeline.archive.profiles import PROFILES, newest_profiles
from archive_pipeline.cli.looking import Looking, looking
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.outline import out_line
from archive_pipeline.cli.runs import OUTCOMES
from archive_pipeline.cli.wording import AXES, ROLES, german_date, german_number, shorten
from archive_pipeline.discovering.trying import Sample, capture_item, discover_items
from archive_pipeline.discovering.webpage import one_line
from archive_pipeline.errors import ArchivePipelineError
from archive_pipeline.language.days import parse_iso
from archive_pipeline.model import Article, Axis, Item, Request, Role, Source

__all__ = ["test"]

LISTED = 20
"""Items that are listed at most: about one page of most lists."""

SHORT = 200
"""Characters of a text below which it is hardly a whole release."""

FAR = 2
"""Days that the date of a list and that of a page may differ."""

SHOWN_REQUESTS = 30
WIDTH, INDENT = 80, 14
EXCERPT = 300
VERDICTS = {"accepted": "angenommen", "quarantined": "Quarantäne", "skipped": "übergangen", "failed": "gescheitert"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something a person should look at: in which stage, what, and the next step."""

    stage: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What the test of one source came to. `error` is what ended it, if anything did."""

    source: Source
    items: tuple[Item, ...]
    samples: tuple[Sample, ...]
    seconds: float
    requests: tuple[Request, ...]
    error: ArchivePipelineError | None = None


@click.command(short_help="zeigt, was eine Quelle liefert; speichert nichts")
@click.argument("source_id", metavar="QUELLE")
@click.option("--limit", type=click.IntRange(1, 20), default=2, show_default=True, help="so viele Einträge erfassen")
@click.option("--json", "as_json", is_flag=True, help="ein JSON-Objekt")
@click.pass_context
def test(ctx: click.Context, source_id: str, limit: int, as_json: bool) -> None:
    """Geht mit einigen Einträgen einer Quelle den ganzen Weg und zeigt jeden Schritt; gespeichert wird nichts.

    Exitcode 0: mindestens ein Eintrag ergab eine Mitteilung; 6: der Abruf ist nicht erlaubt; sonst 1.
    """
    settings: Settings = ctx.obj
    with looking(settings) as look:
        source = look.archive.source(source_id)
        learned = newest_profiles(look.archive.archive.path / PROFILES).get(source_id)
        result = _tried(replace(source, profile=learned), look, limit)
    problems = tuple(_problems(result))
    if as_json:
        click.echo(json.dumps(_as_json(result, problems), ensure_ascii=False))
    else:
        _show(result, problems)
    ctx.exit(_exit_code(result))


def _tried(source: Source, look: Looking, limit: int) -> Result:
    started = perf_counter()
    items: tuple[Item, ...] = ()
    samples: list[Sample] = []
    error: ArchivePipelineError | None = None
    seconds = 0.0
    try:
        items, error = discover_items(source, look.session, look.plugins, max(LISTED, limit))
        seconds = perf_counter() - started
        for item in items[:limit]:
            samples.append(capture_item(item, source, look.session, look.plugins))
    except ArchivePipelineError as failure:
        error = failure
        seconds = seconds or perf_counter() - started
    return Result(
        source=source,
        items=items,
        samples=tuple(samples),
        seconds=seconds,
        requests=tuple(look.session.requests),
        error=error,
    )


def _exit_code(result: Result) -> int:
    if any(sample.accepted for sample in result.samples):
        return 0
    return result.error.exit_code if result.error else 1


def _problems(result: Result) -> Iterator[Problem]:
    """What went wrong or looks wrong, with the next step."""
    source = result.source
    if result.error is not None:
        yield Problem(stage="discover", message=result.error.message, hint=result.error.hint)
    elif not result.items:
        yield Problem(stage="discover", message="die Quelle bietet nichts an", hint=_for_empty(source))
    for sample in result.samples:
        yield from _of_sample(sample, source)
    if any(sample.accepted for sample in result.samples) and not _has_issuer(result.samples):
        yield Problem(
            stage="classify",
            message="kein Absender erkannt: weder Kreis noch Partei noch Organisation",
            hint="district, party oder organisation der Quelle setzen",
        )
    if source.url and source.legal_basis is None:
        yield Problem(
            stage="source",
            message="legal_basis fehlt: ein Nutzungsvorbehalt des Herausgebers verhindert das Erfassen",
            hint='legal_basis der Quelle setzen, etwa "60d"',
        )
    if source.schedule is None and source.url:
        yield Problem(stage="source", message="kein Zeitplan: run --due besucht sie nie", hint='schedule = "1d" setzen')
    if not source.enabled:
        hint = f"archive-pipeline sources enable {source.id}"
        yield Problem(stage="source", message="die Quelle ist abgeschaltet", hint=hint)


def _for_empty(source: Source) -> str:
    if source.path:
        return "Ordner und include der Quelle prüfen"
    return f"archive-pipeline sources discover {source.url}" if source.url else "Einstellungen der Quelle prüfen"


def _of_sample(sample: Sample, source: Source) -> Iterator[Problem]:
    where = sample.item.url or sample.item.key
    if sample.processed is None:
        yield Problem(stage="capture", message=f"{where}: {sample.reason}", hint=sample.hint)
        return
    look = f"archive-pipeline try {where} --diff" if sample.item.url else ""
    if not sample.accepted:
        word = VERDICTS[sample.processed.status]
        yield Problem(stage="clean", message=f"{where}: {word}: {sample.reason}", hint=look)
        return
    article = sample.processed.article or Article()
    if not article.title:
        yield Problem(stage="clean", message=f"{where}: kein Titel erkannt", hint=look)
    if article.published is None:
        yield Problem(stage="clean", message=f"{where}: kein Datum erkannt", hint=look)
    elif (stated := parse_iso(sample.item.published or "")) and abs((stated - article.published).days) > FAR:
        message = f"{where}: die Liste nennt den {german_date(stated)}, die Seite den {german_date(article.published)}"
        yield Problem(stage="clean", message=message, hint=look)
    if len(article.text) < SHORT:
        yield Problem(stage="clean", message=f"{where}: nur {len(article.text)} Zeichen Text", hint=look)
    for failure in sample.processed.failures:
        yield Problem(stage=failure.stage, message=f"{where}: {failure.reason}", hint=failure.hint)


def _has_issuer(samples: Sequence[Sample]) -> bool:
    tags = (tag for sample in samples if sample.processed for tag in sample.processed.tags)
    return any(tag.role is Role.ISSUER and tag.score >= 0.5 for tag in tags)


def _show(result: Result, problems: Sequence[Problem]) -> None:
    source = result.source
    _line("Quelle", f"{source.id} ({source.fetcher}) {source.url or source.path or ''}")
    more = " oder mehr" if len(result.items) >= LISTED else ""
    days = sorted(item.published for item in result.items if item.published)
    newest = f", der neueste vom {german_date(parse_iso(days[-1]))}" if days else ""
    _line("Auflisten", f"{len(result.items)}{more} Einträge in {german_number(result.seconds)} s{newest}")
    for number, sample in enumerate(result.samples, start=1):
        click.echo(f"\n{number}. {one_line(sample.item.url or sample.item.key)}")
        _show_sample(sample)
    if result.requests:
        click.echo(f"\nAbrufe ({len(result.requests)})")
        for request in result.requests[:SHOWN_REQUESTS]:
            _show_request(request)
        if len(result.requests) > SHOWN_REQUESTS:
            click.echo(f"  und {len(result.requests) - SHOWN_REQUESTS} weitere")
    click.echo("\nProbleme" if problems else "\nKeine Probleme")
    for problem in problems:
        hint = [f"Abhilfe: {problem.hint}"] if problem.hint else []
        for number, line in enumerate(map(one_line, (problem.message, *hint))):
            first = "    " if number else "  - "
            wrapped = textwrap.wrap(
                line,
                WIDTH,
                initial_indent=first,
                subsequent_indent="    ",
                break_long_words=False,
                break_on_hyphens=False,
            )
            click.echo("\n".join(wrapped))


def _show_sample(sample: Sample) -> None:
    capture, processed = sample.capture, sample.processed
    if capture is None or processed is None:
        _line("Erfassen", sample.reason)
        return
    answer = f"HTTP {capture.status}, " if capture.status else ""
    attached = f", {sample.attachments} Anhänge" if sample.attachments else ""
    kind = capture.media_type or "ohne Typ"
    seconds = german_number(sample.seconds)
    _line("Erfassen", f"{answer}{kind}, {_size(len(capture.body))} in {seconds} s{attached}")
    spent = sum(processed.timings.values())
    reason = f": {sample.reason}" if sample.reason else ""
    _line("Reinigen", f"{VERDICTS[processed.status]}{reason} ({spent:.0f} ms mit Verschlagwortung)")
    article = processed.article or Article()
    _line("Titel", article.title or "–")
    _line("Datum", f"{german_date(article.published)} ({article.published_source or 'unbekannt'})")
    _line("Text", f"{len(article.text)} Zeichen: „{shorten(article.text, EXCERPT)}“")
    for axis in Axis:
        for tag in processed.tags:
            if tag.axis == axis:
                spans = ", ".join(f"„{shorten(span.text, 30)}“ {span.start}–{span.end}" for span in tag.evidence[:2])
                _line(AXES[axis], f"{tag.label} ({tag.value}) · {ROLES[tag.role]} · {tag.score:.2f} · {spans}")
    rules = dict.fromkeys(span.rule for span in article.removed)
    for rule in rules:
        texts = [span.text for span in article.removed if span.rule == rule]
        _line("Entfernt", f"{rule}: {len(texts)}-mal, {sum(map(len, texts))} Zeichen: „{shorten(texts[0], 60)}“")


def _show_request(request: Request) -> None:
    status = f" {request.status}" if request.status else ""
    size, seconds = _size(request.received), german_number(request.seconds)
    click.echo(f"  {request.url}")
    detail = f": {request.detail}" if request.detail else ""
    click.echo(f"    {OUTCOMES[request.outcome]}{status}, {size}, {seconds} s{detail}")


def _size(count: int) -> str:
    return f"{count} Bytes" if count < 10_000 else f"{count // 1000} kB"


def _line(name: str, value: str) -> None:
    """One fact, wrapped so that its lines stand below one another; what can't be broken stays whole."""
    lines = textwrap.wrap(one_line(value), WIDTH - INDENT, break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(lines or [""]):
        click.echo(f"{'' if number else name:<{INDENT - 1}} {line}".rstrip())


def _as_json(result: Result, problems: Sequence[Problem]) -> dict[str, Any]:
    return {
        "schema": "apl/source-test/1",
        "type": "source_test",
        "source": result.source.id,
        "fetcher": result.source.fetcher,
        "discover": {
            "items": len(result.items),
            "seconds": round(result.seconds, 3),
            "error": result.error.message if result.error else None,
        },
        "items": [_sample_json(sample) for sample in result.samples],
        "requests": [
            {
                "url": request.url,
                "at": request.at.isoformat(),
                "outcome": request.outcome,
                "status": request.status,
                "received": request.received,
                "seconds": round(request.seconds, 3),
                "detail": request.detail,
            }
            for request in result.requests
        ],
        "problems": [{"stage": one.stage, "message": one.message, "hint": one.hint} for one in problems],
        "exit_code": _exit_code(result),
    }


def _sample_json(sample: Sample) -> dict[str, Any]:
    item, capture = sample.item, sample.capture
    found: dict[str, Any] = {
        "key": item.key,
        "listed_title": item.title,
        "listed_published": item.published,
        "http_status": capture.status if capture else None,
        "media_type": capture.media_type if capture else None,
        "bytes": len(capture.body) if capture else None,
        "attachments": sample.attachments,
        "seconds": round(sample.seconds, 3),
    }
    if sample.processed is None:
        return {**found, "status": "failed", "reason": sample.reason}
    return {**found, **out_line(item.key, sample.processed, details=True)}
