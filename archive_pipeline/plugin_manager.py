"""Finds plugins, takes those that keep their contract, and hands out what they registered.

Order: blocked names, built-ins, entry points, drop-in folder. A broken third-party plugin is quarantined and
named, a broken built-in stops the start. pluggy discovers and collects here, once; afterwards the pipeline calls
the registered objects in plain Python, and only events go out through hooks.
"""

import hashlib
import logging
import re
import sqlite3
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pluggy

from archive_pipeline import hookspecs
from archive_pipeline.classify.vocabulary import entries_by_value
from archive_pipeline.clean.profile import SiteProfile, SiteRules, conflict
from archive_pipeline.errors import (
    ConfigError,
    PluginConflictError,
    PluginContractError,
    PluginError,
    PluginLoadError,
)
from archive_pipeline.hookspecs import API_VERSION
from archive_pipeline.model import Axis, Failure, Release, RunReport, Source, Vocabulary
from archive_pipeline.plugin_loading.contract import (
    check_hooks,
    check_identity,
    check_object,
    hook_names,
    unknown_hooks,
)
from archive_pipeline.plugin_loading.discovery import (
    BUILTIN,
    Candidate,
    Origin,
    attempt,
    built_in,
    digest,
    from_entry_points,
    from_folder,
    from_path,
)
from archive_pipeline.plugin_loading.rules import Rules, preset_fetchers, read_rules
from archive_pipeline.protocols import Classifier, Cleaner, Exporter, Fetcher, IndexEngine
from archive_pipeline.registry import DEFAULT_ORDER, Registry
from archive_pipeline.sources.problems import did_you_mean
from archive_pipeline.vocabularies.own import apply_own, read_own

__all__ = [
    "BLOCK",
    "TRACE",
    "PluginManager",
    "PluginRecord",
    "load_for_processing",
    "load_one",
    "load_plugins",
]

BLOCK = "ARCHIVE_PIPELINE_BLOCK"
"""The environment variable with the names of plugins that are not to be loaded, separated by commas or spaces."""

TRACE = "ARCHIVE_PIPELINE_TRACE_HOOKS"
"""Set to 1, every hook call is written to stderr."""

BUILTIN_MODULE = "archive_pipeline.builtin"
PROCESSING_MODULE = "archive_pipeline.processing.builtin"
"""The part of it that cleans and classifies."""

_REGISTRATION = (
    "register_fetchers",
    "register_cleaners",
    "register_vocabularies",
    "register_index_engines",
    "register_exporters",
)
"""Hooks that collect, in this order, from all plugins; `register_classifiers` follows, as classifiers need everybody's
vocabularies."""

SITE_PROFILE = "site-profile"
"""The one cleaner that reads pages by the rules of all plugins, and its slot."""
SITE_PROFILE_ORDER = 100

