"""Citations of releases: CSL-JSON, BibTeX (biblatex's @online) and RIS.

A citation names exactly the text that was read: the permalink carries version and derivation. What a release does not
say is not made up: without a date it is "o. D.".
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TextIO
from urllib.parse import quote

from archive_pipeline.model import Axis, Release, Role

__all__ = ["BibTeX", "Citation", "Citations", "CslJson", "Ris", "cite"]

UNDATED = "o. D."
KIND = "Pressemitteilung"
UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
"""What no key of BibTeX may hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """What is cited. `key` is the same for a release in every export, `issuer` who published it, `author` a person
    where one is named. `captured` is when the cited version was captured (UTC)."""

    key: str
    title: str
    issuer: str
    author: str | None
    number: str | None
    published: date | None
    url: str | None
    captured: datetime
    permalink: str
    archive: str
    language: str | None
    sha256: str
    subjects: tuple[str, ...]


def cite(release: Release, *, archive: str, source: str) -> Citation:
    """The citation of a release. `archive` is the name of the archive, `source` the title of the release's source: that
    is the issuer where no tag names one."""
    article = release.article
    issuers = [tag for tag in release.tags if tag.role is Role.ISSUER and tag.axis in (Axis.ORGANISATION, Axis.PARTY)]
    best = max(issuers, key=lambda tag: (tag.axis is Axis.ORGANISATION, tag.score), default=None)
    return Citation(
        key=UNSAFE.sub("-", f"{release.source_id}-{release.id}"),
        title=_line(article.heading),
        issuer=_line(best.label if best else source),
        author=_line(article.author) if article.author else None,
        number=article.number,
        published=article.published,
        url=release.url,
        captured=release.captured_at,
        permalink=f"d/{release.id}@{release.version_id}.{release.derivation}",
        archive=_line(archive),
        language=article.language,
        sha256=release.version_id,
        subjects=tuple(tag.label for tag in release.tags if tag.axis is Axis.TOPIC),
    )


def _line(text: str) -> str:
    """One line without control characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


class Citations:
    """What the exporters of citations have in common. `archive` is the name of the archive, `titles` those of its
    sources by id."""

    def __init__(self, *, archive: str = "", titles: Mapping[str, str] | None = None) -> None:
        self._archive = archive
        self._titles = titles or {}

    def of_archive(self, archive: str, titles: Mapping[str, str]) -> "Citations":
        """The same exporter for an archive with this name and these titles of sources."""
        return type(self)(archive=archive, titles=titles)

    def export(self, releases: Iterator[Release], out: TextIO) -> int:
        """Write all citations, return how many."""
        return self.write((self._cite(release) for release in releases), out)

    def write(self, citations: Iterator[Citation], out: TextIO) -> int:
        """Write these citations, return how many."""
        count = 0
        for citation in citations:
            out.write(self.render(citation))
            count += 1
        return count

    def render(self, citation: Citation) -> str:
        """One citation."""
        return json.dumps(csl(citation), ensure_ascii=False)

    def _cite(self, release: Release) -> Citation:
        title = self._titles.get(release.source_id, release.source_id)
        return cite(release, archive=self._archive, source=title)


def csl(citation: Citation) -> dict[str, Any]:
    """A citation as a CSL-JSON item (schema 1.0.2). CSL has no field for an archived copy, so `archive` and
    `archive_location` name it."""
    published = citation.published
    person = [{"literal": citation.author}] if citation.author else []
    item: dict[str, Any] = {
        "id": citation.key,
        "type": "webpage",
        "genre": KIND,
        "title": citation.title,
        "author": [*person, {"literal": citation.issuer}],
        "issued": _csl_date(published) if published else {"literal": UNDATED},
        "accessed": _csl_date(citation.captured.date()),
        "archive": citation.archive,
        "archive_location": citation.permalink,
        "publisher": citation.issuer,
    }
    optional = {"URL": citation.url, "number": citation.number, "language": citation.language}
    item.update({name: value for name, value in optional.items() if value})
    if citation.subjects:
        item["keyword"] = ", ".join(citation.subjects)
    item["note"] = f"Fassung {citation.sha256}, erfasst {citation.captured:%Y-%m-%dT%H:%M:%SZ}"
    return item


def _csl_date(day: date) -> dict[str, Any]:
    return {"date-parts": [[day.year, day.month, day.day]]}


class CslJson(Citations):
    """Exporter `csl-json`: one array, an item a line."""

    def write(self, citations: Iterator[Citation], out: TextIO) -> int:
        """Write the array, return how many items it has."""
        count = 0
        for citation in citations:
            out.write((",\n" if count else "[\n") + self.render(citation))
            count += 1
        out.write("\n]\n" if count else "[]\n")
        return count


SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{char: f"\\{char}" for char in "$&#%_"},
}
"""A brace escaped by a backslash would still count as one: BibTeX knows no escapes when it looks for the end of a
field."""


def _tex(text: str) -> str:
    return "".join(SPECIAL.get(char, char) for char in text)


def _tex_url(url: str) -> str:
    """biblatex takes an address as it stands; what would end the field is percent-encoded."""
    return quote(url, safe="%/:?#[]@!$&'()*+,;=~-._")


class BibTeX(Citations):
    """Exporter `bibtex`: biblatex entries of type @online, UTF-8."""

    def render(self, citation: Citation) -> str:
        """One entry."""
        person = f"{{{_tex(citation.author)}}} and " if citation.author else ""
        published = citation.published
        rows = {
            "author": f"{person}{{{_tex(citation.issuer)}}}",
            "title": f"{{{_tex(citation.title)}}}",
            "titleaddon": KIND,
            "number": _tex(citation.number) if citation.number else None,
            "date": published.isoformat() if published else None,
            "year": None if published else UNDATED,
            "organization": _tex(citation.issuer),
            "url": _tex_url(citation.url) if citation.url else None,
            "urldate": citation.captured.date().isoformat(),
            "note": _tex(f"Archiviert in {citation.archive}, {citation.permalink}"),
            "langid": "ngerman" if citation.language == "de" else None,
            "keywords": _tex(", ".join(citation.subjects)) or None,
        }
        lines = [f"  {name} = {{{value}}}" for name, value in rows.items() if value]
        return f"@online{{{citation.key},\n" + ",\n".join(lines) + "\n}\n\n"


class Ris(Citations):
    """Exporter `ris`: one record of type ELEC each, UTF-8, lines end as the format wants it."""

    def render(self, citation: Citation) -> str:
        """One record. Fields are lines, so there is nothing in them to escape but the ends of lines."""
        published = citation.published
        rows: list[tuple[str, str | None]] = [
            ("TY", "ELEC"),
            ("ID", citation.key),
            ("TI", citation.title),
            ("AU", citation.author),
            ("AU", f"{citation.issuer},"),  # the comma says that it is no person
            ("PB", citation.issuer),
            ("PY", f"{published.year:04}" if published else UNDATED),
            ("DA", f"{published:%Y/%m/%d/}" if published else None),
            ("M3", KIND),
            ("M1", citation.number),
            ("UR", citation.url),
            ("Y2", f"{citation.captured:%Y/%m/%d/}"),
            ("DB", citation.archive),
            ("AN", citation.permalink),
            ("LA", citation.language),
            *(("KW", subject) for subject in citation.subjects),
            ("ER", ""),
        ]
        return "".join(f"{name}  - {_line(value)}\r\n" for name, value in rows if value is not None) + "\r\n"
