"""Lists of sources from feed readers and spreadsheets, as these write them."""

import time
from contextlib import suppress
from pathlib import Path

import pytest

from archive_pipeline.errors import ConfigError
from archive_pipeline.sources.editing import Setting
from archive_pipeline.sources.importing import ListedSource, bare_address, read_list


def read(tmp_path: Path, content: str | bytes, *, taken: tuple[str, ...] = ()) -> tuple[ListedSource, ...]:
    path = tmp_path / "liste"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_list(path, taken=taken).lines


def values(line: ListedSource) -> dict[str, object]:
    assert line.source is not None, line.reason
    return {setting.key: setting.value for setting in line.source.settings}


OPML = """<?xml version="1.0" encoding="UTF-8"?>
<opml version="2.0"><head><title>Meine Feeds</title></head><body>
  <outline text="Politik"><outline text="Parteien &amp; Gruppen">
    <outline type="rss" text="SPD Lippe" title="SPD Kreisverband Lippe" htmlUrl="https://spd-lippe.example"
      xmlUrl="https://spd-lippe.example/feed?a=1&amp;b=2" category="/NRW,/SPD"/>
    <outline text="Ohne Adresse"/>
  </outline></outline>
  <outline xmlUrl="https://blog.example/atom.xml"/>
  <OUTLINE TEXT="Groß" XMLURL="https://gross.example/rss" TYPE="atom"/>
</body></opml>"""


def test_opml_with_folders_categories_and_odd_spelling(tmp_path: Path) -> None:
    lines = read(tmp_path, OPML)
    assert [line.reason for line in lines] == ["", "xmlUrl fehlt: keine Adresse", "", ""]
    assert values(lines[0]) == {
        "id": "spd-kreisverband-lippe",
        "title": "SPD Kreisverband Lippe",
        "fetcher": "feed",
        "url": "https://spd-lippe.example/feed?a=1&b=2",
    }
    assert lines[0].source is not None
    assert lines[0].source.note == "Politik / Parteien & Gruppen; /NRW,/SPD"
    assert values(lines[2])["id"] == "blog"
    assert values(lines[3])["url"] == "https://gross.example/rss"
    assert [line.line for line in lines[:2]] == [5, 6]


@pytest.mark.parametrize(
    "content",
    [
        OPML.replace("</body></opml>", ""),
        "\n  " + OPML.partition("?>")[2],
        OPML.encode("utf-16"),
        OPML.replace("UTF-8", "ISO-8859-1").encode("latin-1"),
        OPML.replace("&amp;b", "&b").replace("Groß", "Gro&szlig;"),
    ],
    ids=["breaks off", "no declaration", "UTF-16", "Latin-1", "bare ampersand and HTML entity"],
)
def test_opml_that_is_not_quite_right(tmp_path: Path, content: str | bytes) -> None:
    lines = read(tmp_path, content)
    assert values(lines[0])["title"] == "SPD Kreisverband Lippe"
    assert len(lines) == 4


def test_hostile_xml_reads_no_file_and_takes_no_memory(tmp_path: Path) -> None:
    secret = tmp_path / "geheim"
    secret.write_text("kennwort")
    entity = f"<!DOCTYPE opml [<!ENTITY e SYSTEM 'file://{secret}'>]>"
    lines = read(tmp_path, f"{entity}<opml><body><outline text='&e;' xmlUrl='https://a.example/rss'/>&e;</body></opml>")
    assert all("kennwort" not in str(line) for line in lines)
    bomb = "".join(f"<!ENTITY e{n + 1} '{f'&e{n};' * 10}'>" for n in range(12))
    started = time.process_time()
    text = f"<!DOCTYPE opml [<!ENTITY e0 'ha'>{bomb}]><opml><body><outline text='&e12;' xmlUrl='https://a.example'/>"
    with suppress(ConfigError):
        read(tmp_path, text)
    assert time.process_time() - started < 5


@pytest.mark.parametrize("text", ["<rss/>", "<html><body>Anmelden</body></html>", "<", "<?xml version='1.0'?>"])
def test_other_xml_is_no_list(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="keine OPML-Datei"):
        read(tmp_path, text)


