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


def test_search_by_topic_understands_the_name_of_a_keyword(apl, make_archive):
    folder = make_archive(
        {"a.txt": "Abschiebung gestoppt\n\nDie Abschiebung der Flüchtlinge wurde gestoppt, sagt der Rat.\n"}
    )
    apl("-C", folder, "run")
    assert apl.json("-C", folder, "search", "thema:Abschiebehaft", "--json")["total"] == 1
    assert apl.json("-C", folder, "search", "thema:Tariftreueregelung", "--json")["total"] == 0
    found = apl.json("-C", folder, "search", "Abschiebung", "--json")["hits"][0]["id"]
    assert "Abschiebung (Wikidata Q285701" in apl("-C", folder, "show", found, "--why").stdout
    assert "Stichworte:" in apl("-C", folder, "show", found).stdout
    assert "Abschiebung" in apl("-C", folder, "export", "csv").stdout


def test_names_of_keywords_are_told_with_their_topic():
    assert ("Mindestlohn", "labour") in keyword_topics()
