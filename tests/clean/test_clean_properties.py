"""What holds for every document: nothing is lost, nothing invented, the same result twice, no crash."""

import json
import os
import time
import unicodedata
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive_pipeline.model import Capture, Source
from archive_pipeline.plugin_manager import load_plugins
from archive_pipeline.processing.chain import clean as clean_whole
from archive_pipeline.processing.chain import process
from archive_pipeline.processing.workers import Workers

PAGES = Path(__file__).parent / "pages"
DOCUMENTS = sorted(path for path in PAGES.iterdir() if path.suffix in {".html", ".txt", ".md", ".eml"})
RELEASES = [path for path in DOCUMENTS if "status" not in json.loads(path.with_suffix(".expected.json").read_text())]
MEDIA_TYPES = {".html": "text/html", ".txt": "text/plain", ".md": "text/markdown", ".eml": "message/rfc822"}
PARAGRAPH = "<p>Der Kreistag hat am Montag beschlossen, dass die neue Schule gebaut wird. Das sagte der Landrat.</p>"
ANEW = {"extract", "lead", "text"}
"""Steps that make a text or put its white space in order: they hold no text to be put together again."""
ENDINGS = {"accepted", "quarantined", "failed"}


def arguments(path: Path) -> dict[str, object]:
    expected = json.loads(path.with_suffix(".expected.json").read_text(encoding="utf-8"))
    return {"key": path.name, "url": expected.get("url"), "media_type": MEDIA_TYPES[path.suffix]}


def capture_of(path: Path) -> Capture:
    return Capture(
        source_id="probe",
        key=path.name,
        target=f"https://www.probe.example/{path.name}",
        url=arguments(path)["url"],
        body=path.read_bytes(),
        sha256="",
        captured_at=datetime(2026, 11, 22, tzinfo=UTC),
        record_id="<urn:uuid:0>",
        media_type=MEDIA_TYPES[path.suffix],
    )


def check_put_back(steps) -> None:
    """What each step removed, put back, is what it received; so all together give the extracted text."""
    for name, before, after in steps:
        new = after.removed[len(before.removed) :]
        text = after.text
        for removed in reversed(new):
            assert removed.text, name
            text = text[: removed.start] + removed.text + text[removed.start :]
        if name not in ANEW:
            assert text == before.text, name
        for removed in new if before.text else ():
            assert all(line in before.text for line in removed.text.split("\n")), name


def check_flagged(article) -> None:
    """Rules that took more than 30 % are named in the notes, and no others."""
    whole = len(article.text) + sum(len(span.text) for span in article.removed)
    taken = Counter({span.rule: 0 for span in article.removed})
    for span in article.removed:
        taken[span.rule] += len(span.text)
    noted = {note.split(":", 1)[1].rpartition(":")[0] for note in article.notes if note.startswith("large-removal:")}
    assert noted == {rule for rule, size in taken.items() if size > 0.3 * whole}


@pytest.fixture(scope="module")
def plugins():
    return load_plugins(None, os.environ)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_removed_spans_put_back_give_the_text_each_step_received(path, clean) -> None:
    check_put_back(clean(path.read_bytes(), **arguments(path)).steps)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_no_rule_takes_over_30_percent_without_saying_so(path, plugins) -> None:
    check_flagged(clean_whole(capture_of(path), Source(id="probe"), plugins).article)


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.name)
def test_cleaning_what_is_clean_changes_nothing(path, clean, clean_again) -> None:
    first = clean(path.read_bytes(), **arguments(path))
    assert first.status == "accepted", first.reason
    second = clean_again(first.article, path.read_bytes(), **arguments(path))
    assert second.article.text == first.article.text
    assert second.article.title == first.article.title
    assert second.article.removed == ()


@pytest.mark.parametrize("path", DOCUMENTS[::3], ids=lambda path: path.name)
def test_same_document_same_article(path, clean) -> None:
    assert clean(path.read_bytes(), **arguments(path)).article == clean(path.read_bytes(), **arguments(path)).article


