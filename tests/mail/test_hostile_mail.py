"""Messages that are broken, or made to break whoever reads them: each ends soon, and none stops the next."""

import os
import time

import pytest

from archive_pipeline.mail.letter import read_letter
from archive_pipeline.mail.mailing import take_apart
from archive_pipeline.model import Source
from archive_pipeline.plugin_manager import PluginManager, load_plugins
from archive_pipeline.processing.chain import process
from archive_pipeline.testing import captured
from tests.mail.mails import BODY, mailbox, numbered

HEAD = b"From: a@b.example\nTo: c@d.example\nSubject: Test\nDate: Mon, 6 May 2024 10:00:00 +0200\n"
TEXT = BODY.encode()
SECONDS = 6.0


def nested(depth: int, *, messages: bool = False) -> bytes:
    head, tail = HEAD, b""
    for level in range(depth):
        if messages:
            head += b"Content-Type: message/rfc822\n\n"
        else:
            head += b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (level, level)
            tail = b"\n--b%d--\n" % level + tail
    return head + b"Content-Type: text/plain; charset=utf-8\n\n" + TEXT + tail


def parts(count: int, part: bytes = b"Content-Type: text/plain\n\nx\n") -> bytes:
    return HEAD + b'Content-Type: multipart/mixed; boundary="b"\n\n' + (b"--b\n" + part) * count + b"--b--\n"


def html(markup: bytes) -> bytes:
    return HEAD + b"Content-Type: text/html; charset=utf-8\n\n" + markup


HOSTILE = {
    "empty": b"",
    "a line": b"x",
    "no header": b"\n\n" + TEXT,
    "header alone": HEAD,
    "binary": bytes(range(256)) * 400,
    "nested 100 deep": nested(100),
    "nested 5,000 deep": nested(5_000),
    "lines without end in nested parts": nested(500).replace(TEXT, b"\n" * 1_000_000),
    "mails nested 100 deep": nested(100, messages=True),
    "mails nested 5,000 deep": nested(5_000, messages=True),
    "10,000 parts": parts(10_000),
    "100,000 parts": parts(100_000, b"\n\n"),
    "10,000 documents": parts(10_000, b"Content-Type: application/pdf; name=a.pdf\n\n%PDF-1.4\n"),
    "3,000 mails": parts(3_000, b"Content-Type: message/rfc822\n\n" + HEAD + b"\nText\n"),
    "300,000 header lines": b"A: b\n" * 300_000 + b"\n" + TEXT,
    "a header without end": b"Subject: " + b"a" * 2_000_000,
    "a folded header without end": b"Subject: a\n" + b" b\n" * 300_000 + b"\n" + TEXT,
    "100,000 recipients": b"To: " + b"a@b.example, " * 100_000 + b"\n" + HEAD + b"\n" + TEXT,
    "brackets in every field": b"".join(
        name + b": " + b"(" * 50_000 + b"\n"
        for name in (b"From", b"To", b"Date", b"Subject", b"Content-Type", b"Message-ID")
    )
    + b"\n"
    + TEXT,
    "encoded words without end": b"Subject: " + b"=?utf-8?q?=C3?= " * 50_000 + b"\n\n" + TEXT,
    "parameters without end": b"Content-Type: text/plain" + b"; a*0*=b" * 50_000 + b"\n\n" + TEXT,
    "a boundary that never comes": HEAD + b'Content-Type: multipart/mixed; boundary="x"\n\n' + TEXT,
    "a boundary of nothing": HEAD + b'Content-Type: multipart/mixed; boundary=""\n\n--\n\n' + TEXT,
    "no boundary": HEAD + b"Content-Type: multipart/mixed\n\n" + TEXT,
    "a charset that is none": HEAD + b"Content-Type: text/plain; charset=rot13\n\n" + TEXT,
    "a slow charset": HEAD + b"Content-Type: text/plain; charset=punycode\n\n" + b"\xffa-" * 200_000,
    "utf-7": HEAD + b"Content-Type: text/plain; charset=utf-7\n\n+AOQ- " + TEXT,
    "broken base64": HEAD + b"Content-Transfer-Encoding: base64\n\n" + b"=" * 300_000 + b"!a",
    "an encoding that is none": HEAD + b"Content-Transfer-Encoding: x-geheim\n\n" + TEXT,
    "broken quoted-printable": HEAD + b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=" * 300_001,
    "uuencode": HEAD + b"Content-Transfer-Encoding: x-uuencode\n\nbegin 644 x\n" + b"M" * 100_000,
    "null bytes": HEAD + b"\n" + TEXT + b"\0" * 1_000,
    "a line without end": HEAD + b"\n" + b"a" * 2_000_000,
    "a million short lines": HEAD + b"\n" + b"Von: x\n" * 300_000,
    "wrappers without end": HEAD + b"\n" + b"Von: a@b.example\nAn: c@d.example\nBetreff: x\n\ny\n" * 3_000,
    "quotes without end": HEAD + b"\n" + b">" * 2_000_000 + b" x\n" + TEXT,
    "flowed": HEAD.replace(b"\nDate", b"\nContent-Type: text/plain; format=flowed\nDate") + b"\n" + b"a \n" * 200_000,
    "dividers without end": HEAD + b"\n" + (b"-" * 40 + b"\nTitel der Meldung\n\n") * 4_000,
    "a divider without end": HEAD + b"\n" + b"- " * 1_000_000 + b"x",
    "addresses without end": HEAD + b"\n" + b"https://a.example/b?url=https://c.example/ " * 20_000,
    "salutations without end": HEAD + b"\n" + b"Liebe Anna, " * 50_000 + b"\n" + TEXT,
    "tags without end": html(b"<div>" * 100_000),
    "nested tables": html(b"<table><tr><td>" * 300 + TEXT),
    "a table without end": html(b"<table>" + b"<tr><td>a</td><td>b</td></tr>" * 15_000 + b"</table>"),
    "tables in a row": html(b"<table><tr><td>a</td><td>b</td></tr></table>" * 10_000),
    "styles without end": html(b"<p style='" + b"display: " * 200_000 + b"'>" + TEXT),
    "links without end": html(b"<a href='https://a.example/presse/1-2-3'>online lesen</a>" * 20_000),
    "brackets": html(b"<" * 500_000),
}


