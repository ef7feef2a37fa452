"""What the wordpress plugin makes of WordPress's answers, on recorded ones."""

import json
import re
from datetime import date
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from archive_pipeline_plugins.wordpress import WordPressFetcher, WordPressOptions, parse

from archive_pipeline import Article, FetchError, Source
from archive_pipeline.plugin_manager import load_plugins
from archive_pipeline.testing import Reply, page_of, replay

FIXTURES = Path(__file__).resolve().parents[2] / "plugins" / "wordpress" / "fixtures"
PROFILE = load_plugins(None, {}).cleaners["site-profile"]
POSTS = (FIXTURES / "posts.json").read_bytes()


def test_every_post_becomes_an_item() -> None:
    items = parse.post_items(POSTS, "landfrauen")
    assert [item.published for item in items] == ["2024-09-13", "2024-06-03", "2024-03-08", "2023-11-12", "2023-10-31"]
    assert items[0].key == items[0].url == "https://landfrauen-lippe.example/2024/09/hofcafe-tag-2024/"
    assert {item.source_id for item in items} == {"landfrauen"}
    assert items[4].fingerprint == "2023-11-02T09:05:44"


def test_titles_lose_markup_and_keep_characters() -> None:
    titles = [item.title for item in parse.post_items(POSTS, "s")]
    assert titles[1] == "Neue Ausbildung für Dorfhelferinnen – Anmeldung & Beratung ab sofort"
    assert titles[3] == "Rezept des Monats: Pickert mit Rübenkraut"
    body = json.dumps([{"link": "https://a.example/1", "title": {"rendered": "Mehr als 3 &lt; 5 sagen"}}]).encode()
    assert parse.post_items(body, "s")[0].title == "Mehr als 3 < 5 sagen"


def test_campaign_parameters_are_not_part_of_the_key() -> None:
    body = json.dumps([{"link": "https://a.example/1/?utm_source=x"}]).encode()
    (item,) = parse.post_items(body, "s")
    assert (item.key, item.url) == ("https://a.example/1/", "https://a.example/1/?utm_source=x")


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"link": None},
        {"link": "/2024/1/"},
        {"link": "javascript:alert(1)"},
        "post",
        None,
        7,
        ["https://a.example/"],
    ],
)
def test_what_has_no_web_address_is_left_out(record: object) -> None:
    body = json.dumps([record, {"link": "https://a.example/1"}]).encode()
    assert [item.url for item in parse.post_items(body, "s")] == ["https://a.example/1"]


def test_missing_and_odd_fields_become_none() -> None:
    record = {"link": "https://a.example/1", "title": "Text", "date": "0000-00-00T00:00:00", "modified_gmt": None}
    (item,) = parse.post_items(json.dumps([record]).encode(), "s")
    assert (item.title, item.published, item.fingerprint) == (None, None, None)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "kein JSON"),
        (b"<html>Seite nicht gefunden</html>", "kein JSON"),
        (b"\xff\xfe\x00", "kein JSON"),
        (b"[" * 100_000, "kein JSON"),
        (b'{"code": "rest_no_route"}', "rest_no_route"),
        (b"3", "int"),
    ],
)
def test_an_answer_without_posts_says_what_it_is(body: bytes, reason: str) -> None:
    with pytest.raises(parse.NoInterfaceError, match=reason):
        parse.post_items(body, "s")
    assert issubclass(parse.NoInterfaceError, FetchError)


def test_the_address_of_a_page_of_posts() -> None:
    url = parse.posts_url("https://a.example/presse", page=3, per_page=50, category=4, since=date(2024, 1, 1))
    assert url.startswith("https://a.example/presse/wp-json/wp/v2/posts?")
    assert parse_qs(urlsplit(url).query) == {
        "per_page": ["50"],
        "page": ["3"],
        "orderby": ["modified"],
        "_fields": ["link,date,modified_gmt,title"],
        "categories": ["4"],
        "after": ["2023-12-31T23:59:59"],
    }


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("https://a.example", "https://a.example"),
        ("https://a.example/?lang=de#top", "https://a.example"),
        (" https://a.example/verband/ ", "https://a.example/verband"),
        ("https://a.example/verband/wp-json/wp/v2/posts?page=2", "https://a.example/verband"),
    ],
)
def test_the_root_of_a_site(url: str, root: str) -> None:
    assert parse.site_root(url) == root


