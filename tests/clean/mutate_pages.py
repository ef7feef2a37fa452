"""Damages pages at random and cleans them, one line of JSON a document: `mutate_pages.py FIRST LAST`, or `originals`.

A script of its own, so that memory is that of a fresh process, a crash of the parser takes only this process with it,
and one document can be looked at again: its number is the seed of everything that was done to it.
"""

import hashlib
import json
import logging
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter

from archive_pipeline.model import Article, Capture, Source
from archive_pipeline.plugin_manager import load_plugins
from archive_pipeline.processing.chain import clean

PAGES = Path(__file__).parent / "pages"
SITE = Path(__file__).parents[2] / "archive_pipeline" / "sample" / "site"
MEDIA_TYPES = {".html": "text/html", ".txt": "text/plain", ".md": "text/markdown", ".eml": "message/rfc822"}
ARTICLE = TypeAdapter(Article)
ADDRESS_SPACE = 3_000_000_000
"""Bytes after which the system says no: a document that runs wild must not take the machine with it."""

AMOUNTS = (1, 1, 2, 3, 5, 100)
"""How often a thing is done: mostly so little that the document is still one."""

JSON_LD = (
    "[" * 100_000,
    '{"a":' * 5_000,
    '{"@type":"NewsArticle","datePublished":[{}]}',
    '{"@type":"NewsArticle","headline":7,"author":[[null]]}',
    '{"@graph":[' + '{"@type":"Person","name":"\\ud800"},' * 2_000 + "]}",
    '{"@type":"NewsArticle","articleBody":"' + "a " * 100_000 + '"}',
    '{"datePublished":"9999-99-99"}',
    '"' + "\\" * 1_001,
    "9" * 10_000,
    "1e999",
)

Mutation = Callable[[random.Random, bytearray], None]

SENTENCE = "Der Kreistag hat am Montag in Auental beschlossen, dass die Schule erweitert wird. "
BLOCKS = (
    "div",
    "p",
    "span",
    "b",
    "ul><li",
    "table><tr><td",
    "blockquote",
    "section",
    "a href=x",
    "font",
    "dl><dd",
    "h2",
)
NAMES = ("class", "id", "style", "href", "content", "datetime", "alt", "title", "data-json")
OPENERS = (
    b"<!--", b"<![CDATA[", b"<script>", b"<style>", b"<title>", b"<textarea>", b"<noscript>", b"<template>", b"<svg>",
    b"<select><option>", b'<a href="', b"<p class='", b"<", b"</", b"<!", b"<?", b"<?xml ", b"<plaintext>", b"<iframe>",
    b'<script type="application/ld+json">', b"<!DOCTYPE html [", b"<math>", b"<object>", b"<table>", b"<frameset>",
)  # fmt: skip
ENTITIES = (
    "&amp;", "&lt;", "&nbsp;", "&shy;", "&#0;", "&#x110000;", "&#xD800;", "&#128169;", "&nosuch;", "&", "&#", "&#x",
    "&lt;p&gt;", "&zwj;", "&#8203;", "&#173;", "&amp;amp;",
)  # fmt: skip
LINES = (
    "Pressekontakt: Pia Holm, Telefon 02921 4711",
    "Foto: Kreis Auental",
    "Von Pia Holm",
    "12.03.2024",
    "Auental.",
    "Über uns",
    "Quelle: Kreis Auental",
    "Sperrfrist: 12.03.2024, 10 Uhr",
    "| a | b | c |",
    "> Am 1.1. schrieb X:",
    "--",
    "Weiterlesen …",
    "„Gut“, sagte sie.",
    "© 2024",
    "- - -",
    "ots",
    "(dpa)",
    "1.",
    "Lesezeit: 3 Minuten",
    "• ",
    "\u200b",
)
CONTROLS = (
    "\x00",
    "\x01",
    "\x0b",
    "\x0c",
    "\x1a",
    "\x85",
    "\u2028",
    "\ufeff",
    "\u202e",
    "\u200d",
    "\u0301",
    "\ufffe",
    "\U0010ffff",
)


def _place(chance: random.Random, body: bytearray) -> int:
    return chance.randint(0, len(body))


def _insert(chance: random.Random, body: bytearray, what: str | bytes) -> None:
    place = _place(chance, body)
    body[place:place] = what.encode("utf-8", "surrogatepass") if isinstance(what, str) else what


def _span(chance: random.Random, body: bytearray, longest: int = 4_000) -> tuple[int, int]:
    start = _place(chance, body)
    return start, min(len(body), start + chance.randint(1, longest))


def truncated(chance: random.Random, body: bytearray) -> None:
    del body[_place(chance, body) :]


def beheaded(chance: random.Random, body: bytearray) -> None:
    del body[: _place(chance, body)]


def gaps(chance: random.Random, body: bytearray) -> None:
    for _ in range(chance.randint(1, 20)):
        start, end = _span(chance, body, 200)
        del body[start:end]


def noise(chance: random.Random, body: bytearray) -> None:
    for _ in range(chance.choice(AMOUNTS)):
        _insert(chance, body, chance.randbytes(chance.randint(1, 10)))


