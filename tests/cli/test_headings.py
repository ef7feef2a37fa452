"""Releases without a title: lists name them by their first words, in brackets; data says that there is no title."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

UNTITLED = """\
Am vergangenen Dienstag hat die Landtagsabgeordnete Petra Muster das Beratungszentrum in Heinsberg besucht und \
sich dort mit Ehrenamtlichen über die Sprachkurse des kommenden Jahres ausgetauscht.

Die Kurse beginnen im Februar und sind für die Teilnehmenden kostenlos, teilte das Zentrum mit.
"""
HEADING = "[Am vergangenen Dienstag hat die Landtagsabgeordnete Petra Muster das …]"


def test_a_release_without_a_title_is_named_by_its_first_words(apl: Any, make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"ohne.txt": UNTITLED})
    apl("-C", folder, "run")
    assert f"1. {HEADING}\n" in apl("-C", folder, "search", "Sprachkurse").stdout
    [hit] = apl.json("-C", folder, "search", "Sprachkurse", "--json")["hits"]
    assert hit["title"] == ""
    assert apl("-C", folder, "show", hit["id"]).stdout.startswith(HEADING)
    assert apl("-C", folder, "reuse", hit["id"]).stdout.startswith(HEADING)
    assert f'"title":"{HEADING}"' in apl("-C", folder, "export", "csl-json").stdout.replace('": "', '":"')


def test_pages_name_it_so_too(apl: Any, make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"ohne.txt": UNTITLED})
    apl("-C", folder, "run")
    assert HEADING in apl("-C", folder, "serve", "--get", "/search?q=Sprachkurse").stdout
    [hit] = apl.json("-C", folder, "search", "Sprachkurse", "--json")["hits"]
    page = apl("-C", folder, "serve", "--get", f"/d/{hit['id']}").stdout
    assert f"<title>{HEADING}" in page
    assert f"{HEADING}</h1>" in page
