"""Greetings, notes and headers of forwarded mails: what is one, and what only looks like one."""

import os
from dataclasses import replace

import pytest

from archive_pipeline.mail.letter import read_letter
from archive_pipeline.mail.manners import (
    after_salutations,
    is_closing,
    is_covering_note,
    is_footer,
    is_generic_salutation,
)
from archive_pipeline.mail.wrapping import find_wrapper
from archive_pipeline.model import Article, Source
from archive_pipeline.plugin_manager import PluginManager, load_plugins
from archive_pipeline.processing.chain import process
from archive_pipeline.testing import captured
from tests.mail.mails import BODY, mail


@pytest.fixture(scope="module")
def plugins() -> PluginManager:
    return load_plugins(None, os.environ)


def article_of(raw: bytes, plugins: PluginManager) -> Article:
    processed = process(captured(raw, media_type="message/rfc822"), Source(id="post"), plugins)
    assert processed.article is not None
    return processed.article


@pytest.mark.parametrize(
    ("line", "rest"),
    [
        ("Sehr geehrte Damen und Herren,", ""),
        ("Sehr geehrte Damen und Herren, liebe Kolleginnen und Kollegen,", ""),
        ("Sehr geehrter Herr Prof. Dr. Müller,", ""),
        ("Sehr geehrte Frau Kowalski", ""),
        ("Liebe Anna,", ""),
        ("Liebe Anna", ""),
        ("Hallo Max!", ""),
        ("Guten Tag Frau Kowalski,", ""),
        ("Liebe Anna, anbei die Meldung.", "anbei die Meldung."),
        ("Liebe, Leid und Leben: Ausstellung im Kreishaus", None),
        ("Liebe zum Detail", None),
        ("Liebe Kinder gesucht für das Theater", None),
        ("Hallo Nachbar: Fest der Vereine am Samstag", None),
        ("Hochwasser in Ostwald", None),
        ("Guten Morgen, Ostwald: Neue Sendung startet", None),
        ("Liebe Bürgerinnen und Bürger sind eingeladen, das Haus zu besuchen.", None),
    ],
)
def test_salutations(line, rest):
    assert after_salutations(line) == (line if rest is None else rest)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Sehr geehrte Damen und Herren,", True),
        ("Liebe Kolleginnen und Kollegen,", True),
        ("Guten Tag,", True),
        ("Liebe Leserinnen und Leser!", True),
        ("Guten Tag Max Beispiel,", False),
        ("Sehr geehrte Frau Redaktionsleiterin Kowalski,", False),
        ("Liebe Anna,", False),
    ],
)
def test_whom_a_salutation_greets(line, expected):
    assert is_generic_salutation(line) is expected


@pytest.mark.parametrize(
    "line",
    ["Mit freundlichen Grüßen", "Freundliche Grüße aus Ostwald", "Viele Grüße,", "MfG", "i. A. Beispiel", "Herzlichst"],
)
def test_the_end_of_a_letter(line):
    assert is_closing(line)


@pytest.mark.parametrize(
    "line", ["Grüße aus der Vergangenheit: Ausstellung eröffnet", "Im Grünen wird gefeiert", "Liebe"]
)
def test_what_is_no_end_of_a_letter(line):
    assert not is_closing(line)


@pytest.mark.parametrize(
    "line",
    [
        "Falls der Newsletter nicht richtig angezeigt wird, klicken Sie bitte hier.",
        "Wird diese E-Mail nicht korrekt dargestellt? Hier geht es zur Webversion.",
        "Newsletter abbestellen | Profil ändern",
        "Wenn Sie den Newsletter nicht mehr erhalten möchten, klicken Sie hier.",
        "Sie erhalten diese E-Mail, weil Sie im Presseverteiler des Kreises stehen.",
        "Diese E-Mail wurde an Sie gesendet.",
        "Im Browser ansehen",
    ],
)
def test_footers(line):
    assert is_footer(line)


