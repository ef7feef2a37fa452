"""Releases as the other kinds of file that press offices send: plain text, Markdown, PDF, DOCX and mail."""

import datetime
import io
import zipfile
from email.message import EmailMessage
from html import escape

import docx

from archive_pipeline.sample.pages import german_date
from archive_pipeline.sample.pdf import PdfParagraph, write_pdf
from archive_pipeline.sample.release_text import ReleaseText

NOTE = "Beispieltext: Inhalt und Personen sind erfunden."
"""Stands in the metadata of each of these files, where it is no part of the text."""

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def _head_lines(release: ReleaseText) -> list[str]:
    """What stands above the title: issuer, date and number, embargo."""
    day = german_date(release.published) if release.published else ""
    dated = " | ".join(part for part in (release.number, day) if part)
    return [line for line in (release.office.name, dated, release.embargo) if line]


def _tail_lines(release: ReleaseText) -> list[str]:
    """What stands below the body: captions and credits, source, contact, self-description."""
    lines = [line for picture in release.pictures for line in (picture.caption, picture.credit)]
    lines += [release.source_line] if release.source_line else []
    lines += [f"{release.office.contact_heading}:", *release.office.contact]
    return lines + ([release.office.about_heading, release.office.about] if release.office.about else [])


def _body_parts(release: ReleaseText) -> list[str]:
    return [
        "\n".join(f"- {line}" for line in block.lines) if block.kind == "list" else block.lines[0]
        for block in release.blocks
    ]


def plain_text(release: ReleaseText) -> bytes:
    """UTF-8 text, paragraphs on one line each, parts separated by blank lines."""
    title = [line for line in (release.title, release.subtitle) if line]
    parts = [
        "\n".join(_head_lines(release)),
        "\n".join(title),
        *_body_parts(release),
        "\n".join(_tail_lines(release)),
    ]
    return ("\n\n".join(parts) + "\n").encode()


def markdown(release: ReleaseText) -> bytes:
    """UTF-8 Markdown with the title as first heading."""
    parts = [f"# {release.title}", "  \n".join(_head_lines(release))]
    for block, text in zip(release.blocks, _body_parts(release), strict=True):
        parts.append(f"## {text}" if block.kind == "heading" else text)
    parts += ["---", "  \n".join(_tail_lines(release))]
    return ("\n\n".join(parts) + "\n").encode()


def pdf(release: ReleaseText) -> bytes:
    """A PDF with text layer; lists become lines with a bullet."""
    paragraphs = [PdfParagraph(text=line, size=9, space_below=2) for line in _head_lines(release)]
    paragraphs.append(PdfParagraph(text=release.title, size=16, bold=True, space_below=4))
    if release.subtitle:
        paragraphs.append(PdfParagraph(text=release.subtitle, size=12, bold=True))
    for block in release.blocks:
        if block.kind == "list":
            paragraphs += [PdfParagraph(text=f"• {line}", space_below=2) for line in block.lines]
        else:
            paragraphs.append(PdfParagraph(text=block.lines[0], bold=block.kind == "heading"))
    paragraphs += [PdfParagraph(text=line, size=9, space_below=1) for line in _tail_lines(release)]
    return write_pdf(paragraphs, title=release.title, note=NOTE, footer=release.office.name)


def docx_document(release: ReleaseText) -> bytes:
    """A Word file; its archive members get a fixed time, so that the bytes repeat."""
    document = docx.Document()
    moment = datetime.datetime.combine(release.published or datetime.date(1980, 1, 1), datetime.time(8))
    properties = document.core_properties
    properties.title, properties.author, properties.comments = release.title, release.office.name, NOTE
    properties.created = properties.modified = moment
    properties.language = "de-DE"
    for line in _head_lines(release):
        document.add_paragraph(line)
    document.add_heading(release.title, level=0)
    if release.subtitle:
        document.add_paragraph(release.subtitle, style="Subtitle")
    for block in release.blocks:
        match block.kind:
            case "heading":
                document.add_heading(block.lines[0], level=2)
            case "list":
                for line in block.lines:
                    document.add_paragraph(line, style="List Bullet")
            case _:
                document.add_paragraph(block.lines[0])
    for line in _tail_lines(release):
        document.add_paragraph(line)
    buffer = io.BytesIO()
    document.save(buffer)
    return _repacked(buffer.getvalue())


def _repacked(archive: bytes) -> bytes:
    """The same zip members with a fixed time and in a fixed order."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(out, "w") as target:
        for name in sorted(source.namelist()):
            target.writestr(zipfile.ZipInfo(name, _ZIP_TIME), source.read(name), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def mail(release: ReleaseText) -> bytes:
    """A multipart mail to the press list: text and HTML alternative, both quoted-printable."""
    message = EmailMessage()
    message["From"] = f"{release.office.name} <{_mail_address(release)}>"
    message["To"] = "Presseverteiler <redaktion@zeitung.example>"
    message["Subject"] = f"Pressemitteilung: {release.title} – mit der Bitte um Veröffentlichung"
    if release.published:
        message["Date"] = datetime.datetime.combine(release.published, datetime.time(16, 42), datetime.UTC)
    message["Message-ID"] = f"<{release.id}@mail.example>"
    message["Comments"] = NOTE
    text = "\n\n".join([release.title, *_body_parts(release), "\n".join(_tail_lines(release))]) + "\n"
    paragraphs = "\n".join(f"<p>{escape(part, quote=False)}</p>" for part in text.strip().split("\n\n"))
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(
        f'<html lang="de"><body>\n{paragraphs}\n</body></html>\n', subtype="html", cte="quoted-printable"
    )
    message.set_boundary(f"=_{release.id}")
    return message.as_bytes()


def _mail_address(release: ReleaseText) -> str:
    """The first word with an at sign in the office's contact block."""
    return next(word for line in release.office.contact for word in line.split() if "@" in word)
