"""A run that is asked to end: it archives what it has, says so, and the next one goes on."""

import random
import signal
import time

import pytest
from sqlite_utils import Database

from archive_pipeline.archive.database import open_database
from tests.farm.conftest import Fields, MakeFields

LARGEST_FILE = 1_000_000
"""The size (bytes) that no file of the archive can pass; an archive begins with half of it."""


def wait_for(fields: Fields, requests: int) -> None:
    deadline = time.monotonic() + 60
    while len(fields.farm.visits) < requests:
        assert time.monotonic() < deadline, "the run never got so far"
        time.sleep(0.02)


def test_asked_to_end_it_ends_in_order(make_fields: MakeFields) -> None:
    fields = make_fields("archiv")
    process = fields.start()
    wait_for(fields, 60)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert process.wait(timeout=30) != 0
    assert time.monotonic() - began < 20
    db = open_archive(fields)
    captured = next(db.query("SELECT count(*) AS n FROM capture WHERE kind = 'document' AND state = 'accepted'"))["n"]
    db.close()
    served = sum(visit.status == 200 and visit.path.endswith(".html") for visit in fields.farm.visits)
    assert captured >= served - 24, "all but what was under way in the lanes"
    assert fields.start().wait(timeout=90) == 0


@pytest.mark.parametrize(("filled", "size", "padding"), [("archive.db", 500_000, 0), ("*.warc.gz", 700_000, 200_000)])
def test_an_archive_that_can_not_be_written_ends_the_run(
    make_fields: MakeFields, filled: str, size: int, padding: int
) -> None:
    """A full disk is no fault of the sources: none is blamed, and nobody hangs. What comes to its limit first is the
    database, whose log is longer than what is left of it, or the file of captures where pages are large."""
    fields = make_fields("archiv")
    for answer in [page for host in fields.farm.hosts.values() for page in host.pages.values()]:
        if answer.fields["Content-Type"].startswith("text/html"):
            answer.body += b"<!--" + random.Random(padding).randbytes(padding).hex().encode() + b"-->"
    process = fields.start(largest_file=LARGEST_FILE)
    assert process.wait(timeout=60) != 0
    assert len(fields.farm.visits) > 20, "it was no full disk that ended the run"
    assert max(path.stat().st_size for path in fields.folder.rglob(filled)) > size
    db = open_archive(fields)
    assert list(db.query("SELECT reason FROM failure WHERE reason LIKE '%schreiben%'")) == []
    db.close()


def open_archive(fields: Fields) -> Database:
    return open_database(
        fields.folder / "archive" / "archive.db",
        prepare=lambda connection: connection.create_collation("german", lambda a, b: (a > b) - (a < b)),
    )
