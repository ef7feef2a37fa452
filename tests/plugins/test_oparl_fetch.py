"""The fetcher oparl on replayed answers: the walk through lists, what later runs ask for, and servers in use.

The answers have the form that the specification OParl 1.1 shows in its examples (sections "Paginierung", "Filter",
"Gelöschte Objekte" and the schema); their contents are invented.
"""

import json
import logging
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from archive_pipeline_plugins.oparl import OParlFetcher, OParlOptions
from pydantic import ValidationError

from archive_pipeline import (
    Capture,
    FetchError,
    Gone,
    Item,
    Refused,
    RefusedError,
    Source,
    TransientFetchError,
    Unmodified,
)
from archive_pipeline.testing import Answer, FetcherContract, ReplayContext, replay

FIXTURES = Path(__file__).resolve().parents[2] / "plugins" / "oparl" / "fixtures"
HOST = "https://oparl.musterstadt.example"
PAPERS = f"{HOST}/body/1/paper"
PDF = b"%PDF-1.7 Antrag"
SERVER: dict[str, Answer] = {
    f"{HOST}/system": FIXTURES / "system.json",
    f"{HOST}/bodies": FIXTURES / "bodies.json",
    f"{PAPERS}?limit=100": FIXTURES / "papers-1.json",
    f"{PAPERS}?page=2": FIXTURES / "papers-2.json",
    f"{HOST}/file/311/antrag-trinkwasserbrunnen.pdf": PDF,
    f"{HOST}/file/312/lageplan.pdf": b"%PDF-1.7 Lageplan",
    f"{HOST}/file/301/schulwegplan.pdf": b"%PDF-1.7 Schulwegplan",
    "https://ris.musterstadt.example/vorlage/29": b"<h1>Anfrage</h1>",
}


def source(**options: Any) -> Source:
    return Source(id="rat", url=f"{HOST}/system", fetcher="oparl", options=OParlOptions(**options))


class Unfiltered(dict[str, Answer]):
    """A server that takes every filter and minds none."""

    def get(self, address: str, default: Any = None) -> Any:  # type: ignore[override]
        return super().get(address) or super().get(re.sub(r"[&?](modified|created)_since=[^&]*", "", address), default)


def discover(context: ReplayContext, wanted: Source | None = None) -> list[str]:
    """The paths of the keys offered."""
    return [item.key.removeprefix(HOST) for item in OParlFetcher().discover(wanted or source(), context)]


def later(context: ReplayContext, answers: Mapping[str, Answer]) -> ReplayContext:
    """The context of a later run, with what the earlier one kept."""
    following = replay(answers)
    assert context.bookmark is not None
    following.keep_bookmark(context.bookmark)
    return following


def changed_list(context: ReplayContext) -> str:
    """The address at which the next run asks for changes."""
    probe = later(context, SERVER)
    with pytest.raises(FetchError):
        discover(probe)
    return next(address for address in probe.asked if "modified_since" in address)


def listed(*objects: dict[str, Any], **links: str) -> bytes:
    return json.dumps({"data": objects, "links": links, "pagination": {}}).encode()


def paper(number: int, modified: str = "2026-11-10T08:00:00+01:00") -> dict[str, Any]:
    return {"id": f"{HOST}/paper/{number}", "mainFile": {"accessUrl": f"/{number}.pdf"}, "modified": modified}


class TestOParl(FetcherContract):
    subject = OParlFetcher()
    source = source()
    answers: ClassVar[Mapping[str, Answer]] = Unfiltered(SERVER)


class TestOParlBody(FetcherContract):
    subject = OParlFetcher()
    source = Source(id="rat", url=f"{HOST}/bodies", options=OParlOptions(objects=("meeting", "paper")))
    answers: ClassVar[Mapping[str, Answer]] = Unfiltered(
        SERVER | {f"{HOST}/body/1/meeting?limit=100": FIXTURES / "meetings.json"}
    )


def test_papers_become_items() -> None:
    context = replay(SERVER)
    first, second, third = OParlFetcher().discover(source(), context)
    assert first == Item(
        source_id="rat",
        key=f"{HOST}/paper/31",
        url=f"{HOST}/file/311/antrag-trinkwasserbrunnen.pdf",
        title="Antrag: Trinkwasserbrunnen auf dem Marktplatz",
        published="2026-11-12",
        media_type="application/pdf",
        fingerprint="2026-11-13T16:20:31+01:00 2026-11-12T09:14:02+01:00",
    )
    assert second.url == f"{HOST}/file/301/schulwegplan.pdf"  # no main file: the first of the others
    assert third.url == "https://ris.musterstadt.example/vorlage/29"  # no file at all: the page that shows it
    assert [urlsplit(address).path for address in context.asked] == [
        "/system",
        "/bodies",
        "/body/1/paper",
        "/body/1/paper",
    ]


