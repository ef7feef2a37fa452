"""JSON Feed in the fetcher `feed`, over a real connection."""

import json

import pytest

from archive_pipeline.errors import FetchError
from archive_pipeline.fetch.feed import FeedFetcher, FeedOptions
from archive_pipeline.model import Item, Source

FEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "Presse",
    "home_page_url": "http://amt.example/",
    "items": [
        {
            "id": "p1",
            "url": "http://amt.example/presse/1?utm_source=feed",
            "title": "Bürgerbüro &quot;neu&quot; <b>offen</b>",
            "content_text": "Text",
            "date_published": "2026-11-19T23:30:00Z",
            "date_modified": "2026-11-21T08:00:00+01:00",
        },
        {"id": "p2", "url": "/presse/2", "content_html": "<p>Ohne Titel</p>", "date_published": "2026-11-18T08:00:00"},
        {"id": "http://amt.example/presse/3", "title": "Nur eine id"},
        {"id": 4, "external_url": "http://amt.example/presse/4", "date_modified": "bald"},
        {"id": "presse/5", "title": "Eine id, die keine Adresse ist"},
        {"id": "p1-noch-einmal", "url": "http://amt.example/presse/1"},
        {"id": "6", "url": "mailto:presse@amt.example"},
        "kein Eintrag",
    ],
}
SOURCE = Source(id="amt", url="http://amt.example/feed.json", options=FeedOptions())


def discover(archive, source=SOURCE):
    return list(FeedFetcher().discover(source, archive.context(source)))


@pytest.mark.parametrize("media_type", ["application/feed+json", "application/json", "text/plain", "text/html"])
def test_entries_become_items(web, archive, caplog, media_type):
    web.page("amt.example/feed.json", b"\xef\xbb\xbf\n" + json.dumps(FEED).encode(), content_type=media_type)
    first, second, third, fourth = discover(archive)
    assert first == Item(
        source_id="amt",
        key="http://amt.example/presse/1",
        url="http://amt.example/presse/1?utm_source=feed",
        title='Bürgerbüro "neu" offen',
        published="2026-11-20",
        fingerprint="p1 2026-11-21T08:00:00+01:00",
    )
    assert (second.url, second.title, second.published) == ("http://amt.example/presse/2", None, "2026-11-18")
    assert second.fingerprint == "p2 2026-11-18T08:00:00"
    assert (third.url, third.title, third.published) == ("http://amt.example/presse/3", "Nur eine id", None)
    assert (fourth.url, fourth.published, fourth.fingerprint) == ("http://amt.example/presse/4", None, "4 bald")
    assert "3 Einträge ohne Adresse" in caplog.text


def test_only_so_many(web, archive):
    web.page("amt.example/feed.json", json.dumps(FEED).encode())
    source = Source(id="amt", url=SOURCE.url, options=FeedOptions(max_items=2))
    assert len(discover(archive, source)) == 2


def test_text_that_can_not_be_stored_is_replaced(web, archive):
    body = rb'{"items": [{"id": "\ud800", "url": "http://amt.example/1", "title": "A \udc00 &#xD801; B"}]}'
    web.page("amt.example/feed.json", body)
    (item,) = discover(archive)
    assert (item.title or "").encode().startswith(b"A ?")
    assert item.fingerprint == "?"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"items": [', "kein gültiges JSON"),
        (b"[" * 100_000, "kein gültiges JSON"),
        (b"[]", "kein JSON Feed"),
        (b'{"code": "not_found"}', "kein JSON Feed"),
        (b'{"items": {}}', "kein JSON Feed"),
    ],
)
def test_other_json_says_so(web, archive, body, reason):
    web.page("amt.example/feed.json", body, content_type="application/json")
    with pytest.raises(FetchError, match=reason) as caught:
        discover(archive)
    assert caught.value.url == "http://amt.example/feed.json"


def test_an_empty_feed(web, archive):
    web.page("amt.example/feed.json", b'{"version": "https://jsonfeed.org/version/1", "items": []}')
    assert discover(archive) == []


def test_its_usual_address_is_claimed():
    assert FeedFetcher().claims("https://amt.example/feed.json") == 100
    assert FeedFetcher().claims("https://amt.example/feed/json/") == 100


def test_an_entry_that_is_a_file_alone(web, archive):
    entries = [
        {"id": "1", "attachments": [{"url": "/bericht.pdf", "mime_type": "application/pdf"}]},
        {"id": "2", "attachments": [None]},
        {"id": "3", "attachments": {"url": "/x"}},
    ]
    web.page("amt.example/feed.json", json.dumps({"items": entries}).encode())
    assert [item.url for item in discover(archive)] == ["http://amt.example/bericht.pdf"]