def flipped_bytes(chance: random.Random, body: bytearray) -> None:
    for _ in range(chance.choice(AMOUNTS) if body else 0):
        body[chance.randrange(len(body))] = chance.randrange(256)


def invalid_utf8(chance: random.Random, body: bytearray) -> None:
    for _ in range(chance.choice(AMOUNTS)):
        _insert(
            chance, body, chance.choice((b"\xff\xfe", b"\x80", b"\xc3(", b"\xed\xa0\x80", b"\xf8\x88", b"\xc0\x80"))
        )


def mixed_encodings(chance: random.Random, body: bytearray) -> None:
    for _ in range(chance.randint(1, 5)):
        start, end = _span(chance, body, chance.choice((20, 400, 4_000)))
        text = bytes(body[start:end]).decode("utf-8", "replace")
        body[start:end] = text.encode(chance.choice(("cp1252", "cp1252", "mac-roman", "utf-7", "utf-16")), "replace")


def other_encoding(chance: random.Random, body: bytearray) -> None:
    text = bytes(body).decode("utf-8", "replace")
    body[:] = text.encode(chance.choice(("utf-16", "utf-32", "cp1252", "utf-16-be", "koi8-r", "utf-8-sig")), "replace")


def wrong_charset(chance: random.Random, body: bytearray) -> None:
    name = chance.choice(("utf-7", "utf-16", "koi8-r", "shift_jis", "x", "", "idna", "base64", "utf-8;" * 100))
    body[:0] = f'<meta charset="{name}"><meta http-equiv="content-type" content="text/html; charset={name}">'.encode()


def null_bytes(chance: random.Random, body: bytearray) -> None:
    for _ in range(chance.choice(AMOUNTS)):
        _insert(chance, body, b"\0" * chance.choice((1, 1, 1, 7, 1_000)))


def controls(chance: random.Random, body: bytearray) -> None:
    for _ in range(chance.choice(AMOUNTS)):
        _insert(chance, body, chance.choice(CONTROLS) * chance.choice((1, 1, 1, 5, 500)))


def nested(chance: random.Random, body: bytearray) -> None:
    tag = f"<{chance.choice(BLOCKS)}>"
    _insert(chance, body, tag * chance.choice((100, 240, 260, 10_000)))


def unbalanced(chance: random.Random, body: bytearray) -> None:
    for _ in range(chance.randint(1, 60)):
        tag = chance.choice(BLOCKS).split(">")[0]
        _insert(
            chance, body, chance.choice((f"<{tag}>", f"</{tag.split()[0]}>", "</body>", "</html>", "<html>", "<body>"))
        )


