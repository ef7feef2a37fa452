"""The texts of the sample site as values: each release lives once, in ``texts/<id>.md``.

A text file is a TOML head between two ``+++`` lines and a body in four forms: paragraphs, ``## headings``,
``- `` lists, blank lines between them. The head holds what an archivist would record as well (district,
issuing party, topic, organisations), so that tests can compare the pipeline's tags with the truth.
"""

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

PACKAGE_FOLDER = Path(str(files(__package__)))
"""Folder of this package, where texts, templates and the rendered site lie."""

GroupId = Literal["kommunen", "parteien", "verbaende", "land"]
Format = Literal["html", "html.gz", "pdf", "docx", "eml", "txt", "md"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Offices that share one content system, one listing and (most of them) one feed."""

    id: GroupId
    title: str
    encoding: Literal["utf-8", "iso-8859-1"]
    feed: str | None
    """Path of the feed inside the site, or None."""


GROUPS: tuple[Group, ...] = (
    Group(id="kommunen", title="Meldungen der Kommunen", encoding="utf-8", feed="feeds/kommunen.xml"),
    Group(id="parteien", title="Parteien vor Ort", encoding="utf-8", feed="feeds/parteien.xml"),
    Group(id="verbaende", title="Verbändedienst", encoding="iso-8859-1", feed="feeds/verbaende.atom"),
    Group(id="land", title="Landespresse", encoding="utf-8", feed=None),
)
"""The four office groups in the order of the start page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """A body that issues releases, with the block it prints under each of them."""

    id: str
    name: str
    group: GroupId
    contact_heading: str
    contact: tuple[str, ...]
    about_heading: str
    about: str
    """Self-description at the end of a release; empty for most offices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Caption and credit line of one picture."""

    caption: str
    credit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One piece of a body; only a list has several lines."""

    kind: Literal["paragraph", "heading", "list"]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseText:
    """One press release with everything its office printed and what is known about it."""

    id: str
    office: Office
    format: Format
    title: str
    subtitle: str
    published: datetime.date | None
    number: str
    author: str
    embargo: str
    dateline: str
    blocks: tuple[Block, ...]
    """The body; the first block is a paragraph and starts with the dateline."""
    pictures: tuple[Picture, ...]
    source_line: str
    district: str | None
    party: str | None
    topic: str
    organisations: tuple[str, ...]

    @property
    def path(self) -> str:
        """Path below the folder of releases; one group keeps years and months, as weblog systems do."""
        folder: str = self.office.group
        if folder == "parteien":
            folder += f"/{self.published:%Y/%m}" if self.published else "/allgemein"
        return f"{folder}/{self.id}.{self.format}"

    @property
    def lead(self) -> str:
        """First paragraph without its dateline."""
        return self.blocks[0].lines[0].removeprefix(self.dateline).strip()

    def teaser(self, limit: int = 180) -> str:
        """The lead cut at a word, with an ellipsis, in at most ``limit`` characters."""
        if len(self.lead) <= limit:
            return self.lead
        return self.lead[: limit - 1].rsplit(" ", 1)[0] + " …"


def _blocks(body: str, dateline: str) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for chunk in body.strip().split("\n\n"):
        if chunk.startswith("## "):
            blocks.append(Block(kind="heading", lines=(chunk.removeprefix("## "),)))
        elif chunk.startswith("- "):
            items = tuple(line.removeprefix("- ") for line in chunk.splitlines())
            blocks.append(Block(kind="list", lines=items))
        else:
            text = chunk.replace("\n", " ")
            opening = f"{dateline} {text}" if dateline and not blocks else text
            blocks.append(Block(kind="paragraph", lines=(opening,)))
    return tuple(blocks)


def _release(text_id: str, text: str, offices: Mapping[str, Office]) -> ReleaseText:
    _, head, body = text.split("+++\n", 2)
    fields: dict[str, Any] = tomllib.loads(head)
    dateline = fields.get("dateline", "")
    return ReleaseText(
        id=text_id,
        office=offices[fields["office"]],
        format=fields.get("format", "html"),
        title=fields["title"],
        subtitle=fields.get("subtitle", ""),
        published=fields.get("published"),
        number=fields.get("number", ""),
        author=fields.get("author", ""),
        embargo=fields.get("embargo", ""),
        dateline=dateline,
        blocks=_blocks(body, dateline),
        pictures=tuple(
            Picture(caption=picture["caption"], credit=picture["credit"]) for picture in fields.get("pictures", ())
        ),
        source_line=fields.get("source_line", ""),
        district=fields.get("district"),
        party=fields.get("party"),
        topic=fields["topic"],
        organisations=tuple(fields["organisations"]),
    )


def load_offices() -> dict[str, Office]:
    """Read ``offices.toml``: office by id."""
    tables = tomllib.loads((PACKAGE_FOLDER / "offices.toml").read_text(encoding="utf-8"))
    return {
        office_id: Office(
            id=office_id,
            name=table["name"],
            group=table["group"],
            contact_heading=table["contact_heading"],
            contact=tuple(table["contact"]),
            about_heading=table.get("about_heading", ""),
            about=table.get("about", ""),
        )
        for office_id, table in tables.items()
    }


def load_release_texts() -> tuple[ReleaseText, ...]:
    """Read all texts, newest first, the undated ones last."""
    offices = load_offices()
    texts = [
        _release(path.stem, path.read_text(encoding="utf-8"), offices)
        for path in sorted((PACKAGE_FOLDER / "texts").glob("*.md"))
    ]
    return tuple(sorted(texts, key=lambda release: release.published or datetime.date.min, reverse=True))
