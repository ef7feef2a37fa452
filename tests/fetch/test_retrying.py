"""Pauses between requests, and asking again where a failure may pass."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from archive_pipeline.errors import TransientFetchError
from archive_pipeline.fetch import HttpOptions
from archive_pipeline.model import Capture, Item, Source

URL = "http://amt.example/presse/1"
PLACE = "amt.example/presse/1"
HTML = b"<p>Die Stadt informiert.</p>"
ITEM = Item(source_id="amt", key=URL, url=URL)


def pauses(archive) -> list[int]:
    return [round(pause) for pause in archive.sleeps]


class TestPace:
    def test_requests_to_one_host_keep_their_distance(self, web, make_archive):
        archive = make_archive(interval=2)
        web.page(PLACE, HTML)
        archive.context().get(URL)
        archive.context(Source(id="zweite")).get(URL)
        # robots.txt, tdmrep.json, page, and the page again
        assert pauses(archive) == [2, 2, 2]

    def test_hosts_do_not_wait_for_each_other(self, web, make_archive):
        archive = make_archive(interval=50)
        for host in ("a.example", "b.example"):
            web.page(f"{host}/", HTML)
            archive.context().get(f"http://{host}/")
        assert pauses(archive) == [50, 50, 50, 50]

    def test_a_source_can_set_its_own_interval(self, web, make_archive):
        archive = make_archive(interval=2)
        web.page(PLACE, HTML)
        archive.context(Source(id="amt", options=HttpOptions(interval=5))).get(URL)
        assert pauses(archive) == [5, 5]


class TestRetries:
    def test_again_after_503(self, web, archive):
        web.in_turn(PLACE, web.answer(b"", 503, retry_after="3"), web.answer(b"ok"))
        assert isinstance(archive.context().get(URL, item=ITEM), Capture)
        assert pauses(archive) == [3]
        assert archive.kinds() == [("discovery", 503, None), ("document", 200, None)]

    def test_retry_after_as_a_date(self, web, archive):
        moment = format_datetime(datetime(2026, 11, 20, 8, 0, tzinfo=UTC) + timedelta(seconds=40), usegmt=True)
        web.in_turn(PLACE, web.answer(b"", 429, retry_after=moment), web.answer(b"ok"))
        assert isinstance(archive.context().get(URL), Capture)
        assert pauses(archive) == [40]

    def test_a_date_that_is_over(self, web, archive):
        moment = format_datetime(datetime(2020, 11, 20, 8, 0, tzinfo=UTC), usegmt=True)
        web.in_turn(PLACE, web.answer(b"", 503, retry_after=moment), web.answer(b"ok"))
        assert isinstance(archive.context().get(URL), Capture)
        assert pauses(archive) == [1]

    def test_three_tries_then_a_transient_failure(self, web, archive):
        web.page(PLACE, b"", status=500)
        with pytest.raises(TransientFetchError, match="HTTP 500") as caught:
            archive.context().get(URL, item=ITEM)
        assert caught.value.retry_after == 0
        assert pauses(archive) == [1, 2]
        assert archive.kinds() == [("discovery", 500, None)] * 3

    @pytest.mark.parametrize("value", ["bald", "-5", "", "Fri, 99 Nov 2026"])
    def test_nonsense_in_retry_after(self, web, archive, value):
        web.in_turn(PLACE, web.answer(b"", 503, retry_after=value), web.answer(b"ok"))
        assert isinstance(archive.context().get(URL), Capture)
        assert pauses(archive) == [1]

    def test_a_broken_transfer_is_tried_again_and_kept(self, web, archive):
        web.in_turn(PLACE, web.chunked(b"halb", end=False), web.answer(b"ok"))
        assert archive.context().get(URL).body == b"ok"
        cut_off = archive.stored[-2].capture
        assert (cut_off.body, cut_off.complete) == (b"halb", False)

    def test_a_server_that_hangs_up(self, web, archive):
        def hang_up(handler):
            handler.close_connection = True

        web.pages[PLACE] = hang_up
        with pytest.raises(TransientFetchError, match="Verbindung ist gescheitert"):
            archive.context().get(URL)
        assert len(web.paths()) == 3

    def test_nobody_listens(self, web, archive):
        web.page(PLACE, HTML)
        archive.context().get(URL)
        web.port = 1
        with pytest.raises(TransientFetchError, match="Verbindung ist gescheitert"):
            archive.context().get("http://amt.example:81/")

    def test_a_run_that_is_stopped_waits_no_longer(self, web, archive):
        web.page(PLACE, b"", status=500)
        context = archive.context()

        def stopped(seconds):
            raise KeyboardInterrupt

        archive.client.sleep = stopped
        with pytest.raises(KeyboardInterrupt):
            context.get(URL)
        assert len(web.paths()) == 1


class TestLongPauses:
    @pytest.mark.parametrize("status", [429, 503])
    def test_a_domain_that_asks_for_a_day_is_left_alone(self, web, archive, status):
        web.page(PLACE, b"", status=status, retry_after="86400")
        web.page("www.amt.example/b", HTML)
        web.page("kreis.example/", HTML)
        context = archive.context()
        with pytest.raises(TransientFetchError, match=f"HTTP {status} .* bittet um 86400 s Pause") as caught:
            context.get(URL)
        assert caught.value.retry_after == 86400
        with pytest.raises(TransientFetchError, match="hat um eine Pause gebeten"):
            archive.context(Source(id="zweite")).get("http://www.amt.example/b")
        assert web.paths() == ["/presse/1"]
        assert archive.sleeps == []
        assert isinstance(context.get("http://kreis.example/"), Capture)

    def test_also_by_a_date(self, web, archive):
        moment = format_datetime(datetime(2026, 11, 21, 8, 0, tzinfo=UTC), usegmt=True)
        web.page(PLACE, b"", status=503, retry_after=moment)
        with pytest.raises(TransientFetchError, match="86400 s Pause"):
            archive.context().get(URL)
        assert (web.paths(), archive.sleeps) == (["/presse/1"], [])

    def test_nobody_else_asks_during_a_short_one(self, web, archive):
        web.in_turn(PLACE, web.answer(b"", 503, retry_after="30"), web.answer(b"ok"))
        archive.context().get(URL)
        archive.context(Source(id="zweite")).get("http://www.amt.example/b")
        assert pauses(archive)[:2] == [30, 30]
