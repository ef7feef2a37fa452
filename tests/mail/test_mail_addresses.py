"""What addresses in mails lead to, and which of them may be shown."""

import base64
import hashlib

import pytest

from archive_pipeline.address import canonical_url
from archive_pipeline.mail.addresses import bare, is_specific, without_tokens

WHO = "redaktion@zeitung.example"
PAGE = "https://www.kreis-ostwald.example/presse/2024/bruecke-wird-saniert.html"


@pytest.mark.parametrize(
    "address",
    [
        PAGE,
        f"{PAGE}?utm_source=newsletter&utm_medium=email",
        f"{PAGE}#abschnitt",
        f"{PAGE}).",
        "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fwww.kreis-ostwald.example%2Fpresse%2F2024"
        "%2Fbruecke-wird-saniert.html&data=05%7C02%7Credaktion%40zeitung.example%7Cab12&reserved=0",
        "https://urldefense.com/v3/__https://www.kreis-ostwald.example/presse/2024/bruecke-wird-saniert.html__;!!AbC1$",
        "https://urldefense.proofpoint.com/v2/url?u=https-3A__www.kreis-2Dostwald.example_presse_2024_bruecke-2Dwird"
        "-2Dsaniert.html&d=DwMFaQ&c=x",
        "https://www.google.com/url?q=https://www.kreis-ostwald.example/presse/2024/bruecke-wird-saniert.html&sa=D",
        "https://news.example/go?to=https%3A%2F%2Fsafe.example%2F%3Furl%3Dhttps%253A%252F%252Fwww.kreis-ostwald.example"
        "%252Fpresse%252F2024%252Fbruecke-wird-saniert.html",
    ],
)
def test_addresses_are_led_back_to_their_target(address):
    assert without_tokens(address, frozenset({WHO})) == PAGE


@pytest.mark.parametrize(
    "address",
    [
        "https://news.example/c/8Fk2Lq9ZtX71/4",
        "https://news.example/unsubscribe?id=7",
        "https://news.example/abmelden/7",
        "https://news.example/t?h=5d41402abc4b2a76b9719d911017c592",
        "https://news.example/p/123e4567-e89b-12d3-a456-426614174000",
        "https://kreis.us7.list-manage.com/track/click?u=abc&id=1&e=2",
        "https://kreis.example/presse/12?email=x",
        "https://kreis.example/presse/12?token=7",
        "https://kreis.example/presse/12?uid=ab7",
        f"https://kreis.example/presse/12?an={WHO}",
        "https://kreis.example/presse/12?an=redaktion%40zeitung.example",
        "https://kreis.example/presse/12/redaktion=zeitung.example",
        f"https://kreis.example/p/{hashlib.md5(WHO.encode(), usedforsecurity=False).hexdigest()}",
        f"https://kreis.example/p?x={base64.b64encode(WHO.encode()).decode()}",
        "https://Xy7Kq2Lm9Zw4.kreis.example/",
        "https://anna:geheim@kreis.example/",
        "mailto:presse@kreis.example",
        "https://intranet/presse/1",
        "https://[::1",
        "ftp://kreis.example/1",
        "https://kreis.example/" + "a" * 600,
    ],
)
def test_what_may_tell_the_recipient_is_shown_nowhere(address):
    assert without_tokens(address, frozenset({WHO})) is None


@pytest.mark.parametrize(
    "address",
    [
        "https://www.kreis.example/index.php?object=tx,2.5.1&ModID=7&FID=3419.17555.1",
        "https://www.stadt.example/de/rathaus/verwaltung/pressemitteilungen/2024/05/06-bruecke",
        "https://partei.example/verkehrsinfrastrukturgesellschaft-braucht-geld",
        "https://amt.example/?uid=7",
        "https://amt.example/nr/20240506101112",
    ],
)
def test_addresses_of_content_systems_are_no_tokens(address):
    assert without_tokens(address) == canonical_url(address)


def test_a_chain_of_redirects_has_an_end():
    address = "https://a.example/?url=" * 50 + "https://b.example/"
    assert without_tokens(address) is None or len(without_tokens(address) or "") < 2_000


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (PAGE, True),
        ("https://kreis.example/presse?id=17", True),
        ("https://kreis.example/aktuelles/bruecke-wird-saniert", True),
        ("https://kreis.example/", False),
        ("https://kreis.example/presse", False),
        ("https://kreis.example/presse/2024", False),
        ("https://kreis.example/presse/2024/05/", False),
    ],
)
def test_an_overview_is_no_address_of_a_release(address, expected):
    assert is_specific(address) is expected


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://a.example/b).", "https://a.example/b"),
        ("https://a.example/b_(c)", "https://a.example/b_(c)"),
        ("https://a.example/b/,", "https://a.example/b/"),
    ],
)
def test_punctuation_behind_an_address(text, address):
    assert bare(text) == address
