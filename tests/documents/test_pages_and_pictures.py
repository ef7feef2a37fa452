"""Pages of a PDF and PDF files that hold pictures alone, from the command line to the archive and back."""

import json
import sqlite3
from pathlib import Path

import pytest

from archive_pipeline.sample.pdf import PdfParagraph, write_pdf

HERE = Path(__file__).parent
BY_PAGE = ("Moorschutzprogramm", "Freibadsanierung", "Glasfaserausbau")
TOWNS = ("Anröchte", "Ense", "Erwitte", "Geseke", "Lippetal", "Möhnesee")
TOWNS += ("Rüthen", "Warstein", "Welver", "Werl", "Wickede", "Soest")
TITLE = "Landkreis legt Haushalt für das kommende Jahr vor"


def three_pages() -> bytes:
    """A release of three pages: each speaks of one thing only."""
    paragraphs = [PdfParagraph(text="Presseinformation 12/2020 | 5. März 2020"), PdfParagraph(text=TITLE, size=17)]
    for word, paper in zip(BY_PAGE, ("Bericht", "Antrag", "Plan"), strict=True):
        sentences = [
            f"Aus {town} kam ein {paper} über Wege und Schulen, den der Ausschuss am Montag beriet. {town} hat bis zum"
            f" Herbst Zeit, dem {paper} noch Zahlen beizulegen; danach stimmt der Kreistag über {town} ab."
            for town in TOWNS
        ]
        sentences[6] += f" Teuerster Posten ist das {word} im Kreis Soest."
        paragraphs += [PdfParagraph(text=text) for text in sentences]
    paragraphs.append(PdfParagraph(text="Foto: Marlene Steinkuhl"))
    return write_pdf(paragraphs, title=TITLE, note="", footer="Landkreis Soest")


@pytest.fixture
def archive(apl, tmp_path):
    """An archive of a source in Soest with a release of several pages and a scanned one."""
    folder = tmp_path / "dateien"
    folder.mkdir()
    (folder / "haushalt.pdf").write_bytes(three_pages())
    (folder / "2021-05-04_Pressemitteilung_Freibadfest.pdf").write_bytes((HERE / "gescannt.pdf").read_bytes())
    archive = tmp_path / "archiv"
    archive.mkdir()
    (archive / "sources.toml").write_text(
        '[archive]\ntitle = "Probe"\n\n[[source]]\nid = "soest"\ntitle = "Kreis Soest"\nfetcher = "folder"\n'
        f'path = "{folder}"\ndistrict = "05974"\n',
        "utf-8",
    )
    return archive


def test_hits_and_evidence_name_the_page(apl, archive):
    apl("-C", archive, "run")
    for number, word in enumerate(BY_PAGE, start=1):
        (hit,) = apl.json("-C", archive, "search", word, "--json")["hits"]
        assert hit["path"] == "haushalt.pdf"
        assert {passage["page"] for passage in hit["snippets"] if passage["highlights"]} == {number}
        assert f"Seite {number}" in apl("-C", archive, "search", word).stdout
    (caption,) = apl.json("-C", archive, "search", "Steinkuhl", "--json")["hits"]
    assert [passage["page"] for passage in caption["snippets"] if passage["highlights"]] == [None]
    shown = json.loads(apl("-C", archive, "show", hit["id"], "--json").stdout)["article"]
    pages = shown["pages"]
    assert len(pages) == len(BY_PAGE)
    assert pages[0] == 0
    for word, start, end in zip(BY_PAGE, pages, [*pages[1:], len(shown["text"])], strict=True):
        assert word in shown["text"][start:end]
    text = apl("-C", archive, "show", hit["id"]).stdout
    assert text.index("[Seite 2]") < text.index(BY_PAGE[1]) < text.index("[Seite 3]") < text.index(BY_PAGE[2])
    assert "Seite 1, Text" in apl("-C", archive, "show", hit["id"], "--why").stdout


def test_try_names_the_page_of_evidence(apl, tmp_path):
    (tmp_path / "haushalt.pdf").write_bytes(three_pages())
    line = apl.json("try", tmp_path / "haushalt.pdf", "--json")
    spans = [span for tag in line["tags"] for span in tag["evidence"] if span["field"] == "text"]
    assert spans
    for span in spans:
        assert line["pages"][span["page"] - 1] <= span["start"]
        assert line["text"][span["start"] : span["end"]] == span["text"]


def test_pictures_alone_are_found_by_what_is_known_of_them(apl, archive):
    summary = apl.json("-C", archive, "run", "--json")
    assert (summary["new"], summary["no_text_layer"], summary["quarantined"]) == (2, 1, 0)
    (hit,) = apl.json("-C", archive, "search", "Freibadfest kreis:Soest quelle:soest datum:2021", "--json")["hits"]
    assert (hit["state"], hit["path"]) == ("no_text_layer", "2021-05-04_Pressemitteilung_Freibadfest.pdf")
    assert (hit["title"], hit["snippets"]) == ("2021-05-04 Pressemitteilung Freibadfest", [])
    assert "ohne Textebene" in apl("-C", archive, "search", "Freibadfest").stdout
    assert "ohne Textebene" in apl("-C", archive, "show", hit["id"]).stdout
    assert "2 Mitteilungen · 1 ohne Textebene" in apl("-C", archive, "status").stdout
    assert apl.json("-C", archive, "status", "--json")["sources"][0]["no_text_layer"] == 1
    assert "1 ohne Textebene" in apl("-C", archive, "runs", "list").stdout
    assert "1 ohne Textebene" in apl("-C", archive, "runs", "show").stdout


def test_run_again_and_rebuild_change_nothing(apl, archive):
    statement = (
        "SELECT r.id, r.state, r.title, d.text, d.article FROM release r JOIN derivation d ON d.release_id = r.id"
    )

    def rows():
        with sqlite3.connect(archive / "archive" / "archive.db") as db:
            return sorted(db.execute(statement).fetchall())

    apl("-C", archive, "run")
    before = rows()
    assert sorted(row[1] or "" for row in before) == ["", "no_text_layer"]
    again = apl.json("-C", archive, "run", "--json")
    assert (again["new"], again["changed"]) == (0, 0)
    apl("-C", archive, "reprocess")
    assert rows() == before
    apl("-C", archive, "rebuild")
    assert rows() == before


def test_two_scans_are_two_releases_and_a_new_scan_is_a_new_version(apl, archive, tmp_path):
    folder = tmp_path / "dateien"
    apl("-C", archive, "run")
    scan = (HERE / "gescannt.pdf").read_bytes()
    (folder / "zweite.pdf").write_bytes(scan)
    (folder / "2021-05-04_Pressemitteilung_Freibadfest.pdf").write_bytes(scan + b"\n% neu gescannt\n")
    summary = apl.json("-C", archive, "run", "--json")
    assert (summary["new"], summary["changed"], summary["no_text_layer"]) == (1, 1, 2)
