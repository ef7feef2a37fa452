"""A simulated fortnight: an hourly timer, sites that change, move, break, go quiet and delete, summer time, two days
off. Every due visit happens once; what changed is told in time, and nothing else is."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine

from archive_pipeline.ingest.scheduling import due_sources, source_healths
from archive_pipeline.pipeline import Connections, run
from archive_pipeline.workspace import Workspace, open_workspace
from tests.farm.site_farm import Answer, Farm, Host, rss, serving

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 21, 0, 5, tzinfo=UTC)
SUMMER_TIME = datetime(2026, 3, 29, 1, tzinfo=UTC)
OFF = (datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 3, tzinfo=UTC))
"""The machine is switched off."""

SCHEDULES = {
    "taeglich": "1d",
    "halbtags": "12h",
    "nachts": "30 2 * * *",
    "werktags": "0 7 * * mon-fri",
    "aendert": "1d",
    "loescht": "1d",
    "bricht": "1d",
    "schweigt": "1d",
    "zieht-um": "1d",
    "baut-um": "1d",
}
MORE = {"schweigt": 'expected = "3d"\n', "baut-um": 'fetcher = "listing"\nitems = "li.meldung"\n'}


@dataclass
class Fortnight:
    """What happened, by source: visits, changes, releases gone and states of health, each with its time."""

    farm: Farm
    workspace: Workspace
    visits: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    changes: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    gone: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    states: dict[str, list[tuple[datetime, str]]] = field(default_factory=lambda: defaultdict(list))

    def timer(self, now: datetime) -> None:
        """What `run --due` does, and `status` after it."""
        due = due_sources(self.workspace, now)
        if not due:
            return
        connections = Connections(resolve=self.farm.resolve, network=self.farm)
        report = run(self.workspace, due, patient=True, connections=connections)
        for source in report.sources:
            self.visits[source.source_id].append(now)
            self.changes[source.source_id] += [now] * source.changed
            self.gone[source.source_id] += [now] * source.gone
        with self.workspace.reading() as db:
            for told in source_healths(self.workspace.config, db, now):
                self.states[told.source.id].append((now, told.health.state))

    def first(self, source_id: str, state: str, after: datetime) -> datetime:
        return next(at for at, found in self.states[source_id] if found == state and at >= after)


def publish(host: Host, day: int) -> None:
    """One more release, on top of the feed."""
    host.release(day)
    feed(host)


def feed(host: Host) -> None:
    pages = [path for path in host.pages if path.startswith("/presse/")]
    host.page("/feed.xml", rss(host, pages), "application/rss+xml")


def listing_of(host: Host, name: str) -> None:
    entries = "".join(f'<li class="{name}"><a href="{p}">{p}</a></li>' for p in host.pages if p.startswith("/presse/"))
    host.page("/presse", f"<html><body><ul>{entries}</ul>{'<p>Text.</p>' * 80}</body></html>".encode())


EVENTS: dict[datetime, str] = {
    START + timedelta(days=3, hours=2): "the page of a release is changed in silence",
    START + timedelta(days=4, hours=5): "a release is deleted, from the feed too",
    START + timedelta(days=5, hours=3): "a server answers 500",
    START + timedelta(days=8, hours=3): "it works again",
    START + timedelta(days=6): "a site moves",
    START + timedelta(days=9): "a site gets a new layout",
}


@pytest.fixture(scope="module")
def fortnight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fortnight]:
    folder = tmp_path_factory.mktemp("fortnight")
    farm = Farm()
    for name in SCHEDULES:
        host = farm.host(f"{name}.example")
        host.first_day = date(2026, 3, 18)
        for day in range(3):
            publish(host, day)
    listing_of(farm.hosts["baut-um.example"], "meldung")
    write_config(folder)
    with serving(farm, folder):
        lived = Fortnight(farm, open_workspace(folder))
        live(lived)
        yield lived


def write_config(folder: Path) -> None:
    tables = "".join(
        f'\n[[source]]\nid = "{name}"\nlegal_basis = "60d"\nschedule = "{schedule}"\n'
        + MORE.get(name, "")
        + f'url = "http://{name}.example/{"presse" if name == "baut-um" else "feed.xml"}"\n'
        + ("" if name == "baut-um" else 'fetcher = "feed"\n')
        for name, schedule in SCHEDULES.items()
    )
    head = '[archive]\ncontact = "archiv@example.org"\nrequest_interval = 0\n'
    (folder / "sources.toml").write_text(head + tables, encoding="utf-8")


def live(lived: Fortnight) -> None:
    """Every hour of fourteen days."""
    hosts = lived.farm.hosts
    for hour in range(14 * 24):
        now = START + timedelta(hours=hour)
        if hour % 24 == 1:
            publish(hosts["taeglich.example"], 3 + hour // 24)
            if hour < 4 * 24:
                publish(hosts["schweigt.example"], 3 + hour // 24)
        match EVENTS.get(now):
            case "the page of a release is changed in silence":
                hosts["aendert.example"].release(1, addition="Nachtrag: Die Eröffnung wurde auf den Mai verschoben.")
            case "a release is deleted, from the feed too":
                del hosts["loescht.example"].pages["/presse/meldung-2.html"]
                feed(hosts["loescht.example"])
            case "a server answers 500":
                hosts["bricht.example"].special["/feed.xml"] = lambda calls: Answer(b"Fehler", 500)
            case "it works again":
                del hosts["bricht.example"].special["/feed.xml"]
            case "a site moves":
                move(lived.farm, hosts["zieht-um.example"])
            case "a site gets a new layout":
                listing_of(hosts["baut-um.example"], "karte")
        if OFF[0] <= now < OFF[1]:
            continue
        with time_machine.travel(now, tick=True):
            lived.timer(now)


def move(farm: Farm, old: Host) -> None:
    """Everything is at a new name now; the old one sends everybody there."""
    new = farm.host("neuer-name.example")
    new.pages = {path: Answer(page.body, fields=dict(page.fields)) for path, page in old.pages.items()}
    for path in list(old.pages):
        target = f"http://{new.name}{path}"
        old.special[path] = lambda calls, target=target: Answer(status=301, fields={"Location": target})  # type: ignore[misc]


def expected_visits(interval: timedelta) -> list[datetime]:
    """Where visits are due on the timer's hours, one late visit for all that the days off have missed."""
    times: list[datetime] = []
    now = START
    while now < START + timedelta(days=14):
        if OFF[0] <= now < OFF[1]:
            now = OFF[1] + timedelta(minutes=5)
        times.append(now)
        now += interval
    return times


