"""The public contract suites find what plugins do wrong, and the replayed context behaves as the real one."""

import itertools
import socket
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline import (
    Article,
    Axis,
    Capture,
    Evidence,
    FetchError,
    Gone,
    HttpOptions,
    Item,
    Person,
    Quarantine,
    Refused,
    Role,
    Source,
    Tag,
    TooLargeError,
)
from archive_pipeline.testing import (
    RELEASE,
    ClassifierContract,
    CleanerContract,
    FetcherContract,
    Reply,
    captured,
    isolation,
    no_network,
    replay,
)

SITE = "https://presse.example/"
COUNTER = itertools.count()


class Good:
    """A fetcher, cleaner and classifier that keeps every contract; the broken ones differ in one point."""

    options: Any = HttpOptions
    version: Any = "1"

    def claims(self, url: str) -> int | None:
        return 50 if url == SITE else None

    def discover(self, source: Any, context: Any) -> Any:
        answer = context.get(SITE)
        if not isinstance(answer, Capture):
            raise FetchError("keine Liste")
        yield Item(source_id=source.id, key="a", url=f"{SITE}a")

    def capture(self, item: Any, source: Any, context: Any) -> Any:
        yield context.get(item.url, item=item)

    def clean(self, article: Any, page: Any, source: Any) -> Any:
        if page.tree is None:
            raise Quarantine("kein HTML")
        return replace(article, text=" ".join(page.tree.text_content().split()))

    def classify(self, article: Any, source: Any) -> Any:
        return [tag("Lage")] if article.text.startswith("Lage") else []


def tag(text: str, *, by: str = "probe@1", score: float = 0.9, start: int = 0) -> Tag:
    evidence = (Evidence(start=start, end=start + len(text), text=text),) if text else ()
    return Tag(axis=Axis.DISTRICT, value="05766", label="Lippe", role=Role.ABOUT, score=score, by=by, evidence=evidence)


def contract(kind: type[Any], subject: object) -> list[Callable[[], None]]:
    """The tests of a suite for one subject."""
    suite = kind()
    suite.subject = subject
    if isinstance(suite, FetcherContract):
        suite.source = Source(id="probe", url=SITE, options=HttpOptions())
        suite.answers = {SITE: b"list", f"{SITE}a": b"page"}
    return [getattr(suite, name) for name in dir(suite) if name.startswith("test_")]


@pytest.mark.parametrize("kind", [FetcherContract, CleanerContract, ClassifierContract])
def test_who_keeps_the_contract_passes(kind: type[Any]) -> None:
    tests = contract(kind, Good())
    assert len(tests) >= 3
    for test in tests:
        test()


def broken(**members: Any) -> object:
    return type("Broken", (Good,), members)()


def changes_the_tree(self: object, article: Any, page: Any, source: Any) -> Any:
    for element in page.tree if page.tree is not None else ():
        element.set("seen", "yes")
    return article


def same_item_twice(self: object, source: Any, context: Any) -> Any:
    context.get(SITE)
    yield from [Item(source_id=source.id, key="a", url=f"{SITE}a")] * 2


def opens_the_network(self: object, source: Any, context: Any) -> Any:
    with urllib.request.urlopen(f"{SITE}list") as answer:
        yield Item(source_id=source.id, key=str(answer.status))


def hides_the_network(self: object, source: Any, context: Any) -> Any:
    with suppress(AssertionError):
        socket.getaddrinfo("presse.example", 443)
    return Good.discover(self, source, context)  # type: ignore[arg-type]


def waits(self: object, article: Any, page: Any, source: Any) -> Any:
    time.sleep(0.01)
    return article


def grows(self: object, source: Any, context: Any) -> Any:
    yield from Good.discover(self, source, context)  # type: ignore[arg-type]
    if context.is_known("a"):
        yield Item(source_id=source.id, key="b", url=f"{SITE}b")


def reads_only_html(self: object, item: Any, source: Any, context: Any) -> Any:
    answer = context.get(item.url, item=item)
    if isinstance(answer, Capture):
        answer.body.decode()
    yield answer


class Forgiving(HttpOptions, extra="ignore"):
    pass


