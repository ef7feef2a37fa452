"""What stands in a `metadata` record, and a capture put together from it. Writing and reading both end here, so a
capture that was just written equals the one that is read back.
"""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from archive_pipeline.model import Capture
from archive_pipeline.warc.model import Description, Exchange, StoredCapture, source_from_settings, source_settings

__all__ = ["PROFILE", "assemble", "metadata_of"]

PROFILE = "http://netpreserve.org/warc/1.1/revisit/"
"""What the profile addresses of revisit records begin with (ISO 28500, 6.7)."""

PLAIN_FIELDS = tuple(field.name for field in fields(Description) if field.name != "source")
"""The fields of a description that stand in the record as they are."""

SHARED_FIELDS = ("key", "url", "kind", "media_type", "charset", "parent", "title", "published", "fingerprint")
"""The fields that a description and a capture have in common."""


def metadata_of(
    description: Description, sha256: str, decoded: tuple[str, ...], original: Capture | None
) -> dict[str, Any]:
    """The content of the metadata record as JSON values.

    `sha256` is that of the decoded body, `decoded` the codings that were removed from the payload. For a revisit,
    `refers_to` says where the `original` lies, so that its body is found without a search.
    """
    place = {"warc_file": original.warc_file, "warc_offset": original.warc_offset} if original else None
    return {
        "source": source_settings(description.source),
        **{name: getattr(description, name) for name in PLAIN_FIELDS},
        "sha256": sha256,
        "decoded": list(decoded),
        "refers_to": place,
    }


def assemble(
    warc_file: str,
    place: tuple[int, int, int],
    record_fields: Mapping[str, str],
    head: bytes,
    metadata: Mapping[str, Any],
    body: bytes,
    payload_digest: str,
) -> StoredCapture:
    """A capture from its record's named fields (names in lower case), its HTTP head and its metadata.

    `place` is the byte its first record begins at, that of its own record, and the one after its metadata record.
    """
    start, offset, end = place
    http = Exchange(url="", request=b"", head=head, payload=b"", started_at=datetime.min.replace(tzinfo=UTC))
    source = source_from_settings(metadata["source"])
    capture = Capture(
        source_id=source.id,
        target=record_fields["warc-target-uri"],
        body=body,
        sha256=metadata["sha256"],
        captured_at=datetime.fromisoformat(record_fields["warc-date"]),
        record_id=record_fields["warc-record-id"].strip("<>"),
        status=http.status if head else None,
        headers=http.headers,
        warc_file=warc_file,
        warc_offset=offset,
        reservation=metadata.get("reservation"),
        complete=metadata.get("complete", "warc-truncated" not in record_fields),
        **{name: metadata[name] for name in SHARED_FIELDS},
    )
    profile = record_fields.get("warc-profile", "").removeprefix(PROFILE)
    return StoredCapture(
        capture=capture,
        source=source,
        settings=metadata["settings"],
        fetcher=metadata["fetcher"],
        payload_digest=payload_digest,
        start=start,
        end=end,
        revisit=profile or None,  # type: ignore[arg-type]
        refers_to=record_fields["warc-refers-to"].strip("<>") if profile else None,
    )
