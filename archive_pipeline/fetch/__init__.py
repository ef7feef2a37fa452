"""Fetchers and what they work with: `context` is their way to network and archive, `http` the one client behind it,
`transport` the guarded way to the network, `robots` what hosts permit; `folder`, `feed` (with `json_feed`), `sitemap`
and `listing` are the built-in kinds of sources, `discovery` is what the last three share.

What is named here is imported when first used: a process that only cleans and classifies needs to know how settings of
sources are formed, and no way to the network.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archive_pipeline.fetch.context import History, SourceContext
    from archive_pipeline.fetch.feed import FeedFetcher
    from archive_pipeline.fetch.folder import FolderFetcher
    from archive_pipeline.fetch.http import HttpClient, Timeouts
    from archive_pipeline.fetch.options import HttpOptions
    from archive_pipeline.fetch.robots import Robots

_MODULES = {
    "FeedFetcher": "feed",
    "FolderFetcher": "folder",
    "History": "context",
    "HttpClient": "http",
    "HttpOptions": "options",
    "Robots": "robots",
    "SourceContext": "context",
    "Timeouts": "http",
}

__all__ = [
    "FeedFetcher",
    "FolderFetcher",
    "History",
    "HttpClient",
    "HttpOptions",
    "Robots",
    "SourceContext",
    "Timeouts",
]


def __getattr__(name: str) -> object:
    """Import a name on first use (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
