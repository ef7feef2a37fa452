"""One name for the spellings of one address, different names for different releases; one domain for one operator."""

import pytest
import tld.base
import tld.utils
from hypothesis import assume, given
from hypothesis import strategies as st

from archive_pipeline.address import BundledSuffixes, canonical_url, registrable_domain
from archive_pipeline.testing import no_network

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


DOMAINS = [
    ("kreis-soest.de", "kreis-soest.de"),
    ("www.presse.kreis-soest.de", "kreis-soest.de"),
    ("http://www.kreis-soest.de:8080/presse?a=b.c.de", "kreis-soest.de"),
    ("https://user:secret@www.kreis-soest.de/", "kreis-soest.de"),
    ("//www.kreis-soest.de/", "kreis-soest.de"),
    ("www.kreis-soest.de:443", "kreis-soest.de"),
    ("WWW.Kreis-Soest.DE.", "kreis-soest.de"),
    ("www.stadt.koeln", "stadt.koeln"),
    ("ratsinfo.stadt.nrw", "stadt.nrw"),
    ("a.b.gov.co.uk", "gov.co.uk"),
    ("WWW.MÜNCHEN.de", "xn--mnchen-3ya.de"),
    ("www.mu\u0308nchen.de", "xn--mnchen-3ya.de"),
    ("www.xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
    ("presse.straße.de", "xn--strae-oqa.de"),
    ("www.rat.公司.cn", "rat.xn--55qx5d.cn"),
    ("www.rat.xn--55qx5d.cn", "rat.xn--55qx5d.cn"),
    # one operator's servers, whoever writes there
    ("spd-soest.github.io", "github.io"),
    ("ov.blogspot.com", "blogspot.com"),
    ("verein.de.com", "de.com"),
    # no name to register
    ("127.0.0.1", "127.0.0.1"),
    ("http://127.0.0.1:8080/a", "127.0.0.1"),
    ("http://[2001:DB8::0:1]:80/", "2001:db8::1"),
    ("::1", "::1"),
    ("fe80::1%eth0", "fe80::1"),
    ("localhost", "localhost"),
    ("http://intranet/a", "intranet"),
    ("co.uk", "co.uk"),
    ("de", "de"),
    # top-level domains that the list doesn't know
    ("www.presse.amt.example", "amt.example"),
    ("nas.buero.lan", "buero.lan"),
    # nothing at all
    ("", ""),
    ("http://[x/", "http://[x/"),
    ("xn--.de", "xn--.de"),
    ("a.xn--9999999999999999999999.de", "xn--9999999999999999999999.de"),
    ("\udcff.de", "xn--1c0c.de"),
]


@pytest.mark.parametrize(("text", "domain"), DOMAINS)
def test_registrable_domain(text, domain):
    assert registrable_domain(text) == domain


@given(st.lists(st.text("aZ9äßÖ-", min_size=1, max_size=8), min_size=1, max_size=5).map(".".join))
def test_a_registrable_domain_is_its_own(host):
    assume(not host.rpartition(".")[2].isdigit())  # such a host is an IP address or none at all
    domain = registrable_domain(host)
    assert registrable_domain(domain) == domain
    assert registrable_domain(f"https://{host}:8443/a") == domain
    assert registrable_domain(f"www.{domain}") in (domain, f"www.{domain}")


def test_the_list_comes_from_the_package_alone(monkeypatch):
    def download(url):
        raise AssertionError(f"{url} was asked for")

    monkeypatch.setattr(tld.base, "urlopen", download)
    tld.utils.pop_tld_names_container(BundledSuffixes.local_path)
    registrable_domain.cache_clear()
    with no_network():
        assert registrable_domain("www.kreis-soest.de") == "kreis-soest.de"
        registrable_domain.cache_clear()
        monkeypatch.setattr(BundledSuffixes, "local_path", "res/missing.dat")
        with pytest.raises(OSError, match="is missing"):
            registrable_domain("www.kreis-soest.de")
