"""Many threads, one client and one store: hosts side by side, each domain alone, every record where it belongs."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from archive_pipeline.errors import TransientFetchError
from archive_pipeline.fetch import Timeouts
from archive_pipeline.fetch.pace import Pace
from archive_pipeline.model import Capture, Item, Source, Unmodified

HOSTS = 24


def together(count: int, work: Callable[[int], object]) -> None:
    """Run `work` in so many threads at once; the first error is raised."""
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, range(count)))


def exchange(archive, url, **more):
    return archive.client.exchange(url, {}, **{"max_bytes": 100_000, "interval": 0, **more})


@pytest.fixture
def inside(web) -> Iterator[Counter]:
    """How many requests each registrable domain is answering at most; each takes a moment."""
    now: Counter = Counter()
    most: Counter = Counter()
    lock = threading.Lock()

    def answer(handler):
        host = handler.headers["Host"].partition(":")[0]
        domain = ".".join(host.split(".")[-2:])
        with lock:
            now[domain] += 1
            most[domain] = max(most[domain], now[domain])
        time.sleep(0.005)
        with lock:
            now[domain] -= 1
        web.answer(f"Mitteilung von {host}".encode())(handler)

    class Everywhere(dict):
        def get(self, place, default=None):
            return default if place.endswith((".txt", ".json")) else answer

    web.pages = Everywhere()
    return most


def test_hosts_are_asked_side_by_side(web, archive):
    meeting = threading.Barrier(HOSTS, timeout=20)

    def answer(handler):
        meeting.wait()  # passes only when every host is being asked at this moment
        web.answer(b"ok")(handler)

    for number in range(HOSTS):
        web.pages[f"kreis{number}.example/"] = answer
    together(HOSTS, lambda number: exchange(archive, f"http://kreis{number}.example/"))
    assert len(web.requests) == HOSTS


def test_a_domain_is_asked_by_one_thread_at_a_time(archive, inside):
    def work(number):
        for turn in range(4):
            exchange(archive, f"http://teil{number}.kreis.example/{turn}")
            exchange(archive, f"http://www.stadt{number % 3}.example/{turn}")

    together(12, work)
    assert inside == {"kreis.example": 1, "stadt0.example": 1, "stadt1.example": 1, "stadt2.example": 1}


def test_the_pause_is_kept_between_threads(web, make_archive, tmp_path):
    times: list[float] = []

    def answer(handler):
        times.append(time.monotonic())
        web.answer(b"ok")(handler)

    for number in range(4):
        web.pages[f"teil{number}.kreis.example/"] = answer
    archive = make_archive(pace=Pace(tmp_path / "hosts"))
    together(4, lambda number: exchange(archive, f"http://teil{number}.kreis.example/", interval=0.1))
    assert len(times) == 4
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.1


def test_connections_are_used_again(web, archive):
    def work(number):
        for path in range(5):
            web.page(f"kreis{number}.example/{path}", b"ok")
            exchange(archive, f"http://kreis{number}.example/{path}")

    together(HOSTS, work)
    assert len(web.requests) == 5 * HOSTS
    assert len(web.connected) == HOSTS


def test_the_clock_of_a_request_starts_with_its_turn(web, make_archive, tmp_path):
    def answer(handler):
        time.sleep(0.05)
        web.answer(b"ok" * 500)(handler)

    web.pages["kreis.example/"] = answer
    archive = make_archive(pace=Pace(tmp_path / "hosts"))
    found = []
    together(2, lambda number: found.append(exchange(archive, "http://kreis.example/", interval=0.5)))
    assert [one.received for one in found] == [1000] * 2
    assert all(0.05 <= one.seconds < 0.5 for one in found)


def test_a_run_that_is_stopped_hangs_up_on_servers_that_say_nothing(web, make_archive):
    stopped, ended = threading.Event(), threading.Event()

    def sleep(seconds):
        if stopped.wait(seconds):
            raise KeyboardInterrupt

    def answer(handler):
        stopped.set()
        ended.wait(60)  # it says nothing for as long as somebody listens

    web.pages["kreis.example/"] = answer
    archive = make_archive(sleep=sleep, timeouts=Timeouts(connect=5, read=60, total=60))
    with pytest.raises(KeyboardInterrupt):
        exchange(archive, "http://kreis.example/")
    ended.set()


def test_a_failure_of_one_host_is_that_of_no_other(web, make_archive):
    archive = make_archive(timeouts=Timeouts(connect=1, read=0.3, total=0.5))

    def answer(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalb")
        time.sleep(0.6)
        handler.close_connection = True

    web.page("gut.example/", b"ok")
    web.pages["halb.example/"] = answer
    web.pages["stumm.example/"] = lambda handler: time.sleep(0.5)
    found = {}

    def work(number):
        name = ("gut", "halb", "stumm")[number % 3]
        try:
            found[number] = exchange(archive, f"http://{name}.example/")
        except TransientFetchError as error:
            found[number] = error

    together(6, work)
    assert [found[number].payload for number in (0, 3)] == [b"ok", b"ok"]
    assert [(found[number].truncated, found[number].payload, found[number].received) for number in (1, 4)] == [
        ("time", b"halb", 4)
    ] * 2
    assert all(isinstance(found[number], TransientFetchError) for number in (2, 5))


def test_captures_of_many_threads_do_not_mix(archive, inside):
    def work(number):
        source = Source(id=f"quelle{number}", url=f"http://kreis{number}.example/")
        context = archive.context(source)
        for turn in (0, 1, 2, 0):
            url = f"http://kreis{number}.example/{turn}"
            result = context.get(url, item=Item(source_id=source.id, key=url, url=url))
            assert isinstance(result, Capture | Unmodified)
            archive.store.sync()

    together(12, work)
    read = {stored.capture.record_id: stored for stored in archive.store.captures()}
    assert read == {stored.capture.record_id: stored for stored in archive.stored}
    documents = [stored for stored in read.values() if stored.capture.kind == "document"]
    assert len(documents) == 48
    for stored in documents:
        host = stored.capture.target.split("/")[2]
        assert stored.capture.body == f"Mitteilung von {host}".encode()
        assert stored.source.id == host.replace("kreis", "quelle").removesuffix(".example")
    assert Counter(stored.revisit for stored in documents) == {None: 36, "identical-payload-digest": 12}
