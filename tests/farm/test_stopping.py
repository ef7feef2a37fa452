"""A run that is asked to end: it archives what it has, says so, and the next one goes on."""

import signal
import time

from sqlite_utils import Database

from archive_pipeline.archive.database import open_database
from tests.farm.conftest import Fields, MakeFields


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


def test_an_archive_that_can_not_be_written_ends_the_run(make_fields: MakeFields) -> None:
    """A full disk is no fault of the sources: none is blamed, and nobody hangs."""
    fields = make_fields("archiv")
    process = fields.start(largest_file=150_000)
    assert process.wait(timeout=60) != 0
    db = open_archive(fields)
    assert list(db.query("SELECT reason FROM failure WHERE reason LIKE '%schreiben%'")) == []
    db.close()


def open_archive(fields: Fields) -> Database:
    return open_database(
        fields.folder / "archive" / "archive.db",
        prepare=lambda connection: connection.create_collation("german", lambda a, b: (a > b) - (a < b)),
    )
