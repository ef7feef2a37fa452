"""rules.toml: what a plugin knows about sites, as data. Reading it, with every mistake by line.

    [[preset]]                          # a fetcher of this name, for `fetcher = "auental"` in sources.toml
    name = "auental"
    fetcher = "listing"                 # the fetcher that does the work; all its settings may follow
    items = "ul.meldungen li"

    [[site]]                            # how pages are read
    hosts = ["www.kreis-auental.example"]
    valid_until = 2019-06-30            # by day of capture; both ends optional
    title = "h1.headline"
    date = { selector = "span.datum", format = "%d.%m.%Y" }
    body = ["div.meldung p", "div.meldung li"]

Selectors are CSS, or XPath, which begins with `/`, `./` or `(`.
"""

import datetime
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from lxml import html
from lxml.etree import XPath, XPathError
from parsel import css2xpath
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from archive_pipeline.clean.profile import SiteRules
from archive_pipeline.errors import ConfigError, ConfigProblem
from archive_pipeline.fetch.preset import Preset, PresetFetcher, placeholders
from archive_pipeline.protocols import Fetcher
from archive_pipeline.registry import Registry
from archive_pipeline.sources.positions import KeyPath, Positions
from archive_pipeline.sources.problems import Problems, did_you_mean

__all__ = ["RULES_NAME", "Rules", "preset_fetchers", "read_rules"]

RULES_NAME = "rules.toml"
"""The file's name in a plugin's folder."""

HINT = "Aufbau der Datei: docs/plugins.md"

FIELDS = ("title", "subtitle", "date", "author", "body", "remove", "contact", "caption")
"""The keys of a site that hold selectors."""

HOST = re.compile(r"\*|(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*")
PRESET_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
TableT = TypeVar("TableT", bound=BaseModel)
SOME_PAGE = html.fromstring("<html><body><p>.</p></body></html>")


def _host(value: str) -> str:
    host = value.strip().lower()
    if not HOST.fullmatch(host):
        bare = re.sub(r"^\w+://", "", host).partition("/")[0].partition(":")[0]
        meant = f' – meinten Sie "{bare}"?' if bare != host and HOST.fullmatch(bare) else ""
        raise ValueError(f'nur ein Hostname, "*.beispiel.de" für alle darunter oder "*" für alle{meant}')
    return host


def _selectors(value: object) -> tuple[XPath, ...]:
    texts = value if isinstance(value, list) else [value]
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError("muss ein Selektor oder eine Liste von Selektoren sein")
    return tuple(_compiled(text) for text in cast("list[str]", texts))


def _compiled(selector: str) -> XPath:
    try:
        compiled = XPath(selector if selector.startswith(("/", "./", "(")) else css2xpath(selector))
        compiled(SOME_PAGE)  # a function or prefix that is unknown shows only now
    except (XPathError, SyntaxError, RuntimeError) as error:  # the last two are those of cssselect
        raise ValueError(f'der Selektor "{selector}" ist nicht lesbar: {error}') from error
    return compiled


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRule:
    """Where a page states its day, and how it writes it."""

    selectors: tuple[XPath, ...]
    format: str | None = None


def _date_rule(value: object) -> DateRule:
    if not isinstance(value, dict):
        return DateRule(selectors=_selectors(value))
    for key in value:
        if key not in ("selector", "format"):
            raise ValueError(f'unbekannter Schlüssel "{key}"{did_you_mean(str(key), ("selector", "format"))}')
    return DateRule(selectors=_selectors(value.get("selector")), format=_date_format(value.get("format")))


def _date_format(form: object) -> str | None:
    if form is None:
        return None
    some_day = datetime.datetime(2024, 2, 3)
    try:
        if isinstance(form, str) and datetime.datetime.strptime(some_day.strftime(form), form) == some_day:
            return form
    except ValueError:
        pass
    raise ValueError('format muss Tag, Monat und Jahr nennen wie "%d.%m.%Y"')


def _day(value: object) -> object:
    if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
        raise ValueError("muss ein Tag wie 2019-01-01 ohne Anführungszeichen sein")
    return value


def _address(value: str) -> str:
    placeholders(value)
    if not value.startswith(("{url}", "{root}", "http://", "https://")):
        raise ValueError("muss mit {url}, {root} oder https:// beginnen")
    return value


