"""The schema, as migrations that only ever grow at the end."""

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

__all__ = ["MIGRATIONS"]

MIGRATIONS = Migrations("archive_pipeline")

TABLES = """
CREATE TABLE source (
  id TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  fetcher TEXT,
  url TEXT,
  path TEXT,
  district TEXT,
  party TEXT,
  organisation TEXT,
  language TEXT NOT NULL,
  access TEXT NOT NULL,
  legal_basis TEXT,
  appraisal TEXT,
  responsible TEXT,
  capture_scope TEXT,
  call_number TEXT,
  import_root TEXT
) STRICT;

CREATE TABLE run (
  id TEXT PRIMARY KEY,
  command TEXT NOT NULL,
  started_at TEXT NOT NULL,
  finished_at TEXT,
  exit_code INTEGER
) STRICT;

CREATE TABLE run_source (
  run_id TEXT NOT NULL REFERENCES run(id),
  source_id TEXT NOT NULL,
  seen INTEGER NOT NULL,
  new INTEGER NOT NULL,
  changed INTEGER NOT NULL,
  unchanged INTEGER NOT NULL,
  quarantined INTEGER NOT NULL,
  skipped INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  gone INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  seconds REAL NOT NULL,
  PRIMARY KEY (run_id, source_id)
) STRICT;

CREATE TABLE failure (
  id INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL,
  source_id TEXT NOT NULL,
  key TEXT NOT NULL,
  stage TEXT NOT NULL,
  reason TEXT NOT NULL,
  plugin TEXT,
  at TEXT NOT NULL
) STRICT;
CREATE INDEX failure_run ON failure(run_id);

CREATE TABLE item (
  source_id TEXT NOT NULL,
  key TEXT NOT NULL,
  url TEXT,
  title TEXT,
  published TEXT,
  media_type TEXT,
  fingerprint TEXT,
  captured_fingerprint TEXT,
  state TEXT NOT NULL CHECK (state IN ('pending', 'captured', 'refused', 'failed', 'gone')),
  attempts INTEGER NOT NULL DEFAULT 0,
  reason TEXT,
  first_seen_at TEXT NOT NULL,
  last_seen_at TEXT NOT NULL,
  PRIMARY KEY (source_id, key)
) STRICT;
CREATE INDEX item_state ON item(source_id, state);

CREATE TABLE warc_file (
  name TEXT PRIMARY KEY,
  length INTEGER NOT NULL
) STRICT;

CREATE TABLE capture (
  record_id TEXT PRIMARY KEY,
  source_id TEXT NOT NULL,
  key TEXT NOT NULL,
  target TEXT NOT NULL,
  url TEXT,
  kind TEXT NOT NULL CHECK (kind IN ('document', 'discovery')),
  media_type TEXT,
  charset TEXT,
  status INTEGER,
  etag TEXT,
  last_modified TEXT,
  sha256 TEXT NOT NULL,
  captured_at TEXT NOT NULL,
  warc_file TEXT NOT NULL,
  warc_offset INTEGER NOT NULL,
  parent TEXT,
  title TEXT,
  published TEXT,
  state TEXT NOT NULL CHECK (state IN ('stored', 'accepted', 'quarantined', 'skipped', 'failed')),
  reason TEXT,
  release_id TEXT
) STRICT;
CREATE INDEX capture_target ON capture(target, captured_at);
CREATE INDEX capture_item ON capture(source_id, key);
CREATE INDEX capture_state ON capture(state);
CREATE INDEX capture_release ON capture(release_id);

CREATE TABLE release (
  id TEXT PRIMARY KEY,
  source_id TEXT NOT NULL,
  url TEXT,
  path TEXT,
  access TEXT NOT NULL,
  version_id TEXT NOT NULL,
  derivation INTEGER NOT NULL,
  title TEXT,
  published TEXT,
  first_captured_at TEXT NOT NULL,
  seq INTEGER NOT NULL
) STRICT;
CREATE INDEX release_published ON release(published);
CREATE INDEX release_source ON release(source_id);

CREATE TABLE location (
  release_id TEXT NOT NULL REFERENCES release(id),
  source_id TEXT NOT NULL,
  key TEXT NOT NULL,
  url TEXT,
  first_captured_at TEXT NOT NULL,
  PRIMARY KEY (release_id, source_id, key)
) STRICT;

CREATE TABLE version (
  release_id TEXT NOT NULL REFERENCES release(id),
  id TEXT NOT NULL,
  number INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  captured_at TEXT NOT NULL,
  record_id TEXT NOT NULL REFERENCES capture(record_id),
  PRIMARY KEY (release_id, id)
) STRICT;

CREATE TABLE derivation (
  release_id TEXT NOT NULL,
  version_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  software TEXT NOT NULL,
  title TEXT,
  published TEXT,
  language TEXT,
  text TEXT NOT NULL,
  article TEXT NOT NULL,
  PRIMARY KEY (release_id, version_id, number),
  FOREIGN KEY (release_id, version_id) REFERENCES version(release_id, id)
) STRICT;

CREATE TABLE tag (
  id INTEGER PRIMARY KEY,
  release_id TEXT NOT NULL,
  version_id TEXT NOT NULL,
  derivation INTEGER NOT NULL,
  axis TEXT NOT NULL,
  value TEXT NOT NULL,
  label TEXT NOT NULL,
  role TEXT NOT NULL,
  score REAL NOT NULL,
  by TEXT NOT NULL,
  evidence TEXT NOT NULL,
  municipalities TEXT NOT NULL,
  FOREIGN KEY (release_id, version_id, derivation) REFERENCES derivation(release_id, version_id, number)
) STRICT;
CREATE INDEX tag_release ON tag(release_id, version_id, derivation);
CREATE INDEX tag_value ON tag(axis, value);

CREATE TABLE person (
  id INTEGER PRIMARY KEY,
  release_id TEXT NOT NULL,
  version_id TEXT NOT NULL,
  derivation INTEGER NOT NULL,
  name TEXT NOT NULL,
  role TEXT,
  party TEXT,
  start INTEGER NOT NULL,
  "end" INTEGER NOT NULL
) STRICT;
CREATE INDEX person_release ON person(release_id, version_id, derivation);

CREATE TABLE quote (
  id INTEGER PRIMARY KEY,
  release_id TEXT NOT NULL,
  version_id TEXT NOT NULL,
  derivation INTEGER NOT NULL,
  text TEXT NOT NULL,
  speaker TEXT,
  start INTEGER NOT NULL,
  "end" INTEGER NOT NULL
) STRICT;
CREATE INDEX quote_release ON quote(release_id, version_id, derivation);

CREATE TABLE tag_decision (
  id TEXT PRIMARY KEY,
  release_id TEXT NOT NULL,
  axis TEXT NOT NULL,
  value TEXT NOT NULL,
  label TEXT NOT NULL,
  role TEXT NOT NULL,
  action TEXT NOT NULL CHECK (action IN ('add', 'remove')),
  note TEXT,
  decided_by TEXT NOT NULL,
  decided_at TEXT NOT NULL
) STRICT;
CREATE INDEX tag_decision_release ON tag_decision(release_id);

CREATE TABLE event (
  id INTEGER PRIMARY KEY,
  type TEXT NOT NULL,
  at TEXT NOT NULL,
  agent TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('success', 'failure', 'warning')),
  object TEXT NOT NULL,
  detail TEXT
) STRICT;
CREATE INDEX event_object ON event(object);

CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  release_id TEXT NOT NULL,
  change TEXT NOT NULL CHECK (change IN ('new', 'changed', 'tagged')),
  at TEXT NOT NULL
) STRICT;
CREATE INDEX outbox_release ON outbox(release_id);

CREATE VIEW v_tag AS
  SELECT t.release_id, t.axis, t.value, t.label, t.role, t.score, t.by
  FROM tag AS t
  JOIN release AS r
    ON r.id = t.release_id AND r.version_id = t.version_id AND r.derivation = t.derivation
  WHERE t.score >= 0.5
    AND NOT EXISTS (
      SELECT 1 FROM v_decision AS d
      WHERE d.release_id = t.release_id AND d.axis = t.axis AND d.value = t.value
    )
  UNION ALL
  SELECT d.release_id, d.axis, d.value, d.label, d.role, 1.0, 'decision@' || d.decided_by
  FROM v_decision AS d
  WHERE d.action = 'add';

CREATE VIEW v_decision AS
  SELECT release_id, axis, value, label, role, action, note, decided_by, decided_at
  FROM tag_decision AS d
  WHERE d.rowid = (
    SELECT max(x.rowid) FROM tag_decision AS x
    WHERE x.release_id = d.release_id AND x.axis = d.axis AND x.value = d.value
  );

CREATE VIEW v_release AS
  SELECT r.id, r.source_id, s.title AS source, r.url, r.path, r.title, r.published, d.language, r.access,
         r.first_captured_at, v.number AS version, r.version_id, r.derivation, d.text
  FROM release AS r
  JOIN source AS s ON s.id = r.source_id
  JOIN version AS v ON v.release_id = r.id AND v.id = r.version_id
  JOIN derivation AS d
    ON d.release_id = r.id AND d.version_id = r.version_id AND d.number = r.derivation;
"""


