"""Every fetcher keeps the contract: those of the core and the wordpress plugin."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from archive_pipeline_plugins.wordpress import WordPressFetcher, WordPressOptions

from archive_pipeline import Source
from archive_pipeline.fetch.feed import FeedFetcher, FeedOptions
from archive_pipeline.fetch.folder import FolderFetcher, FolderOptions
from archive_pipeline.plugin_manager import load_plugins
from archive_pipeline.testing import Answer, FetcherContract, Reply

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "plugins" / "wordpress" / "fixtures"
SITE = "https://landfrauen-lippe.example"
POSTS = f"{SITE}/wp-json/wp/v2/posts?per_page=100&page=1&orderby=modified&_fields=link,date,modified_gmt,title"


class TestFolder(FetcherContract):
    subject = FolderFetcher()
    source = Source(id="probe", path="releases", options=FolderOptions())
    base = ROOT / "archive_pipeline" / "sample" / "site"


class TestFeed(FetcherContract):
    subject = FeedFetcher()
    source = Source(id="probe", url=f"{SITE}/feed/", options=FeedOptions())
    answers: ClassVar[Mapping[str, Answer]] = {source.url or "": FIXTURES / "feed.xml"}


class TestWordPress(FetcherContract):
    subject = WordPressFetcher()
    source = Source(id="probe", url=SITE, fetcher="wordpress", options=WordPressOptions())
    answers: ClassVar[Mapping[str, Answer]] = {
        POSTS: Reply(
            body=(FIXTURES / "posts.json").read_bytes(),
            media_type="application/json",
            headers=(("X-WP-Total", "5"), ("X-WP-TotalPages", "1")),
        )
    }


class TestWordPressWithoutInterface(FetcherContract):
    subject = WordPressFetcher()
    source = Source(id="probe", url=SITE, fetcher="wordpress", options=WordPressOptions())
    answers: ClassVar[Mapping[str, Answer]] = {f"{SITE}/feed/": FIXTURES / "feed.xml"}


def test_no_registered_fetcher_is_forgotten() -> None:
    tested = {type(case.subject) for case in (TestFolder, TestFeed, TestWordPress)}
    assert {type(entry.obj) for entry in load_plugins(None, {}).fetchers} == tested
