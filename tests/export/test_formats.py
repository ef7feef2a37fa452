"""Every format, read back with the library that researchers and archivists use for it."""

import csv
import io
import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bagit
import bibtexparser
import duckdb
import pytest
import rispy
from warcio.archiveiterator import ArchiveIterator

from archive_pipeline.errors import FixityError
from archive_pipeline.exchange.exporting import verify_export
from archive_pipeline.export.table import CommaSeparated
from archive_pipeline.model import Article, Release

FORMATS = ("jsonl", "csv", "parquet", "bibtex", "ris", "csl-json", "warc", "cdxj", "bagit")
NASTY = '50 % & {Klammer auf _x_ #1 \\ ~ ^ "Grüße" $ – ER - TY } @online{a,'


def contents(path: Path) -> dict[str, bytes]:
    """Every file of an export, its manifest among them."""
    found = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    beside = sorted(path.parent.glob(f"{path.name}.manifest.json"))
    return {one.relative_to(path.parent).as_posix(): one.read_bytes() for one in (*found, *beside)}


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_same_archive_gives_the_same_bytes(apl: Any, folder: Path, tmp_path: Path, format_name: str) -> None:
    for name in ("eins", "zwei"):
        (tmp_path / name).mkdir()
        assert exported(apl, folder, tmp_path / name / "x", format_name)["releases"] == 4
    first, second = contents(tmp_path / "eins" / "x"), contents(tmp_path / "zwei" / "x")
    assert first == second
    assert len(first) >= 2


def exported(apl: Any, folder: Path, out: Path, format_name: str, *options: str) -> dict[str, Any]:
    summary = apl.json("-C", folder, "export", format_name, "--out", out, "--json", *options)
    assert isinstance(summary, dict)
    return summary


def test_citations_in_bibtex(apl: Any, folder: Path, tmp_path: Path, ids: Callable[[str], str]) -> None:
    out = tmp_path / "x.bib"
    exported(apl, folder, out, "bibtex")
    library = bibtexparser.parse_file(str(out))
    assert (len(library.entries), library.failed_blocks) == (4, [])
    entries = {entry.key: entry for entry in library.entries}
    undated = entries[f"amt-{ids('2.txt')}"]
    assert undated["year"] == "o. D."
    assert "date" not in {field.key for field in undated.fields}
    title = undated["title"].strip("{}")
    for command, char in ((r"\textbraceleft{}", "{"), (r"\textbraceright{}", "}"), (r"\textasciitilde{}", "~")):
        title = title.replace(command, char)
    title = title.replace(r"\textasciicircum{}", "^").replace(r"\textbackslash{}", "\0")
    assert title.replace("\\", "").replace("\0", "\\") == NASTY
    dated = entries[f"amt-{ids('1.txt')}"]
    assert (dated["date"], dated["author"], dated.entry_type) == ("2025-04-02", "{Amt für Proben}", "online")
    assert f"d/{ids('1.txt')}@" in dated["note"]
    assert dated["note"].endswith(".2")
    assert {entry["url"] for entry in library.entries if "url" in entry} == {
        "https://netz.example/presse/a",
        "https://netz.example/presse/b?x=1&y=%25",
    }


def test_citations_in_ris(apl: Any, folder: Path, tmp_path: Path, ids: Callable[[str], str]) -> None:
    out = tmp_path / "x.ris"
    exported(apl, folder, out, "ris")
    with out.open(encoding="utf-8") as file:
        entries = {entry["id"]: entry for entry in rispy.load(file)}
    assert len(entries) == 4
    undated, dated = entries[f"amt-{ids('2.txt')}"], entries[f"amt-{ids('1.txt')}"]
    assert (undated["title"], undated["year"]) == (NASTY, "o. D.")
    assert (dated["year"], dated["date"], dated["authors"]) == ("2025", "2025/04/02/", ["Amt für Proben,"])
    assert dated["accession_number"].startswith(f"d/{ids('1.txt')}@")
    assert dated["type_of_reference"] == "ELEC"


