"""One mailing, its releases: told apart where the structure is plain, left whole where it is not."""

import email.policy
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage

import pytest

from archive_pipeline.mail.letter import read_letter
from archive_pipeline.mail.mailing import Mailing, take_apart
from archive_pipeline.mail.message import DOCX, MAIL, PDF
from tests.mail.mails import BODY, SENT, mail, numbered

NOTE = """\
Sehr geehrte Damen und Herren,

anbei erhalten Sie die aktuellen Pressemitteilungen des Kreises Ostwald mit der
Bitte um Veröffentlichung.

Mit freundlichen Grüßen
Ute Beispiel, Pressestelle
"""
RADWEG = """\
Der Radweg zwischen Ostwald und Lindenhof ist fertig. Am Freitag hat Landrätin Jutta Harms die fünf Kilometer lange
Strecke freigegeben. Sie führt am alten Bahndamm entlang und ist auf ganzer Länge drei Meter breit.

„Wer mit dem Rad zur Arbeit fährt, spart jetzt eine Viertelstunde“, sagte die Landrätin. Gekostet hat der Weg 1,9
Millionen Euro. Das Land trägt davon drei Viertel, den Rest teilen sich der Kreis und die beiden Gemeinden.
"""
BUECHEREI = """\
Die Kreisbücherei verleiht vom nächsten Montag an auch Werkzeug. Zur Wahl stehen Bohrmaschinen, Stichsägen und eine
Nähmaschine, insgesamt dreißig Geräte. Eine Woche kostet drei Euro, die Kaution beträgt zwanzig Euro.

„Vieles wird nur einmal im Jahr gebraucht“, sagt Leiterin Eva Moll. Die Idee stammt von einem Bürgerforum im Herbst.
Wer etwas spenden möchte, kann es dienstags in der Bücherei am Markt abgeben.
"""
RELEASES = (
    ("Kreis Ostwald saniert Brücke über die Wehre", BODY),
    ("Radweg nach Lindenhof freigegeben", RADWEG),
    ("Bücherei verleiht jetzt Werkzeug", BUECHEREI),
)
LINE = "-" * 60


def digest(*releases: tuple[str, str], divider: str = LINE, preface: str = "", closing: str = "") -> str:
    sections = [f"{headline}\n\n{text}" for headline, text in releases]
    pieces = [preface] * bool(preface) + sections + [closing] * bool(closing)
    return f"\n{divider}\n\n".join(pieces)


def attached(message: EmailMessage, *names: str) -> bytes:
    for name in names:
        kind = "pdf" if name.endswith("pdf") else DOCX.partition("/")[2]
        body = f"%PDF-1.4 {name}" if kind == "pdf" else f"PK {name}"
        message.add_attachment(body.encode(), maintype="application", subtype=kind, filename=name)
    return bytes(message)


def titles(mailing: Mailing) -> list[str | None]:
    return [part.title for part in mailing.parts]


def test_a_release_is_one_and_its_documents_come_with_it():
    mailing = take_apart(attached(mail(), "Brücke.pdf", "Plan.pdf"))
    assert mailing.parts == ()
    assert [(one.name, one.media_type) for one in mailing.enclosures] == [("Brücke.pdf", PDF), ("Plan.pdf", PDF)]


@pytest.mark.parametrize("sign", ["-", "=", "*", "_", "* ", "– "])
def test_a_digest_divided_by_lines(sign):
    text = digest(*RELEASES, divider=(sign * 40).strip())
    mailing = take_apart(bytes(mail(text, subject="Pressemitteilungen des Kreises Ostwald")))
    assert titles(mailing) == [headline for headline, _ in RELEASES]
    letters = [read_letter(part.body) for part in mailing.parts]
    assert [letter.subject for letter in letters] == titles(mailing)
    assert all(letter.day == SENT.date() for letter in letters)
    assert "Nähmaschine" in letters[2].text
    assert not any("Nähmaschine" in letter.text for letter in letters[:2])


def test_parts_of_a_digest_name_no_recipient():
    raw = bytes(mail(digest(*RELEASES), subject="Pressedienst", to="Anna Kowalski <anna@zeitung.example>"))
    for part in take_apart(raw).parts:
        assert b"anna" not in part.body.lower()
        parsed = message_from_bytes(part.body, policy=email.policy.default)
        assert sorted(name.lower() for name in parsed) == [
            "content-transfer-encoding",
            "content-type",
            "date",
            "from",
            "mime-version",
            "subject",
        ]


def test_a_table_of_contents_tells_of_several():
    contents = "Heute von uns:\n" + "\n".join(f"- {headline}" for headline, _ in RELEASES)
    raw = bytes(mail(digest(*RELEASES, preface=contents), subject="Aus dem Kreis Ostwald"))
    assert len(take_apart(raw).parts) == 3


def test_running_numbers_tell_of_several():
    numbered_ones = [(f"{count}. {headline}", text) for count, (headline, text) in enumerate(RELEASES, start=1)]
    raw = bytes(mail(digest(*numbered_ones), subject="Aus dem Kreis Ostwald"))
    assert titles(take_apart(raw)) == [headline for headline, _ in RELEASES]


