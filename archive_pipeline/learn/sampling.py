"""Random samples for coding by people: how they are drawn, and the sheets that coders fill.

Strata are what releases have in common in the variables asked for. Those whose proportional share of the sample is less
than one release form one stratum together, so every release has a known chance of being drawn. The sample is spread
over the strata in proportion to their size by largest remainders, at least one release each. Within a stratum, releases
come in the order of a hash of seed and id and the first are drawn: simple random sampling without replacement with
permanent random numbers (Ohlsson, Coordination of samples using permanent random numbers, in: Cox et al., Business
Survey Methods, 1995). The same seed gives the same sample on every machine. The inclusion probability of a release is
the number drawn from its stratum divided by the stratum's size.
"""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from archive_pipeline.archive.decision_forms import SampledRelease
from archive_pipeline.archive.samples import Framed
from archive_pipeline.classify.organisation_finder import slug
from archive_pipeline.errors import ConfigError, ConfigProblem
from archive_pipeline.model import Axis, Role, Tag, VocabularyEntry

__all__ = [
    "COLUMNS",
    "NONE",
    "VARIABLES",
    "Codebook",
    "CodedColumn",
    "Sheet",
    "allocate",
    "draw",
    "found_values",
    "read_sheet",
]

VARIABLES = ("party", "year", "source", "district", "topic")
"""What a sample can be stratified by: fields of `Framed`."""

REST = "(übrige)"
"""The stratum of all that are too small for one of their own."""

NONE = "none"
"""What a coder writes where no value applies; an empty cell was not coded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedColumn:
    """One column that coders fill: values of an axis in these roles."""

    name: str
    axis: Axis
    roles: tuple[Role, ...]


COLUMNS = (
    CodedColumn(name="district", axis=Axis.DISTRICT, roles=(Role.ABOUT, Role.ISSUER)),
    CodedColumn(name="party_issuer", axis=Axis.PARTY, roles=(Role.ISSUER,)),
    CodedColumn(name="party_about", axis=Axis.PARTY, roles=(Role.ABOUT,)),
    CodedColumn(name="party_mentioned", axis=Axis.PARTY, roles=(Role.MENTIONED,)),
    CodedColumn(name="organisation", axis=Axis.ORGANISATION, roles=(Role.ABOUT, Role.ISSUER)),
    CodedColumn(name="topic_primary", axis=Axis.TOPIC, roles=(Role.PRIMARY,)),
    CodedColumn(name="topic_secondary", axis=Axis.TOPIC, roles=(Role.SECONDARY,)),
)
"""The columns of a coding sheet."""


def draw(frame: Sequence[Framed], n: int, *, stratify: Sequence[str], seed: str) -> tuple[SampledRelease, ...]:
    """At most `n` releases of the frame, stratum by stratum, with their inclusion probabilities."""
    n = min(n, len(frame))
    strata: dict[str, list[str]] = {}
    for one in frame:
        strata.setdefault(" | ".join(getattr(one, variable) for variable in stratify), []).append(one.release_id)
    for name in [name for name, members in strata.items() if n * len(members) < len(frame)]:
        strata.setdefault(REST, []).extend(strata.pop(name))
    counts = allocate({name: len(members) for name, members in strata.items()}, n)
    drawn = []
    for name in sorted(strata):
        ranked = sorted(strata[name], key=lambda release_id: _random_number(seed, release_id))
        drawn += [
            SampledRelease(release_id=release_id, stratum=name, probability=counts[name] / len(ranked))
            for release_id in ranked[: counts[name]]
        ]
    return tuple(drawn)


def _random_number(seed: str, release_id: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{release_id}".encode()).digest()


def allocate(sizes: Mapping[str, int], n: int) -> dict[str, int]:
    """How many to draw from each stratum: in proportion to its size by largest remainders, at least one of each. Needs
    as many as there are strata, and at most one whose share is less than one."""
    total = sum(sizes.values())
    shares = {name: n * size / total for name, size in sizes.items()}
    counts = {name: max(1, int(share)) for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: (counts[name] - shares[name], name))
    for name in by_remainder[: n - sum(counts.values())]:
        counts[name] += 1
    return counts


def found_values(tags: Sequence[Tag], column: CodedColumn) -> frozenset[str]:
    """What the rules found for a column: tags of at least 0.5 in its roles."""
    return frozenset(
        tag.value for tag in tags if tag.axis == column.axis and tag.role in column.roles and tag.score >= 0.5
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A filled coding sheet: its sample, who coded, and the coded cells by release and column. An empty set says that
    no value applies; what was not coded is not there. `names` are organisations as written, by their codes."""

    sample: str
    coder: str
    cells: Mapping[tuple[str, str], frozenset[str]]
    names: Mapping[str, str]