def test_workers_make_the_same_of_every_document(plugins) -> None:
    jobs = [(capture_of(path), Source(id="probe")) for path in DOCUMENTS]
    with Workers(plugins, count=2) as pool:
        there = list(pool.process(jobs))
    here = [process(*job, plugins) for job in jobs]
    assert [replace(one, timings={}) for one in there] == [replace(one, timings={}) for one in here]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_stored_text_is_in_normal_form(path, clean) -> None:
    text = clean(path.read_bytes(), **arguments(path)).article.text
    assert unicodedata.is_normalized("NFC", text)
    assert not set(text) & set("\u00a0\u00ad\u200b\ufeff\r\t\x00")
    assert "\n\n\n" not in text
    assert text == text.strip()


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.sampled_from(list("aäB. \n\n-–:|>„“0123\u00ad\u00a0()©")), max_size=400))
def test_any_text_keeps_its_letters(text, clean) -> None:
    """Every letter of a plain text is in the article or in what was removed, and no other."""
    article = clean(text.encode(), key="x.txt", media_type="text/plain").article
    left = [*article.text, *(letter for removed in article.removed for letter in removed.text)]
    kept = sorted(letter for letter in left if letter.isalpha())
    assert kept == [] or kept == sorted(letter for letter in text if letter.isalpha())


HOSTILE = {
    "nested 10,000 deep": ("<html><body>" + "<div>" * 10_000 + PARAGRAPH + "</div>" * 10_000).encode(),
    "nested 240 deep": ("<html><body>" + "<div>" * 240 + PARAGRAPH * 5 + "</div>" * 240).encode(),
    "huge class": ('<html><body><div class="' + "author-" * 700_000 + '">' + PARAGRAPH * 5).encode(),
    "huge embedded image": ('<html><body><img src="data:' + "A" * 5_000_000 + '">' + PARAGRAPH * 5).encode(),
    "null bytes": ("<html><body>\0" + PARAGRAPH * 5 + "\0").encode(),
    "invalid UTF-8": ("<html><body>" + PARAGRAPH * 5).encode() + b"\xff\xfe\x80abc\xc3(",
    "mixed encodings": ("<html><body>" + PARAGRAPH * 5).encode() + "für Grüße".encode() + "für Grüße".encode("cp1252"),
    "5 MB line of words": ("<html><body><p>" + "Der Kreistag tagt, " * 260_000).encode(),
    "5 MB line without spaces": b"<html><body><p>" + b"a" * 5_000_000,
    "many brackets": b"<" * 2_000_000,
    "many headings": ("<html><head><title>Der Titel</title></head><body>" + "<h1><b>Titel</b></h1>" * 8_000).encode(),
    "many dates": ("<html><body>" + '<div class="date">1.1.2020</div>' * 8_000).encode(),
    "broken JSON-LD": ('<script type="application/ld+json">' + "[" * 50_000 + "</script>" + PARAGRAPH * 5).encode(),
}
HOSTILE_TEXT = {
    "5 MB of one letter": b"a" * 5_000_000,
    "5 MB of words": b"Der Kreistag tagt, " * 260_000,
    "many short lines": b"Von A\n\n" * 300_000,
    "many brackets": b"(" * 1_000_000,
    "many figures": b"1." * 1_000_000,
    "many bars": b"| " * 500_000,
    "long white space": b"a" + b" " * 3_000_000 + b"b",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_page_ends_soon(name, clean) -> None:
    started = time.process_time()
    cleaned = clean(HOSTILE[name], url="https://beispiel.example/meldung")
    assert cleaned.status in ENDINGS
    assert time.process_time() - started < 5


@pytest.mark.parametrize("name", HOSTILE_TEXT)
def test_hostile_text_ends_soon(name, clean) -> None:
    started = time.process_time()
    cleaned = clean(HOSTILE_TEXT[name], key="x.txt", media_type="text/plain")
    assert cleaned.status in ENDINGS
    assert time.process_time() - started < 5


def test_damage_of_single_bytes_leaves_the_text_readable(clean) -> None:
    body = (PAGES / "characters.html").read_bytes().replace(b"</main>", "<p>für Grüße</p></main>".encode("cp1252"))
    cleaned = clean(body)
    assert cleaned.status == "accepted"
    assert cleaned.article.text.endswith("für Grüße")
    assert "haben am Freitag abend einen neuen Vorstand gewählt" in cleaned.article.text