@MIGRATIONS(name="0001_spine")
def spine(db: Database) -> None:
    """Sources, runs, frontier, captures, releases, tags, decisions, events, outbox."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)


@MIGRATIONS(name="0002_indexes")
def indexes(db: Database) -> None:
    """What the index follows, and the runs of a source."""
    db.execute("CREATE INDEX release_seq ON release(seq)")
    db.execute("CREATE INDEX run_source_source ON run_source(source_id)")


FETCHING = """
PRAGMA legacy_alter_table = ON;
ALTER TABLE capture RENAME TO capture_before;
CREATE TABLE capture (
  record_id TEXT PRIMARY KEY,
  source_id TEXT NOT NULL,
  key TEXT NOT NULL,
  target TEXT NOT NULL,
  url TEXT,
  kind TEXT NOT NULL CHECK (kind IN ('document', 'attachment', 'discovery')),
  media_type TEXT,
  charset TEXT,
  status INTEGER,
  etag TEXT,
  last_modified TEXT,
  sha256 TEXT NOT NULL,
  captured_at TEXT NOT NULL,
  warc_file TEXT NOT NULL,
  warc_offset INTEGER NOT NULL,
  parent TEXT,
  title TEXT,
  published TEXT,
  state TEXT NOT NULL CHECK (state IN ('stored', 'accepted', 'quarantined', 'skipped', 'failed')),
  reason TEXT,
  release_id TEXT,
  complete INTEGER NOT NULL DEFAULT 1,
  reservation TEXT
) STRICT;
INSERT INTO capture SELECT *, 1, NULL FROM capture_before ORDER BY rowid;
DROP TABLE capture_before;
PRAGMA legacy_alter_table = OFF;
CREATE INDEX capture_target ON capture(target, captured_at);
CREATE INDEX capture_item ON capture(source_id, key);
CREATE INDEX capture_state ON capture(state, source_id);
CREATE INDEX capture_release ON capture(release_id);
CREATE INDEX capture_parent ON capture(parent);

