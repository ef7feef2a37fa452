"""Asking for the sake of one source: conditional where it can be, tried again where that may help, every request in
the log."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

from archive_pipeline.address import registrable_domain
from archive_pipeline.errors import FetchError, FixityError, RefusedError, TransientFetchError
from archive_pipeline.fetch.answers import LATER, Answer, Question, answer_of
from archive_pipeline.fetch.http import HttpClient
from archive_pipeline.fetch.options import HttpOptions
from archive_pipeline.fetch.recording import Recorder
from archive_pipeline.fetch.retrying import TRIES, retried
from archive_pipeline.model import Capture, Request, RequestOutcome, Source
from archive_pipeline.warc import Previous, WarcStore

__all__ = ["FULL_CHECK_AFTER", "Requester"]

FULL_CHECK_AFTER = timedelta(days=7)
"""When the last whole answer of an address is older than this, the next request is unconditional: some servers call
changed content unmodified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """Sends the requests of one source. `logged` hears of each exactly once, sent or not; `recorder` keeps the answers
    after which a request is sent again."""

    source: Source
    options: HttpOptions
    client: HttpClient
    store: WarcStore
    recorder: Recorder
    logged: Callable[[Request], None]

    def original(self, previous: Previous | None) -> Capture | None:
        """The capture that a conditional request may refer to, None when there must be no condition: there is nothing
        to refer to, or it is too old."""
        if previous is None or self.client.clock() - previous.captured_at >= FULL_CHECK_AFTER:
            return None
        return self.read_back(previous)

    def read_back(self, previous: Previous) -> Capture | None:
        """The capture that `previous` is about; None when it is damaged, was not complete, or came without validators
        that can be trusted."""
        if not (previous.etag or previous.last_modified):
            return None
        capture = self.stored(previous)
        return capture if capture is not None and capture.complete else None

    def stored(self, previous: Previous) -> Capture | None:
        """The capture that `previous` is about, verified; None when it is damaged."""
        try:
            return self.store.read(previous.warc_file, previous.warc_offset)
        except FixityError:
            return None

    def ask(self, question: Question, *, tries: int = TRIES) -> Answer:
        """The answer to one question, asked again while the failure may pass; the answers that failed are kept. A host
        that keeps this run waiting in vain is not asked again.

        Raises RefusedError (no public address), TransientFetchError, FetchError when there was no response.
        """
        host, patience = urlsplit(question.address).netloc, self.client.patience
        if patience.is_over(host):
            message = f"{host} war in diesem Lauf mehrmals nacheinander gestört und wird nicht mehr gefragt"
            self.unanswered(question.address, "error", message)
            raise TransientFetchError(message, url=question.address, hint=LATER)

        def send() -> Answer:
            answer = self._send(question)
            if isinstance(answer.error, TransientFetchError):
                self.recorder.keep(answer)
                raise answer.error
            return answer

        begun = patience.clock()
        try:
            answer = retried(send, sleep=self.client.sleep, tries=tries)
        except TransientFetchError:
            patience.lost(host, patience.clock() - begun)
            raise
        patience.answered(host)
        if answer.exchange.status == HTTPStatus.PRECONDITION_FAILED and question.original is not None:
            self.recorder.keep(answer)  # a server that can't cope with conditions
            return self.ask(replace(question, original=None), tries=tries)
        return answer

    def unanswered(self, url: str, outcome: RequestOutcome, detail: str) -> None:
        """Log a request that was not sent, or to which nothing came back."""
        self.logged(Request(source_id=self.source.id, url=url, at=self.client.clock(), outcome=outcome, detail=detail))

    def _send(self, question: Question) -> Answer:
        interval = self.client.interval if self.options.interval is None else self.options.interval
        try:
            exchange = self.client.exchange(
                question.address,
                {"Accept-Language": self.source.language, **question.conditions},
                max_bytes=question.max_bytes,
                interval=max(interval, question.pause),
                allow_private=self.options.allow_private,
            )
        except FetchError as error:
            self.unanswered(question.address, _without_answer(error), error.message)
            raise
        answer = answer_of(question, exchange, legal_basis=self.source.legal_basis)
        self.logged(
            Request(
                source_id=self.source.id,
                url=question.address,
                at=exchange.started_at,
                outcome=answer.outcome,
                status=exchange.status,
                received=exchange.received,
                seconds=exchange.seconds,
                detail=answer.detail,
            )
        )
        if isinstance(answer.error, TransientFetchError) and answer.error.retry_after:
            self.client.pace.hold_off(registrable_domain(question.address), answer.error.retry_after)
        return answer


def _without_answer(error: FetchError) -> RequestOutcome:
    if isinstance(error, RefusedError):
        return "address"
    # the pace itself asks for patience when the domain asked for it before
    return "rate-limited" if isinstance(error, TransientFetchError) and error.retry_after else "error"
