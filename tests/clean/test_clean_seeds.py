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


@pytest.mark.parametrize("name", NAMES)
def test_seed(name, clean) -> None:
    if not SEEDS.is_dir():
        pytest.skip(f"die fünf Beispieldokumente fehlen: {SEEDS.name} liegt nicht neben dem Repository")
    expected = json.loads((SEEDS / "expected.json").read_text(encoding="utf-8"))[name]
    cleaned = clean((SEEDS / name).read_bytes(), key=name, media_type="text/plain")
    article = cleaned.article

    assert cleaned.status == "accepted", cleaned.reason
    assert article.language == "de"
    assert article.title == expected["title"]
    assert article.published is None
    assert article.subtitle == expected.get("subtitle")
    assert article.dateline == expected.get("dateline")
    assert article.source_line == expected.get("source_line", expected.get("issuer_line"))
    assert article.author == expected.get("author")
    assert article.agency == expected.get("agency_mark")
    assert article.text.startswith(expected["starts"])
    assert article.text.endswith(expected["ends"])
    assert [text for text in expected.get("residue", ()) if text in article.text] == []
    assert [text for text in expected.get("repeated_once_only", ()) if article.text.count(text) != 1] == []
    wanted = [(credit["kind"], credit["text"]) for credit in expected.get("credits", ())]
    assert len(article.credits) == len(wanted)
    for kind, text in wanted:
        assert any(credit.kind == kind and credit.text.startswith(text) for credit in article.credits)