@pytest.mark.parametrize(
    "line",
    [
        "Der Kreis Ostwald gibt ab Mai einen Newsletter für Eltern heraus.",
        "Die Probleme mit der neuen Software sind behoben, teilt der Kreis mit.",
        "Anmelden können sich Interessierte bis zum 3. Mai.",
        "Wer sich beim Jobcenter abmelden will, kann das nun im Netz tun.",
        "Die Stadt hat die Bäume am Markt entfernen lassen.",
        "Alle E-Mails, die bei der Verwaltung eingehen, werden seit Montag automatisch verteilt. " * 4,
    ],
)
def test_sentences_that_are_no_footers(line):
    assert not is_footer(line)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("Anbei unsere Pressemitteilung.", True),
        (
            "Liebe Kollegen,\n\nim Anhang finden Sie die heutigen Meldungen.\n\nViele Grüße\nUte\n\n"
            + "Impressum " * 100,
            True,
        ),
        (BODY, False),
        (f"{BODY}\n\nFotos finden Sie im Anhang dieser Pressemitteilung.", False),
        ("Der Ausschuss tagt am Montag. " * 12, False),
    ],
)
def test_covering_notes(text, expected):
    assert is_covering_note(text) is expected


FROM = "Von: Kreis <presse@kreis.example>"
HEADERS = {
    "Outlook": f"{FROM}\nGesendet: Montag, 6. Mai 2024 10:12\nAn: a@b.example\nBetreff: Brücke",
    "bold": "*Von:* Kreis <presse@kreis.example>\n*Gesendet:* Montag, 6. Mai 2024 10:12\n*Betreff:* Brücke",
    "English": "From: <presse@kreis.example>\nSent: Monday, May 6, 2024 10:12 AM\nTo: a@b.example\nSubject: Brücke",
    "Gmail": f"{FROM}\nDate: Mo., 6. Mai 2024 um 10:12 Uhr\nSubject: Brücke\nTo: <a@b.example>",
    "apart": f"{FROM}\n\nBetreff: Brücke\n\nDatum: 6. Mai 2024 um 10:12:22 MESZ\n\nAn: a@b.example",
    "cells": "Betreff: | Brücke\nDatum: | Mon, 6 May 2024 10:12:00 +0200\nVon: | Kreis <presse@kreis.example>",
    "two lines": "Betreff:\nBrücke\nDatum:\nMon, 6 May 2024 10:12:00 +0200\nVon:\nKreis <presse@kreis.example>",
    "many recipients": f"{FROM}\nGesendet: Montag, 6. Mai 2024\nAn: a@b.example;\n c@d.example;\n"
    "e@f.example\nCc: g@h.example\nBetreff: Brücke",
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_of_forwarded_mails(name):
    raw = bytes(mail(f"Bitte ablegen.\n\n{HEADERS[name]}\n\n{BODY}", subject="WG: Brücke", sender="ich@archiv.example"))
    letter = read_letter(raw)
    assert (letter.subject, str(letter.day), letter.sender[1]) == ("Brücke", "2024-05-06", "presse@kreis.example")
    assert letter.text == BODY.strip()
    assert letter.is_forwarded


def test_recipients_of_a_forwarded_mail_are_private():
    lines = HEADERS["many recipients"].split("\n")
    wrapper = find_wrapper(lines)
    assert wrapper is not None
    assert wrapper.recipients == {f"{name}.example" for name in ("a@b", "c@d", "e@f", "g@h")}


@pytest.mark.parametrize(
    "text",
    [
        "Von: Montag\nBis: Freitag\nOrt: Rathaus",
        "Datum: 6. Mai 2024\nOrt: Kreishaus\nThema: Brücke",
        "An: alle",
        "Datum: 6. Mai 2024\nVon: Rathaus\nAn: Bahnhof",
        "Datum: 6. Mai 2024\nVon: 10 Uhr\nAnlagen: keine",
        "Von: Ute Beispiel\nAn: die Redaktionen",
    ],
)
def test_lists_are_no_headers(text):
    assert find_wrapper(text.split("\n")) is None


def test_the_release_above_an_older_mail_is_the_release():
    raw = bytes(
        mail(f"{BODY}\n\n-----Ursprüngliche Nachricht-----\n{HEADERS['Outlook']}\n\nBitte um Auskunft: 0171 5556677")
    )
    letter = read_letter(raw)
    assert letter.text == BODY.strip()
    assert not letter.is_forwarded


@pytest.mark.parametrize("break_before", [" ", "\n"])
def test_what_others_wrote_is_nobodys_business(plugins, break_before):
    who = f"Anna Kowalski{break_before}<redaktion@zeitung.example>"
    quoted = f"Am 5. Mai 2024 um 18:02 schrieb {who}:\n\n> Meine Nummer: 0171 55\n"
    processed = process(
        captured(bytes(mail(f"{BODY}\n\n{quoted}")), media_type="message/rfc822"), Source(id="post"), plugins
    )
    assert processed.article.text.endswith("von denen das Land sechzig Prozent übernimmt.")
    told = repr(replace(processed, timings={}))  # milliseconds may have any digits
    assert not any(word in told for word in ("Kowalski", "0171"))


def test_a_sentence_loses_only_an_address(plugins):
    text = (
        f"{BODY}\nAlle Termine der Bauarbeiten stehen im Netz, dort gibt es auch einen Plan der Umleitung über "
        "Lindenhof und Moorfeld:\nhttps://news.kreis.example/c/8Fk2Lq9ZtX71 .\n\nFragen beantwortet außerdem die "
        "Redaktion unter der Adresse redaktion@zeitung.example an jedem Werktag zwischen neun und zwölf Uhr vormittags."
    )
    shown = article_of(bytes(mail(text)), plugins).text
    assert "Umleitung über Lindenhof" in shown
    assert "an jedem Werktag zwischen neun und zwölf Uhr" in shown
    assert "8Fk2" not in shown
    assert "zeitung.example" not in shown


@pytest.mark.parametrize(("host", "expected"), [("kreis.example", True), ("gmx.de", False)])
def test_an_offices_own_mailbox_is_its_contact(plugins, host, expected):
    raw = bytes(mail(f"{BODY}\nKontakt:\nTelefon 0333 99\ninfo@{host}\n", sender=f"presse@{host}", to=f"info@{host}"))
    assert (f"info@{host}" in (article_of(raw, plugins).contact or "")) is expected


def test_a_letterhead_with_labels_loses_nothing(plugins):
    head = "Von: Pressestelle Kreis Ostwald\nDatum: 6. Mai 2024\nBetreff: Kreis saniert Brücke\n\n"
    article = article_of(bytes(mail(head + BODY, subject="Presse")), plugins)
    assert article.title == "Kreis saniert Brücke"
    assert article.text.startswith("Der Kreis Ostwald saniert ab dem kommenden Montag")


@pytest.mark.parametrize(
    ("text", "published", "confidence", "source"),
    [
        (BODY, "2024-05-06", "low", "header"),
        (f"Pressemitteilung vom 6. Mai 2024\n\n{BODY}", "2024-05-06", "high", "label"),
        (f"Ostwald, 2. Mai 2024\n\n{BODY}", "2024-05-02", "high", "text"),
    ],
)
def test_the_text_knows_its_day_better_than_the_header(plugins, text, published, confidence, source):
    article = article_of(bytes(mail(text)), plugins)
    assert (str(article.published), article.published_confidence) == (published, confidence)
    assert article.published_source in (source, "header")


def test_a_whole_release_is_never_taken_for_a_contact(plugins):
    text = f"Guten Tag,\n\nkurz vorab.\n\nViele Grüße\nUte Beispiel\n\n{BODY}\n\nTelefon 0333 99-88"
    assert "Der Kreis Ostwald saniert" in article_of(bytes(mail(text)), plugins).text


def test_a_mail_in_pieces_is_read_whole(plugins):
    """As Apple Mail sends text with a picture between."""
    first, second = BODY.strip().split("\n\n")
    pieces = "".join(
        f"--b\nContent-Type: {kind}\nContent-Disposition: inline\n\n{body}\n"
        for kind, body in (
            ("text/plain; charset=utf-8", first),
            ("image/png", "x"),
            ("text/plain; charset=utf-8", second),
        )
    )
    raw = f'From: a@b.example\nSubject: Brücke\nContent-Type: multipart/mixed; boundary="b"\n\n{pieces}--b--\n'.encode()
    text = article_of(raw, plugins).text
    assert text.startswith("Der Kreis Ostwald")
    assert "sechzig Prozent" in text