class Codebook:
    """The codes that coders may use."""

    def __init__(self, entries: Sequence[VocabularyEntry]) -> None:
        self._codes: dict[Axis, dict[str, str]] = {axis: {} for axis in Axis}
        self._by_label: dict[Axis, dict[str, str]] = {axis: {} for axis in Axis}
        for entry in entries:
            if entry.kind != "hidden":
                self._codes[entry.axis].setdefault(entry.value, entry.label)
                self._by_label[entry.axis].setdefault(entry.label.casefold(), entry.value)

    def rows(self) -> list[tuple[str, str, str]]:
        """The code list as rows of axis, code and name; organisations are written by their names."""
        closed = [axis for axis in Axis if axis != Axis.ORGANISATION]
        return [(axis.value, code, label) for axis in closed for code, label in sorted(self._codes[axis].items())]

    def code(self, axis: Axis, text: str) -> str | None:
        """The code that a coder's word means: itself, or by its name; None if there is none. A spreadsheet program
        takes the zero from the front of a district's key; it is put back."""
        known = self._codes[axis]
        if axis == Axis.DISTRICT and text.isdigit() and len(text) == 4:
            text = f"0{text}"
        base, at, place = text.partition("@")
        if text in known or (axis == Axis.PARTY and at and base in known and place in self._codes[Axis.DISTRICT]):
            return text
        named = self._by_label[axis].get(text.casefold())
        if named is None and axis == Axis.ORGANISATION:
            return slug(text)
        return named


def read_sheet(path: Path, codebook: Codebook) -> Sheet:
    """A coding sheet as CSV with commas, semicolons or tabs, in UTF-8. Raises ConfigError with all mistakes."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} ist nicht in UTF-8 gespeichert", hint="als „CSV UTF-8“ speichern") from error
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # --full-text puts whole documents into a cell
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    problems: list[ConfigProblem] = []
    cells: dict[tuple[str, str], frozenset[str]] = {}
    names: dict[str, str] = {}
    samples: set[str] = set()
    coders: set[str] = set()
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    missing = {"sample", "id"} - set(reader.fieldnames or ())
    if missing:
        raise ConfigError(
            f"{path.name} ist kein Kodierbogen: die Spalten {', '.join(sorted(missing))} fehlen",
            hint="archive-pipeline sample schreibt einen",
        )
    for row in reader:
        if not (row["id"] or "").strip():
            continue
        samples.add((row["sample"] or "").strip())
        coders.add((row.get("coder") or "").strip())
        for number, column in enumerate(COLUMNS, start=1):
            words = [word.strip() for word in (row.get(column.name) or "").split(";") if word.strip()]
            codes = {word: codebook.code(column.axis, word) for word in words if word != NONE}
            unknown = [word for word, code in codes.items() if code is None]
            if unknown or (NONE in words and codes):
                what = f"unbekannter Code {unknown[0]!r}" if unknown else f"{NONE!r} steht neben anderen Codes"
                message = f"Spalte {column.name}: {what}"
                problems.append(ConfigProblem(file=path.name, line=reader.line_num, column=number, message=message))
            elif words:
                known = frozenset(code for code in codes.values() if code is not None)
                if column.axis == Axis.ORGANISATION:
                    names.update({code: word for word, code in codes.items() if code is not None})
                cells[row["id"].strip().removeprefix("d/"), column.name] = known
    if len(samples) != 1 and not problems:
        raise ConfigError(f"{path.name} muss genau eine Stichprobe enthalten, nicht {len(samples)}")
    if problems:
        raise ConfigError(
            f"{path.name}: {len(problems)} Fehler", problems=tuple(problems), hint="Codes stehen in der Codeliste"
        )
    coder = " / ".join(sorted(coders - {""})) or path.stem
    return Sheet(sample=samples.pop(), coder=coder, cells=cells, names=names)