@pytest.fixture(scope="module")
def plugins() -> PluginManager:
    return load_plugins(None, os.environ)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_ends_soon(name, plugins):
    raw = HOSTILE[name]
    started = time.process_time()
    take_apart(raw)
    processed = process(captured(raw, media_type="message/rfc822"), Source(id="post"), plugins)
    assert processed.status in {"accepted", "quarantined", "skipped", "failed"}
    assert processed.status == "accepted" or processed.reason
    assert not any(failure.plugin for failure in processed.failures), processed.failures
    assert time.process_time() - started < SECONDS


def test_none_of_them_stops_the_rest(tmp_path, mail_source):
    names = [name for name in HOSTILE if HOSTILE[name] and len(HOSTILE[name]) < 500_000]
    drop = tmp_path / "post"
    drop.mkdir()
    for number, name in enumerate(names):
        (drop / f"{number:02}.eml").write_bytes(HOSTILE[name])
    (drop / "letzte.eml").write_bytes(numbered(1))
    run = mail_source("post").visit()
    assert run.items[-1].title == "Meldung 1 aus dem Kreis Ostwald"
    stored = {capture.body for capture in run.captures}
    assert {HOSTILE[name] for name in names} <= stored


def test_none_of_them_spoils_a_mailbox(tmp_path, mail_source):
    broken = [HOSTILE[name] for name in ("no boundary", "uuencode", "nested 100 deep", "binary")]
    (tmp_path / "a.mbox").write_bytes(mailbox(numbered(1), *broken, numbered(2)))
    titles = [item.title for item in mail_source("a.mbox").visit().items]
    assert (titles[0], titles[-1]) == tuple(f"Meldung {number} aus dem Kreis Ostwald" for number in (1, 2))


@pytest.mark.parametrize(
    ("date", "day"),
    [
        (b"Mon, 6 May 2024 10:00:00 +0200", "2024-05-06"),
        (b"Mon, 6 May 2024 23:30:00 +0000", "2024-05-07"),
        (b"6 May 24 10:00 CEST", "2024-05-06"),
        (b"Montag, 6. Mai 2024", "2024-05-06"),
        (b"gestern", "None"),
        (b"Mon, 99 Foo 99999999999999999999", "None"),
        (b"Fri, 31 Dec 9999 23:59:59 -2359", "None"),
        (b"", "None"),
    ],
)
def test_dates_as_they_come(date, day):
    letter = read_letter(b"From: a@b.example\nSubject: x\nDate: " + date + b"\n\n" + TEXT)
    assert str(letter.day) == day


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        (b"=?utf-8?q?B=C3=BCrger?= =?utf-8?q?forum?=", "Bürgerforum"),
        ("Bürgerforum".encode(), "Bürgerforum"),
        ("Bürgerforum".encode("latin-1"), "Bürgerforum"),
        (b"=?unbekannt?q?B=FCrgerforum?=", "Bürgerforum"),
        (b"=?utf-8?b?QsO8cmdlcmZvcnVt", "=?utf-8?b?QsO8cmdlcmZvcnVt"),
        (b"=?utf-8?b?!!!?=", ""),
        (b"Eins\n\tzwei\r\n drei", "Eins zwei drei"),
        (b"a\x1b[31mb\x07", "a [31mb"),
    ],
)
def test_subjects_as_they_come(subject, shown):
    assert read_letter(b"From: a@b.example\nSubject: " + subject + b"\n\n" + TEXT).subject == shown


def test_a_mail_that_answers_by_itself_is_passed_over(plugins):
    raw = HEAD + b"Auto-Submitted: auto-replied\n\nIch bin bis zum 20. Mai nicht im Haus.\n" + TEXT
    processed = process(captured(raw, media_type="message/rfc822"), Source(id="post"), plugins)
    assert (processed.status, processed.reason) == (
        "skipped",
        "automatische Antwort oder Zustellbericht, keine Meldung",
    )
