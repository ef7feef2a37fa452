"""The built-in cleaners as the pipeline runs them: in order, stopping where one refuses the document."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from archive_pipeline.clean import CapturePage, cleaners
from archive_pipeline.errors import CleanError, Quarantine
from archive_pipeline.model import Article, Capture, Source
from archive_pipeline.protocols import Cleaner

STEPS = tuple((name, cleaner) for name, cleaner, _ in sorted(cleaners(), key=lambda step: (step[2], step[0])))


@dataclass(frozen=True)
class Cleaned:
    """How cleaning one document ended, and the article before and after every step."""

    status: str
    reason: str
    article: Article
    steps: tuple[tuple[str, Article, Article], ...]


def capture_of(
    body: bytes,
    *,
    key: str = "meldung.html",
    url: str | None = None,
    media_type: str | None = "text/html",
    charset: str | None = None,
    published: str | None = None,
    title: str | None = None,
) -> Capture:
    return Capture(
        source_id="probe",
        key=key,
        target=url or f"urn:probe:{key}",
        body=body,
        sha256="",
        captured_at=datetime(2026, 11, 22, tzinfo=UTC),
        record_id="<urn:uuid:0>",
        url=url,
        media_type=media_type,
        charset=charset,
        published=published,
        title=title,
    )


def run_chain(
    capture: Capture, start: Article | None = None, steps: tuple[tuple[str, Cleaner], ...] = STEPS
) -> Cleaned:
    page, source = CapturePage(capture), Source(id="probe")
    article = start or Article()
    trace = []
    status, reason = "accepted", ""
    for name, cleaner in steps:
        try:
            after = cleaner.clean(article, page, source)
        except Quarantine as quarantine:
            status, reason = "quarantined", reason or quarantine.reason
            continue
        except CleanError as error:
            return Cleaned("failed", error.message, article, tuple(trace))
        trace.append((name, article, after))
        article = after
    return Cleaned(status, reason, article, tuple(trace))


@pytest.fixture
def clean() -> Callable[..., Cleaned]:
    """Clean bytes with keyword arguments of a capture."""

    def run(body: bytes, **capture: object) -> Cleaned:
        return run_chain(capture_of(body, **capture))  # type: ignore[arg-type]

    return run


@pytest.fixture
def chain() -> Callable[..., Cleaned]:
    """Clean with one more step behind the guard, as a plugin adds it."""

    def run(step: Cleaner, *, body: bytes, start: Article | None = None, **capture: object) -> Cleaned:
        steps = (STEPS[0], ("plugin", step), *STEPS[1:])
        return run_chain(capture_of(body, **capture), start, steps)  # type: ignore[arg-type]

    return run


@pytest.fixture
def clean_again() -> Callable[..., Cleaned]:
    """Clean an article that went through the chain once more, with its own capture."""

    def run(article: Article, body: bytes, **capture: object) -> Cleaned:
        return run_chain(capture_of(body, **capture), replace(article, removed=()))  # type: ignore[arg-type]

    return run


@pytest.fixture
def page_of() -> Callable[..., CapturePage]:
    """The page of bytes with keyword arguments of a capture."""

    def make(body: bytes, **capture: object) -> CapturePage:
        return CapturePage(capture_of(body, **capture))  # type: ignore[arg-type]

    return make