CREATE TABLE request (
  id INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL,
  source_id TEXT NOT NULL,
  at TEXT NOT NULL,
  url TEXT NOT NULL,
  outcome TEXT NOT NULL,
  status INTEGER,
  received INTEGER NOT NULL,
  seconds REAL NOT NULL,
  detail TEXT
) STRICT;
CREATE INDEX request_run ON request(run_id, source_id);
CREATE INDEX request_source ON request(source_id, at);

CREATE TABLE discovery (
  source_id TEXT PRIMARY KEY,
  completed_at TEXT NOT NULL,
  bookmark TEXT
) STRICT;

ALTER TABLE item ADD COLUMN next_attempt_at TEXT;
ALTER TABLE item ADD COLUMN next_check_at TEXT;
ALTER TABLE item ADD COLUMN checks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE item ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
CREATE INDEX item_check ON item(source_id, next_check_at);
CREATE INDEX item_seen ON item(source_id, first_seen_at);

ALTER TABLE release ADD COLUMN text_digest TEXT;
CREATE INDEX release_text ON release(text_digest);

ALTER TABLE failure ADD COLUMN hint TEXT NOT NULL DEFAULT '';
ALTER TABLE failure ADD COLUMN kind TEXT NOT NULL DEFAULT 'error';
CREATE INDEX failure_source ON failure(source_id);

