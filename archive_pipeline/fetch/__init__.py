"""Fetchers and what they work with: `context` is their way to network and archive, `http` the one client behind it,
`transport` the guarded way to the network, `robots` what hosts permit; `folder`, `feed` (with `json_feed`), `sitemap`
and `listing` are the built-in kinds of sources, `discovery` is what the last three share.
"""

from archive_pipeline.fetch.context import History, SourceContext
from archive_pipeline.fetch.feed import FeedFetcher
from archive_pipeline.fetch.folder import FolderFetcher
from archive_pipeline.fetch.http import HttpClient, Timeouts
from archive_pipeline.fetch.options import HttpOptions
from archive_pipeline.fetch.robots import Robots

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
