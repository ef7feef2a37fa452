"""What hosts say about being fetched: robots.txt as RFC 9309 has it, and tdmrep.json. Asked once a run at most."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from protego import Protego

from archive_pipeline.errors import FetchError, RefusedError, TransientFetchError
from archive_pipeline.fetch.reservations import Declaration, SiteRule, declared_by_site, parse_site_rules

__all__ = ["A_DAY", "MAX_RULES_BYTES", "Robots", "SiteFile", "Verdict"]

MAX_RULES_BYTES = 512 * 1024
"""How much of a robots.txt is read; RFC 9309, 2.5 asks for at least 500 KiB."""

MAX_CRAWL_DELAY = 120.0
"""A host that wants longer pauses than this (seconds) is left alone: it would hold up the whole run."""

MOST_PAIRS = 300_000
"""Pairs of a robot and a rule for it beyond which a robots.txt is not read. A group names its robots, then its rules,
and the parser keeps every rule once for each robot: the half megabyte that is read can hold hundreds of millions."""

A_ROBOT = re.compile(r"\s*user", re.IGNORECASE)
"""How every line begins that may name a robot."""

A_GROUP = re.compile(r"\s*user[- ]?agent\s*:", re.IGNORECASE)
A_RULE = re.compile(r"\s*(dis)?allow\s*:", re.IGNORECASE)
"""Lines that surely are what they look like: after a rule, the next robot begins a new group."""

A_DAY = 24 * 60 * 60.0
"""The seconds for which a file of rules may be used without asking for it again (RFC 9309, 2.4)."""

RulesT = TypeVar("RulesT")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFile:
    """What asking for a robots.txt or tdmrep.json ended in: a status, the decoded body, and the seconds since then."""

    status: int
    body: bytes
    age: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a robots.txt says of one address: the `pause` in seconds that the host wants between requests, and the
    `refusal` if the address must not be fetched (TransientFetchError: not before the host can say what it permits)."""

    pause: float = 0.0
    refusal: RefusedError | TransientFetchError | None = None


@dataclass(frozen=True, slots=True)
class Known(Generic[RulesT]):
    """Rules that may be used until a moment of `time.monotonic`."""

    rules: RulesT
    until: float


class Rulebook(Generic[RulesT]):
    """The rules of each origin, found once a day. Threads that ask for one origin at a time wait for the first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._known: dict[str, Known[RulesT]] = {}

    def rules(self, origin: str, find: Callable[[], tuple[RulesT, float]]) -> RulesT:
        """The rules of an origin; `find` gives them with their age in seconds. What it raises is not remembered."""
        with self._lock:
            lock = self._locks.setdefault(origin, threading.Lock())
        with lock:
            known = self._known.get(origin)
            if known is None or known.until <= monotonic():
                found, age = find()
                known = self._known[origin] = Known(found, monotonic() + A_DAY - age)
            return known.rules


class Robots:
    """What every host that one run visits permits `product`. One object serves all threads of a run.

    `ask` fetches a file of rules that the host was not asked for yet, or raises FetchError.
    """

    def __init__(self, product: str) -> None:
        self._product = product
        self._robots: Rulebook[Protego | FetchError] = Rulebook()
        self._reservations: Rulebook[tuple[SiteRule, ...]] = Rulebook()

    def verdict(self, url: str, ask: Callable[[str], SiteFile]) -> Verdict:
        """What the robots.txt of its host says of an address. Raises FetchError when there is no such host."""
        origin, host = _origin(url)
        rules = self._robots.rules(origin, lambda: _robots_rules(f"{origin}/robots.txt", ask))
        if isinstance(rules, TransientFetchError):
            return Verdict(
                refusal=TransientFetchError(rules.message, url=url, hint=rules.hint, retry_after=rules.retry_after)
            )
        if isinstance(rules, FetchError):
            raise type(rules)(rules.message, url=url, hint=rules.hint)
        delay = max(0.0, float(rules.crawl_delay(self._product) or 0))
        if not rules.can_fetch(url, self._product):
            refusal = RefusedError(f"robots.txt von {host} erlaubt diese Adresse nicht", url=url)
        elif delay > MAX_CRAWL_DELAY:
            refusal = RefusedError(
                f"robots.txt von {host} verlangt {delay:.0f} s Abstand zwischen zwei Abrufen", url=url
            )
        else:
            return Verdict(pause=delay)
        return Verdict(pause=min(delay, MAX_CRAWL_DELAY), refusal=refusal)

    def declaration(self, url: str, ask: Callable[[str], SiteFile]) -> Declaration:
        """What the tdmrep.json of its host reserves at an address; nothing where there is none, or none to be had."""
        origin, _ = _origin(url)
        return declared_by_site(
            self._reservations.rules(origin, lambda: _reservation_rules(f"{origin}/.well-known/tdmrep.json", ask)), url
        )


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", parts.netloc


def _robots_rules(url: str, ask: Callable[[str], SiteFile]) -> tuple[Protego | FetchError, float]:
    try:
        answer = ask(url)
    except TransientFetchError as error:
        return _unreadable(url, error.message, error.retry_after), 0.0
    except RefusedError:
        raise  # other sources may be allowed to go there
    except FetchError as error:
        return error, 0.0
    if answer.status >= 500:
        return _unreadable(url, f"Der Server antwortet mit HTTP {answer.status}"), 0.0
    # RFC 9309, 2.3.1.3: no such file, no restrictions
    text = answer.body[:MAX_RULES_BYTES].decode("utf-8-sig", "replace") if answer.status == 200 else ""
    if _pairs(text) > MOST_PAIRS:
        return _unreadable(url, "zu viele Regeln für zu viele Robots"), answer.age
    return Protego.parse(text), answer.age


def _pairs(text: str) -> int:
    """How many pairs of a robot and a rule a parser may make of a robots.txt, counted generously."""
    robots = pairs = 0
    has_rules = False
    for line in text.splitlines():
        if A_ROBOT.match(line):
            begins = has_rules and A_GROUP.match(line) is not None
            robots, has_rules = (1, False) if begins else (robots + 1, has_rules)
        elif line.strip() and not line.lstrip().startswith("#"):
            pairs += robots
            has_rules = has_rules or A_RULE.match(line) is not None
    return pairs


def _reservation_rules(url: str, ask: Callable[[str], SiteFile]) -> tuple[tuple[SiteRule, ...], float]:
    try:
        answer = ask(url)
    except FetchError:
        return (), 0.0  # a host that doesn't serve the file doesn't take part in the protocol
    return parse_site_rules(answer.body[:MAX_RULES_BYTES]) if answer.status == 200 else (), answer.age


def _unreadable(url: str, reason: str, retry_after: float = 0.0) -> TransientFetchError:
    """RFC 9309, 2.3.1.4: a host that can't answer now must be taken to forbid everything."""
    return TransientFetchError(
        f"robots.txt ist nicht lesbar ({reason}), deshalb wird noch nichts abgerufen",
        url=url,
        hint="der nächste Lauf fragt wieder",
        retry_after=retry_after,
    )
