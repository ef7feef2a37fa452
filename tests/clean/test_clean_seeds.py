"""The five documents of the product's first user, kept beside the repository."""

import json
from pathlib import Path

import pytest

SEEDS = Path(__file__).resolve().parents[3] / "shared" / "seeds"
NAMES = (
    "000_8cae39cd444e7c2d.txt",
    "001_16165bab5640090a.txt",
    "002_9f711adebef6fcd6.txt",
    "003_4758e2e27f7ccc03.txt",
    "004_212ee5988234d8af.txt",
)


@pytest.fixture
def expected():
    """What an archivist wrote down for each of the five, by file name."""
    if not SEEDS.is_dir():
        pytest.skip(f"die fünf Beispieldokumente fehlen: {SEEDS.name} liegt nicht neben dem Repository")
    return json.loads((SEEDS / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_seed(name, clean, expected) -> None:
    expected = expected[name]
    cleaned = clean((SEEDS / name).read_bytes(), key=name, media_type="text/plain")
    article = cleaned.article

    assert cleaned.status == "accepted", cleaned.reason
    assert article.language == "de"
    assert article.title == expected["title"]
    assert (article.published, article.published_confidence, article.modified) == (None, None, None)
    assert article.subtitle == expected.get("subtitle")
    assert article.dateline == expected.get("dateline")
    assert article.source_line == expected.get("source_line", expected.get("issuer_line"))
    assert article.author == expected.get("author")
    assert article.agency == expected.get("agency_mark")
    assert (article.number, article.contact, article.embargo, article.embargo_until) == (None, None, None, None)
    assert article.text.startswith(expected["starts"])
    assert article.text.endswith(expected["ends"])
    assert [text for text in expected.get("residue", ()) if text in article.text] == []
    assert [text for text in expected.get("repeated_once_only", ()) if article.text.count(text) != 1] == []
    wanted = [(credit["kind"], credit["text"]) for credit in expected.get("credits", ())]
    assert sorted(credit.kind for credit in article.credits) == sorted(kind for kind, _ in wanted)
    for credit in article.credits:
        starts = [text for kind, text in wanted if kind == credit.kind]
        # a photographer is written down in full, a caption by its beginning
        assert credit.text in starts if credit.kind == "photo" else credit.text.startswith(starts[0])


@pytest.mark.parametrize("name", NAMES)
def test_every_line_of_a_seed_is_kept_whole_or_removed_whole(name, clean, expected) -> None:
    source = (SEEDS / name).read_bytes()
    article = clean(source, key=name, media_type="text/plain").article
    given = [line for line in (" ".join(row.split()) for row in source.decode("utf-8-sig").split("\n")) if line]
    paragraphs = article.text.split("\n\n")
    removed = [" ".join(row.split()) for span in article.removed for row in span.text.split("\n") if row.strip()]
    assert sorted(given) == sorted([*paragraphs, *removed])
    assert [line for line in dict.fromkeys(given) if line in paragraphs] == paragraphs


def test_captions_of_the_seeds_name_everybody_who_is_shown(clean, expected) -> None:
    name = "001_16165bab5640090a.txt"
    article = clean((SEEDS / name).read_bytes(), key=name, media_type="text/plain").article
    (caption,) = (credit.text for credit in article.credits if credit.kind == "caption")
    assert [person for person, *_ in expected[name]["persons"] if person not in caption] == []
