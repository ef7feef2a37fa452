"""robots.txt as RFC 9309 has it: what a host permits, asked once a run."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from protego import Protego

from archive_pipeline.errors import FetchError, RefusedError, TransientFetchError

__all__ = ["Robots", "RobotsAnswer"]

MAX_RULES_BYTES = 512 * 1024
"""How much of a robots.txt is read; RFC 9309, 2.5 asks for at least 500 KiB."""

MAX_CRAWL_DELAY = 120.0
"""A host that wants longer pauses than this (seconds) is left alone: it would hold up the whole run."""


@dataclass(frozen=True, slots=True)
class RobotsAnswer:
    """What asking for a robots.txt ended in: a status and the decoded body."""

    status: int
    body: bytes


class Robots:
    """The rules of every host that one run visits, looked up under `product`."""

    def __init__(self, product: str) -> None:
        self._product = product
        self._rules: dict[str, Protego | FetchError] = {}

    def crawl_delay(self, url: str, ask: Callable[[str], RobotsAnswer]) -> float:
        """The pause between requests that the host asks for, in seconds, if `url` may be fetched at all.

        `ask` fetches a robots.txt the host was not asked for yet, or raises TransientFetchError. Raises RefusedError
        when the rules forbid the address, TransientFetchError when the host can't say what it permits, FetchError when
        there is no such host.
        """
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._rules:
            self._rules[origin] = _rules(f"{origin}/robots.txt", ask)
        rules = self._rules[origin]
        if isinstance(rules, FetchError):
            raise type(rules)(rules.message, url=url, hint=rules.hint)
        if not rules.can_fetch(url, self._product):
            raise RefusedError(f"robots.txt von {parts.netloc} erlaubt diese Adresse nicht", url=url)
        delay = float(rules.crawl_delay(self._product) or 0)
        if delay > MAX_CRAWL_DELAY:
            raise RefusedError(
                f"robots.txt von {parts.netloc} verlangt {delay:.0f} s Abstand zwischen zwei Abrufen", url=url
            )
        return delay


def _rules(url: str, ask: Callable[[str], RobotsAnswer]) -> Protego | FetchError:
    try:
        answer = ask(url)
    except TransientFetchError as error:
        return _unreadable(url, error.message)
    except RefusedError:
        raise  # other sources may be allowed to go there
    except FetchError as error:
        return error
    if answer.status >= 500:
        return _unreadable(url, f"Der Server antwortet mit HTTP {answer.status}")
    if answer.status == 200:
        return Protego.parse(answer.body[:MAX_RULES_BYTES].decode("utf-8-sig", "replace"))
    return Protego.parse("")  # RFC 9309, 2.3.1.3: no such file, no restrictions


def _unreadable(url: str, reason: str) -> TransientFetchError:
    """RFC 9309, 2.3.1.4: a host that can't answer now must be taken to forbid everything."""
    return TransientFetchError(
        f"robots.txt ist nicht lesbar ({reason}), deshalb wird noch nichts abgerufen",
        url=url,
        hint="der nächste Lauf fragt wieder",
    )
