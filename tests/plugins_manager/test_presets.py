"""A preset is its base under another name: addresses, defaults, claims, and options that travel."""

import pickle
from typing import Any

import pytest
from pydantic import ValidationError

from archive_pipeline.errors import FetchError
from archive_pipeline.fetch.feed import FeedFetcher, FeedOptions
from archive_pipeline.fetch.listing import ListingFetcher, ListingOptions
from archive_pipeline.fetch.preset import Preset, PresetFetcher, placeholders
from archive_pipeline.model import Source
from archive_pipeline.testing import replay

LIST = b"<ul><li><a href='/1?sid=7&id=1'>Eins</a></li><li><a href='/2?id=2'>Zwei</a></li></ul>"


def fetcher(**fields: Any) -> PresetFetcher:
    values = {"name": "probe", "base": "listing", "settings": {"items": "li"}} | fields
    return PresetFetcher(Preset(**values), ListingFetcher())


def source(preset: PresetFetcher, url: str | None = "https://a.example/presse/?x=1", **settings: Any) -> Source:
    return Source(id="s", url=url, fetcher="probe", options=preset.options.model_validate(settings))


@pytest.mark.parametrize(
    ("fields", "settings", "asked"),
    [
        ({}, {}, "https://a.example/presse/?x=1"),
        ({"address": "{root}/rss.xml"}, {}, "https://a.example/rss.xml"),
        ({"parameters": (("type", "9818"),)}, {}, "https://a.example/presse/?x=1&type=9818"),
        ({"parameters": (("x", "2"),)}, {}, "https://a.example/presse/?x=2"),
        ({"address": "https://p.example/l?id={number}"}, {"number": 405}, "https://p.example/l?id=405"),
        ({"address": "https://p.example/{place}"}, {"place": "a b/ü"}, "https://p.example/a%20b%2F%C3%BC"),
    ],
)
def test_where_the_list_stands(fields: dict[str, Any], settings: dict[str, Any], asked: str) -> None:
    preset = fetcher(**fields)
    context = replay({asked: LIST})
    assert [item.title for item in preset.discover(source(preset, **settings), context)] == ["Eins", "Zwei"]
    assert context.asked == [asked]


def test_an_address_of_its_own_needs_none_of_the_source() -> None:
    preset = fetcher(address="https://p.example/l")
    assert list(preset.discover(source(preset, url=None), replay({"https://p.example/l": LIST})))
    with pytest.raises(FetchError, match="fehlt url"):
        list(fetcher().discover(source(fetcher(), url=None), replay()))


def test_settings_are_defaults_that_a_source_may_change() -> None:
    preset = fetcher(settings={"items": "li", "strip_parameters": ["sid"], "max_pages": 3})
    options = source(preset).options_as(ListingOptions)
    assert (options.items, options.strip_parameters, options.max_pages) == ("li", ("sid",), 3)
    assert source(preset, max_pages=9).options_as(ListingOptions).max_pages == 9
    items = list(preset.discover(source(preset), replay({"https://a.example/presse/?x=1": LIST})))
    assert items[0].url == "https://a.example/1?id=1"


@pytest.mark.parametrize("wrong", [{"itmes": "li"}, {"items": "li["}, {"number": ""}, {}])
def test_a_source_is_checked_like_any_other(wrong: dict[str, Any]) -> None:
    preset = fetcher(address="https://p.example/?id={number}")
    with pytest.raises(ValidationError):
        preset.options.model_validate(wrong)


def test_options_travel_to_other_processes_as_those_of_the_base() -> None:
    preset = fetcher(address="https://p.example/?id={number}")
    options = pickle.loads(pickle.dumps(source(preset, number=5))).options_as(ListingOptions)
    assert type(options) is ListingOptions
    assert options.items == "li"


def test_claims_are_patterns_of_whole_addresses() -> None:
    preset = fetcher(claims=("http*://*/portal/meldungen/uebersicht-*",))
    assert preset.claims("https://www.kreis.example/portal/meldungen/uebersicht-0-1.html") == 80
    assert preset.claims("https://www.kreis.example/portal/meldungen/1.html") is None
    assert fetcher().claims("https://www.kreis.example/") is None


def test_placeholders() -> None:
    assert placeholders("{root}/x?a={number}&b={number}") == ("root", "number")
    for wrong in ("{", "{}", "{0}", "{a.b}", "{a!r}", "{a:>3}", "{a[0]}"):
        with pytest.raises(ValueError, match=r".*"):
            placeholders(wrong)


def test_the_base_captures() -> None:
    preset = PresetFetcher(Preset(name="probe", base="feed", settings={}), FeedFetcher())
    assert issubclass(preset.options, FeedOptions)
    probe = Source(id="s", url="https://a.example/f", options=preset.options())
    feed = b"<rss version='2.0'><channel><item><title>T</title><link>https://a.example/1</link></item></channel></rss>"
    context = replay({"https://a.example/f": feed, "https://a.example/1": b"<p>Text</p>"})
    (item,) = preset.discover(probe, context)
    assert [result.key for result in preset.capture(item, probe, context)] == ["https://a.example/1"]  # type: ignore[union-attr]
