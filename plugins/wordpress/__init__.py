"""Source plugin `wordpress`: press releases of a site that runs on WordPress.

`url` in sources.toml is the site's root. The list of posts comes from the REST interface, which also tells what
changed; where that is switched off, from the RSS feed, which holds the newest posts only.
"""

from pathlib import Path

from archive_pipeline import Article, Cleaner, Fetcher, Page, Registry, SiteProfile, Source, hookimpl

from .fetcher import WordPressFetcher, WordPressOptions

__all__ = ["ThemeProfile", "WordPressFetcher", "WordPressOptions", "archive_pipeline_api"]

archive_pipeline_api = 1

NAME = "wordpress"
SITE_PROFILE = 100
"""The order slot of site profiles."""


class ThemeProfile:
    """The site profile of WordPress themes. It fits any host, so it is kept to the sources of this plugin."""

    def __init__(self, profile: Cleaner) -> None:
        self._profile = profile

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article with the body that the theme marks; unchanged where it marks none."""
        return self._profile.clean(article, page, source) if source.fetcher == NAME else article


@hookimpl
def register_fetchers(registry: Registry[Fetcher]) -> None:
    """Sources on WordPress."""
    registry.add(NAME, WordPressFetcher())


@hookimpl
def register_cleaners(registry: Registry[Cleaner]) -> None:
    """Where WordPress themes put the body of a post."""
    profile = SiteProfile.load(Path(__file__).with_name("rules.toml"))
    registry.add(f"profile:{NAME}", ThemeProfile(profile), order=SITE_PROFILE)