_OBSERVED = ("prepare_connection", "run_started", "release_archived", "document_failed", "run_finished")
"""Hooks that tell; nobody looks at what they return."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRecord:
    """One plugin that was found. `error` says why it is quarantined; `path` is the file its code came from.

    `kind` is "rules" where a rules.toml is all there is; `hosts` are the sites it knows, `presets` the fetchers it
    sets up.
    """

    name: str
    version: str | None
    origin: Origin
    api_version: int | None = None
    status: Literal["ok", "quarantined", "blocked"] = "ok"
    error: str | None = None
    hooks: tuple[str, ...] = ()
    path: Path | None = None
    kind: Literal["python", "rules"] = "python"
    hosts: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Registries:
    """Everything plugins registered; each field is named like its hook."""

    fetchers: Registry[Fetcher] = field(default_factory=lambda: Registry("fetcher"))
    cleaners: Registry[Cleaner] = field(default_factory=lambda: Registry("cleaner"))
    classifiers: Registry[Classifier] = field(default_factory=lambda: Registry("classifier"))
    vocabularies: Registry[Vocabulary] = field(default_factory=lambda: Registry("vocabulary"))
    index_engines: Registry[IndexEngine] = field(default_factory=lambda: Registry("index engine"))
    exporters: Registry[Exporter] = field(default_factory=lambda: Registry("exporter"))

    def of(self, hook: str) -> Registry[Any]:
        """The registry that a `register_` hook fills."""
        registry: Registry[Any] = getattr(self, hook.removeprefix("register_"))
        return registry


class PluginManager:
    """What the loaded plugins offer, typed; built by `load_plugins`.

    `records` lists every plugin that was found, in the order of loading. `warnings` grows when an observer fails.
    """

    def __init__(
        self,
        hooks: pluggy.PluginManager,
        registries: _Registries,
        records: tuple[PluginRecord, ...],
        warnings: list[str],
    ) -> None:
        self._registries = registries
        self._observers = {name: _callers(hooks, name) for name in _OBSERVED}
        self._silenced: set[tuple[str, str]] = set()
        self.records = records
        self.warnings = warnings

    @property
    def fetchers(self) -> Registry[Fetcher]:
        """Kinds of sources."""
        return self._registries.fetchers

    @property
    def cleaners(self) -> Registry[Cleaner]:
        """Steps of cleaning, in their order."""
        return self._registries.cleaners

    @property
    def classifiers(self) -> Registry[Classifier]:
        """Classifiers, in their order."""
        return self._registries.classifiers

    @property
    def vocabularies(self) -> Registry[Vocabulary]:
        """Authority records."""
        return self._registries.vocabularies

    @property
    def index_engines(self) -> Registry[IndexEngine]:
        """Search engines."""
        return self._registries.index_engines

    @property
    def exporters(self) -> Registry[Exporter]:
        """Export formats."""
        return self._registries.exporters

    @property
    def quarantined(self) -> tuple[PluginRecord, ...]:
        """The plugins that could not be loaded, each with its `error`."""
        return tuple(record for record in self.records if record.status == "quarantined")

    @property
    def refused(self) -> frozenset[str]:
        """The names under which no plugin could be loaded, though one was found."""
        return frozenset(record.name for record in self.quarantined) - {
            record.name for record in self.records if record.status == "ok"
        }

    def fingerprint(self) -> str:
        """A hash over names, versions and files of all loaded plugins, the built-ins' too, and over the vocabularies:
        two processes with the same fingerprint do the same."""
        lines = [
            f"{record.name}\0{record.version}\0{digest(record.path) if record.path else ''}"
            for record in self.records
            if record.status == "ok"
        ]
        lines += [f"{entry.name}\0{entry.obj.version}" for entry in self.vocabularies]
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()

    def has_observers(self, hook: str) -> bool:
        """Whether any plugin listens, so that nobody prepares an event for no one."""
        return bool(self._observers[hook])

    def prepare_connection(self, connection: sqlite3.Connection) -> None:
        """Let every plugin add its SQL functions to a new connection."""
        self._tell("prepare_connection", connection=connection)

    def run_started(self, run_id: str, sources: tuple[Source, ...]) -> None:
        """Tell every observer that a run begins."""
        self._tell("run_started", run_id=run_id, sources=sources)

    def release_archived(self, release: Release, change: str) -> None:
        """Tell every observer about a committed release; `change` is "new" or "changed"."""
        self._tell("release_archived", release=release, change=change)

    def document_failed(self, failure: Failure) -> None:
        """Tell every observer about a recorded failure."""
        self._tell("document_failed", failure=failure)

    def run_finished(self, report: RunReport) -> None:
        """Tell every observer that a run is over."""
        self._tell("run_finished", report=report)

    def _tell(self, hook: str, **arguments: object) -> None:
        """Call observers one by one. One that fails is warned about once and stops neither the others nor the run."""
        for plugin, call in self._observers[hook]:
            try:
                attempt(partial(call, **arguments))
            except PluginError as error:
                if (plugin, hook) not in self._silenced:
                    self._silenced.add((plugin, hook))
                    self.warnings.append(f'Plugin "{plugin}": {hook}: {error.message}')
                    _log.warning(self.warnings[-1])
                    _log.debug("Plugin %s", plugin, exc_info=error)


_Caller = Callable[..., object]


def _callers(hooks: pluggy.PluginManager, name: str) -> list[tuple[str, _Caller]]:
    """One caller for each plugin that implements the hook, by plugin name."""
    return [(plugin, _caller(hooks, name, plugin)) for plugin in sorted(_implementers(hooks, name))]


def _implementers(hooks: pluggy.PluginManager, name: str) -> set[str]:
    return {implementation.plugin_name for implementation in getattr(hooks.hook, name).get_hookimpls()}


def _caller(hooks: pluggy.PluginManager, name: str, plugin: str) -> _Caller:
    """Calls this one plugin's implementation, through pluggy so that tracing sees it."""
    others = [obj for other, obj in hooks.list_name_plugin() if other != plugin]
    return hooks.subset_hook_caller(name, remove_plugins=others)


