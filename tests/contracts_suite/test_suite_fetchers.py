"""Every fetcher keeps the contract: those of the core and of the first-party plugins.

Presets are put through it with their own fixtures, by tests/plugins/test_first_party_rules.py; the fetcher oparl by
tests/plugins/test_oparl_fetch.py.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from archive_pipeline_plugins.oparl import OParlFetcher
from archive_pipeline_plugins.wordpress import WordPressFetcher, WordPressOptions

from archive_pipeline import FetchError, Source
from archive_pipeline.fetch.feed import FeedFetcher, FeedOptions
from archive_pipeline.fetch.folder import FolderFetcher, FolderOptions
from archive_pipeline.fetch.imap import ImapFetcher, ImapOptions
from archive_pipeline.fetch.listing import ListingFetcher, ListingOptions
from archive_pipeline.fetch.mail import MailFetcher
from archive_pipeline.fetch.mail_parts import MailOptions
from archive_pipeline.fetch.preset import PresetFetcher
from archive_pipeline.fetch.sitemap import SitemapFetcher, SitemapOptions
from archive_pipeline.fetch.web_archive import WebArchiveFetcher, WebArchiveOptions
from archive_pipeline.plugin_manager import load_plugins
from archive_pipeline.testing import Answer, FetcherContract, Reply, replay

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


class TestMail(FetcherContract):
    subject = MailFetcher()
    source = Source(id="probe", path="letters", fetcher="mail", options=MailOptions())
    base = ROOT / "tests" / "mail"


class TestWebArchive(FetcherContract):
    subject = WebArchiveFetcher()
    source = Source(id="probe", path="crawl.warc", fetcher="warc", options=WebArchiveOptions())

    @pytest.fixture(autouse=True)
    def _crawl(self, tmp_path: Path) -> None:
        body = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<h1>Freibad \xc3\xb6ffnet</h1>"
        head = (
            "WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:0f0a1b2c-0000-4000-8000-000000000001>\r\n"
            "WARC-Target-URI: https://presse.example/1\r\nWARC-Date: 2024-05-17T12:00:00Z\r\n"
            f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        (tmp_path / "crawl.warc").write_bytes(head.encode() + body + b"\r\n\r\n")
        self.base = tmp_path


def test_a_mailbox_on_a_server() -> None:
    """No replayed answers speak IMAP; tests/mail has a server."""
    suite = FetcherContract()
    suite.subject = ImapFetcher()
    suite.source = Source(id="probe", fetcher="imap", options=ImapOptions(host="mail.presse.example", user="archiv"))
    suite.test_states_its_settings()
    suite.test_claims_look_at_the_address_only()
    with pytest.raises(FetchError):
        list(suite.subject.discover(suite.source, replay()))


def test_no_registered_fetcher_is_forgotten() -> None:
    cases = (TestFolder, TestFeed, TestSitemap, TestListing, TestWordPress, TestMail, TestWebArchive)
    elsewhere = {ImapFetcher, OParlFetcher, PresetFetcher}
    tested = {type(case.subject) for case in cases}
    assert {type(entry.obj) for entry in load_plugins(None, {}).fetchers} == tested | elsewhere
