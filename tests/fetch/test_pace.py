"""One request at a time to a domain and a pause between two: over threads, processes, restarts, kills and clocks that
jump."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import pytest

from archive_pipeline.errors import ArchiveError, TransientFetchError
from archive_pipeline.fetch.pace import LONGEST_PAUSE, Pace

DOMAIN = "kreis.example"

HOLDER = """
import sys, time
from pathlib import Path
from archive_pipeline.fetch.pace import Pace
with Pace(Path(sys.argv[1])).turn(sys.argv[2], float(sys.argv[3])):
    print("asking", flush=True)
    time.sleep(60)
"""


@dataclass
class Clock:
    """A clock that moves while somebody sleeps, and notes for how long they do."""

    now: float = 1_795_000_000.0
    sleeps: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(round(seconds, 3))
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["threads", "files"])
def pace(request, tmp_path, clock):
    return Pace(tmp_path / "hosts" if request.param == "files" else None, clock=clock, sleep=clock.sleep)


def ask(pace, domain=DOMAIN, interval=2.0):
    with pace.turn(domain, interval):
        pass


class TestPause:
    def test_between_two_requests_to_a_domain(self, pace, clock):
        ask(pace, interval=2)
        ask(pace, interval=5)
        ask(pace)
        assert clock.sleeps == [2, 5]

    def test_counts_from_the_end_of_a_request(self, pace, clock):
        with pace.turn(DOMAIN, 2):
            clock.now += 30
        ask(pace)
        assert clock.sleeps == [2]

    def test_what_has_passed_counts(self, pace, clock):
        ask(pace)
        clock.now += 1.5
        ask(pace)
        clock.now += 100
        ask(pace)
        assert clock.sleeps == [0.5]

    def test_after_a_request_that_failed_too(self, pace, clock):
        with pytest.raises(RuntimeError), pace.turn(DOMAIN, 2):
            raise RuntimeError
        ask(pace)
        assert clock.sleeps == [2]

    def test_domains_do_not_wait_for_each_other(self, pace, clock):
        for domain in ("a.example", "b.example"):
            ask(pace, domain)
        assert clock.sleeps == []

    def test_a_pause_of_nothing(self, pace, clock, tmp_path):
        for _ in range(3):
            ask(pace, interval=0)
        assert clock.sleeps == []
        assert all(path.stat().st_size == 0 for path in tmp_path.glob("hosts/*"))

    def test_a_sleep_that_ends_early_is_not_slept_for_ever(self, tmp_path, clock):
        pace = Pace(tmp_path / "hosts", clock=clock, sleep=clock.sleeps.append)
        ask(pace)
        ask(pace)
        assert clock.sleeps == [2]

    def test_survives_a_restart(self, tmp_path, clock):
        ask(Pace(tmp_path / "hosts", clock=clock, sleep=clock.sleep))
        clock.now += 0.5
        ask(Pace(tmp_path / "hosts", clock=clock, sleep=clock.sleep))
        assert clock.sleeps == [1.5]


class TestClocks:
    @pytest.mark.parametrize("jump", [-1, -3600, -400 * 86_400])
    def test_set_back_nobody_waits_longer_than_the_pause(self, pace, clock, jump):
        ask(pace)
        clock.now += jump
        ask(pace)
        ask(pace)
        assert clock.sleeps == [2, 2]

    def test_set_back_during_a_long_pause_it_begins_anew_once(self, pace, clock):
        pace.hold_off(DOMAIN, 600)
        clock.now -= 400 * 86_400
        with pytest.raises(TransientFetchError):
            ask(pace)
        clock.now += 500
        ask(pace)
        assert clock.sleeps == [100]

    def test_set_forward_nobody_waits_at_all(self, pace, clock):
        ask(pace)
        clock.now += 400 * 86_400
        ask(pace)
        assert clock.sleeps == []


class TestHoldOff:
    def test_everybody_waits(self, pace, clock):
        with pace.turn(DOMAIN, 2):
            pace.hold_off(DOMAIN, 60)
        ask(pace)
        assert clock.sleeps == [60]

    def test_the_longer_pause_counts(self, pace, clock):
        pace.hold_off(DOMAIN, 60)
        pace.hold_off(DOMAIN, 5)
        ask(pace, interval=90)
        ask(pace)
        assert clock.sleeps == [60, 90]

    def test_a_domain_that_asks_for_long_is_not_waited_for(self, pace, clock):
        pace.hold_off(DOMAIN, 3600)
        clock.now += 61
        with pytest.raises(
            TransientFetchError, match=r"kreis\.example .* Pause gebeten, die noch 59 Minuten"
        ) as caught:
            ask(pace)
        assert (caught.value.retry_after, clock.sleeps) == (3539, [])
        ask(pace, "stadt.example")
        clock.now += 3600
        ask(pace)
        assert clock.sleeps == []

    @pytest.mark.parametrize("asked", [90_000, 1e9, 1e300])
    def test_no_pause_is_endless(self, pace, clock, asked):
        pace.hold_off(DOMAIN, asked)
        with pytest.raises(TransientFetchError):
            ask(pace)
        clock.now += LONGEST_PAUSE
        ask(pace)
        assert clock.sleeps == []

    def test_later_runs_know_of_it(self, tmp_path, clock):
        Pace(tmp_path / "hosts", clock=clock, sleep=clock.sleep).hold_off(DOMAIN, 7200)
        with pytest.raises(TransientFetchError):
            ask(Pace(tmp_path / "hosts", clock=clock, sleep=clock.sleep))

    def test_it_counts_for_who_waits_already(self, tmp_path, clock):
        def sleep(seconds):
            clock.sleep(seconds)
            if len(clock.sleeps) == 1:
                Pace(tmp_path / "hosts", clock=clock).hold_off(DOMAIN, 30)

        pace = Pace(tmp_path / "hosts", clock=clock, sleep=sleep)
        ask(pace)
        ask(pace)
        assert clock.sleeps == [2, 30]


class TestFiles:
    @pytest.mark.parametrize(
        "content",
        [
            b"nan nan\n",
            b"inf 99999.000000\n" * 4,
            b"\0" * 100,
            b"\xff\xfe" * 40,
            b"9999999999.000000 99999.000000 \n",
            b"1795000000.0",
            b"9" * 10_000,
        ],
    )
    def test_what_is_illegible_says_nothing(self, tmp_path, clock, content):
        (tmp_path / DOMAIN).write_bytes(content)
        pace = Pace(tmp_path, clock=clock, sleep=clock.sleep)
        ask(pace)
        assert clock.sleeps == []
        ask(pace)
        assert clock.sleeps == [2]

    @pytest.mark.parametrize(
        "domain", ["../../gefunden", "", ".", "..", "a/b", "a" * 300, "::1", "\udcff", "ä.example"]
    )
    def test_no_name_leads_out_of_the_folder(self, tmp_path, clock, domain):
        pace = Pace(tmp_path / "a" / "hosts", clock=clock, sleep=clock.sleep)
        ask(pace, domain)
        ask(pace, domain)
        assert clock.sleeps == [2]
        assert [path.parent for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "a" / "hosts"]

    def test_a_folder_that_can_not_be_used(self, tmp_path, clock):
        (tmp_path / "hosts").write_text("")
        pace = Pace(tmp_path / "hosts", clock=clock, sleep=clock.sleep)
        with pytest.raises(ArchiveError, match="lassen sich nicht festhalten: Not a directory") as caught:
            ask(pace)
        assert "doctor" in caught.value.hint
        (tmp_path / "hosts").unlink()
        ask(pace)


class TestOneAtATime:
    @pytest.mark.parametrize("shared", ["one pace", "a pace for each thread"])
    def test_threads(self, tmp_path, shared):
        paces = [Pace(tmp_path)] * 8 if shared == "one pace" else [Pace(tmp_path) for _ in range(8)]
        inside: list[int] = []
        most: list[int] = []

        def work(pace: Pace) -> None:
            for _ in range(20):
                with pace.turn(DOMAIN, 0):
                    inside.append(1)
                    most.append(len(inside))
                    time.sleep(0.0005)
                    inside.pop()

        threads = [threading.Thread(target=work, args=(pace,)) for pace in paces]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert most == [1] * 160

    def test_different_domains_at_once(self, pace):
        meeting = threading.Barrier(20, timeout=10)

        def work(number: int) -> None:
            with pace.turn(f"kreis{number}.example", 0):
                meeting.wait()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not meeting.broken

    def test_a_process_that_is_killed_blocks_nobody_and_has_asked_all_the_same(self, tmp_path):
        hosts = tmp_path / "hosts"
        with subprocess.Popen([sys.executable, "-c", HOLDER, hosts, DOMAIN, "30"], stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"asking\n"
            polls: list[float] = []

            def sleep(seconds: float) -> None:
                polls.append(seconds)
                if len(polls) == 3:
                    holder.kill()
                    holder.wait()

            pace = Pace(hosts, sleep=sleep)
            ask(pace, "stadt.example")
            assert polls == []
            ask(pace)
        *polled, pause = polls
        assert set(polled) == {0.05}
        assert len(polled) == 3
        assert 25 < pause <= 30


class TestStopping:
    def test_ctrl_c_ends_waiting_and_leaves_the_domain_to_others(self, tmp_path):
        pace = Pace(tmp_path)
        ask(pace, interval=60)
        timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            ask(pace)
        timer.join()
        clock = Clock(time.time() + 60)
        ask(Pace(tmp_path, clock=clock, sleep=clock.sleep))
        assert clock.sleeps == []

    def test_a_run_that_is_stopped_ends_threads_that_wait_for_each_other(self, tmp_path):
        stopped = threading.Event()
        ended: list[str] = []

        def sleep(seconds: float) -> None:
            if stopped.wait(seconds):
                raise KeyboardInterrupt

        pace = Pace(tmp_path, sleep=sleep)

        def work() -> None:
            try:
                ask(pace)
            except KeyboardInterrupt:
                ended.append("stopped")

        with pace.turn(DOMAIN, 60):
            threads = [threading.Thread(target=work) for _ in range(3)]
            for thread in threads:
                thread.start()
            stopped.set()
            for thread in threads:
                thread.join(timeout=10)
        assert ended == ["stopped"] * 3
