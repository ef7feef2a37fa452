"""Mail in files: single messages, mbox, Maildir, and folders of these; nothing in them changes."""

import os
import stat
import tracemalloc
from pathlib import Path

import pytest

from archive_pipeline.errors import FetchError, TooLargeError
from archive_pipeline.fetch.mail import MailFetcher
from archive_pipeline.fetch.mail_parts import MailOptions
from archive_pipeline.fetch.mailbox import messages_in
from archive_pipeline.model import Capture, Refused, Source
from archive_pipeline.testing import FetcherContract
from tests.mail.mails import BODY, mail, mailbox, numbered

TITLES = [f"Meldung {number} aus dem Kreis Ostwald" for number in range(20)]


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_mode, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_mixed_folder(tmp_path, mail_source):
    drop = tmp_path / "post"
    (drop / "2024").mkdir(parents=True)
    (drop / "eins.eml").write_bytes(numbered(1))
    (drop / "2024" / "viele.mbox").write_bytes(mailbox(numbered(2), numbered(3)))
    (drop / "Posteingang").write_bytes(mailbox(numbered(4)))
    for folder in ("cur", "new", "tmp"):
        (drop / "Maildir" / folder).mkdir(parents=True)
        (drop / "Maildir" / ".Archiv" / folder).mkdir(parents=True)
    (drop / "Maildir" / "cur" / "171.M1.host:2,S").write_bytes(numbered(5))
    (drop / "Maildir" / "new" / "172.M2.host").write_bytes(numbered(6))
    (drop / "Maildir" / ".Archiv" / "cur" / "173.M3.host:2,").write_bytes(numbered(7))
    (drop / "Maildir" / "tmp" / "174.M4.host").write_bytes(numbered(8))
    (drop / "Maildir" / "cur" / "175.M5.host:2,ST").write_bytes(numbered(9))
    (drop / "Maildir" / "cur" / "176.M6.host:2,D").write_bytes(numbered(10))
    (drop / ".versteckt").mkdir()
    (drop / ".versteckt" / "elf.eml").write_bytes(numbered(11))
    (drop / "Posteingang.msf").write_bytes(b"// index")
    (drop / "notiz.txt").write_bytes(b"kein Postfach")
    before = snapshot(drop)
    run = mail_source("post").visit()
    assert sorted(item.title for item in run.items) == TITLES[1:8]
    assert sorted(capture.body for capture in run.captures) == sorted(numbered(number) for number in range(1, 8))
    assert snapshot(drop) == before


def test_the_second_visit_captures_nothing(tmp_path, mail_source):
    path = tmp_path / "post.mbox"
    path.write_bytes(mailbox(numbered(1), numbered(2)))
    visitor = mail_source("post.mbox")
    assert len(visitor.visit().results) == 2
    path.write_bytes(mailbox(numbered(0), numbered(1), numbered(2)))
    assert [capture.title for capture in visitor.visit().captures] == [TITLES[0]]


def test_what_a_mail_program_notes_in_a_header_is_no_change(tmp_path, mail_source):
    path = tmp_path / "post.mbox"
    path.write_bytes(mailbox(b"Status: RO\nX-Mozilla-Status: 0001\n" + numbered(1)))
    visitor = mail_source("post.mbox")
    visitor.visit()
    path.write_bytes(mailbox(b"Status: O\nX-Mozilla-Status: 0011\nX-Label: wichtig\n" + numbered(1), numbered(2)))
    assert [capture.title for capture in visitor.visit().captures] == [TITLES[2]]


def test_messages_marked_as_deleted_are_left_out(tmp_path, mail_source):
    (tmp_path / "Inbox").write_bytes(mailbox(b"X-Mozilla-Status: 0009\n" + numbered(1), numbered(2)))
    assert [item.title for item in mail_source("Inbox").visit().items] == [TITLES[2]]


def test_a_message_that_lies_there_twice_is_one(tmp_path, mail_source):
    (tmp_path / "a.mbox").write_bytes(mailbox(numbered(1), b"Received: by b.example\n" + numbered(1)))
    run = mail_source("a.mbox").visit()
    assert len(run.items) == 1


def test_one_name_for_different_messages(tmp_path, mail_source):
    messages = [bytes(mail(f"{text}. {BODY}", name="<immer@kreis.example>")) for text in ("eins", "zwei", "eins")]
    (tmp_path / "a.mbox").write_bytes(mailbox(*messages))
    run = mail_source("a.mbox").visit()
    first, second = run.items
    assert second.key.startswith(f"{first.key}~")
    assert [capture.body.rstrip() for capture in run.captures] == [message.rstrip() for message in messages[:2]]


@pytest.mark.parametrize("name", [None, "kaputt", "<>", "<a b@c>", "<" + "x" * 500 + "@a.example>", "<a#1@b.example>"])
def test_messages_without_a_usable_name_have_a_stable_one(tmp_path, mail_source, name):
    raw = bytes(mail(name=None)) if name is None else b"Message-ID: " + name.encode() + b"\n" + bytes(mail(name=None))
    (tmp_path / "a.eml").write_bytes(raw)
    visitor = mail_source("a.eml")
    (item,) = visitor.visit().items
    assert item.key.startswith("~")
    assert visitor.visit().items == [item]


