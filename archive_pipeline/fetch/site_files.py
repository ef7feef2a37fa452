"""Files in which a site says what it permits, robots.txt and tdmrep.json: from the archive while they are fresh, else
asked for, and kept as evidence."""

from collections.abc import Callable
from dataclasses import dataclass

from archive_pipeline.errors import FetchError, FixityError, TransientFetchError
from archive_pipeline.fetch.answers import COMPLETE, REDIRECTS, Answer, Question, location_of
from archive_pipeline.fetch.history import History
from archive_pipeline.fetch.http import sendable_url
from archive_pipeline.fetch.requesting import Requester
from archive_pipeline.fetch.retrying import TRIES
from archive_pipeline.fetch.robots import A_DAY, MAX_RULES_BYTES, SiteFile

__all__ = ["SiteFiles"]

MAX_REDIRECTS = 5
HAS_BODY = COMPLETE | {304}


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFiles:
    """Reads such files for one source. `max_bytes` is the largest body the source allows."""

    requester: Requester
    history: History
    max_bytes: int

    def robots(self, url: str) -> SiteFile:
        """The robots.txt at an address. Raises TransientFetchError when the host can't tell, FetchError when there is
        no such host, RefusedError when it has no public address."""
        return self._kept(url) or self._asked(url, lambda address: 0.0, TRIES)

    def reservations(self, url: str, pause: Callable[[str], float]) -> SiteFile:
        """The tdmrep.json at an address, asked for once: who serves none takes no part in the protocol.

        `pause` gives the seconds that a host wants between requests, and raises FetchError where robots.txt forbids to
        look. Raises FetchError as `robots` does.
        """
        return self._kept(url) or self._asked(url, pause, 1)

    def _kept(self, url: str) -> SiteFile | None:
        """What any source of this archive was told less than a day ago; answers that settle nothing don't count."""
        now = self.requester.client.clock()
        address, age = url, 0.0
        for _ in range(MAX_REDIRECTS + 1):
            last = self.history.last_answer(address)
            if last is None or not 0 <= (now - last.captured_at).total_seconds() < A_DAY:
                return None
            age = max(age, (now - last.captured_at).total_seconds())
            try:
                capture = self.requester.store.read(last.warc_file, last.warc_offset)
                if capture.status not in REDIRECTS:
                    status = 200 if capture.status in HAS_BODY else capture.status or 0
                    settled = capture.complete and 200 <= status < 500 and status not in (408, 425, 429)
                    return SiteFile(status=status, body=capture.body, age=age) if settled else None
                address = sendable_url(location_of(address, capture.headers), address)
            except (FixityError, FetchError):
                return None
        return None

    def _asked(self, url: str, pause: Callable[[str], float], tries: int) -> SiteFile:
        limit = max(self.max_bytes, MAX_RULES_BYTES)
        answer = self._ask(url, limit, pause(url), tries)
        try:
            for _ in range(MAX_REDIRECTS):
                if answer.outcome != "redirect":
                    break
                at = answer.exchange.url
                address = sendable_url(location_of(at, answer.exchange.headers), at)
                answer = self._ask(address, limit, pause(address), tries)
        except FetchError as error:  # the host is there, but sends us where nothing can be read
            raise TransientFetchError(error.message, url=url) from error
        if answer.outcome == "redirect":
            return SiteFile(status=404, body=b"")  # RFC 9309, 2.3.1.2: after five redirects it counts as not there
        if answer.complete:
            status = answer.exchange.status
            return SiteFile(status=200 if status in HAS_BODY else status, body=answer.body)
        raise TransientFetchError(answer.error.message if answer.error else "unvollständig", url=url)

    def _ask(self, url: str, max_bytes: int, pause: float, tries: int) -> Answer:
        previous = self.history.previous(url)
        question = Question(
            address=url,
            max_bytes=max_bytes,
            pause=pause,
            previous=previous,
            original=self.requester.original(previous),
            is_rules=True,
        )
        answer = self.requester.ask(question, tries=tries)
        if answer.outcome in ("fetched", "unmodified"):
            self.requester.recorder.write(answer, None, None)
        else:
            self.requester.recorder.keep(answer)
        return answer
