"""archive_pipeline: press releases into a tagged, full-text indexed archive.

The names below are the public interface: for plugins, scripts and notebooks. They are imported when first used, so
that the command line starts fast. `archive_pipeline.testing` holds what plugin authors test with.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archive_pipeline.address import canonical_url
    from archive_pipeline.errors import (
        ArchivePipelineError,
        ClassifyError,
        CleanError,
        EmptySelectorError,
        FetchError,
        NeedsJavaScriptError,
        Quarantine,
        RefusedError,
        Skip,
        TooLargeError,
        TransientFetchError,
    )
    from archive_pipeline.fetch.attachments import capture_page
    from archive_pipeline.fetch.feed import FeedFetcher
    from archive_pipeline.fetch.options import HttpOptions
    from archive_pipeline.hookspecs import API_VERSION, hookimpl
    from archive_pipeline.model import (
        Article,
        Attachment,
        Axis,
        Capture,
        CaptureResult,
        Credit,
        Doubt,
        Evidence,
        Failure,
        Gone,
        Item,
        Keyword,
        Location,
        Person,
        Quote,
        Refused,
        Release,
        Removed,
        Request,
        RobotsOverride,
        Role,
        RunReport,
        Snooze,
        Source,
        SourceReport,
        Tag,
        Unmodified,
        Vocabulary,
        VocabularyEntry,
    )
    from archive_pipeline.opening import Archive, Hits
    from archive_pipeline.opening import open_archive as open
    from archive_pipeline.protocols import (
        Classifier,
        Cleaner,
        EngineHit,
        EngineResult,
        Explainer,
        Exporter,
        FacetCount,
        FetchContext,
        Fetcher,
        Index,
        IndexDocument,
        IndexEngine,
        Page,
        SearchRequest,
    )
    from archive_pipeline.registry import Registry

_HOME = {
    "address": ("canonical_url",),
    "errors": (
        "ArchivePipelineError",
        "ClassifyError",
        "CleanError",
        "EmptySelectorError",
        "FetchError",
        "NeedsJavaScriptError",
        "Quarantine",
        "RefusedError",
        "Skip",
        "TooLargeError",
        "TransientFetchError",
    ),
    "fetch.attachments": ("capture_page",),
    "fetch.feed": ("FeedFetcher",),
    "fetch.options": ("HttpOptions",),
    "hookspecs": ("API_VERSION", "hookimpl"),
    "model": (
        "Article",
        "Attachment",
        "Axis",
        "Capture",
        "CaptureResult",
        "Credit",
        "Doubt",
        "Evidence",
        "Failure",
        "Gone",
        "Item",
        "Keyword",
        "Location",
        "Person",
        "Quote",
        "Refused",
        "Release",
        "Removed",
        "Request",
        "RobotsOverride",
        "Role",
        "RunReport",
        "Snooze",
        "Source",
        "SourceReport",
        "Tag",
        "Unmodified",
        "Vocabulary",
        "VocabularyEntry",
    ),
    "opening": ("Archive", "Hits"),
    "protocols": (
        "Classifier",
        "Cleaner",
        "EngineHit",
        "EngineResult",
        "Explainer",
        "Exporter",
        "FacetCount",
        "FetchContext",
        "Fetcher",
        "Index",
        "IndexDocument",
        "IndexEngine",
        "Page",
        "SearchRequest",
    ),
    "registry": ("Registry",),
}
_MODULES = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "API_VERSION",
    "Archive",
    "ArchivePipelineError",
    "Article",
    "Attachment",
    "Axis",
    "Capture",
    "CaptureResult",
    "Classifier",
    "ClassifyError",
    "CleanError",
    "Cleaner",
    "Credit",
    "Doubt",
    "EmptySelectorError",
    "EngineHit",
    "EngineResult",
    "Evidence",
    "Explainer",
    "Exporter",
    "FacetCount",
    "Failure",
    "FeedFetcher",
    "FetchContext",
    "FetchError",
    "Fetcher",
    "Gone",
    "Hits",
    "HttpOptions",
    "Index",
    "IndexDocument",
    "IndexEngine",
    "Item",
    "Keyword",
    "Location",
    "NeedsJavaScriptError",
    "Page",
    "Person",
    "Quarantine",
    "Quote",
    "Refused",
    "RefusedError",
    "Registry",
    "Release",
    "Removed",
    "Request",
    "RobotsOverride",
    "Role",
    "RunReport",
    "SearchRequest",
    "Skip",
    "Snooze",
    "Source",
    "SourceReport",
    "Tag",
    "TooLargeError",
    "TransientFetchError",
    "Unmodified",
    "Vocabulary",
    "VocabularyEntry",
    "canonical_url",
    "capture_page",
    "hookimpl",
    "open",
]


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name == "open":
        return import_module(f"{__name__}.opening").open_archive
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
