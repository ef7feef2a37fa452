"""Source plugin `wordpress`: press releases of a site that runs on WordPress.

`url` in sources.toml is the site's root. The list of posts comes from the REST interface, which also tells what
changed; where that is switched off, from the RSS feed, which holds the newest posts only. Where themes put the body of
a post stands in rules.toml.
"""

from archive_pipeline import Fetcher, Registry, hookimpl

from .fetcher import WordPressFetcher, WordPressOptions

__all__ = ["WordPressFetcher", "WordPressOptions", "archive_pipeline_api"]

archive_pipeline_api = 1


@hookimpl
def register_fetchers(registry: Registry[Fetcher]) -> None:
    """Sources on WordPress."""
    registry.add("wordpress", WordPressFetcher())