def _preset_name(value: str) -> str:
    if not PRESET_NAME.fullmatch(value):
        raise ValueError("nur Kleinbuchstaben, Ziffern und einzelne Bindestriche")
    return value


Selectors = Annotated[tuple[XPath, ...], BeforeValidator(_selectors)]
Day = Annotated[datetime.date, BeforeValidator(_day)]


class SiteTable(BaseModel):
    """`[[site]]`: which pages, and where their parts stand."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)

    hosts: Annotated[list[Annotated[str, AfterValidator(_host)]], Field(min_length=1)] = ["*"]
    fetchers: list[str] = []
    valid_from: Day | None = None
    valid_until: Day | None = None
    title: Selectors = ()
    subtitle: Selectors = ()
    date: Annotated[DateRule, BeforeValidator(_date_rule)] | None = None
    author: Selectors = ()
    body: Selectors
    remove: Selectors = ()
    contact: Selectors = ()
    caption: Selectors = ()

    @model_validator(mode="after")
    def _consistent(self) -> "SiteTable":
        if not self.fetchers and "hosts" not in self.model_fields_set:
            raise ValueError("hosts oder fetchers muss sagen, welche Seiten gemeint sind")
        if self.valid_from and self.valid_until and self.valid_from > self.valid_until:
            raise ValueError("valid_from liegt nach valid_until")
        return self


class PresetTable(BaseModel):
    """`[[preset]]`: a name, a fetcher, where the list stands; all other keys are settings of the fetcher."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    name: Annotated[str, AfterValidator(_preset_name)]
    fetcher: str
    address: Annotated[str, AfterValidator(_address)] = "{url}"
    parameters: dict[str, str | int] = {}
    claims: list[str] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """A rules.toml that was read: its rules for pages and its presets, in the order of the file."""

    path: Path
    text: str
    sites: tuple[SiteRules, ...]
    presets: tuple[Preset, ...]

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host pattern the file names, sorted."""
        return tuple(sorted({host for site in self.sites for host in site.hosts} - {"*"}))


def read_rules(path: Path, plugin: str) -> Rules:
    """The rules.toml at `path`, which `plugin` brings. Raises ConfigError with every mistake in it."""
    text = _read(path)
    data = _parse(path, text)
    problems = Problems(str(path), Positions(text))
    for key in data.keys() - {"site", "preset"}:
        problems.add_at_key((key,), f'unbekannte Tabelle "{key}"{did_you_mean(key, ("site", "preset"))}')
    sites = tuple(
        _site(site, plugin)
        for place, row in _rows(data, "site", problems)
        if (site := _validated(SiteTable, row, place, problems))
    )
    presets = tuple(
        _preset(preset)
        for place, row in _rows(data, "preset", problems)
        if (preset := _validated(PresetTable, row, place, problems))
    )
    named = [row.get("name") for _, row in _rows(data, "preset", problems)]
    for number, name in enumerate(named):
        if name is not None and name in named[:number]:
            problems.add_at_value(("preset", number, "name"), f'name "{name}" steht schon weiter oben')
    if not problems and not sites and not presets:
        problems.add_at_key((), "keine Tabelle [[site]] oder [[preset]] gefunden")
    _raise_if_any(problems)
    return Rules(path=path, text=text, sites=sites, presets=presets)


def preset_fetchers(rules: Rules, fetchers: Registry[Fetcher]) -> tuple[PresetFetcher, ...]:
    """The file's presets as fetchers, on the base of those that are registered. Raises ConfigError with every preset
    whose fetcher is unknown or doesn't take its settings."""
    problems = Problems(str(rules.path), Positions(rules.text))
    made = []
    for number, preset in enumerate(rules.presets):
        place, who = ("preset", number), f'Preset "{preset.name}": '
        if preset.base not in fetchers:
            meant = did_you_mean(preset.base, [entry.name for entry in fetchers])
            problems.add_at_value((*place, "fetcher"), f'{who}fetcher "{preset.base}" ist unbekannt{meant}')
            continue
        base = fetchers[preset.base]
        if isinstance(base, PresetFetcher):
            problems.add_at_value((*place, "fetcher"), f'{who}"{preset.base}" ist selbst ein Preset')
            continue
        known = {*base.options.model_fields, *PresetTable.model_fields}
        problems.add_unknown_keys(place, who, sorted(preset.settings.keys() - known), known)
        if double := sorted(set(preset.own_settings) & set(base.options.model_fields)):
            problems.add_at_value(
                (*place, "address"), f'{who}"{{{double[0]}}}" heißt wie eine Einstellung des Fetchers'
            )
        try:
            base.options.model_validate({key: value for key, value in preset.settings.items() if key in known})
        except ValidationError as error:
            if given := _without_missing(error):
                problems.add_invalid(place, who, given)
        made.append(PresetFetcher(preset, base))
    _raise_if_any(problems)
    return tuple(made)


