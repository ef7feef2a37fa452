"""The canonical form of web addresses: what makes two spellings of one address the same item and release.

Feeds key their entries by it and the archive derives the id of a release from it, so it stands beside the model and
imports nothing of the package. It only ever names things: what is fetched is the address as its publisher wrote it.

courlan, whose filter of tracking parameters was meant for this, also drops parameters that tell releases apart:
`?uid=7`, `?cid=7`, `?eid=7`, `?tx_x[uid]=7` and everything without a value (`?2026-117`, `?/archives/12`). Two releases
under one name are worse than one release under two, so only parameters that can mean nothing else are dropped here.
"""

import re
from urllib.parse import urlsplit

from w3lib.url import canonicalize_url

__all__ = ["canonical_url"]

TRACKING = re.compile(
    r"(utm|mtm|pk|piwik|matomo|hsa|oly)_\w+|wt_z?mc(_\w+)?|(fbc|gc|dc|twc|yc|ttc)lid|msclkid|li_fat_id|gclsrc|gbraid"
    r"|wbraid|igshid|igsh|mc_[ce]id|_hsenc|_hsmi|_gl|_ga",
    re.IGNORECASE,
)
"""Names that campaign tools add to addresses; each belongs to one vendor's tool and to nothing else."""

DEFAULT_PORTS = {"http": 80, "https": 443}


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
