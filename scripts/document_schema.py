"""Writes docs/schema.md from the schema as the migrations make it: `python scripts/document_schema.py [--check]`."""

import sqlite3
import sys
from pathlib import Path

from sqlite_utils import Database

from archive_pipeline.archive.migrations import MIGRATIONS
from archive_pipeline.archive.schema import TableDescription, describe_schema

PAGE = Path(__file__).resolve().parents[1] / "docs" / "schema.md"

HEAD = """# The database

<!-- Written by scripts/document_schema.py from archive_pipeline/archive/schema.py: change that, not this page. -->

`archive/archive.db` is a SQLite file (WAL, STRICT tables) that other programs may read while an archive works, with
SQLite 3.38 or newer. It can be made again from the WARC files, the derivation log and decisions.jsonl; never write to
it. Open it read-only:

    sqlite3 "file:archive/archive.db?mode=ro"
    datasette --immutable archive.db                      # a copy: `archive-pipeline backup` makes one
    pandas.read_sql("SELECT * FROM v_release", sqlite3.connect("file:archive/archive.db?mode=ro", uri=True))
    DBI::dbConnect(RSQLite::SQLite(), "archive/archive.db", flags = RSQLite::SQLITE_RO)

Names are public for reading: columns may be added, and none changes its meaning. The views are made for people: they
show the current text of each release with the tags that count. They show everything the archive holds, what is closed,
under embargo or withheld by a case too: join with `v_withheld` and look at `access` and `embargo_until` before anything
leaves your hands, or use `archive-pipeline export`, which does.

## Questions

Releases about housing in a district, the newest first, undated ones last:

```sql
SELECT r.id, r.published, r.title
FROM v_release AS r
JOIN v_tag AS place ON place.release_id = r.id AND place.axis = 'district' AND place.value = '05370'
JOIN v_tag AS topic ON topic.release_id = r.id AND topic.axis = 'topic' AND topic.value = 'housing'
WHERE r.id NOT IN (SELECT release_id FROM v_withheld) AND r.access = 'public'
ORDER BY r.published IS NULL, r.published DESC;
```

How many releases a year and topic, undated ones apart:

```sql
SELECT coalesce(substr(r.published, 1, 4), 'undated') AS year, t.label, count(*) AS releases
FROM v_release AS r JOIN v_tag AS t ON t.release_id = r.id
WHERE t.axis = 'topic' AND t.role = 'primary'
GROUP BY year, t.label ORDER BY year, releases DESC;
```

Who is quoted most:

```sql
SELECT speaker, count(*) AS quotes, count(DISTINCT release_id) AS releases
FROM v_quote WHERE speaker IS NOT NULL GROUP BY speaker ORDER BY quotes DESC LIMIT 20;
```

Texts whose publisher changed them without saying so:

```sql
SELECT e.at, e.release_id, e.detail FROM v_event AS e WHERE e.type = 'silent change' ORDER BY e.at;
```

Every text of a release, with its permalink:

```sql
SELECT 'd/' || d.release_id || '@' || d.version_id || '.' || d.number AS permalink, v.captured_at, d.software
FROM derivation AS d JOIN version AS v ON v.release_id = d.release_id AND v.id = d.version_id
ORDER BY d.release_id, v.number, d.number;
```

All places of a release, and where its bytes lie:

```sql
SELECT l.release_id, l.url, c.warc_file, c.warc_offset, c.sha256
FROM v_location AS l JOIN capture AS c ON c.source_id = l.source_id AND c.key = l.key
ORDER BY l.release_id, c.captured_at;
```
"""


def page() -> str:
    db = Database(sqlite3.connect(":memory:"))
    MIGRATIONS.apply(db)
    described = describe_schema(db)
    db.close()
    views = [one for one in described if one.kind == "view"]
    tables = [one for one in described if one.kind == "table"]
    return "\n".join([HEAD, "## Views\n", *map(section, views), "## Tables\n", *map(section, tables)])


def section(table: TableDescription) -> str:
    typed = table.kind == "table"
    lines = [f"### {table.name}\n", f"{table.meaning}\n"]
    lines += ["| column | type | meaning |", "|---|---|---|"] if typed else ["| column | meaning |", "|---|---|"]
    for column in table.columns:
        lines.append(f"| {column.name} | {f'{column.type} | ' if typed else ''}{column.meaning} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.read_text(encoding="utf-8") == page() else "docs/schema.md is out of date")
    PAGE.write_text(page(), encoding="utf-8")
