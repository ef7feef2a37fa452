"""Writing what was fetched for one source into WARC, before anybody else sees it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from archive_pipeline.fetch.answers import Answer
from archive_pipeline.model import Capture, Item, Source
from archive_pipeline.warc import Description, Exchange, Previous, StoredCapture, WarcStore, urn

__all__ = ["Recorder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """Stores the answers and files of one source. They are described with the name of its `fetcher` and a hash of its
    `settings`; `stored` is told of every capture as soon as it is written."""

    source: Source
    settings: str
    fetcher: str
    store: WarcStore
    stored: Callable[[StoredCapture], None]

    def keep(self, answer: Answer) -> Capture:
        """Store an answer that is not what was asked for, as evidence. Where rights in it are reserved, only its head
        is stored, cut off for a reason that ISO 28500 calls unspecified."""
        if answer.withheld:
            exchange = replace(answer.exchange, payload=b"", truncated="unspecified")
            answer = replace(answer, exchange=exchange, body=b"", decoded=())
        return self._write(answer, None, None, None)

    def write(self, answer: Answer, item: Item | None, parent: Capture | None) -> Capture:
        """Store an answer as the capture of `item`, an attachment of `parent`, or evidence of discovery; what is known
        byte for byte becomes a revisit record."""
        return self._write(answer, item, parent, answer.question.previous)

    def put(
        self, item: Item, body: bytes, *, media_type: str | None, parent: Capture | None, previous: Previous | None
    ) -> Capture:
        """Store bytes that did not come over HTTP as the capture of `item`, or an attachment of `parent`."""
        description = replace(
            self._description(item.key, item, parent), url=item.url, media_type=media_type or item.media_type
        )
        target = urn(self.source.id, item.key)
        return self._told(self.store.write_resource(target, body, description, previous=previous))

    def adopt(
        self,
        item: Item,
        exchange: Exchange,
        media_type: str | None,
        *,
        body: bytes,
        decoded: tuple[str, ...],
        previous: Previous | None,
    ) -> Capture:
        """Store what another crawler captured as the capture of `item`, at the time it did; without an HTTP head it is
        a resource. `body` is the payload after the codings `decoded` were removed."""
        description = replace(
            self._description(item.key, item, None),
            url=item.url,
            media_type=media_type or exchange.media_type or item.media_type,
            charset=exchange.charset,
        )
        if exchange.head:
            return self._told(
                self.store.write_exchange(exchange, description, body=body, decoded=decoded, previous=previous)
            )
        return self._told(
            self.store.write_resource(
                exchange.url, body, description, previous=previous, captured_at=exchange.started_at
            )
        )

    def _write(self, answer: Answer, item: Item | None, parent: Capture | None, previous: Previous | None) -> Capture:
        exchange, original = answer.exchange, answer.question.original
        as_before = original if answer.outcome == "unmodified" else None
        description = replace(
            self._description(exchange.url, item, parent),
            url=(item.url if item else None) or exchange.url,
            # a 304 doesn't repeat what type the body is of
            media_type=exchange.media_type or (as_before.media_type if as_before else None),
            charset=exchange.charset or (as_before.charset if as_before else None),
            reservation=answer.declaration.text,
            complete=answer.complete,
        )
        return self._told(
            self.store.write_exchange(
                exchange, description, body=answer.body, decoded=answer.decoded, previous=previous
            )
        )

    def _description(self, key: str, item: Item | None, parent: Capture | None) -> Description:
        return Description(
            source=self.source,
            settings=self.settings,
            fetcher=self.fetcher,
            key=item.key if item else key,
            kind="discovery" if item is None else "document" if parent is None else "attachment",
            parent=parent.record_id if item and parent else None,
            title=item.title if item else None,
            published=item.published if item else None,
            fingerprint=item.fingerprint if item else None,
        )

    def _told(self, stored: StoredCapture) -> Capture:
        self.stored(stored)
        return stored.capture
