"""The archive: SQLite, the writer lock, decisions.jsonl. The only folder with SQL."""