def huge_attribute(chance: random.Random, body: bytearray) -> None:
    piece = chance.choice(("a", "author-", "1.1.2024 ", "[", "presse/", "data:;", "„", "-", "&amp;", "{", "\n"))
    length = chance.choice((5_000, 19_990, 100_000, 1_000_000))
    value = (piece * (length // len(piece) + 1))[:length]
    _insert(chance, body, f'<div {chance.choice(NAMES)}="{value}">')


def many_attributes(chance: random.Random, body: bytearray) -> None:
    _insert(
        chance, body, "<p " + " ".join(f"a{number}=1" for number in range(chance.choice((50, 500, 500, 8_000)))) + ">"
    )


def duplicated(chance: random.Random, body: bytearray) -> None:
    start, end = _span(chance, body)
    block = bytes(body[start:end])
    times = chance.choice((2, 10, 100))
    body[end:end] = block * min(times, 1 + 300_000 // len(block) if block else 1)


def shuffled(chance: random.Random, body: bytearray) -> None:
    pieces = bytes(body).split(b"<" if chance.random() < 0.5 else b"\n")
    chance.shuffle(pieces)
    body[:] = (b"<" if chance.random() < 0.5 else b"\n").join(pieces)


def unclosed(chance: random.Random, body: bytearray) -> None:
    _insert(chance, body, chance.choice(OPENERS) * chance.choice((1, 1, 1, 50, 2_000)))


def entities(chance: random.Random, body: bytearray) -> None:
    _insert(chance, body, chance.choice(ENTITIES) * chance.choice((3, 500, 50_000)))


def laughs(chance: random.Random, body: bytearray) -> None:
    """Entities that stand for ten others each."""
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    body[:0] = f'<?xml version="1.0"?><!DOCTYPE html [<!ENTITY l0 "ha">{levels}]>'.encode()
    _insert(chance, body, "&l11;")


def json_ld(chance: random.Random, body: bytearray) -> None:
    value = chance.choice(JSON_LD)
    _insert(chance, body, f'<script type="application/ld+json">{value}</script>')


def metadata(chance: random.Random, body: bytearray) -> None:
    value = chance.choice(
        ("9999-12-31", "0000-00-00", "1.1.1", "T", "-" * 5_000, "12.13.2024 25:61", "٣", "2024-02-30", "")
    )
    names = ("article:published_time", "og:title", "author", "description", "date", "og:url", "robots", "canonical")
    pieces = (f'<meta property="{chance.choice(names)}" content="{value}">' for _ in range(chance.choice((1, 5, 500))))
    _insert(chance, body, "".join(pieces) + f'<time datetime="{value}">{value}</time>')


def many_lines(chance: random.Random, body: bytearray) -> None:
    count = chance.choice((5, 100, 3_000))
    line, tag = chance.choice(LINES), chance.choice(("p", "div", "li", "h2", "td", "strong"))
    _insert(chance, body, f"<{tag}>{line}</{tag}>" * count if chance.random() < 0.6 else f"\n{line}\n" * count)


def odd_lines(chance: random.Random, body: bytearray) -> None:
    for _ in range(chance.randint(1, 40)):
        _insert(
            chance, body, f"<p>{chance.choice(LINES)}</p>" if chance.random() < 0.6 else f"\n{chance.choice(LINES)}\n"
        )


def long_word(chance: random.Random, body: bytearray) -> None:
    _insert(
        chance,
        body,
        chance.choice(("a", "ß", "1.", "-", "(", "..", "A-", "„", "é", "|", "_", "@", "e\u0301", ">")) * 200_000,
    )


def long_line(chance: random.Random, body: bytearray) -> None:
    """One line of 20 MB, or as long as some limit just lets pass, as whole document or somewhere in the page."""
    piece = chance.choice((SENTENCE, "a", "a ", "<", "&amp;", "<b>", "1", "ä", "\x00", "<p>a", "x@y.de "))
    size = chance.choice((20_000_000, 20_000_000, 19_500_000, 5_900_000, 1_900_000))
    line = (piece * (size // len(piece.encode()) + 1)).encode()[:size]
    if chance.random() < 0.3:
        body.clear()
    _insert(chance, body, line)


MUTATIONS: tuple[Mutation, ...] = (
    truncated, beheaded, gaps, noise, flipped_bytes, invalid_utf8, mixed_encodings, other_encoding, wrong_charset,
    null_bytes, controls, nested, unbalanced, huge_attribute, many_attributes, duplicated, shuffled, unclosed, entities,
    laughs, json_ld, metadata, many_lines, odd_lines, long_word,
)  # fmt: skip
LONG_LINES = 100
"""Of so many documents one gets a line of 20 MB."""


def originals() -> list[Path]:
    """The documents that are damaged: the tests' own pages and those of the sample site."""
    pages = sorted(path for path in PAGES.iterdir() if path.suffix in MEDIA_TYPES)
    return pages + sorted(SITE.rglob("*.html"))


def mutant(number: int, documents: list[Path]) -> tuple[Capture, list[str]]:
    """The document of this number, and what was done to it."""
    chance = random.Random(number)
    path = chance.choice(documents)
    body, done = bytearray(path.read_bytes()), []
    for mutate in chance.choices(MUTATIONS, k=chance.choice((1, 1, 2, 3, 5))):
        mutate(chance, body)
        done.append(mutate.__name__)
    if number % LONG_LINES == 0:
        long_line(chance, body)
        done.append("long_line")
    said = chance.random() < 0.8
    charset = chance.choice((None, None, None, "utf-8", "iso-8859-1", "utf-16", "no-such"))
    return _capture(path, bytes(body), MEDIA_TYPES[path.suffix] if said else None, charset), [path.name, *done]


def _capture(path: Path, body: bytes, media_type: str | None, charset: str | None = None) -> Capture:
    return Capture(
        source_id="probe",
        key=path.name,
        target=f"https://www.probe.example/{path.name}",
        url=f"https://www.probe.example/{path.name}",
        body=body,
        sha256="",
        captured_at=datetime(2026, 11, 22, tzinfo=UTC),
        record_id="<urn:uuid:0>",
        media_type=media_type,
        charset=charset,
    )


def wanted(arguments: list[str]) -> Iterator[tuple[str, Capture, list[str]]]:
    documents = originals()
    if arguments == ["originals"]:
        for path in documents:
            yield path.name, _capture(path, path.read_bytes(), MEDIA_TYPES[path.suffix]), []
        return
    first, last = map(int, arguments)
    for number in range(first, last + 1):
        yield str(number), *mutant(number, documents)


def most_held() -> int:
    """The most bytes this process held resident. What getrusage says begins with what the parent held, so on Linux the
    kernel's own account comes first."""
    status = Path("/proc/self/status")
    if status.is_file():
        return int(status.read_text(encoding="utf-8").split("VmHWM:")[1].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    plugins = load_plugins(None, os.environ)
    source = Source(id="probe")
    for name, capture, done in wanted(sys.argv[1:]):
        started = time.process_time()
        result = clean(capture, source, plugins)
        seconds = time.process_time() - started
        line = {
            "name": name,
            "done": done,
            "status": result.status,
            "reason": result.reason,
            "broken": [failure.plugin for failure in result.failures if failure.plugin is not None],
            "article": hashlib.sha256(ARTICLE.dump_json(result.article or Article())).hexdigest(),
            "seconds": round(seconds, 3),
            "megabytes": most_held() // 1_000_000,
        }
        print(json.dumps(line, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
