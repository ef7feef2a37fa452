"""Conditional requests: what is known is not sent again, and no server is believed for good."""

import gzip
from datetime import timedelta

import pytest

from archive_pipeline.errors import FetchError
from archive_pipeline.model import Capture, Item, Source, Unmodified

URL = "http://amt.example/presse/1"
PLACE = "amt.example/presse/1"
FEED_URL = "http://amt.example/feed"
FEED = "amt.example/feed"
HTML = "<p>Die Stadt Düren öffnet das Bürgerbüro.</p>".encode()
OTHER = "<p>Die Stadt Düren schließt das Bürgerbüro.</p>".encode()
ITEM = Item(source_id="amt", key=URL, url=URL, title="Bürgerbüro", published="2026-11-19", fingerprint="1")
DATE = "Thu, 19 Nov 2026 09:00:00 GMT"
CONDITIONS = ("If-None-Match", "If-Modified-Since")
A_DAY = timedelta(days=1)
A_WEEK = timedelta(days=7)


def asked(web, place: str = FEED) -> list[tuple[str | None, ...]]:
    """The conditions of every request for a place."""
    requests = [request for request in web.requests if request.host + request.path == place]
    return [tuple(request.headers.get(name) for name in CONDITIONS) for request in requests]


class TestItems:
    def test_not_modified(self, web, archive):
        web.honest(PLACE, HTML, '"v1"', last_modified=DATE)
        context = archive.context()
        assert isinstance(context.get(URL, item=ITEM), Capture)
        assert isinstance(context.get(URL, item=ITEM), Unmodified)
        assert asked(web, PLACE) == [(None, None), ('"v1"', DATE)]
        assert archive.kinds() == [("document", 200, None), ("document", 304, "server-not-modified")]
        assert list(archive.store.captures())[-1].capture.body == HTML

    def test_identical_payload(self, web, archive):
        web.page(PLACE, HTML)
        context = archive.context()
        assert isinstance(context.get(URL, item=ITEM), Capture)
        assert isinstance(context.get(URL, item=ITEM), Unmodified)
        assert archive.kinds()[-1] == ("document", 200, "identical-payload-digest")

    def test_same_text_in_other_packing(self, web, archive):
        packed = (web.answer(gzip.compress(HTML, level), content_encoding="gzip") for level in (1, 0))
        web.in_turn(PLACE, *packed)
        context = archive.context()
        assert isinstance(context.get(URL, item=ITEM), Capture)
        assert isinstance(context.get(URL, item=ITEM), Unmodified)
        assert archive.kinds()[-1] == ("document", 200, None)

    def test_a_change_is_a_new_capture(self, web, archive):
        web.honest(PLACE, HTML, '"1"')
        context = archive.context()
        context.get(URL, item=ITEM)
        web.honest(PLACE, OTHER, '"2"')
        assert context.get(URL, item=ITEM).body == OTHER

    def test_evidence_of_discovery_does_not_make_an_item_unmodified(self, web, archive):
        web.honest(PLACE, HTML, '"1"')
        context = archive.context()
        context.get(URL)
        capture = context.get(URL, item=ITEM)
        assert (capture.status, capture.body, capture.kind) == (200, HTML, "document")

    def test_an_error_page_in_between_changes_nothing(self, web, archive):
        web.page(PLACE, HTML)
        context = archive.context()
        context.get(URL, item=ITEM)
        web.page(PLACE, b"kaputt", status=403)
        with pytest.raises(FetchError):
            context.get(URL, item=ITEM)
        web.page(PLACE, HTML)
        assert isinstance(context.get(URL, item=ITEM), Unmodified)


