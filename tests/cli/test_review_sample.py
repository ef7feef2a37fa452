"""`sample` and `agreement`: what is drawn, what coders get to see, and what comes of the filled sheets."""

import csv
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.archive.samples import Framed
from archive_pipeline.learn.agreement import Comparison, Unit, alpha, masi, nominal, scores
from archive_pipeline.learn.sampling import allocate, draw

FIGURES = {
    "binary, two observers": (("0100000010", "1110010000"), 0.095),
    "nominal, two observers": (("aabbdcccedda", "babbbccceddd"), 0.692),
    "nominal, three observers, missing values": (("*****34121133*3", "1*213343*******", "**21344*21133*4"), 0.691),
}

# four observers and twelve units, read by units: Krippendorff's example C
EXAMPLE_C = "11*1 2232 3333 3333 2222 1234 4444 1121 2222 *555 **11 **3*"


def units(rows: tuple[str, ...]) -> list[Unit[str]]:
    return [Unit(values=tuple(one for one in column if one != "*")) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("name", list(FIGURES))
def test_alpha_is_that_of_published_examples(name: str) -> None:
    """Krippendorff, Computing Krippendorff's alpha-reliability (2011), sections A and B; the last one is the worked
    example of the English Wikipedia article."""
    rows, figure = FIGURES[name]
    found = alpha(units(rows), nominal)
    assert found is not None
    assert found.value == pytest.approx(figure, abs=0.0006)
    assert found.low <= found.value <= found.high


def test_alpha_of_the_example_with_four_observers() -> None:
    """The same, section C; also in the R packages irr and DescTools."""
    found = alpha([Unit(values=tuple(one for one in unit if one != "*")) for unit in EXAMPLE_C.split()], nominal)
    assert found is not None
    assert found.value == pytest.approx(0.743, abs=0.0006)
    heavy = [Unit(values=tuple(one for one in unit if one != "*"), weight=7.5) for unit in EXAMPLE_C.split()]
    again = alpha(heavy, nominal)
    assert again is not None
    assert again.value == pytest.approx(found.value)


def test_alpha_is_not_defined_without_differences() -> None:
    assert alpha([Unit(values=("a", "a")), Unit(values=("a", "a"))], nominal) is None
    assert alpha([Unit(values=("a",)), Unit(values=("b",))], nominal) is None


def test_masi_knows_subsets_and_overlaps() -> None:
    assert masi(frozenset("ab"), frozenset("ab")) == 0
    assert masi(frozenset(), frozenset()) == 0
    assert masi(frozenset("ab"), frozenset("cd")) == 1
    assert masi(frozenset(), frozenset("cd")) == 1
    assert masi(frozenset("ab"), frozenset("abcd")) == pytest.approx(1 - 1 / 2 * 2 / 3)
    assert masi(frozenset("ab"), frozenset("bc")) == pytest.approx(1 - 1 / 3 * 1 / 3)


def test_scores_count_what_each_release_stands_for() -> None:
    right = Comparison(coded=frozenset("a"), found=frozenset("a"), weight=9)
    wrong = Comparison(coded=frozenset("b"), found=frozenset("c"), weight=1)
    found = scores([right, wrong])
    assert found.precision is not None
    assert found.f1 is not None
    assert found.precision.value == pytest.approx(0.9)
    assert found.f1.low < 0.9 < found.f1.high
    assert scores([Comparison(coded=frozenset(), found=frozenset())]).f1 is None
    assert scores([]).recall is None


def framed(number: int, party: str, year: str) -> Framed:
    return Framed(release_id=f"{number:04}", source="s", year=year, party=party, district="–", topic="–")


FRAME = [framed(i, "spd" if i % 3 else "cdu", "2024" if i % 2 else "2025") for i in range(300)] + [
    framed(1000 + i, f"klein{i}", "2026") for i in range(12)
]


def test_a_sample_is_proportional_and_every_release_has_a_chance() -> None:
    drawn = draw(FRAME, 50, stratify=("party", "year"), seed="7")
    assert len(drawn) == len({one.release_id for one in drawn}) == 50
    by_stratum = Counter(one.stratum for one in drawn)
    assert by_stratum["(übrige)"] == 2
    assert {by_stratum[f"spd | {year}"] for year in ("2024", "2025")} == {16}
    # the weights of the drawn releases add up to the frame
    assert sum(1 / one.probability for one in drawn) == pytest.approx(len(FRAME))


def test_the_same_seed_draws_the_same_and_another_one_others() -> None:
    first = draw(FRAME, 40, stratify=("party",), seed="1")
    assert draw(list(reversed(FRAME)), 40, stratify=("party",), seed="1") == first
    assert draw(FRAME, 40, stratify=("party",), seed="2") != first
    assert len(draw(FRAME, 1000, stratify=(), seed="1")) == len(FRAME)
    assert {one.probability for one in draw(FRAME, 1000, stratify=("year",), seed="1")} == {1.0}


@pytest.mark.parametrize("n", [1, 2, 3, 17, 99, 311])
def test_any_size_can_be_drawn(n: int) -> None:
    drawn = draw(FRAME, n, stratify=("party", "year"), seed="1")
    assert len(drawn) == n
    assert all(0 < one.probability <= 1 for one in drawn)


def test_remainders_decide_about_the_last_ones() -> None:
    assert allocate({"a": 50, "b": 30, "c": 20}, 5) == {"a": 3, "b": 1, "c": 1}


TEXT = """Beratungsstelle geöffnet, Teil {day}

Kreis Heinsberg. Die Beratungsstelle für Zugewanderte in Hückelhoven hat am {day}. März 2026 geöffnet. Der Landrat
dankte allen Beteiligten für den Dialog. Die Kreisverwaltung erwartet viele Menschen, die Fragen zur Integration haben.
"""


@pytest.fixture
def archive(apl: Any, make_archive: Callable[..., Path]) -> Path:
    folder = make_archive({f"{day}.txt": TEXT.format(day=day) for day in range(1, 9)})
    apl("-C", folder, "run")
    return folder


def fill(
    sheet: Path, out: Path, code: Callable[[int, dict[str, str]], dict[str, str]], *, delimiter: str = ","
) -> Path:
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows({**row, **code(number, row)} for number, row in enumerate(rows))
    return out


def rows(report: dict[str, Any], comparison: str) -> dict[str, dict[str, Any]]:
    (one,) = report["samples"]
    return {row["column"]: row for row in one["rows"] if row["comparison"] == comparison}


def test_sheets_are_blind_and_repeatable(apl: Any, archive: Path, tmp_path: Path) -> None:
    draw = ("-C", archive, "sample", "--n", "5", "--seed", "3", "--stratify", "party,year")
    apl(*draw, "--out", tmp_path / "a.csv")
    apl(*draw, "--out", tmp_path / "b.csv")
    first = (tmp_path / "a.csv").read_text(encoding="utf-8-sig")
    assert first == (tmp_path / "b.csv").read_text(encoding="utf-8-sig")
    assert "05370" not in first
    assert "immigration" not in first
    assert len(list(csv.reader(first.splitlines()[:1]))) == 1
    assert "05370" in (tmp_path / "a-codes.csv").read_text(encoding="utf-8-sig")
    apl(*draw, "--with-tags", "--out", tmp_path / "c.csv")
    assert "05370" in (tmp_path / "c.csv").read_text(encoding="utf-8-sig")
    assert "schichten" in apl(*draw[:-1], "farbe", code=2).stderr
    found = apl(*draw, "--query", '"3. März"', "--out", tmp_path / "d.csv").stdout
    assert "1 Mitteilung aus 1" in found


def test_a_filled_sheet_is_compared_and_kept(apl: Any, archive: Path, tmp_path: Path) -> None:
    apl("-C", archive, "sample", "--n", "6", "--seed", "3", "--out", tmp_path / "bogen.csv")

    def first(number: int, row: dict[str, str]) -> dict[str, str]:
        district = "5370" if number < 5 else "none"  # a spreadsheet program took the zero
        return {"district": district, "topic_primary": "housing", "party_issuer": "uwg@05370"}

    def second(number: int, row: dict[str, str]) -> dict[str, str]:
        return {"district": "05370", "topic_primary": "housing" if number else "energy", "coder": "B"}

    a = fill(tmp_path / "bogen.csv", tmp_path / "A.csv", first, delimiter=";")
    b = fill(tmp_path / "bogen.csv", tmp_path / "zwei.csv", second)
    report = apl.json("-C", archive, "agreement", a, "--json")
    district = rows(report, "A – Regeln")["district"]
    assert district["precision"]["value"] == pytest.approx(5 / 6, abs=0.001)
    assert district["recall"]["value"] == 1
    assert rows(report, "A – Regeln")["topic_primary"]["f1"]["value"] == 0
    assert "topic_secondary" not in rows(report, "A – Regeln")
    both = apl.json("-C", archive, "agreement", a, b, "--json")
    assert set(rows(both, "untereinander")) == {"district", "topic_primary"}
    assert set(rows(both, "B – Regeln")) == {"district", "topic_primary"}
    assert apl.json("-C", archive, "agreement", "--json")["samples"] == []
    assert "einen Bogen" in apl("-C", archive, "agreement", a, b, "--keep", code=2).stderr

    apl("-C", archive, "agreement", a, "--keep", "--by", "Kodiererin")
    kept = apl.json("-C", archive, "agreement", "--json")
    assert rows(kept, "übernommen – Regeln")["district"]["precision"]["value"] == pytest.approx(5 / 6, abs=0.001)
    assert apl.json("-C", archive, "search", "thema:housing", "--json")["total"] == 6
    assert apl.json("-C", archive, "search", "kreis:Heinsberg", "--json")["total"] == 7
    with sqlite3.connect(archive / "archive" / "archive.db") as db:
        assert len(list(db.execute("SELECT DISTINCT sample FROM tag_decision WHERE sample IS NOT NULL"))) == 1
    apl("-C", archive, "rebuild")
    assert apl.json("-C", archive, "agreement", "--json") == kept
    apl("-C", archive, "tag", "undo")
    assert apl.json("-C", archive, "agreement", "--json")["samples"] == []
    assert apl.json("-C", archive, "search", "kreis:Heinsberg", "--json")["total"] == 8


def test_decisions_outside_of_samples_change_no_figure(apl: Any, archive: Path, tmp_path: Path) -> None:
    apl("-C", archive, "sample", "--n", "8", "--seed", "3", "--out", tmp_path / "bogen.csv")
    a = fill(tmp_path / "bogen.csv", tmp_path / "A.csv", lambda number, row: {"district": "05370"})
    apl("-C", archive, "agreement", a, "--keep")
    before = apl.json("-C", archive, "agreement", "--json")
    apl("-C", archive, "tag", "--query", "kreis:Heinsberg", "-district:05370", "--yes")
    assert apl.json("-C", archive, "agreement", "--json") == before


def test_mistakes_in_a_sheet_are_all_named(apl: Any, archive: Path, tmp_path: Path) -> None:
    apl("-C", archive, "sample", "--n", "4", "--seed", "3", "--out", tmp_path / "bogen.csv")
    wrong = fill(
        tmp_path / "bogen.csv",
        tmp_path / "falsch.csv",
        lambda number, row: {"party_issuer": "spdd"} if number < 2 else {"topic_primary": "none; housing"},
    )
    told = apl("-C", archive, "agreement", wrong, code=4).stderr
    assert told.count("spdd") == 2
    assert told.count("neben anderen") == 2
    other = fill(tmp_path / "bogen.csv", tmp_path / "fremd.csv", lambda number, row: {"sample": "sample-0000"})
    assert "nicht gezogen" in apl("-C", archive, "agreement", other, code=1).stderr
    (tmp_path / "leer.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert "Kodierbogen" in apl("-C", archive, "agreement", tmp_path / "leer.csv", code=4).stderr


def test_a_sheet_is_never_overwritten(apl: Any, archive: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "bogen.csv"
    sample = ("-C", archive, "sample", "--n", "2", "--seed", "1", "--out", sheet)
    apl(*sample)
    sheet.write_text("ausgefüllt", encoding="utf-8")
    assert "nicht überschrieben" in apl(*sample, code=4).stderr
    assert sheet.read_text(encoding="utf-8") == "ausgefüllt"


def test_a_cell_may_hold_a_whole_document(apl: Any, archive: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "bogen.csv"
    apl("-C", archive, "sample", "--n", "1", "--seed", "1", "--out", sheet)
    text = sheet.read_text(encoding="utf-8-sig")
    assert "Integration" in text
    sheet.write_text(text.replace("Integration", "Integration " * 20_000, 1), encoding="utf-8")
    apl("-C", archive, "agreement", sheet)
