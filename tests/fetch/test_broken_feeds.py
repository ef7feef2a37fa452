"""The shelf of broken feeds: what is read of each stands, written by hand, in tests/broken/feeds/expected.toml."""

import tomllib
from pathlib import Path

import pytest

from archive_pipeline.errors import FetchError
from archive_pipeline.fetch.feed import FeedFetcher, FeedOptions
from archive_pipeline.model import Source
from archive_pipeline.testing import Reply, no_network, replay

SHELF = Path(__file__).resolve().parents[1] / "broken" / "feeds"
URL = "http://amt.example/feed/"
EXPECTED = tomllib.loads((SHELF / "expected.toml").read_text(encoding="utf-8"))


def entries(name):
    """Path, title and day of every entry that is read."""
    media_type = "application/json" if name.endswith(".json") else "application/rss+xml"
    context = replay({URL: Reply(body=(SHELF / name).read_bytes(), media_type=media_type)})
    with no_network():
        found = list(FeedFetcher().discover(Source(id="amt", url=URL, options=FeedOptions()), context))
    return [[item.key.removeprefix("http://amt.example/"), item.title or "", item.published or ""] for item in found]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_feed_is_read_as_expected(name):
    expected = EXPECTED[name]
    if isinstance(expected, str):
        with pytest.raises(FetchError, match=expected) as caught:
            entries(name)
        assert caught.value.hint
    else:
        assert entries(name) == expected


def test_the_shelf_is_complete():
    files = {path.name for path in SHELF.iterdir()} - {"expected.toml"}
    assert files == set(EXPECTED)
    assert len(files) >= 30