def test_every_due_visit_happens_once(fortnight: Fortnight) -> None:
    daily = fortnight.visits["taeglich"]
    # the second of the two days off in German time is the only one without a visit
    assert len({at.astimezone(BERLIN).date() for at in daily}) == len(daily) == 13
    assert fortnight.visits["halbtags"][:6] == expected_visits(timedelta(hours=12))[:6]
    assert len(fortnight.visits["halbtags"]) == 24
    # the first visit is the one of a new source; switched on again at 02:05, the night before is made up for
    nights = [at for at in fortnight.visits["nachts"][1:] if at != OFF[1] + timedelta(minutes=5)]
    assert len(fortnight.visits["nachts"]) == len(nights) + 2
    assert len({at.astimezone(BERLIN).date() for at in nights}) == len(nights)
    first_night, last_night = date(2026, 3, 21), date(2026, 4, 3)
    expected = {first_night + timedelta(days=day) for day in range((last_night - first_night).days + 1)}
    missed = {date(2026, 4, 1), date(2026, 4, 2)}
    assert {at.astimezone(BERLIN).date() for at in nights} == expected - missed
    at_the_gap = next(at for at in nights if at.astimezone(BERLIN).date() == SUMMER_TIME.date())
    assert at_the_gap - SUMMER_TIME < timedelta(hours=1), "02:30 does not exist that night"
    assert all(at.astimezone(BERLIN).weekday() < 5 for at in fortnight.visits["werktags"][1:])


def test_what_changed_is_told_once_and_nothing_else_is(fortnight: Fortnight) -> None:
    changed = {source_id: at for source_id, at in fortnight.changes.items() if at}
    assert list(changed) == ["aendert"]
    assert len(changed["aendert"]) == 1
    # it was captured on the first day, so its next checks were due on the second and on the eighth
    assert changed["aendert"][0] - START <= timedelta(days=8)


def test_what_is_gone_is_told_once_and_nothing_else_is(fortnight: Fortnight) -> None:
    gone = {source_id: at for source_id, at in fortnight.gone.items() if at}
    assert list(gone) == ["loescht"]
    assert len(gone["loescht"]) == 1
    assert gone["loescht"][0] - START <= timedelta(days=8)


def test_a_broken_site_is_told_at_the_next_visit_and_until_it_works(fortnight: Fortnight) -> None:
    broke, mended = START + timedelta(days=5, hours=3), START + timedelta(days=8, hours=3)
    assert fortnight.first("bricht", "failing", START) - broke <= timedelta(days=1)
    assert fortnight.first("bricht", "ok", broke + timedelta(days=2)) - mended <= timedelta(days=1)


def test_a_new_layout_is_told_at_the_next_visit(fortnight: Fortnight) -> None:
    rebuilt = START + timedelta(days=9)
    told = fortnight.first("baut-um", "empty_selector", START)
    assert timedelta() <= told - rebuilt <= timedelta(days=1)


def test_a_silent_source_is_told_within_two_intervals(fortnight: Fortnight) -> None:
    silent = START + timedelta(days=3)
    told = fortnight.first("schweigt", "quiet", START)
    assert timedelta(days=3) <= told - silent <= timedelta(days=6)


def test_nothing_is_invented(fortnight: Fortnight) -> None:
    troubled = {
        source_id: sorted({state for _, state in states if state not in ("ok", "never_run")})
        for source_id, states in fortnight.states.items()
    }
    assert {source_id: states for source_id, states in troubled.items() if states} == {
        "bricht": ["failing"],
        "baut-um": ["empty_selector"],
        "schweigt": ["quiet"],
    }


def test_a_site_that_moved_is_followed_and_nothing_is_archived_twice(fortnight: Fortnight) -> None:
    with fortnight.workspace.reading() as db:
        found: list[dict[str, Any]] = list(db.query("SELECT count(*) AS n FROM release WHERE source_id = 'zieht-um'"))
    assert found[0]["n"] == 3
