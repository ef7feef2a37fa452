"""Hand-made documents of several content systems with what an archivist would record for each."""

import json
import re
from pathlib import Path

import pytest

PAGES = Path(__file__).parent / "pages"
MEDIA_TYPES = {".html": "text/html", ".txt": "text/plain", ".md": "text/markdown", ".eml": "message/rfc822"}
CASES = sorted(path.name.removesuffix(".expected.json") for path in PAGES.glob("*.expected.json"))


def document(name: str) -> Path:
    (path,) = (path for path in PAGES.glob(f"{name}.*") if path.suffix in MEDIA_TYPES)
    return path


def test_there_are_pages_to_check() -> None:
    assert len(CASES) >= 60
    assert sum(name.startswith("aside_") for name in CASES) >= 0.2 * len(CASES)


def test_every_artefact_has_documents() -> None:
    rows = [
        row for row in (PAGES.parent / "README.md").read_text(encoding="utf-8").splitlines() if row.startswith("| ")
    ][1:]
    artefacts = {row.split("|")[1].strip(): re.findall(r"`(\w+)`", row) for row in rows}
    assert len(artefacts) >= 20
    assert [name for name, documents in artefacts.items() if not documents] == []
    assert {one for documents in artefacts.values() for one in documents} <= set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_page(name, clean) -> None:
    expected = json.loads((PAGES / f"{name}.expected.json").read_text(encoding="utf-8"))
    path = document(name)
    cleaned = clean(path.read_bytes(), key=path.name, url=expected.get("url"), media_type=MEDIA_TYPES[path.suffix])
    article = cleaned.article

    assert cleaned.status == expected.get("status", "accepted"), cleaned.reason
    assert expected.get("reason", "") in cleaned.reason
    for field in ("title", "subtitle", "author", "dateline", "source_line", "agency", "number"):
        if field in expected:
            assert getattr(article, field) == expected[field], field
    for field in ("published", "modified"):
        if field in expected:
            day = getattr(article, field)
            assert (day.isoformat() if day else None) == expected[field], field
    if "confidence" in expected:
        assert article.published_confidence == expected["confidence"]
    assert expected.get("embargo", "") in (article.embargo or "")
    if "embargo_until" in expected:
        assert article.embargo_until is not None
        assert article.embargo_until.isoformat() == expected["embargo_until"]
    assert article.text.startswith(expected.get("starts", ""))
    assert article.text.endswith(expected.get("ends", ""))
    assert [text for text in expected.get("contains", ()) if text not in article.text] == []
    assert [text for text in expected.get("residue", ()) if text in article.text] == []
    for field in ("contact", "boilerplate"):
        assert [text for text in expected.get(field, ()) if text not in (getattr(article, field) or "")] == []
    assert not (expected.get("no_credits") and article.credits)
    for kind, text in expected.get("credits", ()):
        assert any(credit.kind == kind and credit.text.startswith(text) for credit in article.credits), article.credits
    assert set(expected.get("notes", ())) <= set(article.notes)