def load_plugins(
    folder: Path | None, environ: Mapping[str, str], *, builtin: str = BUILTIN_MODULE, vocab: Path | None = None
) -> PluginManager:
    """Load every plugin: built-ins (the module named `builtin`), installed ones, those in the drop-in `folder`. `vocab`
    is the folder of the archive's own vocabulary, which is laid over those of the plugins.

    Raises PluginLoadError when a built-in is broken, ConfigError when the environment blocks the built-ins or the own
    vocabulary has mistakes.
    """
    return _load_all(_Loader(environ, vocab), folder, builtin)


def _load_all(loader: "_Loader", folder: Path | None, builtin: str) -> PluginManager:
    loader.load(built_in(builtin))
    for candidate in (*from_entry_points(), *from_folder(folder)):
        loader.load(candidate)
    return loader.finish()


def load_for_processing(
    folder: Path | None, environ: Mapping[str, str], *, refused: Collection[str] = (), vocab: Path | None = None
) -> PluginManager:
    """What a process needs that only cleans and classifies: the built-in cleaners, vocabularies and classifiers, and
    every plugin. The built-in fetchers, engines and exporters and what they are made of take 20 MB; presets, which
    stand on fetchers, are left out. So what is wrong with a plugin's fetchers is not found here: `refused` names the
    plugins that `load_plugins` has quarantined. Raises what that raises."""
    loader = _Loader(environ, vocab, blocked=refused, presets=False)
    return _load_all(loader, folder, PROCESSING_MODULE)


def load_one(path: Path, *, builtin: str = BUILTIN_MODULE) -> tuple[PluginRecord, PluginManager]:
    """Load the plugin at `path` beside the built-ins and what else is installed. Raises PluginContractError saying what
    is wrong with it, PluginLoadError when there is none."""
    candidate = from_path(path)
    loader = _Loader({})
    loader.load(built_in(builtin))
    for other in from_entry_points():
        if other.name != candidate.name and (other.path is None or other.path != candidate.path):
            loader.load(other)
    loader.load(candidate)
    manager = loader.finish()
    record = next(record for record in manager.records if record.name == candidate.name)
    if record.status != "ok":
        raise PluginContractError(f'Plugin "{record.name}": {record.error}', hint="Vertrag: docs/plugins.md")
    return record, manager


