"""When a source is due: its `schedule`, an interval or a cron line, in German local time.

A cron line follows Debian's cron, as cronsim does it. Lines with a fixed minute and hour (`30 2 * * *`) run once a day
whatever the clocks do: on the night an hour is missing at the end of the gap (03:00 for 02:30), on the night an hour
comes twice the first time. Lines whose minute or hour begins with `*` follow the clock as it stands: they pass over
what is missing, and run twice in the hour that comes twice. Days of month and week are both asked for when one of them
begins with `*`, else either is enough.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

__all__ = ["BERLIN", "Schedule", "parse_interval", "parse_schedule"]

BERLIN = ZoneInfo("Europe/Berlin")
"""The time of cron lines and of everything people read."""

_INTERVAL = re.compile(r"([1-9][0-9]{0,3})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}

_FIELDS = (
    ("Minute", "0 bis 59"),
    ("Stunde", "0 bis 23"),
    ("Tag", "1 bis 31, soweit es ihn in den Monaten gibt, L für den letzten"),
    ("Monat", "1 bis 12 oder jan bis dec"),
    ("Wochentag", "0 bis 7 oder sun bis sat; 0 und 7 sind Sonntag"),
)
"""The fields of a crontab line (POSIX, crontab), and what each may hold."""

_DAY = 2
"""The field to blame when each is right for itself: the 31st of February."""

_SOME_DAY = datetime(2024, 1, 1, tzinfo=UTC)

LONGEST_TOLERANCE = timedelta(minutes=2)
"""Timers and the start of a run vary by less. A longer tolerance would move every visit to the tick before, and on and
on, where a timer fires every quarter of an hour."""

GRACE = timedelta(minutes=30)
"""How late the second missed visit may be before a source counts as overdue: timers have gaps, and runs take time."""

WRONG_CLOCK = timedelta(days=1)
"""A last visit that lies further in the future was noted while the clock was wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A valid schedule; `every` is None for a cron line. All times given and returned are aware, results in UTC."""

    text: str
    every: timedelta | None

    def next_after(self, moment: datetime) -> datetime:
        """The first time after `moment`; for an interval, counted from `moment`.

        Whole days are counted on the calendar: `1d` after 06:00 is 06:00, also when the clocks change in between.
        """
        if self.every is not None:
            if self.every % timedelta(days=1):
                return moment.astimezone(UTC) + self.every
            return (moment.astimezone(BERLIN) + self.every).astimezone(UTC)
        ticks = (tick.astimezone(UTC) for tick in CronSim(self.text, moment.astimezone(BERLIN)))
        # in the hour that comes twice, the first of the two times may lie before `moment`
        return next(tick for tick in ticks if tick > moment)

    def is_due(self, last: datetime | None, now: datetime) -> bool:
        """Whether a visit is due, `last` being the start of the last one. However long that was ago, one is due.

        An interval is due up to a tenth (at most two minutes) earlier: a timer does not fire on the second, and every
        6 hours would else become every 7 under an hourly timer.
        """
        if last is None or last - now > WRONG_CLOCK:
            return True
        early = timedelta() if self.every is None else min(self.every / 10, LONGEST_TOLERANCE)
        return now >= self.next_after(last) - early

    def is_overdue(self, last: datetime, now: datetime) -> bool:
        """Whether two visits in a row were missed: nobody starts the runs, or they don't get this far."""
        return now > self.next_after(self.next_after(last)) + GRACE


def parse_interval(text: str) -> timedelta | None:
    """The time span that `30m`, `6h` or `14d` stand for, None for anything else."""
    found = _INTERVAL.fullmatch(text)
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


def parse_schedule(text: str) -> Schedule:
    """The schedule that `text` is: an interval (`30m`, `6h`, `1d`) or a cron line of five fields (`15 6 * * mon-fri`).

    Raises ValueError that says in German what is wrong, and at which character.
    """
    every = parse_interval(text)
    if every is not None:
        return Schedule(text=text, every=every)
    fields = list(re.finditer(r"\S+", text))
    if len(fields) != len(_FIELDS):
        raise ValueError('muss ein Abstand wie "6h", "30m", "1d" oder eine Cron-Zeile mit fünf Feldern sein')
    try:
        next(CronSim(text, _SOME_DAY))
    except CronSimError:
        wrong = next((number for number, found in enumerate(fields) if _is_wrong(found[0], number)), _DAY)
        name, allowed = _FIELDS[wrong]
        where = f'{name} "{fields[wrong][0]}" ab Zeichen {fields[wrong].start() + 1}'
        raise ValueError(f"{where} gibt es nicht (erlaubt: {allowed})") from None
    except StopIteration:
        raise ValueError("trifft an keinem Tag der nächsten fünfzig Jahre zu") from None
    return Schedule(text=text, every=None)


def _is_wrong(field: str, number: int) -> bool:
    """Whether one field of a cron line is wrong, whatever the others say."""
    fields = ["*"] * len(_FIELDS)
    fields[number] = field
    try:
        CronSim(" ".join(fields), _SOME_DAY)
    except CronSimError:
        return True
    return False
