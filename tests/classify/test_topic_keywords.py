import json
import re

from archive_pipeline.classify.topic_keywords import keyword_topics
from archive_pipeline.classify.vocabulary import read_table

ROWS = read_table("topic_keyword")
MAJOR = {row["topic"] for row in read_table("topic_cap") if row["facet"] == "1" and not row["parent"]}


def test_every_keyword_has_a_major_topic_and_an_id():
    assert {row["topic"] for row in ROWS} <= MAJOR
    for row in ROWS:
        assert row["wikidata"] or row["gnd"], row["label"]
        assert re.fullmatch(r"(Q\d+)?", row["wikidata"])
        assert re.fullmatch(r"(\d[\dX-]+)?", row["gnd"])
        assert re.fullmatch(r"(N\d+)?", row["nwbib"])
    identified = [row["wikidata"] for row in ROWS if row["wikidata"]]
    assert len(identified) == len(set(identified))


FILES = {"a.txt": "Abschiebung gestoppt\n\nDie Abschiebung der Flüchtlinge wurde gestoppt, sagt der Rat.\n"}


def test_search_by_topic_understands_the_name_of_a_keyword(apl, make_archive):
    folder = make_archive(FILES)
    apl("-C", folder, "run")
    assert apl.json("-C", folder, "search", "thema:Abschiebehaft", "--json")["total"] == 1
    assert apl.json("-C", folder, "search", "thema:Tariftreueregelung", "--json")["total"] == 0
    found = apl.json("-C", folder, "search", "Abschiebung", "--json")["hits"][0]["id"]
    assert "Abschiebung (Wikidata Q285701" in apl("-C", folder, "show", found, "--why").stdout
    assert "Stichworte:" in apl("-C", folder, "show", found).stdout
    assert "Abschiebung" in apl("-C", folder, "export", "csv").stdout


RULE = """
from dataclasses import replace
from archive_pipeline import hookimpl
archive_pipeline_api = 1

class Rule:
    def clean(self, article, page, source):
        return replace(article, text=article.text.replace("Flüchtlinge", "Geflüchteten"))

@hookimpl
def register_cleaners(registry):
    registry.add("eigene-regel", Rule(), order=560)
"""


def test_a_text_that_was_derived_again_keeps_the_keywords_of_then(apl, make_archive):
    folder = make_archive(FILES)
    apl("-C", folder, "run")
    found = apl.json("-C", folder, "search", "Abschiebung", "--json")["hits"][0]["id"]
    then = json.loads(apl("-C", folder, "show", found, "--json").stdout)["tags"]
    assert any(tag["keywords"] for tag in then)
    (folder / "plugins").mkdir()
    (folder / "plugins" / "regel.py").write_text(RULE, encoding="utf-8")
    assert apl.json("-C", folder, "reprocess", "--json")["changed"] == 1
    assert json.loads(apl("-C", folder, "show", f"d/{found}@1.1", "--json").stdout)["tags"] == then


def test_names_of_keywords_are_told_with_their_topic():
    assert ("Mindestlohn", "labour") in keyword_topics()