class _Loader:
    """Loads plugins one by one, then collects what they register."""

    def __init__(
        self,
        environ: Mapping[str, str],
        vocab: Path | None = None,
        *,
        blocked: Collection[str] = (),
        presets: bool = True,
    ) -> None:
        self._vocab = vocab
        self._presets = presets
        self._blocked = {*re.findall(r"[^\s,]+", environ.get(BLOCK, "")), *blocked}
        if BUILTIN in self._blocked:
            raise ConfigError(f"{BLOCK} sperrt {BUILTIN}: ohne die eingebauten Teile geht nichts")
        self._records: dict[str, PluginRecord] = {}
        self._doubles: list[PluginRecord] = []
        self._rules: dict[str, Rules] = {}
        self._hooks = pluggy.PluginManager("archive_pipeline")
        self._hooks.add_hookspecs(hookspecs)
        if environ.get(TRACE, "0") not in ("", "0"):
            self._hooks.trace.root.setwriter(sys.stderr.write)
            self._hooks.enable_tracing()

    def load(self, candidate: Candidate) -> None:
        """Import and check one plugin; a broken one is recorded, a broken built-in raises PluginLoadError."""
        record = PluginRecord(
            name=candidate.name, version=candidate.version, origin=candidate.origin, path=candidate.path
        )
        known = self._records.get(record.name)
        if record.name in self._blocked:
            self._records.setdefault(record.name, replace(record, status="blocked"))
        elif any(_is_same(record, other) for other in self._records.values()):
            return
        elif known is not None:
            reason = f'heißt wie das Plugin "{known.name}" aus {known.path}: eines der beiden umbenennen oder entfernen'
            self._doubles.append(replace(record, status="quarantined", error=reason))
        else:
            self._records[record.name] = record
            try:
                self._records[record.name] = self._read(record, candidate)
            except PluginError as error:
                self._quarantine(record.name, error)

    def finish(self) -> PluginManager:
        """Collect what the loaded plugins register."""
        registries = self._collect()
        unknown = sorted(self._blocked - self._records.keys())
        return PluginManager(
            self._hooks,
            registries,
            records=(*self._records.values(), *self._doubles),
            warnings=[
                *(f'{BLOCK}: kein Plugin heißt "{name}"' for name in unknown),
                *self._strange_fetchers(registries.fetchers),
            ],
        )

    def _read(self, record: PluginRecord, candidate: Candidate) -> PluginRecord:
        """Read what a plugin is made of: rules, code or both."""
        rules = attempt(partial(read_rules, candidate.rules, record.name)) if candidate.rules else None
        plugin = attempt(candidate.load) if candidate.load else None
        if rules is None:
            return self._register(record, plugin)
        self._rules[record.name] = rules
        has_hooks = plugin is not None and bool(attempt(partial(hook_names, self._hooks, plugin)))
        read = self._register(record, plugin) if has_hooks else replace(record, kind="rules", api_version=API_VERSION)
        return replace(read, hosts=rules.hosts, presets=tuple(preset.name for preset in rules.presets))

    def _register(self, record: PluginRecord, plugin: object) -> PluginRecord:
        api_version = API_VERSION if record.origin == "built-in" else attempt(partial(check_identity, plugin))
        attempt(partial(check_hooks, self._hooks, plugin))
        attempt(partial(self._hooks.register, plugin, name=record.name))
        try:
            self._hooks.check_pending()
        except pluggy.PluginValidationError:
            raise PluginContractError(f"unbekannter Hook {unknown_hooks(self._hooks, plugin)}") from None
        return replace(
            record,
            version=record.version or _stated_version(plugin),
            api_version=api_version,
            hooks=hook_names(self._hooks, plugin),
        )

    def _collect(self) -> _Registries:
        """Ask every plugin in turn; after a failure from the start again without the one that failed, so that
        nothing of it is left anywhere."""
        registries = _Registries()
        sites: list[SiteRules] = []
        rounds: tuple[Callable[[str], None], ...] = (
            lambda name: self._collect_hooks(_REGISTRATION, name, registries),
            lambda name: self._collect_rules(name, registries, sites),
            lambda name: self._collect_hooks(("register_classifiers",), name, registries),
        )
        for number, collect in enumerate(rounds):
            if number == len(rounds) - 1 and self._vocab is not None:
                registries = replace(registries, vocabularies=_with_own(registries.vocabularies, self._vocab))
            for name in [record.name for record in self._records.values() if record.status == "ok"]:
                try:
                    collect(name)
                except PluginError as error:
                    self._quarantine(name, error)
                    return self._collect()
        if sites and SITE_PROFILE in registries.cleaners:
            thief = registries.cleaners.entry(SITE_PROFILE).plugin
            self._quarantine(thief, PluginConflictError(f'cleaner "{SITE_PROFILE}" heißt der Kern seinen eigenen'))
            return self._collect()
        if sites:
            registries.cleaners.plugin = BUILTIN
            registries.cleaners.add(SITE_PROFILE, SiteProfile(sites), order=SITE_PROFILE_ORDER)
        return registries

    def _collect_hooks(self, hooks: tuple[str, ...], name: str, registries: _Registries) -> None:
        for hook in hooks:
            self._collect_one(hook, name, registries)

    def _collect_rules(self, name: str, registries: _Registries, sites: list[SiteRules]) -> None:
        """What a rules.toml says: presets become fetchers, rules for pages wait for those of all other plugins."""
        rules = self._rules.get(name)
        if rules is None:
            return
        if self._presets:
            scratch: Registry[Fetcher] = Registry("fetcher", name)
            for fetcher in attempt(partial(preset_fetchers, rules, registries.fetchers)):
                scratch.add(fetcher.preset.name, fetcher)
            registries.fetchers.merge(scratch)
        if claimed := conflict(rules.sites, sites):
            other, what = claimed
            raise PluginConflictError(
                f'{what} beanspruchen zwei Plugins in rules.toml: "{other.plugin}" und "{name}"',
                hint=f"eines der beiden mit {BLOCK}=NAME sperren",
            )
        sites.extend(rules.sites)

    def _strange_fetchers(self, fetchers: Registry[Fetcher]) -> list[str]:
        """A word for every rule that is for a fetcher nobody has: it reads no page."""
        return [
            f'Plugin "{name}": rules.toml nennt unter fetchers "{fetcher}", den es nicht gibt'
            + did_you_mean(fetcher, [entry.name for entry in fetchers])
            for name, rules in self._rules.items()
            if self._records[name].status == "ok"
            for fetcher in sorted({fetcher for site in rules.sites for fetcher in site.fetchers})
            if fetcher not in fetchers
        ]

    def _collect_one(self, hook: str, plugin: str, registries: _Registries) -> None:
        if plugin not in _implementers(self._hooks, hook):
            return
        collected = registries.of(hook)
        scratch: Registry[Any] = Registry(collected.kind, plugin)
        arguments: dict[str, object] = {"registry": scratch}
        if hook == "register_classifiers":
            # a copy, so that a plugin can't take away or add what others brought
            shown: Registry[Vocabulary] = Registry(registries.vocabularies.kind)
            shown.merge(registries.vocabularies)
            arguments["vocabularies"] = shown
        attempt(partial(_caller(self._hooks, hook, plugin), **arguments))
        for entry in scratch:
            attempt(partial(check_object, hook, entry))
        if hook == "register_vocabularies" and plugin != BUILTIN:
            attempt(partial(_check_new_values, collected, scratch))
        collected.merge(scratch)

    def _quarantine(self, name: str, error: PluginError) -> None:
        record = self._records[name]
        if record.origin == "built-in":
            raise PluginLoadError(
                f"eingebautes Plugin: {error.message}", hint="die Installation ist beschädigt: neu installieren"
            ) from error
        if self._hooks.has_plugin(name):
            self._hooks.unregister(name=name)
        self._records[name] = replace(record, status="quarantined", error=error.message)
        _log.debug("Plugin %s", name, exc_info=error)


