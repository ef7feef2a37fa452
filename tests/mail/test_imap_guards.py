"""Servers that lie, stall, or stand where none should: every guard with the attack really made."""

import pytest

from archive_pipeline.errors import FetchError, RefusedError, TooLargeError, TransientFetchError
from tests.mail.conftest import PUBLIC, Network
from tests.mail.imap_server import Folder
from tests.mail.mails import numbered


def test_a_private_address_is_refused_and_logged(box, imap_source):
    network = Network(box, address="10.0.0.9")
    visitor = imap_source(network=network, allow_private=False, tls="implicit")
    with pytest.raises(RefusedError, match="nicht öffentlichen Adresse") as caught:
        visitor.visit()
    assert "allow_private" in caught.value.hint
    assert (network.connected, box.connections) == ([], 0)
    assert [(request.outcome, request.received) for request in visitor.log] == [("address", 0)]


def test_the_checked_address_is_the_one_connected_to(box, imap_source, server_tls, trusted):
    """A name that leads elsewhere when it is looked up again has no second chance."""
    box.implicit = server_tls
    box.inbox.add(numbered(1))
    network = Network(box, address=PUBLIC)
    imap_source(network=network, allow_private=False, tls="implicit").visit()
    assert network.connected == [f"{PUBLIC}:993"]
    assert network.asked == ["mail.example.org"]


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_tls(box, imap_source, server_tls, trusted, tls):
    setattr(box, tls, server_tls)
    box.inbox.add(numbered(1))
    run = imap_source(network=Network(box, address=PUBLIC), tls=tls).visit()
    assert [capture.body for capture in run.captures] == [numbered(1)]
    assert box.verbs()[0] == "CAPABILITY"
    assert ("STARTTLS" in box.verbs()) == (tls == "starttls")
    assert tls == "implicit" or box.verbs().index("STARTTLS") < box.verbs().index("LOGIN")


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
@pytest.mark.parametrize("fault", ["unknown", "name"])
def test_a_certificate_that_proves_nothing(box, imap_source, server_tls, certificate, monkeypatch, tls, fault):
    if fault == "name":
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    setattr(box, tls, server_tls)
    host = "fremd.example.org" if fault == "name" else "mail.example.org"
    with pytest.raises(FetchError, match="Das Zertifikat des Servers ist ungültig") as caught:
        imap_source(network=Network(box, address=PUBLIC), tls=tls, host=host).visit()
    assert not isinstance(caught.value, TransientFetchError)
    assert not any("geheim" in command for command in box.commands)


def test_no_password_for_a_server_that_takes_encryption_back(box, imap_source):
    with pytest.raises(FetchError, match="keine Verschlüsselung mit STARTTLS"):
        imap_source(network=Network(box, address=PUBLIC), tls="starttls").visit()
    assert not {"LOGIN", "AUTHENTICATE"} & set(box.verbs())


def test_no_password_for_a_server_that_calls_the_client_logged_in(box, imap_source, server_tls, trusted):
    """PREAUTH in the clear would leave STARTTLS out."""
    box.starttls = server_tls
    box.greeting = b"* PREAUTH willkommen\r\n"
    with pytest.raises(FetchError, match="STARTTLS"):
        imap_source(network=Network(box, address=PUBLIC), tls="starttls").visit()
    assert not {"LOGIN", "AUTHENTICATE"} & set(box.verbs())


def test_what_is_slipped_in_before_encryption_is_not_believed(box, imap_source, server_tls, trusted):
    box.starttls = server_tls
    box.injected = b"* CAPABILITY IMAP4rev1\r\n" * 50
    with pytest.raises(FetchError):
        imap_source(network=Network(box, address=PUBLIC), tls="starttls").visit()
    assert "LOGIN" not in box.verbs()


def test_no_password_in_the_clear_across_the_internet(box, imap_source):
    with pytest.raises(FetchError, match="Unverschlüsselt"):
        imap_source(network=Network(box, address=PUBLIC), tls="none").visit()
    assert {*box.verbs()} <= {"LOGOUT"}


def test_a_wrong_password_is_tried_once(box, imap_source):
    box.inbox.add(numbered(1))
    visitor = imap_source()
    (item,) = visitor.visit(limit=0).items
    box.password = "geändert"
    box.refusal = "NO das Passwort geheim ist falsch \x1b[31m"
    box.commands.clear()
    context = visitor.context()
    for _ in range(5):
        with pytest.raises(FetchError, match="Die Anmeldung ist gescheitert") as caught:
            list(visitor.fetcher.capture(item, visitor.source, context))
        assert caught.value.message.endswith("Der Server lehnt ab: das Passwort … ist falsch [31m")
        assert caught.value.message.isprintable()
        assert '"post"' in caught.value.hint
    context.close()
    assert box.verbs().count("LOGIN") == 1


