"""A mailbox on a real server: what is listed, what is captured, and that nothing there changes."""

import json
from datetime import timedelta

import pytest

from archive_pipeline.errors import FetchError, TooLargeError
from archive_pipeline.fetch.imap import ImapOptions
from archive_pipeline.model import Capture, Refused
from tests.mail.imap_server import Folder
from tests.mail.mails import SENT, mail, numbered

READING = {"CAPABILITY", "LOGIN", "EXAMINE", "UID SEARCH", "UID FETCH", "LOGOUT"}


def test_messages_are_captured_byte_for_byte_and_left_as_they_are(box, imap_source):
    for number in range(3):
        box.inbox.add(numbered(number))
    run = imap_source().visit()
    assert [capture.body for capture in run.captures] == [message.body for message in box.inbox.messages]
    assert [item.title for item in run.items] == [f"Meldung {number} aus dem Kreis Ostwald" for number in range(3)]
    assert run.items[1].published == (SENT + timedelta(hours=1)).isoformat()
    assert run.items[0].key.startswith("pm-0@kreis-ostwald.example~")
    assert all(message.flags == set() for message in box.inbox.messages)
    assert set(box.verbs()) == READING


def test_one_connection_serves_a_visit_and_ends_with_logout(box, imap_source):
    for number in range(5):
        box.inbox.add(numbered(number))
    visitor = imap_source()
    visitor.visit()
    assert box.connections == 1
    assert box.verbs().count("LOGIN") == 1
    (request,) = visitor.log
    assert (request.url, request.outcome) == ("imap://mail.example.org:143/", "fetched")
    assert request.received > sum(len(message.body) for message in box.inbox.messages)


def test_no_capture_tells_where_the_mailbox_is(box, imap_source):
    box.inbox.add(numbered(1))
    visitor = imap_source()
    (capture,) = visitor.visit().captures
    assert capture.url is None
    assert capture.target.startswith("urn:archive-pipeline:post:pm-1")


def test_the_next_visit_asks_for_new_messages_alone(box, imap_source):
    box.inbox.add(numbered(1))
    visitor = imap_source()
    visitor.visit()
    assert visitor.visit().items == []
    box.commands.clear()
    box.inbox.add(numbered(2))
    assert [item.title for item in visitor.visit().items] == ["Meldung 2 aus dem Kreis Ostwald"]
    assert "UID SEARCH UID 2:*" in box.commands


def test_a_folder_numbered_anew_is_listed_again_without_duplicates(box, imap_source):
    for number in range(3):
        box.inbox.add(numbered(number))
    visitor = imap_source()
    first = visitor.visit()
    box.inbox.renumber(validity=77, start=501)
    box.inbox.add(numbered(3))
    again = visitor.visit()
    assert [item.key for item in again.items[:3]] == [item.key for item in first.items]
    assert list(again.results) == [again.items[3].key]
    assert json.loads(visitor.memory.kept or "")["folders"] == {"INBOX": [77, 504]}


def test_a_message_deleted_on_the_server_is_no_news(box, imap_source):
    box.inbox.add(numbered(1))
    visitor = imap_source()
    visitor.visit()
    box.inbox.messages.clear()
    run = visitor.visit()
    assert (run.items, run.results) == ([], {})


def test_a_message_deleted_before_it_was_captured_is_no_failure(box, imap_source):
    box.inbox.add(numbered(1))
    visitor = imap_source()
    context = visitor.context()
    (item,) = visitor.fetcher.discover(visitor.source, context)
    box.inbox.messages.clear()
    (result,) = visitor.fetcher.capture(item, visitor.source, context)
    context.close()
    assert isinstance(result, Refused)
    assert "gelöscht" in result.reason


@pytest.mark.parametrize("change", ["moved", "numbered anew"])
def test_a_pending_message_is_found_where_it_went(box, imap_source, change):
    """A visit that was cut short leaves items behind; meanwhile somebody tidies the mailbox up."""
    box.folders["Archiv"] = Folder(validity=9)
    box.inbox.add(numbered(0))
    box.inbox.add(numbered(1))
    visitor = imap_source(folders=["INBOX", "Archiv"])
    (_, item) = visitor.visit(limit=0).items
    if change == "moved":
        box.folders["Archiv"].add(box.inbox.messages.pop().body)
    else:
        box.inbox.renumber(validity=5, start=40)
    context = visitor.context()
    (capture,) = visitor.fetcher.capture(item, visitor.source, context)
    context.close()
    assert isinstance(capture, Capture)
    assert capture.body == numbered(1)


def test_a_copy_in_another_folder_is_the_same_message(box, imap_source):
    box.folders["Archiv"] = Folder()
    box.inbox.add(numbered(1))
    visitor = imap_source(folders=["INBOX", "Archiv"])
    visitor.visit()
    box.folders["Archiv"].add(box.inbox.messages.pop().body)
    run = visitor.visit()
    assert run.results == {}


def test_one_message_id_for_all_mails_makes_no_versions(box, imap_source):
    visitor = imap_source()
    for number in range(2):
        box.inbox.add(bytes(mail(subject=f"Meldung {number}", name="<immer@kreis.example>")))
        assert len(visitor.visit().results) == 1
    assert len(visitor.captured) == 2