ALTER TABLE run_source ADD COLUMN started_at TEXT;
ALTER TABLE run_source ADD COLUMN rechecked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run_source ADD COLUMN requests INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run_source ADD COLUMN received INTEGER NOT NULL DEFAULT 0;
CREATE INDEX run_source_started ON run_source(source_id, started_at);
"""


@MIGRATIONS(name="0003_fetching")
def fetching(db: Database) -> None:
    """The request log, what fetchers remember, back-off and re-checks of items, captures that are attachments.

    SQLite changes no CHECK of a table that is there, so its rows move to a new one; the old way of renaming leaves the
    references to it alone.
    """
    for statement in FETCHING.split(";\n"):
        if statement.strip():
            db.execute(statement)


@MIGRATIONS(name="0004_profiles")
def profiles(db: Database) -> None:
    """What was learned from the releases of a source, and which derivation was cleaned with it."""
    db.execute(
        """CREATE TABLE profile (
          source_id TEXT NOT NULL,
          number INTEGER NOT NULL,
          releases INTEGER NOT NULL,
          software TEXT NOT NULL,
          lines TEXT NOT NULL,
          PRIMARY KEY (source_id, number)
        ) STRICT"""
    )
    db.execute("ALTER TABLE derivation ADD COLUMN profile INTEGER")


PAGES = """
ALTER TABLE release ADD COLUMN state TEXT;
CREATE INDEX release_state ON release(source_id, state) WHERE state IS NOT NULL;
ALTER TABLE run_source ADD COLUMN no_text_layer INTEGER NOT NULL DEFAULT 0;
"""


@MIGRATIONS(name="0005_pages")
def pages(db: Database) -> None:
    """Releases without a text, and how many of them a run brought."""
    for statement in PAGES.split(";\n"):
        if statement.strip():
            db.execute(statement)


DECISIONS = """
CREATE TABLE decision (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  schema TEXT NOT NULL,
  batch TEXT NOT NULL,
  decided_by TEXT NOT NULL,
  decided_at TEXT NOT NULL,
  note TEXT,
  undone_by TEXT
) STRICT;
CREATE INDEX decision_batch ON decision(batch);
CREATE INDEX decision_undone ON decision(undone_by) WHERE undone_by IS NOT NULL;
INSERT INTO decision (number, id, schema, batch, decided_by, decided_at, note)
  SELECT rowid, id, 'apl/tag-decision/1', id, decided_by, decided_at, note FROM tag_decision ORDER BY rowid;
CREATE TABLE decisions_read (
  length INTEGER NOT NULL,
  tail TEXT NOT NULL
) STRICT;

ALTER TABLE tag_decision ADD COLUMN sample TEXT;

CREATE TABLE review (
  id TEXT PRIMARY KEY,
  release_id TEXT NOT NULL,
  axis TEXT NOT NULL,
  value TEXT NOT NULL,
  verdict TEXT NOT NULL,
  evidence TEXT NOT NULL
) STRICT;
CREATE INDEX review_case ON review(release_id, axis, value);

CREATE TABLE hold_decision (
  id TEXT PRIMARY KEY,
  record_id TEXT NOT NULL,
  action TEXT NOT NULL
) STRICT;
CREATE INDEX hold_decision_record ON hold_decision(record_id);

CREATE TABLE sample (
  id TEXT PRIMARY KEY,
  seed TEXT NOT NULL,
  stratify TEXT NOT NULL,
  query TEXT,
  population INTEGER NOT NULL
) STRICT;
CREATE TABLE sampled (
  sample_id TEXT NOT NULL,
  release_id TEXT NOT NULL,
  stratum TEXT NOT NULL,
  probability REAL NOT NULL,
  PRIMARY KEY (sample_id, release_id)
) STRICT;
CREATE TABLE coding (
  id TEXT PRIMARY KEY,
  sample_id TEXT NOT NULL,
  release_id TEXT NOT NULL,
  "column" TEXT NOT NULL,
  "values" TEXT NOT NULL
) STRICT;
CREATE INDEX coding_release ON coding(sample_id, release_id);

