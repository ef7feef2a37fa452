"""`vocab list`, `check`, `add` and `import`, as a user types them, and `reprocess` behind them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PAGE = """<!doctype html><html lang="de"><head><title>Neue Bänke</title></head><body><main><h1>Neue Bänke im Park</h1>
<p>Heinsberg. Im Kreis Heinsberg stehen neue Bänke. Das hat der Verein der Bankfreunde am Montag mitgeteilt, der sie
auch bezahlt hat, und viele kamen zur Feier in den Park.</p>
<p>Die Bankfreunde HS sammeln weiter Spenden. Die Bankfreunde HS freuen sich über jeden Betrag, und der Kreis dankt
allen, die mitgemacht haben.</p></main></body></html>"""


@pytest.fixture
def archive(make_archive: Callable[..., Path]) -> Path:
    return make_archive({"baenke.html": PAGE})


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_list_shows_vocabularies_and_entries(apl: Any, archive: Path) -> None:
    found = {line["name"]: line for line in lines(apl("-C", archive, "vocab", "list", "--json").stdout)}
    assert set(found) == {"districts", "municipalities", "parties", "organisations", "topics"}
    assert found["municipalities"]["entries"] > 10_000
    assert all(line["version"] and line["licence"] for line in found.values())
    (aachen,) = [
        line
        for line in lines(apl("-C", archive, "vocab", "list", "district", "--query", "05354", "--json").stdout)
        if line["value"] == "05354"
    ]
    assert aachen["successors"] == ["05334"]
    assert aachen["valid_to"] == "2009-10-20"
    assert "Kreises Aachen" in aachen["variants"]
    (heinsberg,) = lines(apl("-C", archive, "vocab", "list", "--query", "q6264", "--json").stdout)
    assert heinsberg["value"] == "05370"
    assert "Heinsberger" in heinsberg["adjectives"]
    few = apl("-C", archive, "vocab", "list", "municipality")
    assert len(few.stdout.splitlines()) == 50
    assert "weitere" in few.stderr
    assert "Kein Eintrag" in apl("-C", archive, "vocab", "list", "party", "--query", "gibtsnicht").stderr


def test_add_writes_and_keeps_what_is_there(apl: Any, archive: Path) -> None:
    add = ("-C", archive, "vocab", "add")
    apl(*add, "organisation", "bankfreunde", "Bankfreunde", "--variant", "Bankfreunde HS", "--district", "05370")
    own = archive / "vocab" / "own.toml"
    own.write_text("# Unsere Vereine\n\n" + own.read_text(encoding="utf-8") + "# Ende\n", encoding="utf-8")
    apl(*add, "organisation", "bankfreunde", "--variant", "Bänkler", "--wikidata", "Q42", "--valid-from", "2003")
    apl(*add, "party", "bl-hs", "Bürgerliste Heinsberg", "--variant", "Bürgerliste", "--place", "05370016")
    text = own.read_text(encoding="utf-8")
    assert text.startswith("# Unsere Vereine\n\n[[organisation]]\n")
    assert "# Ende\n" in text
    assert 'variants = ["Bankfreunde HS", "Bänkler"]' in text
    (entry,) = lines(apl("-C", archive, "vocab", "list", "--query", "Bänkler", "--json").stdout)
    assert (entry["value"], entry["district"], entry["wikidata"]) == ("bankfreunde", "05370", "Q42")
    (group,) = lines(apl("-C", archive, "vocab", "list", "--query", "bl-hs@05370", "--json").stdout)
    assert (group["parent"], group["district"]) == ("waehlergruppe", "05370")
    assert "2 eigene Einträge" in apl("-C", archive, "vocab", "check").stdout


def test_add_refuses_what_would_be_wrong(apl: Any, archive: Path) -> None:
    add = ("-C", archive, "vocab", "add")
    assert 'meinten Sie "spd"?' in apl(*add, "party", "spdd", "--variant", "x y", code=4).stderr
    assert "--place gibt es für topic nicht" in apl(*add, "topic", "housing", "--place", "05370", code=2).stderr
    refused = apl(*add, "organisation", "x", "X-Verein", "--district", "99999", code=4).stderr
    assert "99999" in refused
    assert "nichts wurde eingetragen" in refused
    assert "Steuerzeichen" in apl(*add, "organisation", "x", "X-Verein \x1b[31m", code=4).stderr
    assert not (archive / "vocab").exists()
    apl("-C", archive.parent, "vocab", "add", "party", "x", "X-Partei", code=10)


def test_own_names_reach_the_archive_with_reprocess(apl: Any, archive: Path) -> None:
    apl("-C", archive, "run")
    hits = json.loads(apl("-C", archive, "search", "Bankfreunde", "--json").stdout)["hits"]
    release = hits[0]["id"]
    apl("-C", archive, "vocab", "add", "organisation", "bankfreunde-hs", "Bankfreunde Heinsberg", "--variant",
        "Bankfreunde HS")  # fmt: skip
    tried = apl("-C", archive, "reprocess", "--stage", "classify", "--dry-run").stdout
    assert "+organisation:bankfreunde-hs" in tried
    apl("-C", archive, "reprocess", "--stage", "classify")
    shown = apl("-C", archive, "show", release).stdout
    assert "Bankfreunde Heinsberg" in shown
    found = json.loads(apl("-C", archive, "search", "org:bankfreunde-hs", "--json").stdout)
    assert [hit["id"] for hit in found["hits"]] == [release]
    again = apl("-C", archive, "reprocess", "--stage", "classify", "--dry-run").stdout
    assert "0 würden sich ändern" in again


def test_keys_that_no_vocabulary_has_are_refused(apl: Any, archive: Path) -> None:
    apl("-C", archive, "run")
    release = json.loads(apl("-C", archive, "search", "Bankfreunde", "--json").stdout)["hits"][0]["id"]
    for change in ("+district:99999", "+district:05370016", "+party:uwg@99999", "+party:spdd"):
        assert "Vokabular" in apl("-C", archive, "tag", release, change, code=4).stderr, change
    apl("-C", archive, "tag", release, "+party:uwg@05370", "+district:05370")
    settings = archive / "sources.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f'{text}district = "99999"\n', encoding="utf-8")
    assert "steht in keinem Vokabular" in apl("-C", archive, "sources", "check", code=4).stderr


@pytest.mark.parametrize(
    "table",
    [
        "axis,value,label,variants,wikidata,gnd,valid_from\n"
        "organisation,hv-lemgo,Heimatverein Lemgo,HV Lemgo|Verein Alt Lemgo,Q42,4041792-9,1950\n",
        "Achse;Schlüssel;Bezeichnung;Varianten;Wikidata;GND;von\n"
        "organisation;hv-lemgo;Heimatverein Lemgo;HV Lemgo|Verein Alt Lemgo;Q42;4041792-9;1950\n",
        "item,itemLabel,itemAltLabel,gnd,inception\n"
        'http://www.wikidata.org/entity/Q42,Heimatverein Lemgo,"HV Lemgo, Verein Alt Lemgo",4041792-9,'
        "1950-01-01T00:00:00Z\n",
        "id\tpreferredName\tvariantName\n"
        "https://d-nb.info/gnd/4041792-9\tHeimatverein Lemgo\tHV Lemgo; Verein Alt Lemgo\n",
    ],
)
def test_import_takes_tables_of_several_kinds(apl: Any, archive: Path, tmp_path: Path, table: str) -> None:
    file = tmp_path / "liste.csv"
    file.write_text(table, encoding="utf-8-sig")
    command = ("-C", archive, "vocab", "import", file, "--axis", "organisation", "--into", "vereine")
    assert "1 Eintrag würde eingetragen" in apl(*command, "--dry-run").stdout
    assert not (archive / "vocab").exists()
    apl(*command)
    first = (archive / "vocab" / "vereine.toml").read_text(encoding="utf-8")
    apl(*command)
    assert (archive / "vocab" / "vereine.toml").read_text(encoding="utf-8") == first
    (entry,) = lines(apl("-C", archive, "vocab", "list", "--query", "Heimatverein Lemgo", "--json").stdout)
    assert {"HV Lemgo", "Verein Alt Lemgo"} <= set(entry["variants"])
    assert entry["gnd"] == "4041792-9"
    assert entry["wikidata"] == ("Q42" if "Q42" in table else None)


def test_import_says_what_is_wrong(apl: Any, archive: Path, tmp_path: Path) -> None:
    file = tmp_path / "liste.csv"
    command = ("-C", archive, "vocab", "import", file)
    file.write_text("spalte,andere\n1,2\n", encoding="utf-8")
    assert "Spalte label" in apl(*command, code=4).stderr
    file.write_text("label\nVerein\n", encoding="utf-8")
    assert "liste.csv:2" in apl(*command, code=4).stderr
    file.write_text("axis,label\norganisatio,Verein\n", encoding="utf-8")
    assert 'meinten Sie "organisation"?' in apl(*command, code=4).stderr
    file.write_text("", encoding="utf-8")
    assert "ist leer" in apl(*command, code=4).stderr
    file.write_text("axis,label\n", encoding="utf-8")
    assert "keine Zeilen" in apl(*command, code=4).stderr
    file.write_bytes(b"axis,label\nparty,B\xfcrger\n")
    assert "UTF-8" in apl(*command, code=4).stderr
    apl(*command, "--into", "../boese", code=2)


def test_a_broken_file_stops_a_run_and_is_named(apl: Any, archive: Path) -> None:
    folder = archive / "vocab"
    folder.mkdir()
    (folder / "own.toml").write_text('[[party]]\nvalue = "spd"\nvarianten = ["x"]\n', encoding="utf-8")
    for command in (("run",), ("vocab", "check"), ("vocab", "list")):
        said = apl("-C", archive, *command, code=4).stderr
        assert "own.toml:3:1" in said
        assert 'meinten Sie "variants"?' in said


def test_check_tells_in_json(apl: Any, archive: Path) -> None:
    apl("-C", archive, "vocab", "add", "organisation", "drk", "DRK e. V.")
    *findings, summary = lines(apl("-C", archive, "vocab", "check", "--json").stdout)
    assert [finding["level"] for finding in findings] == ["note"]
    assert (summary["own"], summary["errors"]) == (1, 0)
    assert summary["version"].startswith("own-")
    assert "mehrdeutig" in apl("-C", archive, "vocab", "check", "--all").stdout
