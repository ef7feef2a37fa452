"""robots.txt: obeyed, kept as evidence, asked once a day, and overridden only by the publisher's own leave."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from archive_pipeline.errors import FetchError, TransientFetchError
from archive_pipeline.fetch import HttpOptions
from archive_pipeline.model import Capture, Item, Refused, RobotsOverride, Source

URL = "http://amt.example/presse/1"
PLACE = "amt.example/presse/1"
ROBOTS = "amt.example/robots.txt"
HTML = b"<p>Die Stadt informiert.</p>"
ITEM = Item(source_id="amt", key=URL, url=URL)
NOTHING = b"User-agent: *\nDisallow: /\n"
ALL = b"User-agent: *\nAllow: /\n"
LEAVE = RobotsOverride(reason="Archivierung vereinbart", granted_by="Pressestelle", date=date(2026, 10, 1))


def times_asked(web, path: str = "/robots.txt") -> int:
    return [request.path for request in web.requests].count(path)


class TestRules:
    def test_forbidden_and_permitted(self, web, archive):
        web.page(ROBOTS, b"User-agent: *\nDisallow: /presse/\nAllow: /presse/1\n")
        web.page(PLACE, HTML)
        context = archive.context()
        assert isinstance(context.get(URL, item=ITEM), Capture)
        refused = context.get("http://amt.example/presse/2", item=ITEM)
        assert refused == Refused("robots.txt von amt.example erlaubt diese Adresse nicht")
        assert web.paths() == ["/presse/1"]

    def test_our_name_counts(self, web, archive):
        web.page(ROBOTS, b"User-agent: archive_pipeline\nDisallow: /\n\nUser-agent: *\nAllow: /\n")
        assert isinstance(archive.context().get(URL), Refused)

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
    def test_no_robots_file_permits(self, web, archive, status):
        web.page(ROBOTS, NOTHING, status=status)
        web.page(PLACE, HTML)
        assert isinstance(archive.context().get(URL), Capture)

    @pytest.mark.parametrize("status", [429, 500, 501, 503])
    def test_a_failing_robots_file_means_wait(self, web, archive, status):
        web.page(ROBOTS, b"", status=status)
        web.page(PLACE, HTML)
        for _ in range(2):
            with pytest.raises(TransientFetchError, match=rf"robots.txt ist nicht lesbar .*HTTP {status}"):
                archive.context().get(URL, item=ITEM)
        assert web.paths() == []
        assert times_asked(web) == (1 if status == 501 else 3)

    def test_a_name_that_nobody_has(self, web, make_archive):
        archive = make_archive(resolve=unresolved)
        for _ in range(2):
            with pytest.raises(FetchError, match="lässt sich nicht auflösen"):
                archive.context().get(URL)
        assert web.requests == []

    def test_rules_of_the_redirect_target_count(self, web, archive):
        web.page("amt.example/weg", status=302, location="http://zwei.example/ziel")
        web.page("zwei.example/robots.txt", NOTHING)
        web.page("zwei.example/ziel", HTML)
        assert isinstance(archive.context().get("http://amt.example/weg"), Refused)
        assert web.paths() == ["/weg"]

    def test_robots_file_that_redirects(self, web, archive):
        web.page(ROBOTS, status=301, location="/r2")
        web.page("amt.example/r2", NOTHING)
        assert isinstance(archive.context().get(URL), Refused)

    def test_after_five_redirects_it_counts_as_not_there(self, web, archive):
        web.page(ROBOTS, status=301, location="/robots.txt")
        web.page(PLACE, HTML)
        assert isinstance(archive.context().get(URL), Capture)
        assert times_asked(web) == 6

    def test_one_that_leads_into_the_own_network_means_wait(self, web, archive):
        web.names["intern.example"] = ["192.168.0.1"]
        web.page(ROBOTS, status=301, location="http://intern.example/robots.txt")
        for _ in range(2):
            with pytest.raises(TransientFetchError, match="nicht öffentlichen Adresse"):
                archive.context().get(URL)
        assert (times_asked(web), web.paths()) == (1, [])

    def test_a_huge_one_means_wait(self, web, archive):
        web.page(ROBOTS, b"#" * 600_000)
        with pytest.raises(TransientFetchError, match="größer als die erlaubten"):
            archive.context().get(URL)


class TestCrawlDelay:
    def test_is_kept(self, web, make_archive):
        archive = make_archive(interval=2)
        web.page(ROBOTS, b"User-agent: *\nCrawl-delay: 7\n")
        web.page(PLACE, HTML)
        context = archive.context()
        context.get(URL)
        context.get(URL)
        # after robots.txt nobody knew better; after tdmrep.json and the page
        assert [round(pause) for pause in archive.sleeps] == [2, 7, 7]

    def test_a_host_that_wants_endless_pauses_is_left_alone(self, web, archive):
        web.page(ROBOTS, b"User-agent: *\nCrawl-delay: 86400\n")
        assert archive.context().get(URL) == Refused(
            "robots.txt von amt.example verlangt 86400 s Abstand zwischen zwei Abrufen"
        )

    @pytest.mark.parametrize("value", [b"nan", b"-5", b"bald"])
    def test_nonsense_delays_nothing(self, web, archive, value):
        web.page(ROBOTS, b"User-agent: *\nCrawl-delay: " + value + b"\n")
        web.page(PLACE, HTML)
        assert isinstance(archive.context().get(URL), Capture)
        assert archive.sleeps == []


class TestMemory:
    def test_asked_once_a_run_and_kept_as_evidence(self, web, archive):
        web.page(ROBOTS, ALL)
        web.page(PLACE, HTML)
        archive.context().get(URL)
        archive.context(Source(id="zweite")).get(URL)
        assert times_asked(web) == 1
        evidence = archive.stored[0].capture
        assert (evidence.target, evidence.kind, evidence.body) == ("http://amt.example/robots.txt", "discovery", ALL)

    @pytest.mark.parametrize("status", [200, 404])
    def test_a_copy_of_today_is_used_in_later_runs_of_any_source(self, web, archive, status):
        web.page(ROBOTS, NOTHING, status=status)
        web.page(PLACE, HTML)
        first = archive.context().get(URL)
        archive.next_run(timedelta(hours=23))
        second = archive.context(Source(id="zweite")).get(URL)
        assert type(first) is type(second) is (Refused if status == 200 else Capture)
        assert times_asked(web) == 1

    def test_a_redirect_of_today_is_followed_in_the_archive(self, web, archive):
        web.page(ROBOTS, status=301, location="http://www.amt.example/robots.txt")
        web.page("www.amt.example/robots.txt", NOTHING)
        archive.context().get(URL)
        archive.next_run(timedelta(hours=23))
        assert isinstance(archive.context().get(URL), Refused)
        assert times_asked(web) == 2

    def test_after_a_day_it_is_asked_with_a_condition(self, web, archive):
        web.honest(ROBOTS, NOTHING, '"r"')
        for _ in range(3):
            assert isinstance(archive.context().get(URL), Refused)
            archive.next_run(timedelta(hours=25))
        conditions = [r.headers.get("If-None-Match") for r in web.requests if r.path == "/robots.txt"]
        assert conditions == [None, '"r"', '"r"']
        assert {request.outcome for request in archive.log if request.url.endswith("/robots.txt")} == {
            "fetched",
            "unmodified",
        }

    def test_an_unmodified_one_is_fresh_again(self, web, archive):
        web.honest(ROBOTS, NOTHING, '"r"')
        archive.context().get(URL)
        archive.next_run(timedelta(hours=25))
        archive.context().get(URL)
        archive.next_run(timedelta(hours=20))
        assert isinstance(archive.context().get(URL), Refused)
        assert times_asked(web) == 2

    def test_an_error_of_today_is_no_answer(self, web, archive):
        web.page(ROBOTS, b"", status=503)
        with pytest.raises(TransientFetchError):
            archive.context().get(URL)
        archive.next_run(timedelta(hours=1))
        web.page(ROBOTS, NOTHING)
        assert isinstance(archive.context().get(URL), Refused)

    def test_a_clock_that_went_back(self, web, archive):
        web.page(ROBOTS, NOTHING)
        archive.context().get(URL)
        archive.next_run(timedelta(days=-30))
        assert isinstance(archive.context().get(URL), Refused)
        assert times_asked(web) == 2

    def test_a_damaged_copy_is_not_used(self, web, archive):
        web.page(ROBOTS, ALL)
        archive.context().get(URL)
        archive.store.sync()
        capture = archive.stored[0].capture
        path = archive.folder / "data" / capture.warc_file
        sound = path.read_bytes()
        path.write_bytes(sound[: capture.warc_offset + 40] + b"\x00" * 8 + sound[capture.warc_offset + 48 :])
        archive.next_run(timedelta(hours=1))
        web.page(ROBOTS, NOTHING)
        assert isinstance(archive.context().get(URL), Refused)
        path.write_bytes(sound + path.read_bytes()[len(sound) :])

    def test_threads_ask_once(self, web, archive):
        started = threading.Barrier(4, timeout=10)
        web.page(ROBOTS, ALL)
        for n in range(4):
            web.page(f"amt.example/{n}", HTML)

        def visit(n):
            started.wait()
            return archive.context(Source(id=f"quelle{n}")).get(f"http://amt.example/{n}")

        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(visit, range(4)))
        assert all(isinstance(result, Capture) for result in results)
        assert (times_asked(web), times_asked(web, "/.well-known/tdmrep.json")) == (1, 1)


class TestOverride:
    SOURCE = Source(id="amt", legal_basis="consent", robots_override=LEAVE, options=HttpOptions())

    def test_what_is_forbidden_is_fetched_by_leave_and_told_once(self, web, archive):
        web.page(ROBOTS, NOTHING)
        web.page(PLACE, HTML)
        web.page("amt.example/presse/2", HTML)
        context = archive.context(self.SOURCE)
        assert isinstance(context.get(URL, item=ITEM), Capture)
        assert isinstance(context.get("http://amt.example/presse/2"), Capture)
        assert archive.stored[0].capture.body == NOTHING
        assert context.notices == [
            "robots.txt von amt.example erlaubt diese Adresse nicht; robots_override: erteilt von Pressestelle am"
            " 2026-10-01 (Archivierung vereinbart), zuerst für http://amt.example/presse/1"
        ]
        detail = next(request.detail for request in archive.log if request.url == URL)
        assert "robots_override: erteilt von Pressestelle am 2026-10-01" in detail

    def test_nothing_is_told_where_it_was_not_needed(self, web, archive):
        web.page(ROBOTS, ALL)
        web.page(PLACE, HTML)
        context = archive.context(self.SOURCE)
        context.get(URL)
        assert context.notices == []

    def test_also_where_the_rules_can_not_be_read(self, web, archive):
        web.page(ROBOTS, b"", status=500)
        web.page(PLACE, HTML)
        context = archive.context(self.SOURCE)
        assert isinstance(context.get(URL), Capture)
        assert len(context.notices) == 1

    def test_pauses_are_kept_all_the_same(self, web, make_archive):
        archive = make_archive(interval=2)
        web.page(ROBOTS, b"User-agent: *\nDisallow: /\nCrawl-delay: 9\n")
        web.page(PLACE, HTML)
        archive.context(self.SOURCE).get(URL)
        assert [round(pause) for pause in archive.sleeps] == [2, 9]

    def test_other_sources_are_bound(self, web, archive):
        web.page(ROBOTS, NOTHING)
        web.page(PLACE, HTML)
        archive.context(self.SOURCE).get(URL)
        assert isinstance(archive.context(Source(id="zweite", legal_basis="consent")).get(URL), Refused)


def unresolved(host: str, port: int) -> list[str]:
    raise OSError("kein solcher Name")
