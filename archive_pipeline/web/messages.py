"""The words of the pages, German first: one catalogue, `messages.toml`, with both languages of each message."""

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Literal

from starlette.requests import Request

from archive_pipeline.sources.schedule import BERLIN

__all__ = ["COOKIE", "LANGUAGES", "Language", "Words", "catalogue", "language_of"]

Language = Literal["de", "en"]

LANGUAGES: tuple[Language, ...] = ("de", "en")
COOKIE = "apl_language"

MONTHS = {
    "de": "Januar,Februar,März,April,Mai,Juni,Juli,August,September,Oktober,November,Dezember",
    "en": "January,February,March,April,May,June,July,August,September,October,November,December",
}


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """All messages by key, each by language; a counted one has the keys `x.one` and `x.many`."""
    text = files("archive_pipeline.web").joinpath("messages.toml").read_text(encoding="utf-8")
    return {
        f"{group}.{name}": {"de": words[0], "en": words[1]}
        for group, messages in tomllib.loads(text).items()
        for name, words in messages.items()
    }


def language_of(request: Request) -> Language:
    """German, unless the address (`?lang=en`) or the cookie says otherwise: the texts are German, too."""
    for asked in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        for language in LANGUAGES:
            if asked == language:
                return language
    return "de"


class Words:
    """The messages in one language, and numbers and dates as it writes them."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self._messages = catalogue()

    def __call__(self, key: str, /, **values: object) -> str:
        """One message with its values put in."""
        return self._messages[key][self.language].format(**values)

    def count(self, key: str, number: int, /, **values: object) -> str:
        """A message about a number of things, in the right number."""
        return self(f"{key}.{'one' if number == 1 else 'many'}", n=self.number(number), **values)

    def knows(self, key: str) -> bool:
        """Whether there is such a message."""
        return key in self._messages

    def number(self, number: int) -> str:
        """12.345 or 12,345."""
        text = f"{number:,}"
        return text.replace(",", ".") if self.language == "de" else text

    def decimal(self, number: float, digits: int = 2) -> str:
        """0,97 or 0.97."""
        text = f"{number:.{digits}f}"
        return text.replace(".", ",") if self.language == "de" else text

    def day(self, day: date | None) -> str:
        """16. September 2021 or 16 September 2021; a release without a date is called that."""
        if day is None:
            return self("date.none")
        stop = "." if self.language == "de" else ""
        return f"{day.day}{stop} {self._month(day.month)} {day.year}"

    def short_day(self, day: date | None) -> str:
        """16.09.2021 or 2021-09-16."""
        if day is None:
            return self("date.none")
        return f"{day:%d.%m.%Y}" if self.language == "de" else day.isoformat()

    def moment(self, moment: datetime | None) -> str:
        """Day and time in Germany; a dash for none."""
        if moment is None:
            return "–"
        local = moment.astimezone(BERLIN)
        return f"{self.short_day(local.date())} {local:%H:%M}"

    def period(self, value: str) -> str:
        """A year or a month (`2021-05`) in words; other periods as they are written."""
        year, dash, month = value.partition("-")
        if dash and month.isdigit() and year.isdigit() and 1 <= int(month) <= 12:
            return f"{self._month(int(month))} {year}"
        return self("date.none") if value == "unbekannt" else value.replace("..", " – ")

    def _month(self, number: int) -> str:
        return MONTHS[self.language].split(",")[number - 1]