CREATE INDEX tag_score ON tag(score);

DROP VIEW v_tag;
DROP VIEW v_decision;
CREATE VIEW v_decision AS
  SELECT d.release_id, d.axis, d.value, d.label, d.role, d.action, d.note, d.decided_by, d.decided_at, n.number
  FROM tag_decision AS d
  JOIN decision AS n ON n.id = d.id
  WHERE n.undone_by IS NULL AND NOT EXISTS (
    SELECT 1 FROM tag_decision AS x
    JOIN decision AS m ON m.id = x.id
    WHERE x.release_id = d.release_id AND x.axis = d.axis AND x.value = d.value
      AND m.undone_by IS NULL AND m.number > n.number
  );
CREATE VIEW v_tag AS
  SELECT t.release_id, t.axis, t.value, t.label,
    CASE WHEN t.role = 'primary' AND EXISTS (
      SELECT 1 FROM v_decision AS p
      WHERE p.release_id = t.release_id AND p.axis = t.axis AND p.role = 'primary' AND p.action = 'add'
    ) THEN 'secondary' ELSE t.role END AS role,
    t.score, t.by
  FROM tag AS t
  JOIN release AS r
    ON r.id = t.release_id AND r.version_id = t.version_id AND r.derivation = t.derivation
  WHERE t.score >= 0.5
    AND NOT EXISTS (
      SELECT 1 FROM v_decision AS d
      WHERE d.release_id = t.release_id AND d.axis = t.axis AND d.value = t.value
    )
  UNION ALL
  SELECT d.release_id, d.axis, d.value, d.label,
    CASE WHEN d.role = 'primary' AND EXISTS (
      SELECT 1 FROM v_decision AS p
      WHERE p.release_id = d.release_id AND p.axis = d.axis AND p.role = 'primary' AND p.action = 'add'
        AND p.number > d.number
    ) THEN 'secondary' ELSE d.role END,
    1.0, 'decision@' || d.decided_by
  FROM v_decision AS d
  WHERE d.action = 'add'