def test_messages_without_any_name_are_told_apart(box, imap_source):
    for text in ("eins", "zwei"):
        box.inbox.add(b"\r\n" + text.encode())
    run = imap_source().visit()
    assert [capture.body for capture in run.captures] == [b"\r\neins", b"\r\nzwei"]


def test_messages_are_marked_as_read_when_wanted(box, imap_source):
    box.inbox.add(numbered(1))
    imap_source(mark_seen=True).visit()
    assert box.inbox.messages[0].flags == {"\\Seen"}


def test_a_folder_that_can_only_be_read_says_so(box, imap_source):
    box.inbox.is_writable = False
    with pytest.raises(FetchError, match="lässt sich nur lesen") as caught:
        imap_source(mark_seen=True).visit()
    assert "mark_seen" in caught.value.hint


def test_other_folders_are_read_when_one_is_missing(box, imap_source):
    box.folders["Presse"] = Folder()
    box.inbox.add(numbered(1))
    visitor = imap_source(folders=["Weg", "INBOX"])
    context = visitor.context()
    offered = visitor.fetcher.discover(visitor.source, context)
    assert next(offered).title == "Meldung 1 aus dem Kreis Ostwald"
    with pytest.raises(FetchError, match="Den Ordner Weg gibt es nicht") as caught:
        next(offered)
    context.close()
    assert caught.value.hint == "Ordner: INBOX, Presse"
    assert context.kept_bookmark is None


def test_folder_names_are_sent_in_modified_utf_7(box, imap_source):
    box.folders["Presse &- &AMQ-u&AN8-eres"] = Folder()
    box.folders["Presse &- &AMQ-u&AN8-eres"].add(numbered(1))
    assert len(imap_source(folders=["Presse & Äußeres"]).visit().captures) == 1


def test_senders_and_subjects_are_filtered(box, imap_source):
    box.inbox.add(numbered(1))
    box.inbox.add(numbered(2, sender="werbung@laden.example"))
    box.inbox.add(numbered(3, sender="Rat <info@rat.kreis-ostwald.example>"))
    visitor = imap_source(allow_senders=["kreis-ostwald.example"])
    assert [item.title for item in visitor.visit().items] == [
        f"Meldung {number} aus dem Kreis Ostwald" for number in (1, 3)
    ]
    assert len(imap_source(subject="meldung 2").visit().items) == 1
    assert len(imap_source(allow_senders=["presse@*.example"]).visit().items) == 1


def test_other_filters_list_everything_again(box, imap_source):
    box.inbox.add(numbered(1))
    narrow = imap_source(allow_senders=["anderswo.example"])
    assert narrow.visit().items == []
    wide = imap_source()
    wide.memory = narrow.memory
    assert len(wide.visit().items) == 1


def test_since_leaves_the_bookmark_alone(box, imap_source):
    box.inbox.add(numbered(1))
    visitor = imap_source()
    visitor.memory.since = SENT.date()
    visitor.visit()
    assert visitor.memory.kept is None


def test_a_bookmark_of_another_making_means_all(box, imap_source):
    box.inbox.add(numbered(1))
    for text in ("", "7", "{}", '{"filters": 1, "folders": 2}', '{"filters": "x", "folders": {"INBOX": [1]}}'):
        visitor = imap_source()
        visitor.memory.kept = text
        assert len(visitor.visit().items) == 1


def test_what_is_too_large_is_not_downloaded(box, imap_source):
    box.inbox.add(numbered(1) + b"x" * 5_000_000)
    visitor = imap_source()
    with pytest.raises(TooLargeError, match="größer als die erlaubten 1000000 Bytes"):
        visitor.visit()
    assert visitor.log[0].received < 5_000
    assert not any("BODY.PEEK[]" in command for command in box.commands)


def test_several_releases_and_documents_come_with_their_message(box, imap_source):
    message = mail("Anbei unsere Pressemitteilung mit der Bitte um Veröffentlichung.")
    for name in ("PM Brücke.pdf", "PM Schule.pdf"):
        message.add_attachment(b"%PDF-1.4 " + name.encode(), maintype="application", subtype="pdf", filename=name)
    box.inbox.add(bytes(message))
    run = imap_source().visit()
    (item,) = run.items
    kinds = [(capture.key.removeprefix(item.key), capture.kind, capture.media_type) for capture in run.captures]
    assert kinds == [
        ("#1", "document", "application/pdf"),
        ("#2", "document", "application/pdf"),
        ("", "attachment", "message/rfc822"),
    ]
    assert run.captures[2].parent == run.captures[0].record_id


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "imap://mail.example.org"},
        {"host": "mail.example.org:993"},
        {"host": ""},
        {"user": ""},
        {"folders": []},
        {"tls": "vielleicht"},
        {"port": 0},
        {"password": "x"},
        {"allow_senders": ["kein ort"]},
    ],
)
def test_mistakes_in_settings_are_found(settings):
    with pytest.raises(ValueError, match="validation error"):
        ImapOptions.model_validate({"host": "mail.example.org", "user": "archiv", **settings})


def test_a_host_with_umlauts_is_asked_for_in_idna():
    options = ImapOptions(host="Mail.Köln.example", user="a")
    assert options.host == "mail.xn--kln-sna.example"