@pytest.mark.parametrize("form", ["{}", "anna=zeitung.example", "prvs=1=anna@zeitung.example"])
def test_a_name_that_tells_the_recipient_gives_way_to_a_hash(tmp_path, mail_source, form):
    name = f"<b7.{form.format('anna=zeitung.example')}@news.example>"
    (tmp_path / "a.eml").write_bytes(
        b"Message-ID: " + name.encode() + b"\n" + bytes(mail(name=None, to="anna@zeitung.example"))
    )
    (item,) = mail_source("a.eml").visit().items
    assert "anna" not in item.key


def test_the_title_names_no_recipient(tmp_path, mail_source):
    (tmp_path / "a.eml").write_bytes(
        bytes(mail(subject="Für anna@zeitung.example: Neues", to="Anna <anna@zeitung.example>"))
    )
    (item,) = mail_source("a.eml").visit().items
    assert item.title == "Für : Neues"


@pytest.mark.parametrize(
    "line",
    [
        "From presse@kreis.example Mon May  6 10:12:00 2024",
        "From presse@kreis.example  Mon May 06 10:12:00 +0200 2024",
        "From - Mon May 06 10:12:00 2024",
        "From MAILER-DAEMON Mon May  6 10:12:00 2024",
        "From presse@kreis.example",
        "From ",
    ],
)
def test_lines_between_messages(tmp_path, line):
    path = tmp_path / "a.mbox"
    path.write_bytes(f"{line}\n".encode() + numbered(1) + f"\n{line}\r\n".encode() + numbered(2))
    assert len(list(messages_in(path))) == 2


def test_lines_that_only_look_like_it(tmp_path, mail_source):
    """The standard library's reader would make three messages of this one."""
    body = "Ein Zitat:\n\nFrom here to eternity\nFrom Monday 10:30 on the office is closed.\nHinweis: >From außen.\n"
    raw = b"From: a@b.example\nSubject: x\nMessage-ID: <1@b.example>\n\n" + body.encode()
    (tmp_path / "a.mbox").write_bytes(b"From presse@kreis.example Mon May  6 10:12:00 2024\n" + raw)
    run = mail_source("a.mbox").visit()
    assert len(run.items) == 1
    assert b"From Monday 10:30" in run.captures[0].body


def test_quoted_lines_are_restored(tmp_path, mail_source):
    body = "From Ostwald to Lindenhof.\n>From quoted.\nOhne.\n"
    raw = b"From: a@b.example\nSubject: x\nMessage-ID: <1@b.example>\n\n" + body.encode()
    (tmp_path / "a.mbox").write_bytes(mailbox(raw, numbered(2)))
    assert b">From Ostwald" in (tmp_path / "a.mbox").read_bytes()
    (first, _) = mail_source("a.mbox").visit().captures
    assert first.body == raw


def test_a_mailbox_that_is_written_anew_in_between(tmp_path, mail_source):
    path = tmp_path / "a.mbox"
    path.write_bytes(mailbox(numbered(1), numbered(2)))
    visitor = mail_source("a.mbox")
    first, second = visitor.visit(limit=0).items
    path.write_bytes(mailbox(numbered(7), numbered(8), numbered(2)))
    context = visitor.context()
    (gone,) = visitor.fetcher.capture(first, visitor.source, context)
    (moved,) = visitor.fetcher.capture(second, visitor.source, context)
    assert isinstance(gone, Refused)
    assert isinstance(moved, Capture)
    assert moved.body == numbered(2)


def test_a_message_that_was_read_in_between(tmp_path, mail_source):
    """Reading moves it from new to cur, and gives it another name."""
    for folder in ("cur", "new"):
        (tmp_path / "Maildir" / folder).mkdir(parents=True)
    (tmp_path / "Maildir" / "new" / "172.M2.host").write_bytes(numbered(1))
    visitor = mail_source("Maildir")
    (item,) = visitor.visit(limit=0).items
    (tmp_path / "Maildir" / "new" / "172.M2.host").rename(tmp_path / "Maildir" / "cur" / "172.M2.host:2,S")
    (capture,) = visitor.fetcher.capture(item, visitor.source, visitor.context())
    assert isinstance(capture, Capture)


def test_nothing_outside_the_folder_is_read(tmp_path, mail_source):
    (tmp_path / "geheim.eml").write_bytes(numbered(1))
    (tmp_path / "draussen").mkdir()
    (tmp_path / "draussen" / "zwei.eml").write_bytes(numbered(2))
    drop = tmp_path / "post"
    drop.mkdir()
    (drop / "eins.eml").symlink_to(tmp_path / "geheim.eml")
    (drop / "ordner").symlink_to(tmp_path / "draussen")
    (drop / "kreis.eml").symlink_to(drop / "kreis.eml")
    os.mkfifo(drop / "rohr.eml")
    visitor = mail_source("post")
    assert visitor.visit().items == []


