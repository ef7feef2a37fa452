"""What the tables, columns and views of archive.db mean, for everybody who opens the file with other programs.

Names are public for reading: columns may be added, and none changes its meaning. `v_` views are made for people; they
show the current text of each release with the tags that count.
"""

from dataclasses import dataclass

from sqlite_utils import Database

__all__ = ["TABLES", "ColumnDescription", "TableDescription", "describe_schema"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDescription:
    """A column as it is in the database, with what it means; `type` is that of SQLite, empty in views."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDescription:
    """A table or view with its columns."""

    name: str
    kind: str
    meaning: str
    columns: tuple[ColumnDescription, ...]


COMMON = {
    "release_id": "release, see `release.id`",
    "version_id": "version of the release, see `version.id`",
    "derivation": "number of the derivation of that version, see `derivation.number`",
    "source_id": "source, see `source.id`",
    "run_id": "run, see `run.id`",
    "case_id": "takedown case, see `takedown.case_id`",
    "record_id": "WARC-Record-ID of a capture, without angle brackets",
    "axis": "`district`, `party`, `organisation` or `topic`",
    "value": "key: AGS of five digits, slug of a party, organisation or topic",
    "label": "name of the value, for people",
    "role": "`issuer`, `about` or `mentioned`; of topics `primary` or `secondary`",
    "score": "probability, 0 to 1; below 0.5 it is a suggestion",
    "by": "`classifier@version`, or `decision@person`",
    "start": "where it begins in the text, in code points from 0",
    "end": "where it ends in the text, in code points, not included",
    "decided_by": "person who decided",
    "decided_at": "when, ISO 8601 in UTC",
    "note": "reason that was given",
    "key": "name of the document within its source: address or relative path",
    "url": "address, NULL for files and mail",
    "path": "path within its source, NULL for what has an address",
    "published": "day of publication as the document states it, ISO 8601; NULL where it states none",
    "title": "title",
    "language": "language, ISO 639-1",
    "access": "who may read the text: `public`, `login`, `onsite` or `closed`",
    "embargo_until": "end of the embargo, ISO 8601 in UTC; NULL without one",
    "first_captured_at": "first capture, ISO 8601 in UTC",
    "captured_at": "when it was captured, ISO 8601 in UTC",
    "sha256": "SHA-256 in hex",
    "started_at": "beginning, ISO 8601 in UTC",
    "finished_at": "end, ISO 8601 in UTC; NULL while it goes on or when it was broken off",
    "at": "when, ISO 8601 in UTC",
    "state": "see the table",
    "reason": "why, in words",
}
"""Columns that mean the same wherever they stand."""

TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "v_release": (
        "Each release with its current text. Begin here.",
        {
            "id": "id of the release; permalink `d/<id>`",
            "source": "title of the source",
            "version": "number of the current version, from 1",
            "text": "cleaned text, paragraphs separated by an empty line",
        },
    ),
    "v_tag": (
        "The tags that count of each release's current text: what was found with a score of 0.5 or more, under what "
        "people decided.",
        {},
    ),
    "v_quote": (
        "Direct speech in the current texts.",
        {"text": "what was said", "speaker": "who said it, NULL unknown"},
    ),
    "v_location": (
        "Every place where a release was found.",
        {"source": "title of the source", "first_captured_at": "first capture at this place, ISO 8601 in UTC"},
    ),
    "v_event": (
        "The event log with the release that an event is about, where it is about one.",
        {
            "id": "number of the event",
            "type": "kind, after the PREMIS event vocabulary",
            "agent": "software with its version, or a person",
            "outcome": "`success`, `failure` or `warning`",
            "object": "what it is about: release, WARC record, source, file",
            "detail": "more, never document text",
        },
    ),
    "v_decision": (
        "The decision about each value of a release that counts today.",
        {"action": "`add` or `remove`", "number": "its place in the order of all decisions"},
    ),
    "v_withheld": ("Releases that a takedown case withholds: not to be shown.", {}),
    "release": (
        "Releases. Their texts are in `derivation`.",
        {
            "id": "hash of the first canonical address, or of source and path; 16 hex digits",
            "url": "address at which it was found first",
            "version_id": "current version",
            "derivation": "current derivation of that version",
            "seq": "number of its newest change, see `outbox.seq`",
            "text_digest": "hash of title and words: the same for texts that read the same",
            "state": "`no_text_layer` for a PDF of pictures alone, else NULL",
        },
    ),
    "version": (
        "What a publisher had at an address: a new row for each change of the text.",
        {
            "id": "first 16 hex digits of `sha256`; permalink `d/<release>@<id>`",
            "number": "from 1, in the order of archiving",
            "sha256": "SHA-256 of the decoded body, in hex",
            "record_id": "capture that holds the bytes",
        },
    ),
    "derivation": (
        "Texts made of versions, one for each cleaning and classification; none is ever changed.",
        {
            "number": "from 1 within the version; permalink `d/<release>@<version>.<number>`",
            "software": "what made it, with its version",
            "text": "cleaned text",
            "article": "everything else cleaning found, as JSON (see `archive_pipeline.Article`)",
            "profile": "number of the learned profile it was cleaned with, see `profile`",
            "topic_model": "learned model that gave the topics, NULL for the lexicon",
        },
    ),
    "tag": (
        "Tags as they were found, of every derivation, suggestions below 0.5 among them.",
        {
            "id": "number of the row",
            "evidence": "spans that speak for it, as JSON: `start`, `end`, `text`, `field`",
            "municipalities": "AGS keys of eight digits through which a district was found, as JSON",
            "keywords": "subjects below a topic with their ids, as JSON",
        },
    ),
    "person": (
        "Office-holders and spokespersons named in a text.",
        {"id": "number of the row", "name": "name", "role": "office or function", "party": "party the text states"},
    ),
    "quote": (
        "Direct speech in a text.",
        {"id": "number of the row", "text": "what was said", "speaker": "who said it, NULL unknown"},
    ),
    "location": (
        "Places where a release was found.",
        {"first_captured_at": "first capture at this place, ISO 8601 in UTC"},
    ),
    "source": (
        "Sources as their settings were last.",
        {
            "id": "id in sources.toml",
            "fetcher": "kind of fetching",
            "url": "address that is listed",
            "path": "folder, relative to the archive's",
            "district": "district it belongs to, AGS",
            "party": "party it belongs to",
            "organisation": "organisation it belongs to",
            "language": "language of its releases",
            "legal_basis": "ground on which it is archived",
            "appraisal": "worth archiving, and why",
            "responsible": "who is responsible",
            "capture_scope": "what is captured with a release",
            "call_number": "call number in the archive's finding aid",
            "import_root": "folder that its files were imported from",
        },
    ),
    "capture": (
        "Everything that lies in the WARC files.",
        {
            "target": "address or URN in the WARC record",
            "kind": "`document`, `attachment` or `discovery` (evidence of what a source listed)",
            "media_type": "type that was declared",
            "charset": "charset that was declared",
            "status": "HTTP status, NULL for files",
            "etag": "ETag of the answer",
            "last_modified": "Last-Modified of the answer",
            "sha256": "SHA-256 of the decoded body, in hex",
            "warc_file": "WARC file, relative to the data folder",
            "warc_offset": "byte at which the record begins there",
            "parent": "capture that an attachment came with",
            "title": "title the source gave",
            "published": "date the source gave, as it was written",
            "state": "`stored`, `accepted`, `quarantined`, `skipped` or `failed`",
            "release_id": "release it is of, NULL for none",
            "complete": "0 for what is evidence alone: cut off, unreadable or reserved",
            "reservation": "rights the publisher reserved for machines",
        },
    ),
    "warc_file": (
        "How far each file is accounted for.",
        {"name": "file, relative to the data folder", "length": "bytes"},
    ),
    "item": (
        "What sources offer: the frontier.",
        {
            "title": "title the source gave",
            "published": "date the source gave",
            "media_type": "type the source gave",
            "fingerprint": "what the source says of its state",
            "captured_fingerprint": "the same when it was captured last",
            "state": "`pending`, `captured`, `refused`, `failed` or `gone`",
            "attempts": "attempts to fetch it",
            "first_seen_at": "first offered, ISO 8601 in UTC",
            "last_seen_at": "last offered, ISO 8601 in UTC",
            "next_attempt_at": "not to be tried before",
            "next_check_at": "to be looked at again from then on",
            "checks": "how often it was looked at again",
            "failures": "failures in a row",
        },
    ),
    "discovery": (
        "The last complete listing of each source.",
        {"completed_at": "when, ISO 8601 in UTC", "bookmark": "what the fetcher remembers"},
    ),
    "run": (
        "Runs and imports.",
        {"id": "id of the run", "command": "command", "exit_code": "exit code, NULL while it goes on"},
    ),
    "run_source": (
        "What a run did with each source.",
        {
            "seen": "offered or looked at",
            "new": "new releases",
            "changed": "new versions",
            "unchanged": "as before",
            "quarantined": "held back",
            "skipped": "no release",
            "refused": "not permitted",
            "gone": "no longer there",
            "failed": "failed",
            "seconds": "wall time",
            "rechecked": "known releases looked at again",
            "requests": "requests sent",
            "received": "bytes received",
            "no_text_layer": "PDF files of pictures alone",
        },
    ),
    "failure": (
        "What failed in a run.",
        {
            "id": "number of the row",
            "stage": "`discover`, `capture`, `clean`, `classify` or `archive`",
            "plugin": "plugin to blame",
            "hint": "next step",
            "kind": "`error`, `empty_selector` or `needs_javascript`",
        },
    ),
    "request": (
        "Every request to the network.",
        {
            "id": "number of the row",
            "url": "address",
            "outcome": "how it ended",
            "status": "HTTP status, NULL when it was not sent",
            "received": "bytes received",
            "seconds": "seconds",
            "detail": "why, when it was not simply fetched",
        },
    ),
    "event": (
        "The event log (PREMIS); rows are only added.",
        {
            "id": "number of the event",
            "type": "kind, after the PREMIS event vocabulary",
            "agent": "software with its version, or a person",
            "outcome": "`success`, `failure` or `warning`",
            "object": "what it is about",
            "detail": "more, never document text",
        },
    ),
    "outbox": (
        "Every change of a release, in order: what index, alerts and exports follow.",
        {"seq": "number of the change", "change": "`new`, `changed` or `tagged`"},
    ),
    "decision": (
        "What people decided, in the order of decisions.jsonl.",
        {
            "number": "place in the order",
            "id": "id of the decision",
            "schema": "form of the decision",
            "batch": "command it was made with",
            "undone_by": "decision that took it back",
            "sha256": "hash of everything it says; of what an older version wrote NULL",
        },
    ),
    "decisions_read": (
        "How far decisions.jsonl was read.",
        {"length": "bytes", "tail": "hash of the last bytes, to know the file again"},
    ),
    "tag_decision": (
        "Decisions about tags, also those that no longer count; see `v_decision`.",
        {"id": "see `decision.id`", "action": "`add` or `remove`", "sample": "sample it was coded in"},
    ),
    "review": (
        "Cases of the review queue that a person looked at.",
        {"id": "see `decision.id`", "verdict": "`accept`, `reject` or `skip`", "evidence": "digest of the evidence"},
    ),
    "hold_decision": (
        "Decisions about documents in quarantine.",
        {"id": "see `decision.id`", "action": "`release` or `confirm`"},
    ),
    "sample": (
        "Random samples for coding.",
        {
            "id": "see `decision.id`",
            "seed": "seed of the draw",
            "stratify": "columns of the strata, as JSON",
            "query": "query it was drawn from",
            "population": "releases it was drawn from",
        },
    ),
    "sampled": (
        "Releases of a sample.",
        {"sample_id": "see `sample.id`", "stratum": "stratum", "probability": "probability of inclusion"},
    ),
    "coding": (
        "What coders found in releases of a sample.",
        {
            "id": "see `decision.id`",
            "sample_id": "see `sample.id`",
            "column": "column of the coding sheet",
            "values": "values, as JSON; none apply when empty",
        },
    ),
    "profile": (
        "What was learned of a source's recurring lines.",
        {
            "number": "number of the profile",
            "releases": "texts it was learned from",
            "software": "what learned it",
            "lines": "the lines, as JSON",
        },
    ),
    "result_set": (
        "Frozen result sets; what they hold is in `sets/<name>.jsonl`.",
        {
            "id": "see `decision.id`",
            "name": "name, also of the file",
            "query": "query as it was typed",
            "understood": "how it was read",
            "note": "what it is for",
            "releases": "how many releases it holds",
            "sha256": "hash that proves the file",
            "seq": "newest change of the archive then",
            "created_by": "person who froze it",
            "created_at": "when, ISO 8601 in UTC",
        },
    ),
    "reuse_release": (
        "Texts that re-use was looked for in.",
        {
            "number": "number in the tables of re-use",
            "day": "day that counts for who was first",
            "is_dated": "1 where that is the day of publication, 0 where it is that of the capture",
        },
    ),
    "reuse_link": (
        "Texts that share passages.",
        {
            "earlier_id": "release that was first",
            "earlier_version": "its version",
            "earlier_derivation": "its derivation",
            "later_id": "release that came later",
            "later_version": "its version",
            "later_derivation": "its derivation",
            "kind": "`exact`, `near`, `passage` or `quote`",
            "basis": "what the order rests on: `published` or `captured`",
            "similarity": "share of the words of both texts, 0 to 1",
            "share": "share of the later text that the earlier one has, 0 to 1",
            "words": "words they share",
            "passages": "spans in both texts, as JSON",
        },
    ),
    "reuse_fingerprint": (
        "Fingerprints of texts, for finding re-use.",
        {"fingerprint": "hash of a run of words", "number": "see `reuse_release.number`"},
    ),
    "reuse_bucket": (
        "Buckets of texts that are nearly the same.",
        {"bucket": "key of the bucket", "number": "see `reuse_release.number`"},
    ),
    "reuse_position": (
        "How far re-use has followed the changes.",
        {"seq": "see `outbox.seq`", "number": "last number that was given"},
    ),
    "relaunch": (
        "Sites that move to new addresses.",
        {
            "began_at": "when it was noticed, ISO 8601 in UTC",
            "moved": "releases found again",
            "other": "documents that are new",
            "told": "1 when it was reported",
        },
    ),
    "audit": (
        "Checks of fixity.",
        {
            "id": "number of the row",
            "scope": "`all` or a share such as `1/30`",
            "records": "records read",
            "bytes": "bytes read",
            "findings": "what was wrong",
            "complete": "1 when everything was looked at since the last complete one",
            "next_file": "file with which the next one begins",
            "next_offset": "byte with which the next one begins",
        },
    ),
    "takedown": (
        "Cases in which somebody asked that releases be taken down.",
        {
            "case_id": "id of the case",
            "ground": "legal ground as it was stated",
            "requester": "who asked",
            "opened_at": "when, ISO 8601 in UTC",
            "state": "`requested`, `hidden`, `kept` or `erased`",
        },
    ),
    "takedown_release": ("Releases of a case.", {}),
    "takedown_step": (
        "Decisions in a case.",
        {"id": "see `decision.id`", "step": "`request`, `hide`, `keep` or `erase`"},
    ),
    "erasure": ("Erasures and whether they are done.", {"id": "see `decision.id`"}),
    "erased_payload": ("Bodies that are not archived again.", {"sha256": "SHA-256 of the decoded body, in hex"}),
    "erased_place": ("Places from which nothing is fetched any more.", {}),
    "access_decision": (
        "Access levels that people set.",
        {"access": "who may read the text; NULL: as its source says"},
    ),
    "suppressed_person": ("Names that are not shown or searched as persons.", {"name": "name"}),
    "correction": (
        "Notes of correction, shown with their release.",
        {
            "id": "see `decision.id`",
            "kind": "`correction` or `gegendarstellung`",
            "text": "the note",
            "noted_at": "when, ISO 8601 in UTC",
            "withdrawn_by": "decision that withdrew it",
        },
    ),
    "saved_search": (
        "Searches that are saved under a name.",
        {
            "name": "name",
            "query": "query as it was typed",
            "match": "`all` or `any`",
            "sort": "order of the hits",
            "saved_by": "person who saved it",
            "saved_at": "when, ISO 8601 in UTC",
            "seen_seq": "change up to which the hits were seen",
            "seen_at": "when they were seen last",
        },
    ),
}
"""Every table and view in the order in which a reader wants them, with the columns that `COMMON` does not explain."""

OTHERS = ("_sqlite_migrations", "sqlite_sequence", "sqlite_stat1")
"""Tables of SQLite and of the migrations, which say nothing about releases."""


def describe_schema(db: Database) -> tuple[TableDescription, ...]:
    """Every table and view of a database with what it means. Raises KeyError naming what has no description."""
    rows = db.query("SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view')")
    kinds = {row["name"]: row["type"] for row in rows if row["name"] not in OTHERS}
    unknown = kinds.keys() ^ TABLES.keys()
    if unknown:
        raise KeyError(f"described and not there, or there and not described: {sorted(unknown)}")
    return tuple(_describe(db, name, kinds[name]) for name in TABLES)


def _describe(db: Database, name: str, kind: str) -> TableDescription:
    meaning, own = TABLES[name]
    found = [(row["name"], row["type"]) for row in db.query(f"SELECT name, type FROM pragma_table_info('{name}')")]
    names = {column for column, _ in found}
    missing = (names - own.keys() - COMMON.keys()) | (own.keys() - names)
    if missing:
        raise KeyError(f"{name}: described and not there, or there and not described: {sorted(missing)}")
    return TableDescription(
        name=name,
        kind=kind,
        meaning=meaning,
        columns=tuple(
            ColumnDescription(
                name=column,
                type=declared if kind == "table" else "",
                meaning=own.get(column) or COMMON[column],
            )
            for column, declared in found
        ),
    )