class TestDiscovery:
    def test_a_fetcher_sees_no_difference(self, web, archive):
        web.honest(
            FEED, HTML, '"1"', content_type="text/html; charset=utf-8", link='</2>; rel="next"', x_wp_totalpages="3"
        )
        context = archive.context()
        first, second = context.get(FEED_URL), context.get(FEED_URL)
        assert asked(web) == [(None, None), ('"1"', None)]
        assert second.body == first.body == HTML
        same = ("status", "media_type", "charset", "kind", "target", "url", "sha256")
        assert [getattr(second, name) for name in same] == [getattr(first, name) for name in same]
        headers = {name.lower(): value for name, value in second.headers}
        assert (headers["link"], headers["x-wp-totalpages"]) == ('</2>; rel="next"', "3")
        assert headers["content-length"] == str(len(HTML))
        assert archive.kinds() == [("discovery", 200, None), ("discovery", 304, "server-not-modified")]

    def test_fields_of_a_304_are_newer(self, web, archive):
        web.in_turn(
            FEED,
            web.answer(HTML, etag='"1"', expires="gestern", content_type="text/html"),
            web.answer(b"", 304, etag='"1"', expires="heute"),
        )
        context = archive.context()
        context.get(FEED_URL)
        headers = [(name.lower(), value) for name, value in context.get(FEED_URL).headers]
        assert ("expires", "heute") in headers
        assert ("expires", "gestern") not in headers
        assert ("content-type", "text/html") in headers

    def test_what_is_read_back_from_the_archive_is_the_same(self, web, archive):
        web.honest(FEED, HTML, '"1"', content_type="text/html; charset=utf-8")
        context = archive.context()
        context.get(FEED_URL)
        context.get(FEED_URL)
        assert list(archive.store.captures()) == archive.stored
        stored = archive.stored[-1].capture
        assert (stored.media_type, stored.charset, stored.body) == ("text/html", "utf-8", HTML)

    def test_last_modified_alone(self, web, archive):
        web.in_turn(FEED, web.answer(HTML, last_modified=DATE), web.answer(b"", 304))
        context = archive.context()
        context.get(FEED_URL)
        assert context.get(FEED_URL).body == HTML
        assert asked(web) == [(None, None), (None, DATE)]

    def test_a_weak_etag_goes_back_as_it_came(self, web, archive):
        web.honest(FEED, HTML, 'W/"\xe4-1"')
        context = archive.context()
        context.get(FEED_URL)
        assert context.get(FEED_URL).body == HTML
        assert archive.stored[-1].capture.status == 304

    def test_a_server_that_knows_no_conditions(self, web, archive):
        web.page(FEED, HTML, etag='"1"')
        context = archive.context()
        first, second = context.get(FEED_URL), context.get(FEED_URL)
        assert first.body == second.body == HTML
        assert archive.kinds() == [("discovery", 200, None), ("discovery", 200, "identical-payload-digest")]

    def test_a_server_that_can_not_cope_with_conditions(self, web, archive):
        def answer(handler):
            conditional = "If-None-Match" in handler.headers
            web.answer(b"" if conditional else HTML, 412 if conditional else 200, etag='"1"')(handler)

        web.pages[FEED] = answer
        context = archive.context()
        context.get(FEED_URL)
        assert context.get(FEED_URL).body == HTML
        assert archive.outcomes() == [("/feed", "fetched"), ("/feed", "error"), ("/feed", "fetched")]

    def test_304_to_a_request_without_condition(self, web, archive):
        web.page(FEED, b"", status=304)
        with pytest.raises(FetchError, match=r"HTTP 304 .* auf eine Anfrage ohne Bedingung"):
            archive.context().get(FEED_URL)

    def test_another_source_has_its_own_copy(self, web, archive):
        web.honest(FEED, HTML, '"1"')
        archive.context().get(FEED_URL)
        assert archive.context(Source(id="zweite")).get(FEED_URL).body == HTML
        assert asked(web) == [(None, None), (None, None)]

    def test_a_damaged_copy_is_fetched_again(self, web, archive):
        web.honest(FEED, HTML, '"1"')
        context = archive.context()
        context.get(FEED_URL)
        archive.store.sync()
        capture = archive.stored[-1].capture
        path = archive.folder / "data" / capture.warc_file
        sound = path.read_bytes()
        path.write_bytes(sound[: capture.warc_offset + 40] + b"\x00" * 8 + sound[capture.warc_offset + 48 :])
        assert context.get(FEED_URL).body == HTML
        assert asked(web) == [(None, None), (None, None)]
        path.write_bytes(sound + path.read_bytes()[len(sound) :])

    @pytest.mark.parametrize(
        "broken",
        [
            {"content_length": "9000000"},
            {"content_encoding": "gzip", "body": gzip.compress(HTML)[:-9]},
            {"content_encoding": "gzip", "body": gzip.compress(bytes(300_000))},
        ],
    )
    def test_what_could_not_be_read_is_never_called_unmodified(self, web, archive, broken):
        """A bomb, a torn and a huge body are kept as evidence, with their ETag; nobody gets them for an answer."""
        fields = {"body": HTML, "etag": '"1"', **broken}
        web.in_turn(FEED, web.answer(**fields), web.answer(HTML, etag='"1"'))
        context = archive.context()
        with pytest.raises(FetchError):
            context.get(FEED_URL)
        assert archive.stored[-1].capture.complete is False
        assert context.get(FEED_URL).body == HTML
        assert asked(web) == [(None, None), (None, None)]

    def test_nor_where_the_database_does_not_tell(self, web, archive, monkeypatch):
        web.in_turn(FEED, web.answer(HTML, etag='"1"', content_length="9000000"), web.answer(HTML, etag='"1"'))
        context = archive.context()
        with pytest.raises(FetchError):
            context.get(FEED_URL)
        monkeypatch.setattr(context._history, "previous", context._history.last_stored)
        assert context.get(FEED_URL).body == HTML
        assert asked(web) == [(None, None), (None, None)]