def test_the_kind_of_document_above_each_tells_of_several():
    sections = [
        f"Pressemitteilung Nr. {count}/2024\n\n{headline}\n\n{text}"
        for count, (headline, text) in enumerate(RELEASES, 17)
    ]
    raw = bytes(mail(f"\n{LINE}\n\n".join(sections), subject="Aus dem Kreis Ostwald"))
    assert titles(take_apart(raw)) == [headline for headline, _ in RELEASES]


def test_framed_headlines_divide():
    text = "\n\n".join(f"+++ {headline} +++\n\n{body}" for headline, body in RELEASES)
    raw = bytes(mail(text, subject="Meldungen aus dem Kreis Ostwald: die neuen Pressemitteilungen"))
    assert titles(take_apart(raw)) == [headline for headline, _ in RELEASES]


@pytest.mark.parametrize("between", ["", "<hr>"])
def test_headings_of_a_newsletter_divide(between):
    sections = [f"<h2>{headline}</h2><p>{body}</p>{between}" for headline, body in RELEASES]
    message = mail(
        "Nur HTML.", subject="Newsletter des Kreises Ostwald", html=f"<h1>Newsletter</h1>{''.join(sections)}"
    )
    assert titles(take_apart(bytes(message))) == [headline for headline, _ in RELEASES]


def test_the_contact_below_the_last_one_speaks_for_all():
    closing = "Pressekontakt:\nKreis Ostwald, Ute Beispiel\nTelefon 0333 99-88\n\nNewsletter abbestellen: https://n.example/u/1"
    raw = bytes(mail(digest(*RELEASES, closing=closing), subject="Drei Pressemitteilungen"))
    letters = [read_letter(part.body) for part in take_apart(raw).parts]
    assert len(letters) == 3
    assert all("0333 99-88" in letter.text and "abbestellen" not in letter.text for letter in letters)


def test_a_forwarded_digest_is_taken_apart_too():
    wrapped = (
        "Zur Kenntnis.\n\n-----Ursprüngliche Nachricht-----\nVon: Kreis Ostwald <presse@kreis-ostwald.example>\n"
        "Gesendet: Montag, 6. Mai 2024 10:12\nAn: archiv@archiv.example\nBetreff: Unsere Pressemitteilungen\n\n"
    )
    raw = bytes(mail(wrapped + digest(*RELEASES), subject="WG: Unsere Pressemitteilungen", sender="a@archiv.example"))
    parts = take_apart(raw).parts
    assert len(parts) == 3
    assert read_letter(parts[0].body).sender[1] == "presse@kreis-ostwald.example"
    assert parts[0].published == "2024-05-06"


@pytest.mark.parametrize("divider", [LINE, ""])
def test_a_release_without_a_headline_leaves_a_doubt(divider):
    """It would pass for a preface, and be lost."""
    text = f"{RADWEG}\n{divider}\n\n{digest(*RELEASES[::2])}"
    assert take_apart(bytes(mail(text, subject="Pressemitteilungen"))).parts == ()


def test_a_letter_to_the_readers_is_a_preface():
    letter = f"Liebe Leserinnen und Leser,\n\n{RADWEG}"
    raw = bytes(mail(digest(*RELEASES, preface=letter), subject="Newsletter 5/2024"))
    assert titles(take_apart(raw)) == [headline for headline, _ in RELEASES]


ONE_RELEASE = {
    "a boilerplate below a line": digest(RELEASES[0], ("Über den Kreis Ostwald", RADWEG), preface="", divider=LINE),
    "background and quotes": digest(RELEASES[0], ("Hintergrund zur Brücke", RADWEG), ("Zitate", BUECHEREI)),
    "subheadings without any sign": digest(RELEASES[0], ("Umleitung über Lindenhof", RADWEG)),
    "an English version": digest(RELEASES[0], ("English version below the line", RADWEG)),
    "a mere list of dates": digest(
        ("Termine der Woche", "Montag, 10 Uhr: Ausschuss\nDienstag, 14 Uhr: Besuch in Ostwald"),
        ("Vorschau auf Juni", "Mittwoch, 9 Uhr: Kreistag\nFreitag, 11 Uhr: Eröffnung"),
    ),
    "teasers": digest(*((headline, "Mehr dazu im Netz. Jetzt lesen.") for headline, _ in RELEASES)),
    "a release and a contact": digest(RELEASES[0], closing="Kreis Ostwald\nPressestelle\nTelefon 0333 99-88"),
    "text between two releases": digest(RELEASES[0], ("Hinweis", "Nur für Sie."), RELEASES[1]),
    "the same headline twice": digest(RELEASES[0], (RELEASES[0][0], RADWEG)),
    "no divider": "\n\n".join(f"{headline}\n\n{text}" for headline, text in RELEASES),
}
PLURAL = {"a release and a contact", "text between two releases", "teasers", "a mere list of dates", "no divider"}


