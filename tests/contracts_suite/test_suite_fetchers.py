"""Every fetcher keeps the contract: those of the core and the wordpress plugin."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from archive_pipeline_plugins.wordpress import WordPressFetcher, WordPressOptions

from archive_pipeline import Source
from archive_pipeline.fetch.feed import FeedFetcher, FeedOptions
from archive_pipeline.fetch.folder import FolderFetcher, FolderOptions
from archive_pipeline.fetch.listing import ListingFetcher, ListingOptions
from archive_pipeline.fetch.sitemap import SitemapFetcher, SitemapOptions
from archive_pipeline.plugin_manager import load_plugins
from archive_pipeline.testing import Answer, FetcherContract, Reply

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "plugins" / "wordpress" / "fixtures"
SAMPLE = ROOT / "archive_pipeline" / "sample" / "site"
SITE = "https://landfrauen-lippe.example"
POSTS = f"{SITE}/wp-json/wp/v2/posts?per_page=100&page=1&orderby=modified&_fields=link,date,modified_gmt,title"


class TestFolder(FetcherContract):
    subject = FolderFetcher()
    source = Source(id="probe", path="releases", options=FolderOptions())
    base = SAMPLE


class TestFeed(FetcherContract):
    subject = FeedFetcher()
    source = Source(id="probe", url=f"{SITE}/feed/", options=FeedOptions())
    answers: ClassVar[Mapping[str, Answer]] = {source.url or "": FIXTURES / "feed.xml"}


class TestJsonFeed(FetcherContract):
    subject = FeedFetcher()
    source = Source(id="probe", url=f"{SITE}/feed/json", options=FeedOptions())
    answers: ClassVar[Mapping[str, Answer]] = {
        source.url or "": Reply(
            body=b'{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "url": "/presse/1"}]}',
            media_type="application/feed+json",
        )
    }


class TestSitemap(FetcherContract):
    subject = SitemapFetcher()
    source = Source(id="probe", url="http://sample.invalid/sitemap.xml", options=SitemapOptions())
    answers: ClassVar[Mapping[str, Answer]] = {source.url or "": SAMPLE / "sitemap.xml"}


class TestSitemapOfASite(FetcherContract):
    subject = SitemapFetcher()
    source = Source(id="probe", url="http://sample.invalid/", fetcher="sitemap", options=SitemapOptions())
    answers: ClassVar[Mapping[str, Answer]] = {
        "http://sample.invalid/robots.txt": SAMPLE / "robots.txt",
        "http://sample.invalid/sitemap.xml": SAMPLE / "sitemap.xml",
    }


class TestListing(FetcherContract):
    subject = ListingFetcher()
    source = Source(
        id="probe",
        url="http://sample.invalid/presse/kommunen/",
        fetcher="listing",
        options=ListingOptions(items="li.eintrag", date=".datum", next="a[rel=next]"),
    )
    answers: ClassVar[Mapping[str, Answer]] = {
        source.url or "": SAMPLE / "presse" / "kommunen" / "index.html",
        "http://sample.invalid/presse/kommunen/seite-2.html": SAMPLE / "presse" / "kommunen" / "seite-2.html",
    }


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
    tested = {type(case.subject) for case in (TestFolder, TestFeed, TestSitemap, TestListing, TestWordPress)}
    assert {type(entry.obj) for entry in load_plugins(None, {}).fetchers} == tested