def test_the_main_document_is_captured_and_the_others_with_it() -> None:
    context, fetcher = replay(SERVER), OParlFetcher()
    item = next(iter(fetcher.discover(source(), context)))
    list(fetcher.discover(source(), context))
    main, plan = fetcher.capture(item, source(), context)
    assert isinstance(main, Capture)
    assert isinstance(plan, Capture)
    assert (main.kind, main.body, main.key, main.title) == ("document", PDF, item.key, item.title)
    assert (plan.kind, plan.parent, plan.key) == ("attachment", main.record_id, f"{HOST}/file/312")
    assert len(list(fetcher.capture(item, source(attachments=False), context))) == 1


def test_what_was_offered_in_an_earlier_run_is_asked_for_by_its_id() -> None:
    item = Item(source_id="rat", key=f"{HOST}/paper/31", url=f"{HOST}/alt.pdf")
    object_ = json.loads((FIXTURES / "papers-1.json").read_text())["data"][0]
    context = replay(SERVER | {item.key: json.dumps(object_).encode()})
    main, plan = OParlFetcher().capture(item, source(), context)
    assert isinstance(main, Capture)
    assert main.body == PDF
    assert isinstance(plan, Capture)
    assert [capture.kind for capture in context.stored] == ["discovery", "document", "attachment"]


@pytest.mark.parametrize(
    "answer", [Gone("HTTP 404"), FetchError("HTTP 401"), Refused("robots.txt"), b"<html>", b"[]", b'{"data": []}']
)
def test_a_server_that_gives_no_single_object_still_gives_the_document(answer: Answer) -> None:
    item = Item(source_id="rat", key=f"{HOST}/paper/31", url=f"{HOST}/alt.pdf")
    context = replay({item.key: answer, f"{HOST}/alt.pdf": PDF})
    (capture,) = OParlFetcher().capture(item, source(), context)
    assert isinstance(capture, Capture)
    assert capture.body == PDF
    with pytest.raises(TransientFetchError):
        list(OParlFetcher().capture(item, source(), replay({item.key: TransientFetchError("HTTP 503")})))


def test_an_object_that_was_deleted_is_gone() -> None:
    """Section "Gelöschte Objekte": the server answers with 200 and `deleted`."""
    item = Item(source_id="rat", key=f"{HOST}/paper/30", url=f"{HOST}/30.pdf")
    stub = {"id": item.key, "deleted": True, "modified": "2026-11-17T12:00:00+01:00"}
    (result,) = OParlFetcher().capture(item, source(), replay({item.key: json.dumps(stub).encode()}))
    assert isinstance(result, Gone)
    assert "gelöscht" in result.reason


def test_an_attachment_that_fails_does_not_fail_its_paper(caplog: pytest.LogCaptureFixture) -> None:
    fetcher = OParlFetcher()
    for answer in (FetchError("HTTP 500"), Gone("HTTP 404"), Unmodified()):
        context = replay(SERVER | {f"{HOST}/file/312/lageplan.pdf": answer})
        item = next(iter(tuple(fetcher.discover(source(), context))))
        assert len(list(fetcher.capture(item, source(), context))) == 1
    assert "lageplan.pdf nicht erfasst: HTTP 500" in caplog.text


def test_later_runs_ask_for_what_changed() -> None:
    """Section "Der Aktualisierungsmechanismus". The newest change of the first walk was on 13 November, 16:20."""
    context = replay(SERVER)
    discover(context)
    asked = changed_list(context)
    query = parse_qs(urlsplit(asked).query)
    assert query == {
        "limit": ["100"],
        "modified_since": ["2024-05-16T12:00:00+00:00"],
    }  # the replay's clock, a day back
    following = later(context, SERVER | {asked: FIXTURES / "papers-changed.json"})
    assert discover(following) == ["/paper/32"]  # the deleted one is not offered
    assert following.asked[2:] == [asked]


def test_changes_are_asked_for_from_the_newest_one_seen() -> None:
    context = replay(SERVER | {f"{PAPERS}?limit=100": listed(paper(1, "2020-01-02T03:04:05Z"), paper(2, "2019-01-01"))})
    assert discover(context) == ["/paper/1", "/paper/2"]
    assert "modified_since=2020-01-01T03%3A04%3A05%2B00%3A00" in changed_list(context)


def test_a_list_without_times_of_change_is_read_whole_each_time() -> None:
    bare = [{"id": f"{HOST}/paper/1", "mainFile": {"accessUrl": "/1.pdf"}}]
    answers = SERVER | {f"{PAPERS}?limit=100": listed(*bare)}
    context = replay(answers)
    assert discover(context) == ["/paper/1"]
    assert discover(later(context, answers)) == ["/paper/1"]


