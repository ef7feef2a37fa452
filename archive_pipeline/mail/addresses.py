"""Addresses found in mails: what they really lead to, and whether they tell who the mail was sent to.

Mailings lead every link past a counter that knows the recipient. Where such an address carries its target, the target
is read out of it; where it doesn't, the address is nothing an archive may show. Nothing is ever fetched.
"""

import re
from base64 import b64encode
from functools import lru_cache
from urllib.parse import parse_qsl, unquote, urlsplit

from archive_pipeline.address import canonical_url

__all__ = ["URL", "bare", "is_specific", "without_tokens"]

URL = re.compile(r"(?:https?://|(?<![\w@.])www\.)[^\s<>\"'“”„]{3,2000}", re.I)
"""A web address in running text; what is punctuation at its end is cut by `bare`."""

_TARGET = re.compile(r"url|u|q|a|to|target|link|redirect(?:_?url)?|dest(?:ination)?|goto", re.I)
"""Parameters in which redirecting addresses carry their target."""
_MAX_HOPS = 4
_URLDEFENSE = re.compile(r"https?://urldefense\.(?:com|us)/v3/__(.+?)__;", re.I)
_PROOFPOINT = re.compile(r"https?://urldefense\.proofpoint\.com/v[12]/url\?", re.I)
_LEAVE_LIST = re.compile(
    r"unsubscribe|opt-?out|abmeld|abbestell|austrag|newsletter/(?:profil|change|edit)|/(?:track|click|open|pixel"
    r"|beacon)\b"
    r"|/(?:wf|ls)/(?:click|open)|list-manage|(?:web|browser)-?(?:version|view)|preferences",
    re.I,
)
_PERSONAL = re.compile(
    r"e-?mail|mail|user(?:id|name)|usr|subscriber(?:_?id)?|recipient(?:_?id)?|rcpt|empfaenger(?:_?id)?|contact_?id"
    r"|token|hash|auth|session(?:id)?|sid|phpsessid|jsessionid",
    re.I,
)
"""Parameters that tell the recipient, whatever they hold."""
_OFTEN_PERSONAL = re.compile(r"user|uid|contact|kontakt|key|sig(?:nature)?|mid|cid|eid|e|sub|code", re.I)
"""Parameters that tell the recipient unless they are plain numbers, which content systems use for their pages."""
_SEPARATORS = re.compile(r"[-_.,;:+~!|]")
_SWITCHES = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[a-zA-Z])|(?<=[A-Z])(?=[0-9])")


def bare(address: str) -> str:
    """An address as found in running text, without the punctuation behind it."""
    url = address.strip().rstrip(".,;:!?*_|’”“»«")
    return url.rstrip(").,;") if url.count(")") > url.count("(") else url


@lru_cache(maxsize=512)
def without_tokens(address: str, private: frozenset[str] = frozenset()) -> str | None:
    """The address an address in a mail leads to, without campaign parameters; None when it is no web address, serves
    the mailing list, or may tell who the mail was sent to.

    `private` are mail addresses that must not be in it, in whatever disguise mailing tools use.
    """
    url = bare(address)
    if url.lower().startswith("www."):
        url = f"https://{url}"
    for _ in range(_MAX_HOPS):
        target = _target(url)
        if target is None:
            break
        url = target
    url = canonical_url(url)
    try:
        parts = urlsplit(url)
        host = parts.hostname
        if parts.scheme not in ("http", "https") or not host or "." not in host or parts.username is not None:
            return None
    except ValueError:
        return None
    if len(url) > 500 or not url.isprintable() or _LEAVE_LIST.search(url) or _names_any(url, private):
        return None
    return None if _has_token(parts.path, parts.query, host) else url


def is_specific(url: str) -> bool:
    """Whether an address can be that of one release: its last part has a number or several words, or stands below a
    number, or a parameter has one. `https://kreis.example/presse` and `https://kreis.example/presse/2024` can't."""
    parts = urlsplit(url)
    above, _, last = parts.path.rstrip("/").rpartition("/")
    stem = re.sub(r"\.\w{2,5}$", "", last)
    if re.search(r"\d", parts.query):
        return True
    if re.fullmatch(r"(?:19|20)\d\d|\d{1,2}|", stem):
        return False
    return bool(re.search(r"\d", stem)) or len(re.findall(r"[-_]", stem)) >= 2 or bool(re.search(r"\d", above))


def _target(url: str) -> str | None:
    """The address inside a redirecting one, or None."""
    if found := _URLDEFENSE.match(url):
        return found.group(1)
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, max_num_fields=50)
    except ValueError:
        return None
    for name, value in pairs:
        coded = value.replace("_", "/") if _PROOFPOINT.match(url) else ""
        target = unquote(re.sub(r"-([0-9A-Fa-f]{2})", r"%\1", coded)) if coded else value
        if _TARGET.fullmatch(name) and re.match(r"https?://[^/\s]+\.", target, re.I):
            return target
    return None


def _names_any(url: str, private: frozenset[str]) -> bool:
    """Whether an address holds one of the mail addresses, as it is or coded; hashes of them are tokens anyway."""
    plain = unquote(url)
    return any(form in plain.lower() or form in plain for form in _forms(private)) or "@" in plain.partition("://")[2]


@lru_cache(maxsize=8)
def _forms(private: frozenset[str]) -> tuple[str, ...]:
    coded = (b64encode(address.encode()).decode().rstrip("=") for address in private)
    return (*coded, *(address.replace("@", sign) for address in private for sign in ("=", "_at_", "-at-")))


def _has_token(path: str, query: str, host: str) -> bool:
    if any(_is_random(label) for label in host.split(".")[:-1]):
        return True
    if any(_is_random(re.sub(r"\.\w{2,5}$", "", piece)) for piece in unquote(path).split("/")):
        return True
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        value = unquote(value)
        if _is_random(value) or _is_random(name) or _PERSONAL.fullmatch(name):
            return True
        if _OFTEN_PERSONAL.fullmatch(name) and value and not value.isdigit():
            return True
    return False


def _is_random(piece: str) -> bool:
    """Whether a piece of an address looks drawn by lot, not written: long, letters and digits or capitals mixed."""
    for word in _SEPARATORS.split(piece):
        if len(word) >= 16 and (re.fullmatch(r"[0-9a-fA-F]+", word) or word.isdigit()):
            return True
        if len(word) >= 10 and re.search(r"\d", word) and len(_SWITCHES.findall(word)) >= 3:
            return True
        if len(word) >= 60 and "=" in word:
            return True
    compact = piece.replace("-", "")
    return bool(len(compact) >= 32 and re.fullmatch(r"[0-9a-fA-F]+", compact))