def _check_new_values(known: Registry[Vocabulary], added: Registry[Vocabulary]) -> None:
    """A value that two vocabularies have would stop all tagging of its axis; only those of districts may. Raises
    ConfigError naming both vocabularies."""
    axes = {one.axis for entry in added for one in entry.obj.entries} - {Axis.DISTRICT}
    vocabularies = tuple(entry.obj for registry in (known, added) for entry in registry)
    for axis in sorted(axes):
        entries_by_value(vocabularies, axis)


def _with_own(registered: Registry[Vocabulary], folder: Path) -> Registry[Vocabulary]:
    """The vocabularies as the archive's own tables change them. Raises ConfigError."""
    entries = registered.ordered()
    vocabularies = [entry.obj for entry in entries]
    laid: Registry[Vocabulary] = Registry(registered.kind)
    for number, vocabulary in enumerate(apply_own(read_own(folder, vocabularies), vocabularies)):
        entry = entries[number] if number < len(entries) else None
        laid.plugin = entry.plugin if entry else str(folder)
        name, order = (entry.name, entry.order) if entry else (vocabulary.name, DEFAULT_ORDER)
        laid.add(name, vocabulary, order=order)
    return laid


def _stated_version(plugin: object) -> str | None:
    version = getattr(plugin, "__version__", None)
    return version if isinstance(version, str) else None


def _is_same(record: PluginRecord, other: PluginRecord) -> bool:
    """Whether `record` is a plugin that was found before: the file of an installed one lies in the drop-in folder,
    or a checkout lies beside its installed copy."""
    if record.path is None or other.path is None:
        return False
    if record.path == other.path:
        return record.name == other.name or record.origin == "folder"
    return record.name == other.name and digest(record.path) == digest(other.path)
