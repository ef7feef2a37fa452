"""The canonical form of web addresses: what makes two spellings of one address the same item and release.

Feeds key their entries by it and the archive derives the id of a release from it, so it stands beside the model and
imports nothing of the package. It only ever names things: what is fetched is the address as its publisher wrote it.
"""

from courlan import clean_url
from w3lib.url import canonicalize_url

__all__ = ["canonical_url"]


def canonical_url(url: str) -> str:
    """`url` without fragment and tracking parameters, its parameters sorted, its path in percent-encoded UTF-8.

    courlan drops the parameters that campaigns and feeds add (it keeps those that choose content and language), w3lib
    sorts the rest and drops the fragment. Idempotent. `http` and `https`, with and without `www.`, stay different:
    only seeing the same content at both could tell that they are one. An address that can't be parsed comes back as
    it is, without surrounding space.
    """
    stripped = url.strip()
    cleaned = clean_url(stripped) or stripped
    try:
        canonical: str = canonicalize_url(cleaned)
    except ValueError:
        return stripped
    return canonical