def test_a_long_list_is_read_over_several_runs(caplog: pytest.LogCaptureFixture) -> None:
    pages: dict[str, Answer] = {f"{PAPERS}?limit=100": listed(paper(0), next=f"{PAPERS}?p=1")}
    for number in range(1, 5):
        following = {"next": f"{PAPERS}?p={number + 1}"} if number < 4 else {}
        pages[f"{PAPERS}?p={number}"] = listed(paper(number, f"2020-01-0{number}T00:00:00Z"), **following)
    context = replay(SERVER | pages)
    assert discover(context, source(max_pages=2)) == ["/paper/0", "/paper/1"]
    assert "nach 2 Seiten aufgehört" in caplog.text
    context = later(context, SERVER | pages)
    assert discover(context, source(max_pages=2)) == ["/paper/2", "/paper/3"]
    context = later(context, SERVER | pages)
    assert discover(context, source(max_pages=2)) == ["/paper/4"]
    assert "modified_since=2024-05-16" in changed_list(context)  # since the walk began, not since its last page


def test_a_page_that_the_server_forgot_begins_the_list_anew(caplog: pytest.LogCaptureFixture) -> None:
    first = {f"{PAPERS}?limit=100": listed(paper(1), next=f"{PAPERS}?token=x")}
    context = replay(SERVER | first)
    discover(context, source(max_pages=1))
    assert discover(later(context, SERVER | first), source(max_pages=1)) == ["/paper/1"]
    assert "die Liste beginnt von vorn" in caplog.text


def test_other_settings_begin_anew_and_a_range_of_days_keeps_nothing() -> None:
    context = replay(SERVER)
    discover(context)
    assert len(discover(later(context, SERVER), source(paper_type=("*",)))) == 3
    days = replay(Unfiltered(SERVER), since=date(2026, 11, 11))
    assert context.bookmark
    days.keep_bookmark(context.bookmark)
    assert discover(days) == ["/paper/31"]
    assert f"{PAPERS}?limit=100&modified_since=2026-08-13T00%3A00%3A00%2B02%3A00" in days.asked
    assert days.bookmark == context.bookmark


def test_filters_are_kept_where_the_server_forgets_them() -> None:
    context = replay(SERVER)
    discover(context)
    asked = changed_list(context)
    since = asked.partition("modified_since=")[2]
    answers = SERVER | {
        asked: listed(paper(1), next=f"{PAPERS}?page=2"),
        f"{PAPERS}?page=2&modified_since={since}": listed(paper(2)),
    }
    assert discover(later(context, answers)) == ["/paper/1", "/paper/2"]


@pytest.mark.parametrize(
    ("answer", "offered"),
    [
        (Gone("HTTP 404"), []),  # SD.NET RIM: nothing changed
        (b"[]", []),  # SD.NET RIM, too
        (FetchError("HTTP 400"), ["/paper/1"]),
        (b'{"error": "unknown parameter"}', ["/paper/1"]),
    ],
)
def test_servers_that_do_not_understand_filters(answer: Answer, offered: list[str]) -> None:
    context = replay(SERVER)
    discover(context)
    answers = SERVER | {changed_list(context): answer, PAPERS: listed(paper(1))}
    assert discover(later(context, answers)) == offered


def test_a_list_that_is_gone_is_no_empty_list() -> None:
    context = replay(SERVER)
    discover(context)
    without = {address: answer for address, answer in SERVER.items() if not address.startswith(PAPERS)}
    following = later(context, without)
    kept = following.bookmark
    with pytest.raises(FetchError, match="antwortet dort nicht: HTTP 404"):
        discover(following)
    assert following.bookmark == kept


@pytest.mark.parametrize(
    "following",
    [
        {"next": f"{PAPERS}?limit=100"},  # itself
        {"next": f"{PAPERS}?seite=7"},  # the same again under ever new numbers
    ],
)
def test_a_list_without_end_ends(following: dict[str, str]) -> None:
    class Endless(dict[str, Answer]):
        def get(self, address: str, default: Any = None) -> Any:  # type: ignore[override]
            if not address.startswith(PAPERS):
                return super().get(address, default)
            number = len(context.asked)
            more = following if "limit" in following["next"] else {"next": f"{PAPERS}?seite={number}"}
            return listed(paper(1), paper(2), **more)

    context = replay()
    context._answers = Endless(SERVER)
    assert discover(context) == ["/paper/1", "/paper/2"]
    assert len(context.asked) < 10