def test_citations_in_csl(apl: Any, folder: Path, tmp_path: Path, ids: Callable[[str], str]) -> None:
    out = tmp_path / "x.json"
    exported(apl, folder, out, "csl-json")
    items = {item["id"]: item for item in json.loads(out.read_text(encoding="utf-8"))}
    undated, dated = items[f"amt-{ids('2.txt')}"], items[f"amt-{ids('1.txt')}"]
    assert (undated["issued"], undated["title"]) == ({"literal": "o. D."}, NASTY)
    assert dated["issued"] == {"date-parts": [[2025, 4, 2]]}
    assert (dated["archive"], dated["author"]) == ("Probe-Archiv", [{"literal": "Amt für Proben"}])
    assert dated["archive_location"].startswith(f"d/{ids('1.txt')}@")
    assert json.loads(apl("-C", folder, "export", "csl-json", "--query", "gibtesnicht").stdout) == []


def test_tables(apl: Any, folder: Path, tmp_path: Path, ids: Callable[[str], str]) -> None:
    exported(apl, folder, tmp_path / "x.csv", "csv")
    exported(apl, folder, tmp_path / "x.parquet", "parquet")
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    query = f"SELECT * FROM read_parquet('{tmp_path / 'x.parquet'}')"
    result = duckdb.sql(query)
    columns = result.columns
    found = [dict(zip(columns, row, strict=True)) for row in result.fetchall()]
    assert columns == list(rows[0])
    assert [row["id"] for row in found] == [row["id"] for row in rows]
    assert [str(row["published"] or "") for row in found] == [row["published"] for row in rows]
    assert [row["published"] for row in rows] == ["2024-12-31", "2025-04-02", "2026-02-01", ""]
    first = next(row for row in found if row["id"] == ids("1.txt"))
    assert (first["districts"], first["topics"]) == (["05370"], ["immigration", "housing"])
    assert "anders gereinigt" in first["text"]
    assert all("anders" not in row["text"] for row in found if row is not first)


