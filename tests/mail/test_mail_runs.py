"""Mail the whole way, as an archivist uses it: from the mailbox into archive, search and export."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlite_utils import Database
from warcio.archiveiterator import ArchiveIterator

from tests.mail.imap_server import Mailboxes, serving
from tests.mail.mails import BODY, mail, mailbox, numbered
from tests.mail.test_mailings import NOTE, RELEASES, attached, digest

LETTERS = Path(__file__).parent / "letters"
PRIVATE = ("kowalski", "redaktion@", "redaktion=", "lokales@", "eingang@", "8fk2lq9ztx71", "safelinks", "utm_")
SECRET = {"ARCHIVE_PIPELINE_SECRET_POST": "geheim"}


def archive(folder: Path, table: str) -> Path:
    folder.mkdir()
    (folder / "sources.toml").write_text(
        f'[archive]\ntitle = "Probe"\n\n[[source]]\nid = "post"\n{table}\n', encoding="utf-8"
    )
    return folder


def imap_archive(folder: Path, box: Mailboxes, more: str = "") -> Path:
    server = (
        f'fetcher = "imap"\nhost = "127.0.0.1"\nport = {box.port}\nuser = "archiv"\ntls = "none"\nallow_private = true'
    )
    return archive(folder, f"{server}\n{more}")


def responses(folder: Path) -> list[str]:
    """The targets of all records with a body of their own."""
    found = []
    for path in sorted(folder.glob("archive/warc/*/*/*.warc.gz")):
        with path.open("rb") as file:
            found += [
                record.rec_headers["WARC-Target-URI"]
                for record in ArchiveIterator(file)
                if record.rec_type == "resource"
            ]
    return found


def test_a_folder_of_mail_is_imported(apl, tmp_path):
    drop = tmp_path / "post"
    drop.mkdir()
    (drop / "sammlung.eml").write_bytes(bytes(mail(digest(*RELEASES), subject="Drei Pressemitteilungen")))
    (drop / "2024.mbox").write_bytes(mailbox(numbered(1), numbered(2)))
    folder = archive(tmp_path / "archiv", 'fetcher = "folder"\npath = "nichts"\nenabled = false')
    first = apl.json("-C", folder, "import", drop, "--json")
    assert (first["new"], first["failed"], first["quarantined"]) == (5, 0, 0)
    again = apl.json("-C", folder, "import", drop, "--json")
    assert (again["new"], again["changed"], again["failed"]) == (0, 0, 0)
    found = apl.json("-C", folder, "search", "Werkzeug Bohrmaschinen", "--json")
    assert [hit["title"] for hit in found["hits"]] == ["Bücherei verleiht jetzt Werkzeug"]
    assert found["hits"][0]["path"] == "sammlung.eml#3"


def test_documents_are_archived_with_their_mail(apl, tmp_path):
    drop = tmp_path / "post"
    drop.mkdir()
    (drop / "pm.eml").write_bytes(attached(mail(), "Plan.pdf"))
    folder = archive(tmp_path / "archiv", 'fetcher = "mail"\npath = "../post"')
    assert apl.json("-C", folder, "run", "--json")["new"] == 1
    rows = list(
        Database(folder / "archive" / "archive.db").query("SELECT key, kind, release_id FROM capture ORDER BY rowid")
    )
    assert [row["kind"] for row in rows] == ["document", "attachment"]
    assert rows[1]["key"] == f"{rows[0]['key']}#1"
    assert rows[0]["release_id"] == rows[1]["release_id"] is not None


def test_nothing_that_is_shown_tells_who_received_it(apl, tmp_path):
    folder = archive(tmp_path / "archiv", 'fetcher = "mail"\npath = "letters"')
    (folder / "letters").symlink_to(LETTERS)
    report = apl.json("-C", folder, "run", "--json")
    assert (report["new"], report["failed"]) == (12, 0)
    shown = [apl("-C", folder, "export", format).stdout for format in ("jsonl", "csv")]
    shown.append(apl("-C", folder, "search", "Freibad", "--json").stdout)
    database = Database(folder / "archive" / "archive.db")
    for table in ("item", "release", "derivation", "location", "tag", "person", "event", "capture"):
        shown.append(json.dumps(list(database.table(table).rows), default=str, ensure_ascii=False))
    for text in shown:
        assert [word for word in PRIVATE if word in text.casefold()] == []


def test_the_raw_mail_is_kept_byte_for_byte(apl, tmp_path):
    folder = archive(tmp_path / "archiv", 'fetcher = "mail"\npath = "letters"')
    (folder / "letters").symlink_to(LETTERS)
    apl("-C", folder, "run")
    kept = set()
    for path in folder.glob("archive/warc/*/*/*.warc.gz"):
        with path.open("rb") as file:
            kept |= {record.raw_stream.read() for record in ArchiveIterator(file) if record.rec_type == "resource"}
    assert {path.read_bytes() for path in LETTERS.glob("*.eml")} <= kept


@pytest.fixture
def box():
    with serving(Mailboxes()) as started:
        yield started


def test_a_mailbox_on_a_server_is_read_in_runs(apl, tmp_path, box):
    for number in range(3):
        box.inbox.add(numbered(number))
    folder = imap_archive(tmp_path / "archiv", box)
    assert json.loads(apl("-C", folder, "run", "--json", **SECRET).stdout.splitlines()[-1])["new"] == 3
    box.commands.clear()
    box.inbox.renumber(validity=9, start=100)
    box.inbox.add(numbered(3))
    report = json.loads(apl("-C", folder, "run", "--json", **SECRET).stdout.splitlines()[-1])
    assert (report["new"], report["changed"], report["failed"], report["gone"]) == (1, 0, 0, 0)
    box.inbox.messages.clear()
    report = json.loads(apl("-C", folder, "run", "--json", **SECRET).stdout.splitlines()[-1])
    assert (report["new"], report["changed"], report["failed"], report["gone"], report["exit_code"]) == (0, 0, 0, 0, 0)
    assert box.verbs().count("LOGIN") == box.verbs().count("LOGOUT") == 2
    assert len(responses(folder)) == 4


def test_a_source_is_tried_before_it_is_read(apl, tmp_path, box):
    box.inbox.add(numbered(1))
    folder = imap_archive(tmp_path / "archiv", box)
    shown = apl("-C", folder, "sources", "test", "post", **SECRET).stdout
    assert "Meldung 1 aus dem Kreis Ostwald" in shown
    assert box.verbs().count("LOGIN") == box.verbs().count("LOGOUT")
    assert not (folder / "archive").exists()


def test_without_its_secret_a_source_fails_alone_and_says_why(apl, tmp_path, box):
    folder = imap_archive(tmp_path / "archiv", box)
    with (folder / "sources.toml").open("a", encoding="utf-8") as file:
        file.write('\n[[source]]\nid = "datei"\nfetcher = "mail"\npath = "a.eml"\n')
    (folder / "a.eml").write_bytes(numbered(1))
    done = apl("-C", folder, "run", code=3)
    assert "ARCHIVE_PIPELINE_SECRET_POST" in done.stdout + done.stderr
    assert "1 neu" in done.stdout
    assert box.connections == 0


def test_a_password_in_the_file_is_refused(apl, tmp_path, box):
    folder = imap_archive(tmp_path / "archiv", box, 'password = "geheim"')
    done = apl("-C", folder, "sources", "check", code=4)
    assert "ARCHIVE_PIPELINE_SECRET_POST" in done.stdout + done.stderr


def test_a_run_that_is_killed_goes_on_where_it_was(apl, tmp_path, box):
    """Killed while messages come in, time and again; in the end each lies in the archive once."""
    count = 24
    for number in range(count):
        box.inbox.add(
            numbered(number)
            if number % 4
            else attached(mail(NOTE, name=f"<n-{number}@kreis.example>"), f"PM {number}.pdf")
        )
    folder = imap_archive(tmp_path / "archiv", box)
    for kill_after in (6, 20):
        box.commands.clear()
        child = subprocess.Popen(
            [sys.executable, "-m", "archive_pipeline", "-C", str(folder), "run"],
            env={**os.environ, **SECRET, "HOME": str(tmp_path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while child.poll() is None and len(box.commands) < kill_after and time.monotonic() < deadline:
            time.sleep(0.002)
        child.kill()
        child.wait()
    apl("-C", folder, "run", code=None, **SECRET)
    again = json.loads(apl("-C", folder, "run", "--json", code=None, **SECRET).stdout.splitlines()[-1])
    assert (again["new"], again["changed"]) == (0, 0)
    targets = responses(folder)
    assert len(targets) == len(set(targets)) == count + count // 4
    items = Database(folder / "archive" / "archive.db").query("SELECT state FROM item WHERE key NOT LIKE '%#%'")
    assert {row["state"] for row in items} == {"captured"}


def test_what_people_see_of_a_mail(apl):
    line = apl.json("try", LETTERS / "forwarded_outlook.eml", "--json")
    assert (line["status"], line["published"], line["published_confidence"]) == ("accepted", "2024-05-10", "low")
    assert line["text"].startswith("Die Gemeinde Nordbach baut ihr Freibad um.")
    assert BODY not in line["text"]