def test_only_papers_of_a_type_a_body_or_a_time() -> None:
    assert discover(replay(SERVER), source(paper_type=("antrag", "Mit*"))) == ["/paper/31", "/paper/30"]
    created = f"{PAPERS}?limit=100&created_since=2026-11-11T00%3A00%3A00%2B01%3A00"
    answers = SERVER | {created: FIXTURES / "papers-1.json"}
    assert discover(replay(answers), source(since=date(2026, 11, 11))) == ["/paper/31"]
    assert len(discover(replay(SERVER), source(body=("stadt muster*",)))) == 3
    with pytest.raises(FetchError, match="Keine Körperschaft passt auf body; es gibt: Stadt Musterstadt"):
        discover(replay(SERVER), source(body=("Kreis *",)))


def test_per_page_can_be_left_to_the_server() -> None:
    context = replay(SERVER | {PAPERS: listed(paper(1))})
    assert discover(context, source(per_page=0)) == ["/paper/1"]
    assert context.asked[-1] == PAPERS


def test_several_bodies_and_one_that_fails() -> None:
    both = {
        "data": [
            {"id": "/body/1", "name": "Rat", "paper": "/papers/1"},
            {"id": "/body/2", "name": "Kreistag", "paper": "/papers/2"},
            {"id": "/body/3", "name": "Ohne Listen"},
            {"id": "/body/4", "deleted": True, "paper": "/papers/4"},
        ]
    }
    answers: dict[str, Answer] = {
        f"{HOST}/system": FIXTURES / "system.json",
        f"{HOST}/bodies": json.dumps(both).encode(),
        f"{HOST}/papers/1?limit=100": TransientFetchError("HTTP 503"),
        f"{HOST}/papers/2?limit=100": listed(paper(2)),
    }
    context = replay(answers)
    items = OParlFetcher().discover(source(), context)
    assert next(items).key == f"{HOST}/paper/2"
    with pytest.raises(TransientFetchError):
        next(items)
    assert context.bookmark is None


def test_a_server_behind_a_prefix() -> None:
    """Some servers don't know the prefix they stand behind, and name addresses that lead nowhere."""
    base = "https://www.musterstadt.example/ris"
    inner = "http://www.musterstadt.example"
    answers: dict[str, Answer] = {
        f"{base}/oparl/system": json.dumps({"id": f"{inner}/oparl/system", "body": f"{inner}/oparl/bodies"}).encode(),
        f"{base}/oparl/bodies": json.dumps(
            {"data": [{"id": f"{inner}/oparl/1", "paper": f"{inner}/oparl/p"}]}
        ).encode(),
        f"{base}/oparl/p?limit=100": listed(
            {"id": f"{inner}/oparl/p/1", "mainFile": {"accessUrl": f"{inner}/oparl/1.pdf"}}
        ),
    }
    wanted = Source(id="rat", url=f"{base}/oparl/system", options=OParlOptions())
    (item,) = OParlFetcher().discover(wanted, replay(answers))
    assert (item.key, item.url) == (f"{base}/oparl/p/1", f"{base}/oparl/1.pdf")


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({}, "antwortet dort nicht: HTTP 404"),
        ({f"{HOST}/system": b"<html>Wartung</html>"}, "HTML, nicht die einer OParl"),
        ({f"{HOST}/system": b'{"data": []}'}, "nennt keine Körperschaft"),
        ({f"{HOST}/system": b'{"body": 7}'}, "antwortet dort nicht|nennt keine Körperschaft|keine Objektliste"),
        ({f"{HOST}/system": b'{"id": "x", "paper": "/p"}'}, "antwortet dort nicht: HTTP 404"),
        (
            {f"{HOST}/system": b'{"data": [{"id": "x", "meeting": "/m"}]}'},
            "Die Schnittstelle hat keine Liste paper",
        ),
    ],
)
def test_what_is_no_system_says_so(answers: dict[str, Answer], reason: str) -> None:
    with pytest.raises(FetchError, match=reason):
        discover(replay(answers))


def test_refusals_and_missing_addresses() -> None:
    with pytest.raises(RefusedError):
        discover(replay(SERVER | {f"{HOST}/bodies": Refused("robots.txt")}))
    with pytest.raises(FetchError, match="fehlt url"):
        discover(replay(), Source(id="rat", options=OParlOptions()))


@pytest.mark.parametrize("options", [{"objects": ()}, {"objects": ("person",)}, {"max_pages": 0}, {"typ": "x"}])
def test_mistakes_in_settings_are_found_before_the_run(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OParlOptions(**options)


def test_a_damaged_bookmark_begins_anew(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for text in ("", "kaputt", '{"settings": 3}', "[]"):
            context = replay(SERVER)
            context.keep_bookmark(text)
            assert len(discover(context)) == 3