MISTAKES: list[tuple[type[Any], object, str]] = [
    (FetcherContract, broken(options=dict), "pydantic model"),
    (FetcherContract, broken(options=Forgiving), "unknown keys"),
    (FetcherContract, broken(claims=lambda self, url: True), "claims"),
    (FetcherContract, broken(claims=lambda self, url: next(COUNTER) + 1), "changes"),
    (FetcherContract, broken(discover=lambda self, source, context: []), "at least one item"),
    (FetcherContract, broken(discover=same_item_twice), "share a key"),
    (FetcherContract, broken(discover=opens_the_network), "network"),
    (FetcherContract, broken(discover=hides_the_network), "network"),
    (FetcherContract, broken(discover=grows), "second time"),
    (FetcherContract, broken(discover=lambda self, source, context: [Item(source_id="x", key="a")]), "source_id"),
    (
        FetcherContract,
        broken(discover=lambda self, source, context: [Item(source_id="probe", key="a", title=b"x")]),  # type: ignore[arg-type]
        "Item",
    ),
    (
        FetcherContract,
        broken(discover=lambda self, source, context: [Item(source_id="probe", key="a", title="\ud800")]),
        "Item",
    ),
    (FetcherContract, broken(capture=lambda self, item, source, context: []), "yields nothing"),
    (FetcherContract, broken(capture=lambda self, item, source, context: [captured(b"own")]), "no context stored"),
    (FetcherContract, broken(capture=lambda self, item, source, context: [b"bytes"]), "yields b'bytes'"),
    (CleanerContract, broken(clean=lambda self, article, page, source: None), "NoneType"),
    (CleanerContract, broken(clean=changes_the_tree), "tree was changed"),
    (CleanerContract, broken(clean=waits), "waits"),
    (CleanerContract, broken(clean=lambda self, article, page, source: replace(article, author=7)), "Article"),
    (
        CleanerContract,
        broken(clean=lambda self, article, page, source: replace(article, author=str(next(COUNTER)))),
        "not deterministic",
    ),
    (
        CleanerContract,
        broken(clean=lambda self, article, page, source: replace(article, text=article.text + "!")),
        "cleaning again",
    ),
    (ClassifierContract, broken(version=""), "empty"),
    (ClassifierContract, broken(version="a@b"), "@"),
    (ClassifierContract, broken(classify=lambda self, article, source: [tag("Soest")]), "is not at 0"),
    (ClassifierContract, broken(classify=lambda self, article, source: [tag("")]), "no evidence"),
    (ClassifierContract, broken(classify=lambda self, article, source: [tag("Lage", by="probe")]), "name@version"),
    (ClassifierContract, broken(classify=lambda self, article, source: [tag("Lage", score=7)]), "score"),
    (ClassifierContract, broken(classify=lambda self, article, source: ["Lage"]), "returned 'Lage'"),
    (ClassifierContract, broken(classify=lambda self, article, source: [replace(tag("Lage"), label=None)]), "Tag"),
    (
        ClassifierContract,
        broken(
            classify=lambda self, article, source: [
                Person(name="A", role=None, party=None, start=5, end=len(RELEASE.text) * 999)
            ]
        ),
        "outside the text",
    ),
]


@pytest.mark.parametrize(("kind", "subject", "reason"), MISTAKES, ids=[reason for _, _, reason in MISTAKES])
def test_a_mistake_is_found_and_named(kind: type[Any], subject: object, reason: str) -> None:
    said = []
    for test in contract(kind, subject):
        try:
            test()
        except AssertionError as error:
            said.append(str(error))
    assert any(reason in text for text in said), said


def test_code_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "SECONDS", 0.05)

    def never_ends(self: object, article: Any, source: Any) -> Any:
        while True:
            with suppress(Exception):
                len(article.text)

    with pytest.raises(AssertionError, match="not done after"):
        ClassifierContract.test_every_finding_has_its_place_in_the_text(
            contract(ClassifierContract, broken(classify=never_ends))[0].__self__  # type: ignore[attr-defined]
        )


def test_a_fetcher_that_trips_over_a_page_is_found() -> None:
    (test,) = [
        test
        for test in contract(FetcherContract, broken(capture=reads_only_html))
        if "instead_of_a_page" in test.__name__
    ]
    with pytest.raises(UnicodeDecodeError):
        test()


def test_a_subject_that_crashes_is_not_hidden() -> None:
    def crash(self: object, article: Any, page: Any, source: Any) -> Any:
        return article.text[0]

    for test in contract(CleanerContract, broken(clean=crash)):
        with pytest.raises(IndexError):
            test()


def test_a_replayed_answer_is_a_capture_of_its_item() -> None:
    item = Item(source_id="s", key="a", url=SITE, title="Titel", published="2024-05-17", fingerprint="1")
    context = replay({SITE: Reply(body=b"x", media_type="text/plain", charset="latin-1", headers=(("ETag", "1"),))})
    answer = context.get(SITE, item=item)
    assert isinstance(answer, Capture)
    assert (answer.body, answer.media_type, answer.charset, answer.headers) == (
        b"x",
        "text/plain",
        "latin-1",
        (("ETag", "1"),),
    )
    assert (answer.key, answer.title, answer.published, answer.fingerprint) == ("a", "Titel", "2024-05-17", "1")
    assert (answer.kind, context.get(SITE)) != ("document", answer)
    assert context.asked == [SITE, SITE]
    assert context.stored[0] is answer


def test_replayed_files_refusals_and_errors(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_bytes(b"[]")
    answers = {"a": tmp_path / "list.json", "b": Refused("robots.txt"), "c": FetchError("HTTP 400"), "d": b"12345"}
    context = replay(answers, base=tmp_path, max_bytes=4)
    found = context.get("a")
    assert isinstance(found, Capture)
    assert (found.body, found.media_type) == (b"[]", "application/json")
    assert context.get("b") == Refused("robots.txt")
    assert context.get("unknown") == Gone("HTTP 404")
    with pytest.raises(FetchError, match="HTTP 400"):
        context.get("c")
    with pytest.raises(TooLargeError):
        context.get("d")
    with pytest.raises(TooLargeError):
        context.put(Item(source_id="s", key="a"), b"12345")
    assert (context.base, context.max_bytes) == (tmp_path, 4)


def test_an_attachment_names_its_document() -> None:
    context = replay()
    mail = context.put(Item(source_id="s", key="mail"), b"mail", media_type="message/rfc822")
    attachment = context.put(Item(source_id="s", key="mail/1"), b"%PDF-", media_type="application/pdf", parent=mail)
    assert (mail.parent, attachment.parent) == (None, mail.record_id)
    assert context.stored == [mail, attachment]


def test_no_network_forbids_loopback_and_names() -> None:
    with pytest.raises(AssertionError, match="context"), no_network(), socket.socket() as probe:
        probe.connect(("127.0.0.1", 9))
    with pytest.raises(AssertionError, match="context"), no_network():
        socket.getaddrinfo("localhost", 80)


def test_the_release_is_one() -> None:
    assert isinstance(RELEASE, Article)
    assert RELEASE.text.startswith("Lage. ")