@pytest.mark.parametrize("password", ['mit "Anführung" \\ und Leerzeichen', "Grüße über alles"])
def test_odd_passwords(box, imap_source, password):
    box.password = password
    box.inbox.add(numbered(1))
    visitor = imap_source()
    visitor.secrets["post"] = password
    assert len(visitor.visit().captures) == 1


def test_a_password_can_t_bring_a_command_along(box, imap_source):
    visitor = imap_source()
    visitor.secrets["post"] = "geheim\r\nx DELETE INBOX"
    with pytest.raises(FetchError, match="Anmeldung ist gescheitert"):
        visitor.visit()
    assert not any("DELETE" in command for command in box.commands)


def test_a_folder_name_can_t_bring_a_command_along(box, imap_source):
    with pytest.raises(FetchError, match="gibt es nicht"):
        imap_source(folders=['INBOX"\r\nx DELETE INBOX']).visit()
    assert not any(command.startswith(("DELETE", "x DELETE")) for command in box.commands)


def test_a_message_id_can_t_bring_a_command_along(box, imap_source):
    box.folders["Archiv"] = Folder()
    box.inbox.add(numbered(1).replace(b"<pm-1@kreis", b'<a"\\b@kreis'))
    visitor = imap_source(folders=["INBOX", "Archiv"])
    (item,) = visitor.visit(limit=0).items
    box.folders["Archiv"].add(box.inbox.messages.pop().body)
    context = visitor.context()
    (capture,) = visitor.fetcher.capture(item, visitor.source, context)
    context.close()
    assert capture.key == item.key


def test_ten_gigabytes_are_not_read(box, imap_source):
    """A size that the server gives in its listing is checked first; this one lies there."""
    box.inbox.add(numbered(1))
    box.announce = 10_000_000_000
    visitor = imap_source()
    with pytest.raises(TooLargeError, match="kündigt 10000000000 Bytes an"):
        visitor.visit()
    assert visitor.log[0].received < 5_000


@pytest.mark.timeout(60)
def test_a_server_that_never_stops_talking(box, imap_source):
    box.inbox.add(numbered(1))
    box.flood = "UID SEARCH"
    with pytest.raises(FetchError):
        imap_source().visit()


def test_a_line_without_end(box, imap_source):
    box.greeting = b"* OK " + b"x" * 300_000
    with pytest.raises(FetchError):
        imap_source().visit()


@pytest.mark.timeout(60)
def test_a_message_that_never_comes_to_its_end(box, imap_source):
    box.inbox.add(numbered(1))
    box.announce = len(numbered(1)) + 5_000
    with pytest.raises(FetchError):
        imap_source().visit()


@pytest.mark.parametrize("count", range(1, 6))
def test_a_server_that_hangs_up(box, imap_source, count):
    box.inbox.add(numbered(1))
    box.hang_up_after = count
    visitor = imap_source()
    with pytest.raises(TransientFetchError, match=r"abgebrochen|gescheitert"):
        visitor.visit()
    box.hang_up_after = None
    assert len(visitor.visit().captures) == 1


def test_a_server_that_always_hangs_up_is_left_alone(box, imap_source):
    for number in range(20):
        box.inbox.add(numbered(number))
    visitor = imap_source()
    items = visitor.visit(limit=0).items
    box.hang_up_after, box.connections = 3, 0
    context = visitor.context()
    for item in items:
        with pytest.raises(TransientFetchError):
            list(visitor.fetcher.capture(item, visitor.source, context))
    context.close()
    assert box.connections == 5


@pytest.mark.parametrize(
    "greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"* BYE voll\r\n", b"\x00\xff\r\n", b"* OK [", b"+ \r\n"]
)
def test_what_is_no_mail_server(box, imap_source, greeting):
    box.greeting = greeting
    box.hang_up_after = 0
    with pytest.raises(FetchError):
        imap_source().visit()


def test_without_a_secret_nobody_is_asked(box, imap_source):
    visitor = imap_source()
    del visitor.secrets["post"]
    with pytest.raises(KeyError):
        visitor.visit()
    assert box.connections == 0