def _without_missing(error: ValidationError) -> ValidationError | None:
    """What is wrong with the values that are there; those that are missing are the source's to give."""
    details = [
        InitErrorDetails(type=detail["type"], loc=detail["loc"], input=detail["input"], ctx=detail.get("ctx", {}))
        for detail in error.errors(include_url=False)
        if detail["type"] != "missing"
    ]
    return ValidationError.from_exception_data(error.title, details) if details else None


def _site(table: SiteTable, plugin: str) -> SiteRules:
    values: dict[str, tuple[XPath, ...]] = {name: getattr(table, name) for name in FIELDS if name != "date"}
    values["date"] = table.date.selectors if table.date else ()
    return SiteRules(
        plugin=plugin,
        hosts=tuple(table.hosts),
        fetchers=tuple(table.fetchers),
        selectors=tuple((name, values[name]) for name in FIELDS if values[name]),
        date_format=table.date.format if table.date else None,
        valid_from=table.valid_from,
        valid_until=table.valid_until,
    )


def _preset(table: PresetTable) -> Preset:
    return Preset(
        name=table.name,
        base=table.fetcher,
        address=table.address,
        parameters=tuple((name, str(value)) for name, value in table.parameters.items()),
        claims=tuple(table.claims),
        settings=dict(table.model_extra or {}),
    )


def _rows(data: Mapping[str, Any], name: str, problems: Problems) -> list[tuple[KeyPath, dict[str, Any]]]:
    rows = data.get(name, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        problems.add_at_key((name,), f"{name} muss eine Tabelle in doppelten Klammern sein: [[{name}]]")
        return []
    return [((name, number), row) for number, row in enumerate(rows)]


def _validated(kind: type[TableT], row: dict[str, Any], place: KeyPath, problems: Problems) -> TableT | None:
    """The table, None after a mistake. Keys that nobody knows are named with the nearest one that is known."""
    who = f'Preset "{row["name"]}": ' if isinstance(row.get("name"), str) else ""
    strangers = set() if kind.model_config.get("extra") == "allow" else row.keys() - kind.model_fields.keys()
    problems.add_unknown_keys(place, who, sorted(strangers), kind.model_fields)
    try:
        return kind.model_validate({key: value for key, value in row.items() if key not in strangers})
    except ValidationError as error:
        problems.add_invalid(place, who, error)
        return None


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise ConfigError(f"{path} ist nicht lesbar: {error.strerror}", hint="Rechte der Datei prüfen") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise _config_error((_problem(path, line, 0, "die Datei ist nicht in UTF-8 gespeichert"),)) from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason, _, place = str(error).partition(" (at ")
        found = [int(number) for number in re.findall(r"\d+", place)]
        line, column = found if len(found) == 2 else (text.count("\n") + 1, 0)
        raise _config_error((_problem(path, line, column, f"kein gültiges TOML: {reason}"),)) from None
    except (RecursionError, ValueError) as error:  # int() takes no number of thousands of digits
        raise _config_error((_problem(path, 0, 0, f"kein gültiges TOML: {type(error).__name__}"),)) from None


def _problem(path: Path, line: int, column: int, message: str) -> ConfigProblem:
    return ConfigProblem(file=str(path), line=line, column=column, message=message)


def _raise_if_any(problems: Problems) -> None:
    if problems:
        raise _config_error(problems.in_file_order())


def _config_error(problems: tuple[ConfigProblem, ...]) -> ConfigError:
    return ConfigError("\n".join(map(str, problems)), problems=problems, hint=HINT)