def test_no_cell_is_a_formula() -> None:
    release = Release(
        id="1",
        source_id="s",
        version_id="0",
        version_number=1,
        derivation=1,
        url=None,
        path="=x.txt",
        captured_at=datetime(2026, 1, 1, tzinfo=UTC),
        access="public",
        article=Article(title='=HYPERLINK("https://falsch.example")', text="-1+1 ist null"),
        tags=(),
    )
    out = io.StringIO()
    assert CommaSeparated().export(iter([release]), out) == 1
    (row,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert (row["path"], row["title"], row["text"]) == (
        "'=x.txt",
        '\'=HYPERLINK("https://falsch.example")',
        "'-1+1 ist null",
    )


def test_the_manifest_says_what_it_is(apl: Any, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    summary = exported(apl, folder, out, "csv", "--query", "beratung quelle:amt")
    manifest = json.loads(Path(summary["manifest"]).read_text(encoding="utf-8"))
    assert (manifest["query"], manifest["releases"], summary["left_out"]) == ("beratung quelle:amt", 2, 2)
    assert "beratung" in manifest["understood"]
    cover = manifest["coverage"]
    assert (cover["undated"], cover["sources"], cover["left_out"]) == (1, {"amt": 2}, 2)
    assert cover["first_published"] == cover["last_published"] == "2025-04-02"
    assert [(one["source"], one["undated"]) for one in cover["by_month"]] == [("amt", 1), ("netz", 0)]
    source = cover["by_month"][0]
    assert source["first_capture"] == manifest["created_at"][:10]
    assert source["months"][0] == {"first": "2025-04", "last": "2025-04", "state": "partial"}
    assert [one["state"] for one in source["months"][1:]] == ["not_captured"]
    assert manifest["vocabularies"]["districts"]
    assert manifest["created_at"]
    assert manifest["seq"]
    assert "Mitteilungen" in apl("-C", folder, "export", "--verify", out).stdout


def test_what_is_restricted_stays_unless_asked_for(apl: Any, folder: Path, ids: Callable[[str], str]) -> None:
    def found(*options: str) -> set[str]:
        lines = apl("-C", folder, "export", "jsonl", "--without-captures", *options).stdout.splitlines()
        return {json.loads(line)["id"] for line in lines}

    closed, embargoed, hidden = ids("3.txt"), ids("4.txt"), ids("2.txt")
    assert {closed, embargoed}.isdisjoint(found())
    assert {closed, embargoed} <= found("--as", "archivist")
    apl("-C", folder, "takedown", "hide", hidden, "--ground", "Probe", "--by", "Archivarin")
    assert hidden not in found("--as", "archivist")
    assert hidden in found("--as", "archivist", "--withheld")


def test_without_text(apl: Any, folder: Path, tmp_path: Path) -> None:
    for format_name in ("jsonl", "csv", "bagit"):
        out = tmp_path / format_name
        exported(apl, folder, out, format_name, "--without-text")
        for name, data in contents(out).items():
            assert b"Zugewanderte" not in data, name
            assert b"Wir freuen" not in data, name
    refused = apl("-C", folder, "import", tmp_path / "bagit", code=1)
    assert "ohne Texte" in refused.stderr


def test_chosen_ids(apl: Any, folder: Path, tmp_path: Path, ids: Callable[[str], str]) -> None:
    (tmp_path / "ids").write_text(f"d/{ids('1.txt')}@1\n\n{ids('2.txt')}\nffffffffffffffff\n", encoding="utf-8")
    summary = exported(apl, folder, tmp_path / "x.csv", "csv", "--ids", str(tmp_path / "ids"))
    assert (summary["releases"], summary["unknown"]) == (2, 1)


def test_nothing_is_overwritten_unasked(apl: Any, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    out.write_text("mein", encoding="utf-8")
    assert "--force" in apl("-C", folder, "export", "csv", "--out", out, code=1).stderr
    assert out.read_text(encoding="utf-8") == "mein"
    apl("-C", folder, "export", "csv", "--out", out, "--force")
    assert out.read_text(encoding="utf-8").startswith("id,")
    assert sorted(path.name for path in tmp_path.glob("*x.csv*")) == ["x.csv", "x.csv.manifest.json"]
    keep = tmp_path / "ordner"
    keep.mkdir()
    (keep / "wichtig").touch()
    assert "kein Export" in apl("-C", folder, "export", "bagit", "--out", keep, "--force", code=1).stderr
    assert (keep / "wichtig").exists()


def test_bags_are_valid(apl: Any, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "bags"
    exported(apl, folder, out, "bagit")
    bags = sorted(path.parent for path in out.glob("*/bagit.txt"))
    assert [bag.name for bag in bags] == ["amt-2025", "amt-ohne-datum", "netz-2024", "netz-2026"]
    for path in bags:
        bag = bagit.Bag(str(path))
        assert bag.validate()
        assert bag.version_info == (1, 0)
        assert bag.algorithms == ["sha512"]
        assert bag.info["Source-Organization"] == "Probe-Archiv"
    page = (bags[0] / "data" / "acquisition.html").read_text(encoding="utf-8")
    assert "archivwürdig" in page
    assert "§" not in page
    acquisition = json.loads((bags[2] / "data" / "acquisition.json").read_text(encoding="utf-8"))
    assert acquisition["source"]["title"] == "Netz & Söhne"
    assert "Netz &amp; Söhne" in (bags[2] / "data" / "acquisition.html").read_text(encoding="utf-8")
    assert "unversehrt" in apl("-C", folder, "export", "--verify", out).stdout


def test_the_warc_file_replays(apl: Any, folder: Path, tmp_path: Path) -> None:
    """Every CDXJ line leads warcio to its record; a revisit to the body it stands for, by address and time."""
    out = tmp_path / "x.warc.gz"
    exported(apl, folder, out, "warc", "--query", "quelle:netz")
    lines = [line.split(" ", 2) for line in (tmp_path / "x.cdxj").read_text(encoding="utf-8").splitlines()]
    assert [line[0] for line in lines] == sorted(line[0] for line in lines)
    found = [(*line[:2], json.loads(line[2])) for line in lines]
    bodies: dict[tuple[str, str], bytes] = {}
    for _, _time, values in sorted(found, key=lambda one: one[1]):
        assert values["filename"] == out.name
        data = out.read_bytes()[int(values["offset"]) :][: int(values["length"])]
        record = next(iter(ArchiveIterator(io.BytesIO(data), check_digests="raise")))
        assert record.rec_headers.get_header("WARC-Target-URI") == values["url"]
        body = record.content_stream().read()
        if record.rec_type == "revisit":
            date = record.rec_headers.get_header("WARC-Refers-To-Date")
            body = bodies[record.rec_headers.get_header("WARC-Refers-To-Target-URI"), date]
        bodies[values["url"], record.rec_headers.get_header("WARC-Date")] = body
    assert [values["mime"] for _, _, values in found].count("warc/revisit") == 1
    texts = [body.decode() for (url, _), body in bodies.items() if url.endswith("/presse/a")]
    assert len(texts) == 2
    assert all("Mitteilung 5" in text for text in texts)
    with out.open("rb") as stream:
        kinds = [record.rec_type for record in ArchiveIterator(stream, check_digests="raise")]
    assert kinds[0] == "warcinfo"
    assert kinds.count("request") == 3


def test_cdxj_leads_into_the_archive(apl: Any, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.cdxj"
    exported(apl, folder, out, "cdxj")
    lines = out.read_text(encoding="utf-8").splitlines()
    assert lines == sorted(lines)
    assert len(lines) == 7
    values = json.loads(lines[0].split(" ", 2)[2])
    data = (folder / "archive" / values["filename"]).read_bytes()[int(values["offset"]) :][: int(values["length"])]
    assert next(iter(ArchiveIterator(io.BytesIO(data)))).rec_headers.get_header("WARC-Target-URI") == values["url"]


@pytest.mark.parametrize("format_name", FORMATS)
def test_flipped_bits_are_named(apl: Any, folder: Path, tmp_path: Path, format_name: str) -> None:
    """Each end of every file, and a dozen places at random: over all formats some three hundred."""
    out = tmp_path / "x"
    exported(apl, folder, out, format_name)
    assert verify_export(out)[1] == ()
    places = random.Random(format_name)
    for name in contents(out):
        path = tmp_path / name
        data = path.read_bytes()
        for place in {0, len(data) - 2, *(places.randrange(len(data)) for _ in range(12))}:
            flipped = bytearray(data)
            flipped[place] ^= 1 << places.randrange(8)
            path.write_bytes(flipped)
            assert Path(name).name in told_by_verify(out), (name, place)
        path.write_bytes(data)
    apl("-C", folder, "export", "--verify", out)
    path.write_bytes(data[:-3])
    assert path.name in apl("-C", folder, "export", "--verify", out, code=20).stderr


def told_by_verify(out: Path) -> str:
    try:
        return " ".join(verify_export(out)[1])
    except FixityError as error:
        return error.message


def test_a_damaged_capture_does_not_leave(apl: Any, folder: Path, tmp_path: Path, ids: Callable[[str], str]) -> None:
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        place = "SELECT warc_file, warc_offset FROM capture WHERE release_id = ?"
        name, offset = db.execute(place, [ids("1.txt")]).fetchone()
    path = folder / "archive" / name
    data = bytearray(path.read_bytes())
    data[offset + 200] ^= 1
    path.write_bytes(data)
    for format_name in ("jsonl", "warc", "bagit"):
        apl("-C", folder, "export", format_name, "--out", tmp_path / "x", code=20)
    assert [one.name for one in tmp_path.iterdir() if "x" in one.name] == []


def test_parquet_without_its_extra_is_explained(apl: Any, folder: Path, tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['duckdb'] = None\n"
        "from archive_pipeline.cli.main import main\n"
        f"sys.argv = ['apl', '-C', {str(folder)!r}, 'export', 'parquet', '--out', {str(tmp_path / 'x')!r}]\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "Für diesen Befehl fehlt: pip install 'archive-pipeline[export]'" in done.stderr


def test_usage(apl: Any, folder: Path) -> None:
    assert "--out" in apl("-C", folder, "export", "parquet", code=2).stderr
    assert "schließen" in apl("-C", folder, "export", "csv", "--query", "a", "--set", "b", code=2).stderr
    assert "registriert" in apl("-C", folder, "export", "xml", code=4).stderr
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        assert db.execute("SELECT count(*) FROM release").fetchone() == (6,)


def test_notes_of_correction_go_along(apl: Any, folder: Path, tmp_path: Path, ids: Callable[[str], str]) -> None:
    note = "Das stimmt so nicht: „Größe“ zählt nicht, sagt die Fraktion."
    apl("-C", folder, "note", ids("1.txt"), "--text", note, "--by", "Archivarin")
    exported(apl, folder, tmp_path / "x.csv", "csv")
    exported(apl, folder, tmp_path / "x.parquet", "parquet")
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["id"]: row["corrections"] for row in csv.DictReader(file)}
    table = duckdb.sql(f"SELECT id, corrections FROM read_parquet('{tmp_path / 'x.parquet'}')").fetchall()
    lines = apl("-C", folder, "export", "jsonl", "--without-captures").stdout.splitlines()
    released = {row["id"]: [one["text"] for one in row["corrections"]] for row in map(json.loads, lines)}
    assert released[ids("1.txt")] == [note]
    assert dict(table) == released
    assert rows == {release: "|".join(texts) for release, texts in released.items()}
    assert [key for key, texts in released.items() if texts] == [ids("1.txt")]
