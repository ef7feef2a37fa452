"""What may stand in `schedule`, and when it is due."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_pipeline.sources.schedule import parse_schedule

BERLIN = ZoneInfo("Europe/Berlin")


def local(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


@pytest.mark.parametrize(
    "text",
    [
        *("30m", "6h", "1d", "0 6 * * *", "*/15 * * * *", "0 6,18 1-15 jan-mar mon-fri", "5 4 * * 7"),
        *("0 0-12/3 * * SUN", "0 6 L * *", "0 6 * * 5L", "0 6 * * mon#1", "0 0 29 2 *", "0 0 30 2 mon"),
    ],
)
def test_intervals_and_cron_lines_are_accepted(text: str) -> None:
    schedule = parse_schedule(text)
    assert schedule.text == text
    assert schedule.next_after(datetime(2026, 1, 1, tzinfo=UTC)) > datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "0h", "6", "6 h", "-1d", "1w", "1٢h", "@daily", "* * * *", "* * * * * *", "0 0 6 * * *"]
)
def test_what_is_neither_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"Abstand.*Cron-Zeile mit fünf Feldern"):
        parse_schedule(text)


@pytest.mark.parametrize(
    ("text", "field", "column"),
    [
        ("60 * * * *", 'Minute "60"', 1),
        ("1, * * * *", 'Minute "1,"', 1),
        ("*/0 * * * *", 'Minute "*/0"', 1),
        ("5-1 * * * *", 'Minute "5-1"', 1),
        ("mon * * * *", 'Minute "mon"', 1),
        ("٣ 6 * * *", 'Minute "٣"', 1),
        ("0 24 * * *", 'Stunde "24"', 3),
        ("0  24 * * *", 'Stunde "24"', 4),
        ("* * 0 * *", 'Tag "0"', 5),
        ("0 6 31 feb *", 'Tag "31"', 5),
        ("0 6 30 2 *", 'Tag "30"', 5),
        ("15 6 * 13 *", 'Monat "13"', 8),
        ("0 6 * * 8", 'Wochentag "8"', 9),
        ("0 6 * * mon-fre", 'Wochentag "mon-fre"', 9),
    ],
)
def test_a_wrong_field_is_named_with_its_place(text: str, field: str, column: int) -> None:
    with pytest.raises(ValueError, match=f"ab Zeichen {column} gibt es nicht") as told:
        parse_schedule(text)
    assert str(told.value).startswith(field)


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        # the night an hour is missing: 02:30 is made up for when the gap ends
        ("30 2 * * *", local("2026-03-28 12:00"), ["2026-03-29 03:00", "2026-03-30 02:30"]),
        ("0,30 2 * * *", local("2026-03-29 01:00"), ["2026-03-29 03:00", "2026-03-30 02:00"]),
        # the night an hour comes twice: the first of the two
        ("30 2 * * *", local("2026-10-24 12:00"), ["2026-10-25 02:30", "2026-10-26 02:30"]),
        ("30 2 * * *", local("2026-10-25 02:45", fold=0), ["2026-10-26 02:30"]),
        ("30 2 * * *", local("2026-10-25 02:10", fold=1), ["2026-10-26 02:30"]),
        ("0 6 * * *", local("2026-10-24 07:00"), ["2026-10-25 06:00", "2026-10-26 06:00"]),
        ("0 9 1 * mon", local("2026-11-20 00:00"), ["2026-11-23 09:00", "2026-11-30 09:00", "2026-12-01 09:00"]),
        ("0 9 L * *", local("2026-11-20 00:00"), ["2026-11-30 09:00", "2026-12-31 09:00"]),
        ("1d", local("2026-03-28 06:00"), ["2026-03-29 06:00", "2026-03-30 06:00"]),
        ("1d", local("2026-10-24 06:00"), ["2026-10-25 06:00"]),
    ],
)
def test_times_when_the_clocks_change(text: str, after: datetime, expected: list[str]) -> None:
    schedule = parse_schedule(text)
    moment = after
    for wanted in expected:
        moment = schedule.next_after(moment)
        assert moment == local(wanted).astimezone(UTC)


def test_lines_with_stars_follow_the_clock_as_it_stands() -> None:
    half_past = parse_schedule("30 * * * *")
    moment, seen = local("2026-10-25 01:00"), []
    for _ in range(4):
        moment = half_past.next_after(moment)
        seen.append(f"{moment.astimezone(BERLIN):%H:%M %Z}")
    assert seen == ["01:30 CEST", "02:30 CEST", "02:30 CET", "03:30 CET"]
    spring = half_past.next_after(local("2026-03-29 01:30"))
    assert f"{spring.astimezone(BERLIN):%H:%M}" == "03:30"


def days_run(schedule_text: str, first: datetime, days: int, every: timedelta, jitter: list[int]) -> list[str]:
    """The local times at which a timer's ticks find a source due, when each visit starts at its tick."""
    schedule, last, found = parse_schedule(schedule_text), None, []
    for tick in range(int(timedelta(days=days) / every)):
        now = first + tick * every + timedelta(seconds=jitter[tick % len(jitter)])
        if schedule.is_due(last, now):
            last = now
            found.append(f"{now.astimezone(BERLIN):%d. %H:%M}")
    return found


def test_an_hourly_timer_visits_every_six_hours() -> None:
    found = days_run("6h", local("2026-11-02 00:00").astimezone(UTC), 4, timedelta(hours=1), [5, 115, 0, 30, 59, 2, 17])
    assert len(found) == 16
    assert {text[-5:-3] for text in found} == {"00", "06", "12", "18"}


@pytest.mark.parametrize("month", [3, 10])
def test_every_daily_visit_happens_once_when_the_clocks_change(month: int) -> None:
    """A timer of a quarter of an hour, over the fortnight in which the clocks change."""
    first = datetime(2026, month, 18, tzinfo=UTC)
    midnight_utc = f"{first.astimezone(BERLIN):%H:%M}"
    for text, hours in (("30 2 * * *", {"02:30", "03:00"}), ("0 6 * * *", {"06:00"}), ("1d", {midnight_utc})):
        found = days_run(text, first, 14, timedelta(minutes=15), [0])[1:]
        assert len(found) == len({one[:2] for one in found}), found
        assert len(found) in (13, 14)
        assert {one[-5:] for one in found} <= hours


@given(
    st.sampled_from(["30m", "6h", "1d", "7d", "30 2 * * *", "*/20 * * * *", "0 6 * * mon-fri", "0 0 29 2 *"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2032, 1, 1), timezones=st.just(UTC)),
)
def test_the_next_time_lies_ahead_and_is_due_then(text: str, moment: datetime) -> None:
    schedule = parse_schedule(text)
    following = schedule.next_after(moment)
    assert following > moment
    assert following.tzinfo is UTC
    assert schedule.is_due(moment, following)
    assert not schedule.is_overdue(moment, following)
    assert schedule.is_overdue(moment, schedule.next_after(following) + timedelta(hours=1))
    if schedule.every:
        assert not schedule.is_due(moment, moment + schedule.every * 0.85)


def test_a_visit_noted_in_the_far_future_counts_for_nothing() -> None:
    now = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
    assert parse_schedule("6h").is_due(now + timedelta(days=900), now)
    assert not parse_schedule("6h").is_due(now + timedelta(seconds=3), now)