ROWS = "Titel;Adresse;Kreis;Rechtsgrundlage;Aktiv;Zeitplan\nKreis Düren;https://dn.example/rss;5358;60d;nein;6h\n"


@pytest.mark.parametrize(
    "content",
    [
        ROWS.encode(),
        ROWS.encode("utf-8-sig"),
        ROWS.encode("cp1252"),
        ROWS.encode("utf-16"),
        ROWS.replace(";", "\t").encode(),
        ROWS.replace(";", ",").replace("\n", "\r\n").encode(),
        b"sep=;\r\n" + ROWS.encode(),
        b"\n\n" + ROWS.encode(),
    ],
    ids=["UTF-8", "BOM", "Windows", "UTF-16", "tabs", "commas", "sep", "blank lines"],
)
def test_csv_as_spreadsheets_write_it(tmp_path: Path, content: bytes) -> None:
    (line,) = read(tmp_path, content)
    assert values(line) == {
        "id": "kreis-dueren",
        "title": "Kreis Düren",
        "url": "https://dn.example/rss",
        "schedule": "6h",
        "district": "05358",
        "legal_basis": "60d",
        "enabled": False,
    }


def test_english_headers_quoted_cells_and_an_address_of_a_feed(tmp_path: Path) -> None:
    text = 'Name,Homepage,xmlUrl,Party\n"Beispiel, Verband\nzweite Zeile",https://v.example,https://v.example/f,spd\n'
    (line,) = read(tmp_path, text)
    assert values(line) == {
        "id": "beispiel-verband-zweite-zeile",
        "title": "Beispiel, Verband zweite Zeile",
        "fetcher": "feed",
        "url": "https://v.example/f",
        "party": "spd",
    }


def test_lines_that_can_not_be_used_keep_their_number_and_reason(tmp_path: Path) -> None:
    lines = read(tmp_path, "url;titel;aktiv\nhttps://a.example/rss;A;ja\n;B;\n\nhttps://c.example/rss;C;vielleicht\n")
    assert [(line.line, line.name, line.reason) for line in lines] == [
        (2, "A", ""),
        (3, "B", "die Adresse fehlt"),
        (5, "C", "enabled: 'vielleicht' ist weder ja noch nein"),
    ]


def test_a_bare_list_of_addresses_needs_no_header(tmp_path: Path) -> None:
    lines = read(tmp_path, "https://a.example/rss\nhttps://b.example/rss\n")
    assert [line.url for line in lines] == ["https://a.example/rss", "https://b.example/rss"]
    lines = read(tmp_path, "Verein A;https://a.example/rss\nVerein B;https://b.example/rss\n")
    assert [values(line)["title"] for line in lines] == ["Verein A", "Verein B"]


def test_ids_are_made_once_and_never_taken_twice(tmp_path: Path) -> None:
    text = (
        "titel;url;id\nPresse;https://a.example/rss;\nPresse;https://b.example/rss;\nX;https://c.example/rss;presse-3\n"
    )
    lines = read(tmp_path, text + ";https://d.example/rss;\n", taken=("presse",))
    assert [values(line)["id"] for line in lines] == ["presse-2", "presse-4", "presse-3", "d"]


def test_defaults_stand_where_the_list_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "liste"
    path.write_text("url;schedule\nhttps://a.example/rss;\nhttps://b.example/rss;1h\n")
    lines = read_list(path, taken=(), defaults=[Setting(key="schedule", value="1d")]).lines
    assert [values(line)["schedule"] for line in lines] == ["1d", "1h"]


@pytest.mark.parametrize("content", [b"", b"\n", b"Name;Ort\nA;B\n", b"\x00\x01\x02"])
def test_what_is_no_list_says_what_is_missing(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigError):
        read(tmp_path, content)


def test_one_address_has_many_spellings() -> None:
    spellings = ("https://www.a.example/rss/", "http://a.example/rss", "https://a.example/rss#top")
    assert len({bare_address(spelling) for spelling in spellings}) == 1
    assert bare_address("https://a.example/rss?x=1") != bare_address("https://a.example/rss?x=2")
