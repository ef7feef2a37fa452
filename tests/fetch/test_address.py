"""One name for the spellings of one address, different names for different releases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_pipeline.address import canonical_url

SAME = [
    ("https://Kreis.Example/presse/1#top", "https://kreis.example/presse/1"),
    ("https://kreis.example/presse/1?utm_source=rss&utm_medium=feed", "https://kreis.example/presse/1"),
    ("https://kreis.example/p?id=5&fbclid=x&mtm_campaign=y", "https://kreis.example/p?id=5"),
    ("https://kreis.example/p?b=2&a=1", "https://kreis.example/p?a=1&b=2"),
    ("https://kreis.example/p?a=1&amp;b=2", "https://kreis.example/p?a=1&b=2"),
    ("https://kreis.example/Straße", "https://kreis.example/Stra%C3%9Fe"),
    ("https://münchen.example/", "https://xn--mnchen-3ya.example/"),
    ("https://kreis.example:443/p", "https://kreis.example/p"),
    ("https://kreis.example", "https://kreis.example/"),
    (" https://kreis.example/p\n", "https://kreis.example/p"),
    ("https://kreis.example/a/../p", "https://kreis.example/p"),
]

DIFFERENT = [
    ("https://kreis.example/p?uid=7", "https://kreis.example/p?uid=8"),
    ("https://kreis.example/p?cid=7", "https://kreis.example/p?cid=8"),
    ("https://kreis.example/p?2026-117", "https://kreis.example/p?2026-118"),
    ("https://kreis.example/index.php?/archives/12", "https://kreis.example/index.php?/archives/13"),
    ("https://kreis.example/i.php?tx_news_pi1%5Bnews%5D=1", "https://kreis.example/i.php?tx_news_pi1%5Bnews%5D=2"),
    ("https://kreis.example/p?id=5&lang=de", "https://kreis.example/p?id=5&lang=en"),
    ("https://kreis.example/%FC", "https://kreis.example/%C3%BC"),
    ("https://kreis.example:8443/p", "https://kreis.example/p"),
    ("http://kreis.example/p", "https://kreis.example/p"),
]


@pytest.mark.parametrize(("spelling", "other"), SAME)
def test_same(spelling: str, other: str) -> None:
    assert canonical_url(spelling) == canonical_url(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different(one: str, other: str) -> None:
    assert canonical_url(one) != canonical_url(other)


@pytest.mark.parametrize(
    "text",
    ["", "presse/1", "http://[x/", "urn:a:b", "mailto:a@example.org", "http://a.de:80:80/", "https://a.de:443\\"],
)
def test_what_is_no_web_address_stays(text: str) -> None:
    assert canonical_url(text) == text


@given(st.text("aZ9äß%[]@:/?#&=;.+-_~ (),!'\"", max_size=25), st.sampled_from(["https://x.example/", "http://ü.de/?"]))
def test_canonical_is_final(rest: str, start: str) -> None:
    once = canonical_url(start + rest)
    assert canonical_url(once) == once
    assert once.isascii()
