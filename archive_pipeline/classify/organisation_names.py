"""Names of bodies in a text: from the vocabulary, from type and place, from "Langform (KÜRZEL)", from "… e.V.".

Nearly every name of an organisation is seen once, so most are built from parts: a head ("Kreisverband", "Stadtwerke",
"Verein"), what stands before it (acronym, adjective) and after it (place, "für …", a name in quotation marks). The
label is one canonical form, so that inflected mentions meet.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from archive_pipeline.classify.names import EntryName
from archive_pipeline.classify.organisation_finder import Body, BodyFinder, branch_name, slug
from archive_pipeline.classify.organisation_parts import ACRONYM
from archive_pipeline.classify.reading import Reading
from archive_pipeline.model import Axis

__all__ = ["Sender", "find_bodies", "find_sender"]

_MAX_REST = 5
"""Words of a sender's own name behind the part that is recognised."""

_SEGMENT_END = re.compile(r",|\s[–-]\s|,?\s?\be\. ?V\b|\s\(|\n|$")
_SUB_BODY = re.compile(
    r"(?:,? ?e\. ?V\.)?, (?P<unit>(?:Kreis|Orts|Stadt|Landes|Bezirks|Gemeinde)(?:verband|verein|gruppe)|Regionalgruppe|"
    r"Fraktion im (?:Kreistag|Stadtrat|Gemeinderat)) (?P<place>[^,\n]+)"
)
_FRACTION = re.compile(
    r"^(?P<party>.+?)(?P<link>[- ])Fraktion im (?P<chamber>Kreistag|Stadtrat|Gemeinderat)"
    r"(?: der Stadt| des (?:Land)?[Kk]reises)? (?P<place>[A-ZÄÖÜ].+)$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The body that sends a release, by its contact block or issuer line."""

    key: str
    label: str


@lru_cache(maxsize=8)
def find_bodies(reading: Reading) -> tuple[Body, ...]:
    """Every body named in title and text, without names inside longer ones ("Kreis Unna" in "Jobcenter Kreis Unna")."""
    found: list[Body] = []
    for passage in reading.passages:
        bodies = list(BodyFinder(reading, passage).find())
        widest: dict[int, int] = {}
        for body in bodies:
            for token in range(body.first, body.last + 1):
                widest[token] = max(widest.get(token, 0), body.last - body.first)
        found += [body for body in bodies if widest[body.first] == body.last - body.first]
    return tuple(found)


def _chamber_fraction(label: str) -> str:
    """ "CDU-Fraktion im Kreistag Soest" in its canonical form, "CDU-Kreistagsfraktion Soest"."""
    return _FRACTION.sub(r"\g<party>\g<link>\g<chamber>sfraktion \g<place>", label)


@lru_cache(maxsize=8)
def find_sender(reading: Reading) -> Sender | None:
    """The body that the lines about the sender name first, as they name it, or None: a line that names only a person
    says nothing."""
    grid = reading.sender.grid
    bodies = sorted(BodyFinder(reading, reading.sender).find(), key=lambda body: (body.first, -body.last))
    opening = [body for body in bodies if body.first == 0 or grid.text[grid.ends[body.first - 1] :][:1] == "\n"]
    if opening:
        return _sender(reading, opening[0])
    for match in reading.sender.matches:
        sub_body = _SUB_BODY.match(grid.text, grid.ends[match.last])
        for name in match.names if sub_body and match.first == 0 else ():
            if sub_body and isinstance(name, EntryName) and name.axis is Axis.PARTY:
                short = reading.lexicon.parties[name.value].label
                label = _chamber_fraction(branch_name(name.value, short, sub_body["unit"], sub_body["place"]))
                return Sender(key=slug(label), label=label)
    return None


def _sender(reading: Reading, body: Body) -> Sender:
    grid = reading.sender.grid
    end = grid.ends[body.last]
    entry = reading.lexicon.organisations.get(body.key)
    segment_end = _SEGMENT_END.search(grid.text, end)
    rest = grid.text[end : segment_end.start() if segment_end else end].rstrip()
    if len(rest.split()) > _MAX_REST:
        rest = ""
    written = entry is not None and rest and not entry.district
    label = (grid.span(body.first, body.last) if written else body.label) + rest
    sub_body = _SUB_BODY.match(grid.text, end + len(rest))
    if sub_body:
        link = "-" if ACRONYM.match(label) else " "
        label = f"{label}{link}{sub_body['unit']} {sub_body['place']}"
    label = _chamber_fraction(label)
    changed = bool(rest) or sub_body is not None or label != body.label
    return Sender(key=slug(label) if changed else body.key, label=label)
