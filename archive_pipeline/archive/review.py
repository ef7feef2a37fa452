"""The review queue: what a person should look at first, and what was looked at already.

A case is a value of a release about which the rules are in doubt. It leaves the queue with a decision, or when it was
reviewed, and comes back only if its evidence has changed since. Cases come in the order of how unsure and how useful
they are: what decides a facet comes before what is merely mentioned.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from pydantic import TypeAdapter
from sqlite_utils import Database

from archive_pipeline.archive.reading import BEGINNING
from archive_pipeline.model import Axis, Evidence, Role, heading

__all__ = ["NO_VALUE", "Case", "Reason", "find_case", "review_cases"]

Reason = Literal["unsure", "unsure-topic", "no-topic", "no-issuer", "conflict"]
"""Why a case is in the queue. `unsure`: the score is near one half. `unsure-topic`: so is that of the main topic,
or a further topic is near to it.
`no-topic`: none was found. `no-issuer`: the source suggests a party, but none was found to issue. `conflict`: district
or issuer are not those of the source."""

NO_VALUE = "none"
"""The value of the case that a release has no topic at all."""

EVIDENCE = TypeAdapter(tuple[Evidence, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case: the value with the role, score and evidence it was found with. `digest` stands for that evidence;
    `priority` is between 0 and 1. `is_changed`: it was reviewed before, on other evidence."""

    release_id: str
    title: str
    heading: str
    published: date | None
    source_id: str
    axis: Axis
    value: str
    label: str
    role: Role
    score: float
    reason: Reason
    evidence: tuple[Evidence, ...]
    digest: str
    priority: float
    is_changed: bool


LOWEST, HIGHEST = 0.3, 0.65
"""Scores in which a tag is in doubt: so near one half that a person's word says most."""

NEAR = 0.1
"""The main topic is in doubt, too, when a further one scores that near to it."""

USUAL_SHARE, USUAL_LEAST = 0.8, 5
"""A source suggests a party when so large a share of its releases is issued by it, and so many of them."""

CURRENT = "JOIN release AS r ON r.id = t.release_id AND r.version_id = t.version_id AND r.derivation = t.derivation"

WITHOUT_ISSUER = """NOT EXISTS (SELECT 1 FROM tag t WHERE t.release_id = r.id AND t.version_id = r.version_id
    AND t.derivation = r.derivation AND t.axis = 'party' AND t.role = 'issuer' AND t.score >= 0.5)
  AND NOT EXISTS (SELECT 1 FROM v_decision v WHERE v.release_id = r.id AND v.axis = 'party' AND v.role = 'issuer'
    AND v.action = 'add')"""

CASES = f"""
WITH issued AS (
  SELECT r.source_id, t.value FROM tag AS t {CURRENT}
  WHERE t.axis = 'party' AND t.role = 'issuer' AND t.score >= 0.5
), usual AS (
  SELECT i.source_id, i.value FROM issued AS i GROUP BY i.source_id, i.value
  HAVING count(*) >= {USUAL_LEAST}
    AND count(*) >= {USUAL_SHARE} * (SELECT count(*) FROM release AS x WHERE x.source_id = i.source_id)
), suggested AS (
  SELECT s.id AS source_id, coalesce(s.party, u.value) AS party
  FROM source AS s LEFT JOIN usual AS u ON u.source_id = s.id WHERE coalesce(s.party, u.value) IS NOT NULL
), cases AS (
  SELECT t.release_id, t.axis, t.value, t.label, t.role, t.score, t.evidence,
    CASE WHEN t.role = 'primary' THEN 'unsure-topic' ELSE 'unsure' END AS reason,
    (1 - abs(2 * t.score - 1)) * CASE t.role WHEN 'mentioned' THEN 0.4 WHEN 'secondary' THEN 0.6 ELSE 1 END AS priority
  FROM tag AS t {CURRENT}
  WHERE t.score BETWEEN {LOWEST} AND {HIGHEST} {{tag}}
  UNION ALL
  SELECT t.release_id, t.axis, t.value, t.label, t.role, t.score, t.evidence, 'unsure-topic', 0.3
  FROM tag AS t {CURRENT}
  WHERE t.score > {HIGHEST} AND t.role = 'primary' {{tag}} AND EXISTS (
    SELECT 1 FROM tag AS o WHERE o.release_id = t.release_id AND o.version_id = t.version_id
      AND o.derivation = t.derivation AND o.role = 'secondary' AND o.score > t.score - {NEAR})
  UNION ALL
  SELECT t.release_id, t.axis, t.value, t.label, t.role, t.score, t.evidence, 'conflict', 0.7
  FROM tag AS t {CURRENT} JOIN source AS s ON s.id = r.source_id
  WHERE t.score > {HIGHEST} {{tag}} AND (
    (t.axis = 'party' AND t.role = 'issuer' AND t.value <> s.party)
    OR (t.axis = 'district' AND t.role <> 'mentioned' AND t.value <> s.district))
  UNION ALL
  SELECT r.id, 'party', g.party, g.party, 'issuer', 0, '[]', 'no-issuer', 0.8
  FROM release AS r JOIN suggested AS g ON g.source_id = r.source_id
  WHERE {WITHOUT_ISSUER} {{release}}
  UNION ALL
  SELECT r.id, 'topic', '{NO_VALUE}', '', 'primary', 0, '[]', 'no-topic', 0.6
  FROM release AS r
  WHERE NOT EXISTS (SELECT 1 FROM tag t WHERE t.release_id = r.id AND t.version_id = r.version_id
      AND t.derivation = r.derivation AND t.axis = 'topic' AND t.score >= {LOWEST})
    AND NOT EXISTS (SELECT 1 FROM v_decision v WHERE v.release_id = r.id AND v.axis = 'topic' AND v.action = 'add')
    {{release}}
)
SELECT c.*, r.title, r.published, r.source_id, r.version_id, {BEGINNING}
FROM cases AS c JOIN release AS r ON r.id = c.release_id
WHERE (:axis IS NULL OR c.axis = :axis) AND (:source IS NULL OR r.source_id = :source)
ORDER BY c.priority DESC, r.published DESC, c.release_id, c.axis, c.value
"""


