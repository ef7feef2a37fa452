"""The canonical form of web addresses: what makes two spellings of one address the same item and release. And the
registrable domain: whose servers an address leads to.

Feeds key their entries by the canonical form and the archive derives the id of a release from it, so it stands beside
the model and imports nothing of the package. It only ever names things: what is fetched is the address as its publisher
wrote it.

courlan, whose filter of tracking parameters was meant for this, also drops parameters that tell releases apart:
`?uid=7`, `?cid=7`, `?eid=7`, `?tx_x[uid]=7` and everything without a value (`?2026-117`, `?/archives/12`). Two releases
under one name are worse than one release under two, so only parameters that can mean nothing else are dropped here.
"""

import ipaddress
import re
import unicodedata
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from tld.exceptions import TldIOError
from tld.utils import MozillaPublicOnlyTLDSourceParser, get_fld
from w3lib.url import canonicalize_url

__all__ = ["canonical_url", "registrable_domain"]

TRACKING = re.compile(
    r"(utm|mtm|pk|piwik|matomo|hsa|oly)_\w+|wt_z?mc(_\w+)?|(fbc|gc|dc|twc|yc|ttc)lid|msclkid|li_fat_id|gclsrc|gbraid"
    r"|wbraid|igshid|igsh|mc_[ce]id|_hsenc|_hsmi|_gl|_ga",
    re.IGNORECASE,
)
"""Names that campaign tools add to addresses; each belongs to one vendor's tool and to nothing else."""

DEFAULT_PORTS = {"http": 80, "https": 443}

WITH_AUTHORITY = re.compile(r"([a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)


def canonical_url(url: str) -> str:
    """`url` without fragment and campaign parameters, its parameters sorted, its path in percent-encoded UTF-8.

    Applying it again changes nothing. `http` and `https`, with and without `www.`, with and without a final slash stay
    different: only seeing the same content at both could tell that they are one. What is no web address, or can't be
    parsed, comes back as it is, without surrounding space.
    """
    stripped = url.strip()
    try:
        parts = urlsplit(stripped.replace("&amp;", "&"))
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            return stripped
        kept = [pair for pair in parts.query.split("&") if not TRACKING.fullmatch(pair.partition("=")[0])]
        # what stands where the port should be and is none makes the address none: asking for it raises ValueError
        host = (
            parts.netloc.removesuffix(f":{parts.port}") if parts.port == DEFAULT_PORTS[parts.scheme] else parts.netloc
        )
        canonical: str = canonicalize_url(parts._replace(netloc=host, query="&".join(kept)).geturl())
    except ValueError:
        return stripped
    return canonical


class BundledSuffixes(MozillaPublicOnlyTLDSourceParser):
    """The public section of the Public Suffix List as it came with `tld`, which would download it when the file is
    missing. Raises TldIOError then."""

    uid = "bundled"

    @classmethod
    def update_tld_names(cls, fail_silently: bool = False) -> bool:
        """Never: nothing but the HTTP client opens a connection."""
        raise TldIOError(f"{cls.local_path} of the package tld is missing")


@lru_cache(maxsize=4096)
def registrable_domain(host_or_url: str) -> str:
    """The domain that somebody registered to run the servers behind a host, in lower case and IDNA: `kreis-soest.de`
    for `www.presse.Kreis-Soest.de` and `http://kreis-soest.de:8080/x`.

    Only the public section of the Public Suffix List counts. Its private section names services whose customers share
    one operator's servers (github.io, blogspot.com), and it is servers that a pace is kept for: two blogs of one
    service are asked as politely as two pages of one site. The few resellers among them (com.de) are asked more slowly
    than they must be, which harms nobody.

    An IP address stands for itself, and so do a single label and a public suffix; under a top-level domain that the
    list doesn't know, the last two labels are taken. What has no host comes back as it is, in lower case.
    """
    host = _host(host_or_url)
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        labels = [_idna(label) for label in unicodedata.normalize("NFKC", host.lower()).split(".") if label]
    name = SplitResult("http", ".".join(map(_readable, labels)), "", "", "")
    found = get_fld(name, fail_silently=True, parser_class=BundledSuffixes)
    count = 2 if found is None else found.count(".") + 1
    return ".".join(labels[-count:]) or host_or_url.strip().lower()


def _host(host_or_url: str) -> str:
    text = host_or_url.strip()
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        pass
    else:
        return text.partition("%")[0]
    try:
        host = urlsplit(text if WITH_AUTHORITY.match(text) else f"//{text}").hostname or ""
    except ValueError:
        return ""
    return (host.partition("%")[0] if ":" in host else host).strip()


def _readable(label: str) -> str:
    """A label in Unicode, as the list has them."""
    try:
        return label[4:].encode("ascii").decode("punycode") if label.startswith("xn--") else label
    except UnicodeError:
        return label


def _idna(label: str) -> str:
    """A normalised label as name servers know it. IDNA 2008 keeps what IDNA 2003, the codec of Python, would change:
    ß is no ss."""
    return label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}"