@pytest.mark.parametrize("place", ["../geheim.eml", "..%2Fgeheim.eml", "/etc/passwd", "%00", "a.eml#0,10"])
def test_a_place_can_t_lead_outside(tmp_path, mail_source, place):
    (tmp_path / "geheim.eml").write_bytes(numbered(1))
    (tmp_path / "post").mkdir()
    (tmp_path / "post" / "a.eml").write_bytes(numbered(2))
    visitor = mail_source("post")
    (item,) = visitor.visit(limit=0).items
    forged = type(item)(source_id="post", key=item.key, url=place, fingerprint=item.fingerprint)
    (result,) = visitor.fetcher.capture(forged, visitor.source, visitor.context())
    assert not isinstance(result, Capture) or result.body in numbered(2)


def test_senders_and_subjects_are_filtered(tmp_path, mail_source):
    (tmp_path / "a.mbox").write_bytes(mailbox(numbered(1), numbered(2, sender="werbung@laden.example")))
    assert [item.title for item in mail_source("a.mbox", allow_senders=["laden.example"]).visit().items] == [TITLES[2]]
    assert [item.title for item in mail_source("a.mbox", subject="MELDUNG 1").visit().items] == [TITLES[1]]


@pytest.mark.parametrize(
    ("name", "body", "reason"),
    [
        ("fehlt", None, "gibt es nicht"),
        ("outlook.msg", b"\xd0\xcf\x11\xe0" + b"\0" * 600, "ist keine E-Mail"),
        ("bild.png", b"\x89PNG\r\n\x1a\n" * 50, "ist keine E-Mail"),
    ],
)
def test_what_is_no_mailbox(tmp_path, mail_source, name, body, reason):
    if body is not None:
        (tmp_path / name).write_bytes(body)
    with pytest.raises(FetchError, match=reason):
        mail_source(name).visit()


@pytest.mark.skipif(os.geteuid() == 0, reason="root darf alles lesen")
def test_a_file_that_can_t_be_read_stops_no_other(tmp_path, mail_source):
    drop = tmp_path / "post"
    drop.mkdir()
    (drop / "a.eml").write_bytes(numbered(1))
    (drop / "a.eml").chmod(0)
    (drop / "b.eml").write_bytes(numbered(2))
    visitor = mail_source("post")
    offered = visitor.fetcher.discover(visitor.source, visitor.context())
    assert next(offered).title == TITLES[2]
    with pytest.raises(FetchError, match=r"Nicht lesbar: a\.eml"):
        next(offered)


def test_a_mailbox_on_a_medium_that_can_t_be_written(tmp_path, mail_source):
    path = tmp_path / "a.mbox"
    path.write_bytes(mailbox(numbered(1)))
    path.chmod(stat.S_IRUSR)
    assert len(mail_source("a.mbox").visit().captures) == 1


def test_a_message_that_is_too_large_stops_no_other(tmp_path, mail_source):
    (tmp_path / "a.mbox").write_bytes(mailbox(numbered(1) + b"x" * 300_000, numbered(2)))
    visitor = mail_source("a.mbox")
    large, small = visitor.visit(limit=0).items
    context = visitor.context(max_bytes=100_000)
    with pytest.raises(TooLargeError):
        list(visitor.fetcher.capture(large, visitor.source, context))
    assert len(list(visitor.fetcher.capture(small, visitor.source, context))) == 1


def test_a_large_mailbox_takes_little_memory(tmp_path, mail_source):
    """Thirty megabytes in a hundred and fifty messages; the standard library would hold an index."""
    path = tmp_path / "a.mbox"
    filling = (b"A" * 76 + b"\n") * 2_600
    with path.open("wb") as file:
        for number in range(150):
            file.write(mailbox(numbered(number) + filling))
    assert path.stat().st_size > 30_000_000
    visitor = mail_source("a.mbox")
    tracemalloc.start()
    count = sum(1 for _ in visitor.fetcher.discover(visitor.source, visitor.context()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 150
    assert peak < 8_000_000


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("size", [999_000, 999_500, 999_990, 1_000_000, 1_000_010])
def test_messages_at_the_edges_of_blocks(tmp_path, end, size):
    path = tmp_path / "a.mbox"
    first = mailbox(numbered(1))
    filled = first.rstrip() + b"\n" + b"x" * (size - len(first) - 3) + b"\n\n"
    path.write_bytes((filled + mailbox(numbered(2), numbered(3))).replace(b"\n", end.encode()))
    assert [found.key.partition("@")[0] for found in messages_in(path)] == ["pm-1", "pm-2", "pm-3"]


class TestMailFetcher(FetcherContract):
    subject = MailFetcher()
    source = Source(id="post", path="letters", options=MailOptions())
    base = Path(__file__).parent
