"""Documents and web archives on the command line, as an archivist types it."""

import hashlib
import io
import json
import sqlite3
import zipfile
from pathlib import Path

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

HERE = Path(__file__).parent
URL = "https://www.kreis-ahrbeck.example/presse/bruecke"
TEXT = (
    "Ahrbeck. Die Brücke über die Lohne zwischen Ahrbeck und Niedersalm wird ab dem 2. April für den Verkehr gesperrt."
    " Das hat der Kreisausschuss in seiner Sitzung am Montag beschlossen. Bei der jüngsten Prüfung waren Risse gefunden"
    " worden. "
)


def page(more):
    return (
        "<html lang='de'><head><title>Brücke über die Lohne wird gesperrt</title></head><body><main>"
        f"<h1>Brücke über die Lohne wird gesperrt</h1><p>{TEXT}{more}</p></main></body></html>"
    ).encode()


def warc(*captures):
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=True)
    for at, url, body in captures:
        record = writer.create_warc_record(
            url,
            "response",
            payload=io.BytesIO(body),
            http_headers=StatusAndHeaders(
                "200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1"
            ),
            warc_headers_dict={"WARC-Date": at},
        )
        writer.write_record(record)
        record.raw_stream.close()
    return out.getvalue()


FIRST, SECOND = page("Die Arbeiten dauern bis Oktober."), page("Die Arbeiten dauern bis Dezember, teilt der Kreis mit.")


@pytest.fixture
def folder(tmp_path):
    """A document of each kind, a WARC file with two versions of a page, and a WACZ package of another one."""
    found = tmp_path / "nachlass"
    found.mkdir()
    for name in ("kurz.pdf", "gemischt.odt", "tabelle.docx", "gescannt.pdf"):
        (found / name).write_bytes((HERE / name).read_bytes())
    crawl = warc(("2020-04-01T08:00:00Z", URL, SECOND), ("2019-03-12T08:00:00Z", URL, FIRST))
    (found / "crawl.warc.gz").write_bytes(crawl)
    other = warc(
        ("2021-05-01T08:00:00Z", URL.replace("bruecke", "umleitung"), page("Die Umleitung ist ausgeschildert."))
    )
    with zipfile.ZipFile(found / "browser.wacz", "w") as package:
        package.writestr("archive/data.warc.gz", other)
        resource = {"path": "archive/data.warc.gz", "hash": f"sha256:{hashlib.sha256(other).hexdigest()}"}
        package.writestr("datapackage.json", json.dumps({"resources": [resource]}))
    return found


def rows(archive, statement):
    with sqlite3.connect(archive / "archive" / "archive.db") as db:
        return db.execute(statement).fetchall()


def test_import_takes_documents_and_web_archives(apl, folder, tmp_path):
    archive = tmp_path / "archiv"
    apl("init", archive)
    summary = apl.json("-C", archive, "import", folder, "--json")
    counts = {name: summary[name] for name in ("new", "changed", "quarantined", "failed")}
    assert counts == {"new": 6, "changed": 1, "quarantined": 0, "failed": 0}
    (found,) = apl.json("-C", archive, "search", "Dezember", "--json")["hits"]
    assert (found["url"], found["path"]) == (URL, None)
    versions = rows(archive, "SELECT release_id, number, captured_at FROM version ORDER BY release_id, number")
    of_pages = [(number, at[:10]) for _, number, at in versions if at < "2026"]
    assert sorted(of_pages) == [(1, "2019-03-12"), (1, "2021-05-01"), (2, "2020-04-01")]
    again = apl.json("-C", archive, "import", folder, "--json")
    assert (again["new"], again["changed"], again["failed"]) == (0, 0, 0)
    assert rows(archive, "SELECT count(*) FROM capture WHERE status = 200") == [(3,)]


def test_a_rebuild_gives_the_same_versions(apl, folder, tmp_path):
    archive = tmp_path / "archiv"
    apl("init", archive)
    apl("-C", archive, "import", folder)
    statement = "SELECT release_id, number, captured_at, sha256 FROM version ORDER BY release_id, number"
    before = rows(archive, statement)
    apl("-C", archive, "rebuild")
    assert rows(archive, statement) == before


def test_damaged_parts_are_named_and_the_rest_is_there(apl, folder, tmp_path):
    crawl = folder / "crawl.warc.gz"
    crawl.write_bytes(crawl.read_bytes()[:-20])
    archive = tmp_path / "archiv"
    apl("init", archive)
    done = apl("-C", archive, "import", folder, code=3)
    assert "crawl.warc.gz!beschädigt: Webarchiv beschädigt: ab Byte" in done.stderr
    assert apl.json("-C", archive, "search", "Dezember", "--json")["total"] == 1


@pytest.mark.parametrize("name", ["gemischt.odt", "gemischt.docx"])
def test_try_reads_office_documents(apl, name):
    line = apl.json("try", HERE / name, "--json")
    assert (line["status"], line["title"]) == ("accepted", "Kreisbibliothek öffnet auch am Sonntag")
    assert "ab Juni auch sonntags" in line["text"]
    assert "voraussichtlich im Juli" not in line["text"]
    assert "Stimmt der Monat?" not in line["text"]


def test_try_says_what_to_do_with_a_web_archive(apl, folder):
    done = apl("try", folder / "crawl.warc.gz", code=None)
    assert done.returncode != 0
    assert "Ein Webarchiv enthält viele Dokumente" in done.stderr
    assert "archive-pipeline import" in done.stderr


def test_a_source_of_web_archives(apl, folder, tmp_path):
    archive = tmp_path / "archiv"
    archive.mkdir()
    settings = f'[[source]]\nid = "alt"\nfetcher = "warc"\npath = "{folder}"\n'
    (archive / "sources.toml").write_text(f'[archive]\ntitle = "Probe"\n\n{settings}include = "bruecke"\n', "utf-8")
    summary = apl.json("-C", archive, "run", "--json")
    assert (summary["new"], summary["changed"]) == (1, 1)
    (archive / "sources.toml").write_text(f'[archive]\ntitle = "Probe"\n\n{settings}include = "("\n', "utf-8")
    assert "include" in apl("-C", archive, "sources", "check", code=4).stderr


def test_what_came_out_of_a_file_is_not_looked_at_again(apl, folder, tmp_path):
    archive = tmp_path / "archiv"
    apl("init", archive)
    apl("-C", archive, "import", folder)
    assert rows(archive, "SELECT key FROM item WHERE next_check_at IS NOT NULL") == []