def test_feeds_of_all_posts_and_of_one_category() -> None:
    assert parse.feed_url("https://a.example") == "https://a.example/feed/"
    assert parse.feed_url("https://a.example", 12) == "https://a.example/?feed=rss2&cat=12"
    assert parse.feed_url("https://a.example", "für-alle") == "https://a.example/?feed=rss2&category_name=f%C3%BCr-alle"


@pytest.mark.parametrize(
    ("headers", "pages"),
    [
        ((("X-WP-TotalPages", "7"),), 7),
        ((("x-wp-total", "70"), ("x-wp-totalpages", " 7 ")), 7),
        ((("X-WP-TotalPages", "²"),), None),
        ((("Content-Type", "application/json"),), None),
    ],
)
def test_the_number_of_pages(headers: tuple[tuple[str, str], ...], pages: int | None) -> None:
    assert parse.total_pages(headers) == pages


def test_the_id_of_a_category() -> None:
    assert parse.category_id(b'[{"id": 4}]') == 4
    assert parse.category_id(b"[]") is None
    assert parse.category_id(b'[{"id": "4"}, null]') is None


def test_only_addresses_of_the_interface_are_claimed() -> None:
    fetcher = WordPressFetcher()
    assert fetcher.claims("https://a.example/wp-json/wp/v2/posts") == 60
    assert fetcher.claims("https://a.example/") is None


@pytest.mark.parametrize("theme", ["post-classic.html", "post-block.html"])
def test_the_rules_take_the_body_and_nothing_around_it(theme: str) -> None:
    source = Source(id="s", fetcher="wordpress")
    article = PROFILE.clean(Article(), page_of((FIXTURES / theme).read_bytes()), source)
    assert len(article.text.split("\n\n")) == 3
    assert not re.search(r"Teilen|Ähnliche|Kommentar|Vorheriger|Foto:", article.text)


def test_the_rules_are_for_sources_of_the_plugin() -> None:
    page = page_of((FIXTURES / "post-classic.html").read_bytes())
    for source in (Source(id="s", fetcher="feed"), Source(id="s")):
        assert PROFILE.clean(Article(), page, source) == Article()


def test_a_page_without_a_theme_is_left_to_the_extractor() -> None:
    page = page_of(b"<html><body><p>" + b"Wort " * 200 + b"</p></body></html>")
    assert PROFILE.clean(Article(), page, Source(id="s", fetcher="wordpress")) == Article()


def test_fixtures_hold_no_real_site() -> None:
    for path in FIXTURES.iterdir():
        hosts = set(re.findall(r"://([\w.-]+)", path.read_text(encoding="utf-8")))
        assert hosts <= {"landfrauen-lippe.example", "wordpress.org", "purl.org", "api.w.org"}, path.name


def test_half_characters_of_json_are_never_passed_on() -> None:
    body = rb"""[{"link": "https://a.example/1", "title": {"rendered": "Fest \ud83d"}, "modified_gmt": "\ud800x"},
                 {"link": "https://a.example/\ud800", "title": {"rendered": "ohne Adresse"}}]"""
    (item,) = parse.post_items(body, "s")
    assert (item.title, item.fingerprint) == ("Fest \ufffd", "x")


@pytest.mark.parametrize("value", ["9" * 5000, "٣", "-1", "1e3", ""])
def test_a_number_of_pages_that_is_none(value: str) -> None:
    assert parse.total_pages([("X-WP-TotalPages", value)]) is None


def test_a_list_without_end_ends() -> None:
    listing = Reply(body=POSTS, headers=(("X-WP-TotalPages", "999999999"),))
    context = replay(otherwise=listing)
    source = Source(id="s", url="https://a.example", fetcher="wordpress", options=WordPressOptions())
    assert len(list(WordPressFetcher().discover(source, context))) == 5
    assert len(context.asked) == 2
