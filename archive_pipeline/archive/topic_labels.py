"""The topics of releases as people decided them, to learn from."""

from dataclasses import dataclass

from sqlite_utils import Database

__all__ = ["DecidedTopics", "decided_topics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedTopics:
    """The topics a release has by people's decisions and what they left standing: all of them, and the main one."""

    topics: frozenset[str]
    primary: str | None


def decided_topics(db: Database) -> dict[str, DecidedTopics]:
    """Every release of which a person set at least one topic, by its id. Topics that were only removed teach nothing:
    nobody said what the release is about."""
    rows = db.query(
        """SELECT release_id, value, role FROM v_tag WHERE axis = 'topic' AND release_id IN
           (SELECT release_id FROM v_decision WHERE axis = 'topic' AND action = 'add')
           ORDER BY release_id, role, score DESC, value"""
    )
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        found.setdefault(row["release_id"], []).append((row["role"], row["value"]))
    return {
        release_id: DecidedTopics(
            topics=frozenset(topic for _, topic in tags),
            primary=next((topic for role, topic in tags if role == "primary"), tags[0][1]),
        )
        for release_id, tags in found.items()
    }