"""


@MIGRATIONS(name="0006_decisions")
def decisions(db: Database) -> None:
    """Decisions of every form, how far decisions.jsonl was read, the review queue, random samples and their codings.

    A topic that a person made the main one leaves no other main topic beside it.
    """
    for statement in DECISIONS.split(";\n"):
        if statement.strip():
            db.execute(statement)


REUSE = """
CREATE TABLE reuse_release (
  number INTEGER PRIMARY KEY,
  release_id TEXT NOT NULL UNIQUE,
  version_id TEXT NOT NULL,
  derivation INTEGER NOT NULL,
  source_id TEXT NOT NULL,
  day TEXT NOT NULL,
  is_dated INTEGER NOT NULL,
  captured_at TEXT NOT NULL
) STRICT;
CREATE TABLE reuse_fingerprint (
  fingerprint INTEGER NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (fingerprint, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE reuse_bucket (
  bucket INTEGER NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (bucket, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE reuse_link (
  earlier_id TEXT NOT NULL,
  earlier_version TEXT NOT NULL,
  earlier_derivation INTEGER NOT NULL,
  later_id TEXT NOT NULL,
  later_version TEXT NOT NULL,
  later_derivation INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('exact', 'near', 'passage', 'quote')),
  basis TEXT NOT NULL CHECK (basis IN ('published', 'captured')),
  similarity REAL NOT NULL,
  share REAL NOT NULL,
  words INTEGER NOT NULL,
  passages TEXT NOT NULL,
  PRIMARY KEY (earlier_id, later_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX reuse_link_later ON reuse_link(later_id);
CREATE INDEX reuse_link_kind ON reuse_link(kind) WHERE kind IN ('exact', 'near');
CREATE TABLE reuse_position (
  seq INTEGER NOT NULL,
  number INTEGER NOT NULL
) STRICT;
INSERT INTO reuse_position (seq, number) VALUES (0, 0);
CREATE INDEX event_source_change ON event(at) WHERE type IN ('silent change', 'removal at source', 'relaunch');
CREATE TABLE relaunch (
  source_id TEXT PRIMARY KEY,
  began_at TEXT NOT NULL,
  moved INTEGER NOT NULL DEFAULT 0,
  other INTEGER NOT NULL DEFAULT 0,
  told INTEGER NOT NULL DEFAULT 0
) STRICT;
"""


@MIGRATIONS(name="0008_reuse")
def reuse(db: Database) -> None:
    """What was compared to find re-use, the links found, and how far the outbox was followed; sites that move."""
    for statement in REUSE.split(";\n"):
        if statement.strip():
            db.execute(statement)


@MIGRATIONS(name="0010_topics")
def topics(db: Database) -> None:
    """Subject keywords of a topic, and the learned model that gave the topics of a derivation."""
    db.execute("ALTER TABLE tag ADD COLUMN keywords TEXT NOT NULL DEFAULT '[]'")
    db.execute("ALTER TABLE derivation ADD COLUMN topic_model TEXT")


FIXITY = """
CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  scope TEXT NOT NULL,
  started_at TEXT NOT NULL,
  finished_at TEXT NOT NULL,
  records INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  findings INTEGER NOT NULL,
  complete INTEGER NOT NULL,
  next_file TEXT,
  next_offset INTEGER NOT NULL
) STRICT;
"""


@MIGRATIONS(name="0007_fixity")
def fixity(db: Database) -> None:
    """Every audit: what it looked at, what it found, and where the next part begins."""
    for statement in FIXITY.split(";\n"):
        if statement.strip():
            db.execute(statement)


RIGHTS = """
CREATE TABLE takedown (
  case_id TEXT PRIMARY KEY,
  ground TEXT,
  requester TEXT,
  opened_at TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('requested', 'hidden', 'kept', 'erased'))
) STRICT;
CREATE TABLE takedown_release (
  case_id TEXT NOT NULL,
  release_id TEXT NOT NULL,
  PRIMARY KEY (case_id, release_id)
) STRICT;
CREATE INDEX takedown_release_release ON takedown_release(release_id);
CREATE TABLE takedown_step (
  id TEXT PRIMARY KEY,
  case_id TEXT NOT NULL,
  step TEXT NOT NULL,
  note TEXT,
  decided_by TEXT NOT NULL,
  decided_at TEXT NOT NULL
) STRICT;
CREATE INDEX takedown_step_case ON takedown_step(case_id);
CREATE VIEW v_withheld AS
  SELECT t.release_id, t.case_id FROM takedown_release AS t
  JOIN takedown AS c ON c.case_id = t.case_id
  WHERE c.state IN ('hidden', 'erased');
CREATE TABLE erasure (
  id TEXT PRIMARY KEY,
  case_id TEXT NOT NULL,
  finished_at TEXT
) STRICT;
CREATE TABLE erased_payload (
  sha256 TEXT PRIMARY KEY,
  case_id TEXT NOT NULL
) STRICT;
CREATE TABLE erased_place (
  source_id TEXT NOT NULL,
  key TEXT NOT NULL,
  url TEXT,
  case_id TEXT NOT NULL,
  PRIMARY KEY (source_id, key)
) STRICT;
CREATE INDEX erased_place_url ON erased_place(url);

CREATE TABLE access_decision (
  release_id TEXT PRIMARY KEY,
  access TEXT
) STRICT;
CREATE TABLE suppressed_person (
  name TEXT PRIMARY KEY
) STRICT;
CREATE INDEX person_name ON person(name);
CREATE INDEX quote_speaker ON quote(speaker) WHERE speaker IS NOT NULL;
CREATE TABLE correction (
  id TEXT PRIMARY KEY,
  release_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  text TEXT NOT NULL,
  url TEXT,
  noted_at TEXT NOT NULL,
  withdrawn_by TEXT
) STRICT;
CREATE INDEX correction_release ON correction(release_id);

ALTER TABLE release ADD COLUMN embargo_until TEXT;
UPDATE release SET embargo_until = (
  SELECT strftime('%Y-%m-%dT%H:%M:%S+00:00', json_extract(d.article, '$.embargo_until')) FROM derivation AS d
  WHERE d.release_id = release.id AND d.version_id = release.version_id AND d.number = release.derivation);
CREATE INDEX release_embargo ON release(embargo_until) WHERE embargo_until IS NOT NULL;

DROP VIEW v_release;
CREATE VIEW v_release AS
  SELECT r.id, r.source_id, s.title AS source, r.url, r.path, r.title, r.published, d.language, r.access,
         r.embargo_until, r.first_captured_at, v.number AS version, r.version_id, r.derivation, d.text
  FROM release AS r
  JOIN source AS s ON s.id = r.source_id
  JOIN version AS v ON v.release_id = r.id AND v.id = r.version_id
  JOIN derivation AS d
    ON d.release_id = r.id AND d.version_id = r.version_id AND d.number = r.derivation
  WHERE NOT EXISTS (SELECT 1 FROM v_withheld AS w WHERE w.release_id = r.id)
"""


@MIGRATIONS(name="0009_rights")
def rights(db: Database) -> None:
    """Takedown cases and what was erased, access by release, suppressed names, notes of correction, embargoes.

    What a case withholds is in no view; times of embargoes are UTC.
    """
    for statement in RIGHTS.split(";\n"):
        if statement.strip():
            db.execute(statement)


SETS = """
CREATE TABLE result_set (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  query TEXT NOT NULL,
  understood TEXT NOT NULL,
  note TEXT,
  releases INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  seq INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;
CREATE INDEX result_set_name ON result_set(name);
CREATE INDEX capture_place ON capture(warc_file, warc_offset);
CREATE INDEX location_place ON location(source_id, key);
CREATE VIEW v_location AS
  SELECT l.release_id, l.source_id, s.title AS source, l.key, l.url, l.first_captured_at
  FROM location AS l JOIN source AS s ON s.id = l.source_id;
CREATE VIEW v_quote AS
  SELECT q.release_id, q.text, q.speaker, q.start, q."end", r.published, r.source_id
  FROM quote AS q
  JOIN release AS r ON r.id = q.release_id AND r.version_id = q.version_id AND r.derivation = q.derivation;
CREATE VIEW v_event AS
  SELECT e.id, e.at, e.type, e.outcome, e.agent, e.object, e.detail, coalesce(r.id, c.release_id) AS release_id
  FROM event AS e
  LEFT JOIN release AS r ON r.id = e.object
  LEFT JOIN capture AS c ON c.record_id = e.object
"""


@MIGRATIONS(name="0011_sets")
def sets(db: Database) -> None:
    """Frozen result sets; where a capture lies, for those who copy it; views of locations, quotes and events."""
    for statement in SETS.split(";\n"):
        if statement.strip():
            db.execute(statement)


@MIGRATIONS(name="0012_saved_search")
def saved_search(db: Database) -> None:
    """Searches that people keep under a name, and up to which change of the archive they were looked at."""
    db.execute(
        """CREATE TABLE saved_search (
          name TEXT PRIMARY KEY,
          query TEXT NOT NULL,
          match TEXT NOT NULL CHECK (match IN ('all', 'any')),
          sort TEXT NOT NULL CHECK (sort IN ('score', 'newest', 'oldest')),
          saved_by TEXT NOT NULL,
          saved_at TEXT NOT NULL,
          seen_seq INTEGER NOT NULL,
          seen_at TEXT NOT NULL
        ) STRICT"""
    )


@MIGRATIONS(name="0013_decision_fixity")
def decision_fixity(db: Database) -> None:
    """A hash of each decision, so that an audit finds a line of decisions.jsonl that was changed. Those of older
    archives get none, until a rebuild reads them again."""
    db.execute("ALTER TABLE decision ADD COLUMN sha256 TEXT")


@MIGRATIONS(name="0014_reuse_again")
def reuse_again(db: Database) -> None:
    """Forget what was compared by former fingerprints, which are others: the next run compares everything anew."""
    for table in ("reuse_release", "reuse_fingerprint", "reuse_bucket", "reuse_link"):
        db.execute(f"DELETE FROM {table}")
    db.execute("UPDATE reuse_position SET seq = 0, number = 0")
