"""Turns the parsed tables of sources.toml into values and collects what is wrong with them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

from pydantic import BaseModel, ValidationError

from archive_pipeline.errors import PluginConflictError, PluginError, PluginLoadError
from archive_pipeline.model import RobotsOverride, Snooze, Source
from archive_pipeline.protocols import Fetcher, IndexEngine
from archive_pipeline.registry import Registry
from archive_pipeline.sources.authority import AuthorityKeys
from archive_pipeline.sources.choice import choose_fetcher, option_keys, validate_options
from archive_pipeline.sources.positions import KeyPath
from archive_pipeline.sources.problems import Problems, did_you_mean, nearest, shown
from archive_pipeline.sources.secrets import SECRETS_FILE, looks_secret, secret_variable
from archive_pipeline.sources.tables import ArchiveTable, SourceTable
from archive_pipeline.sources.values import ArchiveSettings, BrokenSource, QuarantinedPlugin

__all__ = ["Reader"]

TableT = TypeVar("TableT", bound=BaseModel)

_TABLES = ("archive", "source")
_COMMON_KEYS = frozenset(SourceTable.model_fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads the tables of one file; every mistake goes to `problems`, nothing is raised."""

    problems: Problems
    fetchers: Registry[Fetcher]
    engines: Registry[IndexEngine] | None
    authority_keys: AuthorityKeys
    quarantined: tuple[QuarantinedPlugin, ...]

    def check_top_level(self, data: Mapping[str, Any]) -> None:
        """Only [archive] and [[source]] are known, and no key anywhere may hold a secret."""
        for key in data.keys() - set(_TABLES):
            self.problems.add_at_key((key,), f'unbekannte Tabelle "{key}"{did_you_mean(key, _TABLES)}')
        for path in self.problems.key_paths():
            name = path[-1]
            if isinstance(name, str) and looks_secret(name):
                self.problems.add_at_key(
                    path,
                    f'"{name}": Geheimnisse gehören nicht in diese Datei, sondern in '
                    f"{secret_variable(_secret_name(data, path))}"
                    f" oder in die Datei, die {SECRETS_FILE} nennt",
                )

    def read_archive(self, data: object, base: Path) -> ArchiveSettings | None:
        """The settings of [archive], with defaults where it says nothing; None after a mistake."""
        path, who = ("archive",), "[archive]: "
        if not _is_table(data):
            self.problems.add_at_key(path, "[archive] muss eine Tabelle sein")
            return None
        known = ArchiveTable.model_fields
        self.problems.add_unknown_keys(path, who, _strangers(data, known), known)
        table = self._validated(ArchiveTable, data, path, who)
        if table is None:
            return None
        if self.engines is not None and table.engine not in self.engines:
            meant = did_you_mean(table.engine, [entry.name for entry in self.engines])
            lost = f"; nicht geladene Plugins: {self._lost()}" if self.quarantined else ""
            self.problems.add_at_value(
                (*path, "engine"), f"{who}engine {shown(table.engine)} ist unbekannt{meant}{lost}"
            )
        return ArchiveSettings(
            path=(base / Path(table.path).expanduser()).resolve(),
            ca_bundle=(base / Path(table.ca_bundle).expanduser()).resolve() if table.ca_bundle else None,
            **table.model_dump(exclude={"path", "ca_bundle"}),
        )

    def read_sources(self, tables: object) -> tuple[tuple[Source, ...], tuple[BrokenSource, ...]]:
        """Every [[source]] without a mistake, and the enabled ones whose fetcher can't be had."""
        if not isinstance(tables, list) or not all(_is_table(table) for table in tables):
            self.problems.add_at_key(("source",), "jede Quelle ist eine Tabelle in doppelten Klammern: [[source]]")
            return (), ()
        self._check_ids(tables)
        read = [self._read_source(table, ("source", index)) for index, table in enumerate(tables)]
        sources = tuple(source for source in read if isinstance(source, Source))
        return sources, tuple(source for source in read if isinstance(source, BrokenSource))

    def _check_ids(self, tables: list[Mapping[str, Any]]) -> None:
        first_lines: dict[str, int] = {}
        for index, table in enumerate(tables):
            source_id, path = table.get("id"), ("source", index, "id")
            if not isinstance(source_id, str):
                continue
            line = self.problems.at_key(path, "").line
            if source_id in first_lines:
                first = first_lines[source_id]
                self.problems.add_at_value(path, f'id "{source_id}" in Zeile {line} steht schon in Zeile {first}')
            first_lines.setdefault(source_id, line)

    def _read_source(self, data: Mapping[str, Any], path: KeyPath) -> Source | BrokenSource | None:
        source_id = data.get("id")
        who = f'Quelle "{source_id}": ' if isinstance(source_id, str) else "Quelle ohne id: "
        table = self._validated(SourceTable, data, path, who)
        enabled = data.get("enabled", True) is not False
        try:
            name = self._fetcher_name(data, path, who, enabled=enabled, valid=table is not None)
            options = self._options(name, data, path, who)
        except PluginError as error:
            problem = self.problems.at_key(path, f"{who}{error.message}")
            source = None if table is None else _source(table)
            return BrokenSource(source=source, problem=problem) if source is not None and enabled else source
        return None if table is None else replace(_source(table), fetcher=name, options=options)

    def _fetcher_name(
        self, data: Mapping[str, Any], path: KeyPath, who: str, *, enabled: bool, valid: bool
    ) -> str | None:
        """The fetcher named, else the one with the highest claim; None after a mistake. Raises PluginError when
        a plugin is to blame."""
        name = data.get("fetcher")
        if isinstance(name, str):
            if enabled and name not in self.fetchers:
                known = [entry.name for entry in self.fetchers]
                meant = did_you_mean(name, known)
                self._unavailable((*path, "fetcher"), who, f'fetcher "{name}" ist unbekannt{meant}')
                return nearest(name, known)  # whose options show further mistakes of this table
            return name
        if not valid:
            return None
        url = data.get("url")
        try:
            chosen = choose_fetcher(url, self.fetchers) if url else None
        except PluginConflictError as error:
            if enabled:
                self.problems.add_at_value((*path, "url"), f"{who}{error.message}; {error.hint}")
            return None
        if chosen is None and enabled and url:
            self._unavailable(
                (*path, "url"), who, f'kein Fetcher passt zu {shown(url)}; mit fetcher = "…" einen wählen'
            )
        elif chosen is None and enabled:
            self.problems.add_at_key(path, f'{who}Schlüssel "fetcher" oder "url" fehlt')
        return chosen

    def _unavailable(self, path: KeyPath, who: str, message: str) -> None:
        """A mistake of the file, unless a plugin that could not be loaded may have brought the fetcher."""
        if not self.quarantined:
            self.problems.add_at_value(path, f"{who}{message}")
            return
        raise PluginLoadError(
            f"{message}; nicht geladene Plugins: {self._lost()}", hint="archive-pipeline plugins list"
        )

    def _lost(self) -> str:
        """The plugins that could not be loaded, each with the reason: what is unknown may be theirs."""
        return "; ".join(f"{plugin.name} ({plugin.reason})" for plugin in self.quarantined)

    def _options(self, name: str | None, data: Mapping[str, Any], path: KeyPath, who: str) -> BaseModel | None:
        if name is None or name not in self.fetchers:
            return None
        entry = self.fetchers.entry(name)
        known = option_keys(entry.obj.options)
        own = _strangers(data, _COMMON_KEYS | known)
        if entry.obj.options.model_config.get("extra") != "allow":
            self.problems.add_unknown_keys(path, who, own, _COMMON_KEYS | known)
            own = frozenset()
        settings = {key: value for key, value in data.items() if key in known | own and not looks_secret(key)}
        try:
            return validate_options(entry, settings)
        except ValidationError as error:
            self.problems.add_invalid(path, who, error)
            return None

    def _validated(self, kind: type[TableT], data: Mapping[str, Any], path: KeyPath, who: str) -> TableT | None:
        fields = {key: value for key, value in data.items() if key in kind.model_fields}
        try:
            return kind.model_validate(fields, context=self.authority_keys)
        except ValidationError as error:
            self.problems.add_invalid(path, who, error)
            return None


def _source(table: SourceTable) -> Source:
    settings = table.model_dump(exclude={"robots_override", "snooze"})
    override, snooze = table.robots_override, table.snooze
    return Source(
        **settings,
        robots_override=RobotsOverride(**override.model_dump()) if override else None,
        snooze=Snooze(**snooze.model_dump()) if snooze else None,
    )


def _secret_name(data: Mapping[str, Any], path: KeyPath) -> str:
    """What the secret is called that stands at this key: that of a source like its account, else like the source."""
    tables = data.get("source")
    if path[0] == "source" and len(path) > 2 and isinstance(path[1], int) and isinstance(tables, list):
        table = tables[path[1]]
        named = (table.get(key) for key in ("account", "id")) if _is_table(table) else ()
        return next((name for name in named if isinstance(name, str) and name), str(path[-1]))
    return str(path[-1])


def _strangers(data: Mapping[str, Any], known: Collection[str]) -> frozenset[str]:
    return frozenset(key for key in data if key not in known and not looks_secret(key))


def _is_table(data: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(data, dict)