class TestFullChecks:
    def test_a_week_after_the_last_whole_answer_nothing_is_taken_on_trust(self, web, archive):
        web.honest(FEED, HTML, '"1"')
        for _ in range(9):
            assert archive.context().get(FEED_URL).body == HTML
            archive.next_run(A_DAY)
        whole = [n for n, conditions in enumerate(asked(web)) if conditions == (None, None)]
        assert whole == [0, 7]

    def test_items_as_well(self, web, archive):
        web.honest(PLACE, HTML, '"1"')
        archive.context().get(URL, item=ITEM)
        archive.next_run(A_WEEK)
        assert isinstance(archive.context().get(URL, item=ITEM), Unmodified)
        assert asked(web, PLACE) == [(None, None)] * 2
        assert archive.kinds()[-1] == ("document", 200, "identical-payload-digest")

    def test_an_etag_that_stays_while_the_content_changes(self, web, archive):
        """Found at the full check; from then on the address is asked unconditionally."""
        pages = [HTML]

        def liar(handler):
            web.answer(b"", 304)(handler) if handler.headers["If-None-Match"] else web.answer(
                pages[-1], etag='"immer"'
            )(handler)

        web.pages[FEED] = liar
        assert archive.context().get(FEED_URL).body == HTML
        pages.append(OTHER)
        archive.next_run(A_DAY)
        assert archive.context().get(FEED_URL).body == HTML
        archive.next_run(A_WEEK)
        assert archive.context().get(FEED_URL).body == OTHER
        pages.append(HTML)
        archive.next_run(A_DAY)
        assert archive.context().get(FEED_URL).body == HTML
        assert asked(web) == [(None, None), ('"immer"', None), (None, None), (None, None)]

    def test_a_liar_that_ignores_conditions_is_caught_at_once(self, web, archive):
        web.in_turn(FEED, web.answer(HTML, etag='"1"'), web.answer(OTHER, etag='"1"'), web.answer(HTML, etag='"1"'))
        bodies = [archive.context().get(FEED_URL).body for _ in range(3)]
        assert bodies == [HTML, OTHER, HTML]
        assert asked(web) == [(None, None), ('"1"', None), (None, None)]

    def test_only_the_validator_that_lies_is_dropped(self, web, archive):
        web.in_turn(
            FEED,
            web.answer(HTML, etag='"1"', last_modified=DATE),
            web.answer(OTHER, etag='"2"', last_modified=DATE),
            web.answer(b"", 304),
        )
        bodies = [archive.context().get(FEED_URL).body for _ in range(3)]
        assert bodies == [HTML, OTHER, OTHER]
        assert asked(web)[-1] == ('"2"', None)

    def test_a_server_that_calls_everything_unmodified(self, web, archive):
        """Its ETags are right, its 304s are not: it is put to the test when a full check finds what it hid."""
        pages = [(HTML, '"1"')]

        def liar(handler):
            body, etag = pages[-1]
            conditional = handler.headers["If-None-Match"] or handler.headers["If-Modified-Since"]
            web.answer(b"" if conditional else body, 304 if conditional else 200, etag=etag)(handler)

        web.pages[FEED] = liar
        archive.context().get(FEED_URL)
        archive.next_run(A_DAY)
        pages.append((OTHER, '"2"'))
        assert archive.context().get(FEED_URL).body == HTML
        archive.next_run(A_WEEK)
        assert archive.context().get(FEED_URL).body == OTHER
        pages.append((HTML, '"3"'))
        archive.next_run(A_DAY)
        assert archive.context().get(FEED_URL).body == HTML
        assert asked(web) == [(None, None), ('"1"', None), (None, None), ('"1"', None), (None, None)]
        details = [request.detail for request in archive.log if request.url == FEED_URL]
        assert details == [None, None, None, "Probe, ob der Server 304 zu Recht meldet", None]

    def test_a_server_that_passes_the_test_is_trusted_again(self, web, archive):
        web.honest(FEED, HTML, '"1"')
        archive.context().get(FEED_URL)
        archive.next_run(A_DAY)
        archive.context().get(FEED_URL)
        archive.next_run(A_WEEK)
        web.honest(FEED, OTHER, '"2"')
        assert archive.context().get(FEED_URL).body == OTHER
        archive.next_run(A_DAY)
        assert archive.context().get(FEED_URL).body == OTHER
        assert asked(web) == [(None, None), ('"1"', None), (None, None), ('"1"', None), ('"2"', None)]
        assert archive.stored[-1].capture.status == 304

    def test_nobody_is_tested_who_was_not_asked_meanwhile(self, web, archive):
        web.honest(FEED, HTML, '"1"')
        archive.context().get(FEED_URL)
        archive.next_run(A_WEEK)
        web.honest(FEED, OTHER, '"2"')
        assert archive.context().get(FEED_URL).body == OTHER
        assert asked(web) == [(None, None), (None, None)]


def test_a_second_run_over_unchanged_pages_transfers_next_to_nothing(web, archive):
    """A feed and 40 pages; robots.txt is there, tdmrep.json is not, and the site is wordy about it."""
    pages = {f"amt.example/presse/{n}": HTML * (n + 1) for n in range(40)}
    for place, body in pages.items():
        web.honest(place, body, f'"{len(body)}"')
    web.honest(FEED, HTML * 50, '"feed"')
    web.page("amt.example/robots.txt", b"User-agent: *\nDisallow: /intern/\n")
    web.page("amt.example/.well-known/tdmrep.json", b"Leider nichts gefunden. " * 400, status=404)

    def received() -> int:
        archive.log.clear()
        context = archive.context()
        context.get(FEED_URL)
        for place in pages:
            context.get(f"http://{place}", item=Item(source_id="amt", key=f"http://{place}"))
        return sum(request.received for request in archive.log)

    first = received()
    archive.next_run(timedelta(hours=23))
    second = received()
    assert first > 50_000
    assert second / first < 0.05
    assert {request.outcome for request in archive.log} == {"unmodified"}
    assert len(archive.log) == 41