@pytest.mark.parametrize("name", ONE_RELEASE)
def test_one_release_stays_whole(name):
    assert take_apart(bytes(mail(ONE_RELEASE[name]))) == Mailing()


@pytest.mark.parametrize("name", sorted(PLURAL | {"the same headline twice", "background and quotes"}))
def test_a_subject_alone_divides_nothing(name):
    assert take_apart(bytes(mail(ONE_RELEASE[name], subject="Pressemitteilungen des Kreises"))).parts == ()


def test_documents_under_a_covering_note_are_the_releases():
    mailing = take_apart(attached(mail(NOTE, subject="Pressemitteilungen"), "PM Radweg.pdf", "PM Bücherei.docx"))
    assert [(part.media_type, part.title) for part in mailing.parts] == [(PDF, None), (DOCX, None)]
    assert mailing.parts[0].published == SENT.isoformat()


def test_one_document_under_a_covering_note_is_the_release():
    mailing = take_apart(attached(mail(NOTE, subject="Radweg freigegeben"), "PM Radweg.pdf"))
    assert [(part.media_type, part.title) for part in mailing.parts] == [(PDF, "Radweg freigegeben")]


def test_a_mail_without_text_has_its_document_as_release():
    assert len(take_apart(attached(mail("\n"), "Radweg.pdf")).parts) == 1


def test_one_release_in_two_formats_is_one():
    (part,) = take_apart(attached(mail(NOTE), "PM Radweg.pdf", "PM Radweg.docx")).parts
    assert part.media_type == DOCX
    assert [one.media_type for one in part.enclosures] == [PDF]


def test_leaflets_are_no_releases():
    mailing = take_apart(attached(mail(NOTE), "Flyer Radtag.pdf", "PM Radweg.pdf", "Programm.pdf"))
    assert [part.body for part in mailing.parts] == [b"%PDF-1.4 PM Radweg.pdf"]
    assert [one.name for one in mailing.parts[0].enclosures] == ["Flyer Radtag.pdf", "Programm.pdf"]


def test_a_leaflet_alone_is_all_there_is():
    assert len(take_apart(attached(mail(NOTE), "Einladungsflyer.pdf")).parts) == 1


def test_pictures_are_neither():
    message = mail(NOTE)
    message.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="Foto.png")
    assert take_apart(bytes(message)) == Mailing()


def test_a_document_without_a_type_is_known_by_its_name():
    message = mail(NOTE)
    message.add_attachment(b"%PDF-1.4", maintype="application", subtype="octet-stream", filename="PM 7.PDF")
    assert [part.media_type for part in take_apart(bytes(message)).parts] == [PDF]


def forwarding(*messages: bytes, text: str = "Zur Kenntnis, beste Grüße") -> bytes:
    outer = mail(text, subject="WG: Pressemitteilungen", sender="kollege@archiv.example", name="<fw@archiv.example>")
    outer.make_mixed()
    for message in messages:
        outer.attach(message_from_bytes(b"Content-Type: message/rfc822\n\n" + message, policy=email.policy.default))
    return bytes(outer)


def test_attached_mails_are_the_releases():
    mailing = take_apart(forwarding(numbered(1), numbered(2)))
    assert [part.media_type for part in mailing.parts] == [MAIL, MAIL]
    letters = [read_letter(part.body) for part in mailing.parts]
    assert [letter.subject for letter in letters] == [f"Meldung {number} aus dem Kreis Ostwald" for number in (1, 2)]
    assert letters[1].sent == SENT + timedelta(hours=2)
    assert mailing.parts[0].body == numbered(1)


def test_mails_attached_as_files_count_too():
    outer = mail("Zur Kenntnis.", subject="Meldungen")
    outer.add_attachment(numbered(1), maintype="application", subtype="octet-stream", filename="eins.eml")
    assert [part.body for part in take_apart(bytes(outer)).parts] == [numbered(1)]


def test_what_is_attached_to_an_attached_mail_comes_with_it():
    (part,) = take_apart(forwarding(attached(mail(), "Plan.pdf"))).parts
    assert [one.name for one in part.enclosures] == ["Plan.pdf"]


def test_documents_of_an_attached_covering_note_are_releases():
    parts = take_apart(forwarding(attached(mail(NOTE), "PM 1.pdf", "PM 2.pdf"), numbered(3))).parts
    assert [part.media_type for part in parts] == [PDF, PDF, MAIL]


def test_a_digest_of_mails():
    body = b"".join(b"--grenze\nContent-Type: message/rfc822\n\n" + numbered(number) + b"\n" for number in range(3))
    raw = (
        b'From: liste@listen.example\nSubject: Digest\nContent-Type: multipart/digest; boundary="grenze"\n\n'
        + body
        + b"--grenze--\n"
    )
    assert len(take_apart(raw).parts) == 3


def test_a_mail_attached_to_a_release_is_no_release():
    assert take_apart(forwarding(numbered(1), text=BODY)).parts == ()


def test_delivery_reports_are_left_whole():
    report = numbered(1).replace(b"text/plain", b'multipart/report; report-type=delivery-status; boundary="x"')
    assert take_apart(report) == Mailing()