REVIEWED = """SELECT v.evidence FROM review AS v JOIN decision AS d ON d.id = v.id
WHERE v.release_id = ? AND v.axis = ? AND v.value = ? AND d.undone_by IS NULL ORDER BY d.number DESC LIMIT 1"""

DECIDED = "SELECT 1 FROM v_decision WHERE release_id = ? AND axis = ? AND value = ? LIMIT 1"


def review_cases(db: Database, *, axis: Axis | None = None, source: str | None = None) -> Iterator[Case]:
    """All open cases, most useful first; none of releases that are withheld."""
    withheld = {row["release_id"] for row in db.query("SELECT release_id FROM v_withheld")}
    for row in db.query(CASES.format(tag="", release=""), {"axis": axis, "source": source}):
        if row["release_id"] in withheld:
            continue
        key = [row["release_id"], row["axis"], row["value"]]
        reviewed = next((one["evidence"] for one in db.query(REVIEWED, key)), None)
        case = _case(row, reviewed)
        if case.digest == reviewed or (reviewed is None and next(db.query(DECIDED, key), None)):
            continue
        yield case


def find_case(db: Database, release_id: str, axis: Axis, value: str) -> Case | None:
    """The case of a value, open or not; a value that was found beyond doubt makes one, too. None if it was not."""
    only = {"axis": axis, "source": None, "release": release_id}
    found = CASES.format(tag="AND t.release_id = :release", release="AND r.id = :release")
    for row in db.query(found, only):
        if row["value"] == value:
            return _case(row, None)
    sure = f"""SELECT t.*, 'unsure' AS reason, 0 AS priority, r.title, r.published, r.source_id, {BEGINNING}
               FROM tag AS t {CURRENT} WHERE t.release_id = ? AND t.axis = ? AND t.value = ?"""
    return next((_case(row, None) for row in db.query(sure, [release_id, axis, value])), None)


def _case(row: dict[str, Any], reviewed: str | None) -> Case:
    evidence = EVIDENCE.validate_json(row["evidence"])
    digest = _digest(row, evidence)
    return Case(
        release_id=row["release_id"],
        title=row["title"] or "",
        heading=heading(row["title"], row["beginning"] or ""),
        published=date.fromisoformat(row["published"]) if row["published"] else None,
        source_id=row["source_id"],
        axis=Axis(row["axis"]),
        value=row["value"],
        label=row["label"],
        role=Role(row["role"]),
        score=row["score"],
        reason=row["reason"],
        evidence=evidence,
        digest=digest,
        priority=row["priority"],
        is_changed=reviewed is not None and reviewed != digest,
    )


def _digest(row: dict[str, Any], evidence: tuple[Evidence, ...]) -> str:
    """What a case rests on: role and words of its evidence, wherever they stand; of one without evidence, what is
    missing in which version."""
    words: list[str] = sorted({f"{span.field}:{span.text}" for span in evidence}) or [row["reason"], row["version_id"]]
    return hashlib.sha256(json.dumps([row["role"], words]).encode()).hexdigest()[:16]
