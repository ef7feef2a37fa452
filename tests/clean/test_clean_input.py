"""What comes in: bytes of any kind end as text or with a reason; formats and character sets are read as they are."""

import gzip
import io
import zipfile
from dataclasses import replace
from datetime import date

import docx
import pytest

from archive_pipeline.model import Article, Source
from archive_pipeline.protocols import Page
from archive_pipeline.sample.pdf import PdfParagraph, write_pdf

TEXT = (
    "Die Stadt Lindenau pflanzt im Herbst zweihundert neue Bäume. Über die Standorte haben die Bürgerinnen und Bürger"
    " in einer Umfrage entschieden, an der sich mehr als tausend Menschen beteiligten.\n\n"
    "„Jeder Baum zählt“, sagte die Bürgermeisterin bei der Vorstellung der Pläne am großen Platz vor dem Rathaus."
)


def zipped(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/") + ".xml", content)
    return buffer.getvalue()


def pdf(*pages: str) -> bytes:
    """A PDF with one line of text per line, written by hand."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    kids = []
    for page in pages:
        rows = "".join(f"({row}) Tj 0 -14 Td " for row in page.split("\n"))
        stream = f"BT /F1 11 Tf 50 780 Td {rows}ET" if page else ""
        objects.append(f"<< /Length {len(stream.encode('cp1252'))} >>\nstream\n{stream}\nendstream")
        font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {len(objects)} 0 R"
            f" /Resources << /Font << /F1 {font} >> >> >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n".encode("cp1252")
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    return (
        body
        + (
            f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"
            f"startxref\n{len(body)}\n%%EOF"
        ).encode()
    )


BAD = {
    "empty file": (b"", "text/html", "leer"),
    "white space only": (b" \n\n\t ", "text/plain", "leer"),
    "binary": (bytes(range(256)) * 20, "text/html", "Binärdatei"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "text/html", "image/png"),
    "truncated gzip": (gzip.compress(TEXT.encode())[:-30], "application/gzip", "gzip-Datei ist unvollständig"),
    "Cyrillic in KOI8": ("Привет, это сообщение. ".encode("koi8-r") * 10, "text/plain", "Zeichensatz"),
    "Japanese in Shift-JIS": ("これはテストです。".encode("shift-jis") * 10, "text/html", "Zeichensatz"),
    "old Word": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "application/msword", "altes Word-Format"),
    "RTF": (b"{\\rtf1 Hallo}", "text/plain", "RTF"),
    "truncated PDF": (pdf(TEXT.replace("\n\n", "\n"))[:300], "application/pdf", "PDF ist beschädigt"),
    "damaged DOCX": (zipped(word__document="<w:document"), None, "DOCX ist beschädigt"),
    "other zip": (zipped(readme="hallo"), None, "ZIP-Archiv"),
    "mail without text": (
        b"From: a@b.example\nSubject: x\nDate: Mon, 1 Jan 2024 10:00:00 +0100\n\n",
        "message/rfc822",
        "Textteil",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_unreadable_input_fails_with_a_reason(name, clean) -> None:
    body, media_type, reason = BAD[name]
    cleaned = clean(body, key="datei", media_type=media_type)
    assert cleaned.status == "failed"
    assert reason in cleaned.reason


def test_feed_instead_of_a_page_is_quarantined(clean) -> None:
    body = b'<?xml version="1.0"?><rss version="2.0"><channel><title>Presse</title></channel></rss>'
    cleaned = clean(body, key="feed")
    assert cleaned.status == "quarantined"
    assert "Feed" in cleaned.reason


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", None),
        ("utf-8", "iso-8859-1"),
        ("utf-8-sig", "us-ascii"),
        ("cp1252", None),
        ("cp1252", "utf-8"),
        ("cp1252", "iso-8859-1"),
        ("utf-16", None),
        ("mac-roman", "macintosh"),
        ("cp1252", "no-such-charset"),
    ],
)
def test_character_sets(encoding, declared, clean) -> None:
    cleaned = clean(TEXT.encode(encoding), key="x.txt", media_type="text/plain", charset=declared)
    assert cleaned.article.text == TEXT


@pytest.mark.parametrize(
    ("body", "declared", "key", "expected"),
    [
        (b"<!DOCTYPE html><html><p>x</p></html>", "text/plain", "a.txt", "text/html"),
        (b"Nur Text mit <p> mittendrin", "text/plain", "a.txt", "text/plain"),
        (b"Nur Text ohne Auszeichnung", "text/html", "a", "text/plain"),
        (b"<p>Ein</p><p>Bruch</p><p>teil</p>", None, "a", "text/html"),
        (b"# Titel", None, "a.md", "text/markdown"),
        (b"# Titel", None, "a.md.gz", "text/markdown"),
        (b"From: a@b.example\nSubject: x\nDate: heute\n\nText", None, "a", "message/rfc822"),
        (b"Von: Presse\nAn: alle\n\nText", None, "a", "text/plain"),
        (pdf("x"), "text/html", "a", "application/pdf"),
    ],
)
def test_media_type_is_what_the_bytes_are(body, declared, key, expected, page_of) -> None:
    assert page_of(body, key=key, media_type=declared).media_type == expected


def test_only_html_has_a_tree_parsed_once(page_of) -> None:
    page = page_of(b"<html><body><p>Hallo</p></body></html>")
    assert page.tree is page.tree
    assert page.tree.tag == "html"
    assert page_of(b"Hallo", key="x.txt", media_type="text/plain").tree is None


def test_docx_in_document_order_with_tables(clean) -> None:
    document = docx.Document()
    document.add_paragraph("Lindenau pflanzt Bäume")
    document.add_paragraph(TEXT.split("\n\n", maxsplit=1)[0])
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ("Ortsteil", "Bäume", "Nord", "120"), strict=True):
        cell.text = text
    document.add_paragraph(TEXT.split("\n\n")[1])
    buffer = io.BytesIO()
    document.save(buffer)
    article = clean(buffer.getvalue(), key="x.docx", media_type=None).article
    assert article.title == "Lindenau pflanzt Bäume"
    first, table_text, last = article.text.split("\n\n")
    assert (first, last) == tuple(TEXT.split("\n\n"))
    assert table_text == "Ortsteil | Bäume\nNord | 120"


def test_pdf_without_running_heads_and_broken_words(clean) -> None:
    head, foot = "Stadt Lindenau - Pressedienst", "Seite %d"
    pages = [
        f"{head}\nLindenau pflanzt zweihundert neue Bäume im ganzen Stadtgebiet\nDie Stadt Lindenau pflanzt im Herbst"
        " an vielen Stellen neue Bäume. Über die\n"
        "Standorte haben die Einwohner in einer Umfrage entschieden. Das Verfahren war ein-\n"
        f"fach und hat sich bewährt, weil viele mitgemacht haben und die Verwaltung jeden\n{foot % 1}",
        f"{head}\nVorschlag geprüft hat. Nun beginnen die Arbeiten an den ersten zwanzig Stellen.\n{foot % 2}",
    ]
    article = clean(pdf(*pages), key="x.pdf", media_type="application/pdf").article
    assert "war einfach und hat sich bewährt" in article.text
    assert "die Verwaltung jeden Vorschlag geprüft hat" in article.text
    assert "Pressedienst" not in article.text
    assert "Seite" not in article.text
    assert {removed.rule for removed in article.removed} >= {"page-furniture"}


def test_pdf_headings_of_another_size_are_no_part_of_the_paragraph_below(clean) -> None:
    sentence = "Der Kreisausschuss hat am Montag den Entwurf vorgestellt und erläutert, wofür das Geld gedacht ist."
    body = write_pdf(
        [
            PdfParagraph(text="Lohnekreis", size=9, space_below=2),
            PdfParagraph(text="Presseinformation 12/2020 | 5. März 2020", size=9, space_below=2),
            PdfParagraph(text="Kreis legt Haushalt für das kommende Jahr vor und spart beim Straßenbau", size=16),
            PdfParagraph(text="Umlage der Gemeinden steigt zum zweiten Mal in Folge um einen Punkt", size=12),
            PdfParagraph(text=f"Lohne. {sentence} {sentence} {sentence}"),
            PdfParagraph(text="Ausblick auf die kommenden Jahre mit weniger Einnahmen", size=12),
            PdfParagraph(text=f"{sentence} {sentence}"),
        ],
        title="Microsoft Word - PM_Haushalt_neu.doc",
        note="",
        footer="Lohnekreis",
    )
    article = clean(body, key="x.pdf", media_type="application/pdf").article
    assert article.title == "Kreis legt Haushalt für das kommende Jahr vor und spart beim Straßenbau"
    assert article.subtitle == "Umlage der Gemeinden steigt zum zweiten Mal in Folge um einen Punkt"
    assert (article.source_line, article.dateline) == ("Lohnekreis", "Lohne")
    assert article.published == date(2020, 3, 5)
    assert article.text.split("\n\n") == [
        f"Lohne. {sentence} {sentence} {sentence}",
        "Ausblick auf die kommenden Jahre mit weniger Einnahmen",
        f"{sentence} {sentence}",
    ]


def test_pdf_title_of_several_lines_is_known_from_its_properties(clean) -> None:
    title = "Breitband: Kreis und Gemeinden bauen im Norden weiter aus, im Süden beginnt die Planung im Herbst"
    sentence = "Der Kreisausschuss hat am Montag den Entwurf vorgestellt und erläutert, wofür das Geld gedacht ist."
    paragraphs = [PdfParagraph(text="Der Landrat", size=9), PdfParagraph(text=title, size=20)]
    body = write_pdf([*paragraphs, PdfParagraph(text=f"{sentence} {sentence}")], title=title, note="", footer="")
    article = clean(body, key="x.pdf", media_type="application/pdf").article
    assert article.title == title
    assert article.text.startswith(sentence)


@pytest.mark.parametrize(
    ("capture", "title", "day"),
    [
        ({"key": "2022-03-14_PM_Freibad-Saison.pdf"}, "2022-03-14 PM Freibad Saison", "2022-03-14"),
        ({"key": "a", "url": "https://x.example/d/Haushalt%20und%20Stra%C3%9Fen.pdf"}, "Haushalt und Straßen", None),
        ({"key": "scan_0001.pdf", "title": "Freibad öffnet früher"}, "Freibad öffnet früher", None),
        ({"key": "/"}, "/", None),
    ],
)
def test_pdf_without_text_layer_is_archived_under_the_best_name_there_is(capture, title, day, clean) -> None:
    cleaned = clean(pdf(""), media_type="application/pdf", **capture)
    article = cleaned.article
    assert (cleaned.status, article.state, article.text) == ("accepted", "no_text_layer", "")
    assert article.title == title
    assert (str(article.published), article.published_confidence) == ((day, "low") if day else ("None", None))


def test_html_mail_is_read(clean) -> None:
    mail = (
        "From: presse@lindenau.example\nSubject: Lindenau pflanzt Bäume\nDate: Tue, 14 Jun 2022 09:12:00 +0200\n"
        "MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
        f"<html><body><p>{TEXT}</p></body></html>"
    )
    article = clean(mail.encode(), key="x.eml", media_type="message/rfc822").article
    assert article.title == "Lindenau pflanzt Bäume"
    assert article.published is not None
    assert article.published_source == "header"
    assert "zweihundert neue Bäume" in article.text


def test_short_texts_are_never_quarantined_for_length(clean) -> None:
    for key, media_type in (("x.txt", "text/plain"), ("x.md", "text/markdown")):
        cleaned = clean(
            "Sprechstunde fällt aus\n\nAm Freitag ist geschlossen.".encode(), key=key, media_type=media_type
        )
        assert cleaned.status == "accepted", cleaned.reason


def test_a_feed_dates_a_page_that_does_not(clean) -> None:
    body = b"<html><body><p>" + TEXT.encode() + b"</p></body></html>"
    article = clean(body, published="2024-05-06T08:00:00+02:00").article
    assert article.published.isoformat() == "2024-05-06"
    assert (article.published_confidence, article.published_source) == ("high", "hint")


def test_a_date_after_the_capture_is_no_date(clean) -> None:
    body = (
        b'<html><head><meta name="date" content="2031-01-01"></head><body><p>' + TEXT.encode() + b"</p></body></html>"
    )
    assert clean(body).article.published is None


def test_a_byline_with_a_date_gives_both(clean) -> None:
    text = f"Lindenau pflanzt Bäume\n\nvon Klara Winter, 8.5.2012\n\n{TEXT}"
    article = clean(text.encode(), key="x.txt", media_type="text/plain").article
    assert article.author == "Klara Winter"
    assert article.published == date(2012, 5, 8)
    assert "Klara Winter" not in article.text


def test_a_list_above_a_photo_credit_is_no_caption(clean) -> None:
    text = f"Lindenau pflanzt Bäume\n\n{TEXT}\n\n- Nord: 120 Bäume\n- Markt: 80 Bäume im Herbst\n\nFoto: Stadt Lindenau"
    article = clean(text.encode(), key="x.txt", media_type="text/plain").article
    assert article.text.endswith("- Nord: 120 Bäume\n- Markt: 80 Bäume im Herbst")
    assert [(credit.kind, credit.text) for credit in article.credits] == [("photo", "Stadt Lindenau")]


def test_a_number_with_its_day_below_the_kind_of_document(clean) -> None:
    text = f"PRESSEMITTEILUNG\n\nStadt Lindenau\nNr. 12/2023 vom 4. Mai 2023\n\nLindenau pflanzt Bäume\n\n{TEXT}"
    article = clean(text.encode(), key="x.txt", media_type="text/plain").article
    assert (article.number, article.title) == ("12/2023", "Lindenau pflanzt Bäume")
    assert article.published == date(2023, 5, 4)


@pytest.mark.parametrize("account", ["webadmin", "Web-Admin", "wp-admin", "Webmaster", "Redaktion"])
def test_an_account_is_no_author(account, clean) -> None:
    data = f'{{"@type": "NewsArticle", "author": {{"@type": "Person", "name": "{account}"}}}}'
    body = (
        f'<html><head><script type="application/ld+json">{data}</script></head><body><h1>Bäume</h1><p>{TEXT}</p></body>'
    )
    assert clean(body.encode()).article.author is None


def test_pages_begin_where_they_began_whatever_is_cut_from_them(clean) -> None:
    article = clean(
        pdf(
            "Stadt Lindenau - Pressedienst\n"
            "Die Stadt Lindenau pflanzt im Herbst an vielen Stellen neue Baeume und hat die\n"
            "Standorte in allen Ortsteilen zwischen Maerz und Juni in Ruhe mit den Einwoh-",
            "Stadt Lindenau - Pressedienst\n"
            "nern abgesprochen. Das Verfahren hat sich bewaehrt, weil viele mitgemacht haben\n"
            "und die Verwaltung jeden einzelnen Vorschlag geprueft hat, der von den Einwoh-",
            "",
            "Stadt Lindenau - Pressedienst\nnern gekommen ist. Danach begannen die Arbeiten am Markt.",
        ),
        key="x.pdf",
        media_type="application/pdf",
    ).article
    parts = [article.text[a:b] for a, b in zip(article.pages, [*article.pages[1:], None], strict=True)]
    assert "".join(parts) == article.text
    assert [part[:9] for part in parts] == ["Die Stadt", "Einwohner", "", "Einwohner"]
    assert [article.page_at(article.text.index(word)) for word in ("Standorte", "Verfahren", "Arbeiten")] == [1, 2, 4]


class Reader:
    """What a plugin with text recognition does, its slot between 50 and 200."""

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        if article.state != "no_text_layer":
            return article
        _, second = TEXT.split("\n\n")
        return replace(article, text=TEXT, state=None, pages=(0, TEXT.index(second)))


def test_a_plugin_that_recognises_text_gives_a_scan_its_text(chain) -> None:
    scan = {"body": pdf("", ""), "key": "x.pdf", "media_type": "application/pdf"}
    article = chain(Reader(), **scan).article
    assert (article.text, article.state) == (TEXT, None)
    assert article.page_at(article.text.index("Bürgermeisterin")) == 2
    assert chain(Reader(), start=article, **scan).article == article


@pytest.mark.parametrize("label", ["Bild 1", "Foto 2", "Bild oben", "Foto links"])
def test_numbered_and_placed_captions_are_no_text(label, clean) -> None:
    text = f"Lindenau pflanzt Bäume\n\n{TEXT}\n\n{label}: Kinder mit Schaufeln auf dem Marktplatz"
    article = clean(text.encode(), key="x.txt", media_type="text/plain").article
    assert article.text == TEXT
    assert [credit.kind for credit in article.credits] == ["caption"]


def test_a_day_without_space_before_its_month(clean) -> None:
    text = f"Pressemitteilung vom 3.März 2017\n\nLindenau pflanzt Bäume\n\n{TEXT}"
    assert clean(text.encode(), key="x.txt", media_type="text/plain").article.published == date(2017, 3, 3)


@pytest.mark.parametrize(("inner", "kept"), [("%s", True), ('<a href="/b">%s</a>', False)], ids=["own", "linked"])
def test_the_teaser_below_the_heading_is_the_lead_unless_it_leads_elsewhere(inner, kept, clean) -> None:
    lead = "Auf dem Marktplatz entstehen im Herbst zwanzig Plätze für junge Linden und Ahorne."
    teaser = f'<div class="teaser">{inner % lead}</div>'
    paragraphs = "".join(f"<div>{part}</div>" for part in TEXT.split("\n\n"))
    body = f"<html><body><div><h1>Lindenau pflanzt Bäume</h1>{teaser}{paragraphs}</div></body></html>"
    assert clean(body.encode()).article.text.startswith(lead) is kept


def test_a_page_without_title_or_heading_has_one_in_large_type(clean) -> None:
    lines = "<br><br>".join(TEXT.split("\n\n"))
    body = (
        "<html><head><title>Gemeinde Lindenau - Presse</title></head><body>"
        "<b>Presseinformation vom 14.08.2003</b><br><br>"
        f"<font size=4><b>Lindenau pflanzt Bäume</b></font><br><br>{lines}</body></html>"
    )
    article = clean(body.encode(), url="http://www.lindenau.example/presse/pm1.htm").article
    assert (article.title, article.text) == ("Lindenau pflanzt Bäume", TEXT)


def test_a_page_that_opens_with_a_sentence_has_no_title(clean) -> None:
    body = f"<html><body><p>{TEXT}</p></body></html>"
    article = clean(body.encode()).article
    assert article.title is None
