"""Short releases of our own on all major topics, written before the lexicon's vocabulary was widened.

As first run 39 of the 42 read ones and 18 of the 21 set aside were right.
"""

import tomllib
from collections import Counter
from pathlib import Path

import pytest

RELEASES = tomllib.loads((Path(__file__).parent / "topics" / "releases.toml").read_text(encoding="utf-8"))["release"]
LEAST_RIGHT = {"read": 41, "aside": 20}


def test_every_major_topic_has_three_releases():
    assert set(Counter(release["topic"] for release in RELEASES).values()) == {3}
    assert len(RELEASES) == 63


@pytest.mark.parametrize("part", ["read", "aside"])
def test_primary_topics_of_our_own_releases(classify, part):
    releases = [release for release in RELEASES if release.get("aside", False) == (part == "aside")]
    found = [classify("topic", release["text"], title=release["title"]) for release in releases]
    right = sum(bool(tags) and tags[0].value == release["topic"] for tags, release in zip(found, releases, strict=True))
    assert right >= LEAST_RIGHT[part]


def test_keywords_stand_below_their_topic_with_ids_and_where_they_were_read(classify):
    title, text = "Fachkräftemangel im Krankenhaus", "Die Gewerkschaft fordert mehr Mindestlohn und Kündigungsschutz."
    tags = classify("topic", text, title=title)
    keywords = {keyword.label: keyword for tag in tags if tag.value == "labour" for keyword in tag.keywords}
    assert {"Fachkräftemangel", "Mindestlohn", "Kündigungsschutz"} <= keywords.keys()
    assert "Krankenhaus" not in keywords
    assert all(keyword.wikidata or keyword.gnd for keyword in keywords.values())
    evidence = keywords["Mindestlohn"].evidence
    assert text[evidence.start : evidence.end] == evidence.text == "Mindestlohn"
    assert keywords["Fachkräftemangel"].evidence.field == "title"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Die Abschiebungen wurden ausgesetzt, sagt der Flüchtlingsrat.", "Abschiebung"),
        ("Ausbau des öffentlichen Personennahverkehrs: Mehr Busse und Bahnen.", "öffentlicher Personennahverkehr"),
        ("Erneuerbare Energien und Windkraft: Der Strompreis sinkt.", "Erneuerbare Energie"),
    ],
)
def test_keywords_are_found_inflected(classify, text, label):
    assert label in {keyword.label for tag in classify("topic", text) for keyword in tag.keywords}
