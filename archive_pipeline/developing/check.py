"""`plugins check`: everything one plugin registers, put through the contract suites, without pytest.

Cleaners are also given the plugin's own `fixtures/*.html`, classifiers its `fixtures/*.txt`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from archive_pipeline.errors import PluginError
from archive_pipeline.fetch.preset import PresetFetcher
from archive_pipeline.model import Source
from archive_pipeline.plugin_loading.discovery import attempt
from archive_pipeline.plugin_loading.rules import RULES_NAME
from archive_pipeline.plugin_manager import PluginManager, PluginRecord, load_one
from archive_pipeline.protocols import Fetcher
from archive_pipeline.registry import Entry
from archive_pipeline.testing.fixtures import SUFFIX, SourceFixture, fixtures_of
from archive_pipeline.testing.material import RELEASE
from archive_pipeline.testing.sources import RulesContract, SourceContract
from archive_pipeline.testing.suites import ClassifierContract, CleanerContract, FetcherContract

__all__ = ["CheckResult", "check_plugin"]

WITHOUT_ANSWERS = ("test_states_its_settings", "test_claims_look_at_the_address_only")
"""What can be asked of a fetcher whose site's answers nobody has written down."""


NO_SUITE = {
    "vocabulary": "Form und Schlüssel der Einträge sind beim Laden geprüft",
    "index engine": "ihre Suite ist IndexEngineContract aus archive_pipeline.testing, in einem Test des Plugins",
    "exporter": "dafür gibt es keine Suite",
}
"""What is said of parts that are not tried here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """How one part of a plugin did: how many tests of its suite it passed, and each failure as (test, reason). `note`
    says what could not be tested."""

    subject: str
    passed: int
    failures: tuple[tuple[str, str], ...] = ()
    note: str = ""

    @property
    def state(self) -> Literal["ok", "failed", "untested"]:
        """The result in one word."""
        return "failed" if self.failures else "ok" if self.passed else "untested"


def check_plugin(path: Path) -> tuple[PluginRecord, tuple[CheckResult, ...]]:
    """Load the plugin at `path` and try all it registers. Raises PluginContractError when it can't be loaded,
    PluginLoadError when there is none."""
    record, plugins = load_one(path)
    folder = record.path.parent if record.path and record.path.name in ("__init__.py", RULES_NAME) else None
    return record, tuple(_results(record, plugins, folder))


def _results(record: PluginRecord, plugins: PluginManager, folder: Path | None) -> Iterator[CheckResult]:
    for fetcher in plugins.fetchers:
        if fetcher.plugin == record.name and not isinstance(fetcher.obj, PresetFetcher):
            yield _fetcher(fetcher, plugins, folder)
    for cleaner in plugins.cleaners:
        if cleaner.plugin == record.name:
            suite: Any = CleanerContract()
            suite.subject, suite.idempotent = cleaner.obj, getattr(cleaner.obj, "idempotent", True)
            suite.bodies = {file.name: file.read_bytes() for file in _files(folder, "*.html")}
            yield _run(f"cleaner {cleaner.name}", suite)
    for classifier in plugins.classifiers:
        if classifier.plugin == record.name:
            suite = ClassifierContract()
            suite.subject = classifier.obj
            suite.articles = {
                file.name: replace(RELEASE, text=file.read_text(encoding="utf-8", errors="replace"))
                for file in _files(folder, "*.txt")
            }
            yield _run(f"classifier {classifier.name}", suite)
    for registry in (plugins.vocabularies, plugins.index_engines, plugins.exporters):
        for other in registry:
            if other.plugin == record.name:
                yield CheckResult(subject=f"{registry.kind} {other.name}", passed=0, note=NO_SUITE[registry.kind])
    if folder is not None:
        yield from _sources(folder)


def _files(folder: Path | None, pattern: str) -> list[Path]:
    return sorted((folder / "fixtures").glob(pattern)) if folder is not None else []


def _sources(folder: Path) -> Iterator[CheckResult]:
    has_rules = (folder / RULES_NAME).is_file()
    if has_rules or any((folder / "fixtures").glob(f"*{SUFFIX}")):
        suite = RulesContract() if has_rules else SourceContract()
        suite.folder = folder
        yield _run(RULES_NAME if has_rules else "fixtures", suite)


def _fetcher(entry: Entry[Fetcher], plugins: PluginManager, folder: Path | None) -> CheckResult:
    suite: Any = FetcherContract()
    suite.subject = entry.obj
    subject = f"fetcher {entry.name}"
    try:
        fixture = attempt(lambda: _fixture(entry.name, folder))
        if fixture is not None:
            suite.source, suite.answers = attempt(lambda: (fixture.source(plugins), fixture.answers()))
            suite.base = fixture.path.parent
            return _run(subject, suite)
    except PluginError as error:
        return CheckResult(subject=subject, passed=0, failures=(("fixtures", error.message),))
    suite.source = Source(id="probe", url="https://presse.example/", options=entry.obj.options.model_construct())
    note = f'nur Einstellungen und Adressen geprüft: fixtures/*{SUFFIX} mit "fetcher": "{entry.name}" und answers fehlt'
    return _run(subject, suite, WITHOUT_ANSWERS, note=note)


def _fixture(fetcher: str, folder: Path | None) -> SourceFixture | None:
    """A fixture whose pages somebody wrote down, all of them: recordings end after a few items."""
    found = fixtures_of(folder) if folder is not None else []
    wanted = (one for one in found if one.expected.source.get("fetcher") == fetcher and one.expected.answers)
    return next((one for one in wanted if one.expected.items), None)


def _run(subject: str, suite: object, names: tuple[str, ...] = (), *, note: str = "") -> CheckResult:
    failures: list[tuple[str, str]] = []
    tests = names or tuple(name for name in dir(suite) if name.startswith("test_"))
    for name in tests:
        try:
            attempt(getattr(suite, name))
        except PluginError as error:
            cause = error.__cause__
            failures.append((name, str(cause) if isinstance(cause, AssertionError) else error.message))
    return CheckResult(subject=subject, passed=len(tests) - len(failures), failures=tuple(failures), note=note)
