"""The contracts of what plugins know about sites: recorded sources, and rules.toml."""

from functools import lru_cache
from pathlib import Path

from archive_pipeline.clean.profile import SiteProfile
from archive_pipeline.fetch.preset import PresetFetcher
from archive_pipeline.plugin_loading.rules import RULES_NAME, read_rules
from archive_pipeline.plugin_manager import PluginManager, load_one
from archive_pipeline.testing.fixtures import Expectation, SourceFixture, fixtures_of
from archive_pipeline.testing.isolation import no_network, quick
from archive_pipeline.testing.suites import CleanerContract, FetcherContract

__all__ = ["RulesContract", "SourceContract"]


@lru_cache(maxsize=32)
def _plugins(folder: Path) -> PluginManager:
    return load_one(folder)[1]


class SourceContract:
    """Every fixture of a plugin gives what its expected.json says. Set `folder`, the plugin's."""

    folder: Path

    def test_there_is_a_fixture(self) -> None:
        """At least one `fixtures/*.expected.json`."""
        assert fixtures_of(self.folder), f"{self.folder / 'fixtures'}: no expected.json"

    def test_lists_what_is_expected(self) -> None:
        """The items of each source, in their order."""
        for fixture in fixtures_of(self.folder):
            seen = self._observed(fixture)
            expected, found = fixture.expected.items or (), seen.items or ()
            for number, (wanted, item) in enumerate(zip(expected, found, strict=False), start=1):
                assert item == wanted, f"{fixture.path.name}: item {number} is {item!r}, expected {wanted!r}"
            assert len(found) == len(expected), f"{fixture.path.name}: {len(found)} items, expected {len(expected)}"

    def test_reads_what_is_expected(self) -> None:
        """The articles of each source, in the fields that the expected.json names."""
        for fixture in fixtures_of(self.folder):
            seen = self._observed(fixture)
            for url, wanted in fixture.expected.articles.items():
                for name in wanted.model_fields_set | {"status"}:
                    found, expected = getattr(seen.articles[url], name), getattr(wanted, name)
                    assert found == expected, f"{fixture.path.name}: {url}: {name} is {found!r}, expected {expected!r}"

    def _observed(self, fixture: SourceFixture) -> Expectation:
        with no_network():
            return fixture.observed(_plugins(self.folder))


class RulesContract(SourceContract):
    """What every rules.toml keeps. Set `folder`: it has a page for each rule, and each does what is expected of it."""

    def test_every_rule_reads_a_page(self) -> None:
        """Each [[site]] finds the text of at least one page, and each of its keys but `remove` something on one of
        them; what no page shows may be wrong for years."""
        plugins = _plugins(self.folder)
        rules = read_rules(self.folder / RULES_NAME, "probe")
        profile = SiteProfile(rules.sites)
        found: dict[int, set[str]] = {}
        for fixture in fixtures_of(self.folder):
            source = fixture.source(plugins)
            for page in fixture.pages(plugins):
                site, _ = quick(fixture.path.name, profile.choose, page, source)
                for number, other in enumerate(rules.sites, start=1):
                    if other is site and page.tree is not None:
                        fields = {name for name, _ in other.selectors if other.find(name, page.tree)}
                        found.setdefault(number, set()).update(fields)
        for number, rule in enumerate(rules.sites, start=1):
            where = f"{RULES_NAME}, [[site]] number {number}"
            assert number in found, f"{where}: reads no page of the fixtures"
            empty = [name for name, _ in rule.selectors if name != "remove" and name not in found[number]]
            assert not empty, f"{where}: nothing found on any page of the fixtures: {', '.join(empty)}"

    def test_every_preset_lists_a_source(self) -> None:
        """Each [[preset]] is the fetcher of at least one fixture that offers items."""
        rules = read_rules(self.folder / RULES_NAME, "probe")
        tried = {
            fixture.expected.source.get("fetcher") for fixture in fixtures_of(self.folder) if fixture.expected.items
        }
        untried = [preset.name for preset in rules.presets if preset.name not in tried]
        assert not untried, f"{RULES_NAME}: no fixture lists a source of the presets {', '.join(untried)}"

    def test_rules_name_fetchers_that_exist(self) -> None:
        """`fetchers` of a [[site]] are fetchers of the core, of installed plugins or of this file."""
        known = {entry.name for entry in _plugins(self.folder).fetchers}
        sites = read_rules(self.folder / RULES_NAME, "probe").sites
        strange = sorted({fetcher for site in sites for fetcher in site.fetchers} - known)
        assert not strange, f"{RULES_NAME}: unknown fetchers {', '.join(strange)}"

    def test_presets_keep_the_contract_of_fetchers(self) -> None:
        """Every preset with hand-made pages passes the suite of fetchers."""
        plugins = _plugins(self.folder)
        for fixture in fixtures_of(self.folder):
            fetcher = plugins.fetchers[str(fixture.expected.source.get("fetcher"))]
            if isinstance(fetcher, PresetFetcher) and fixture.expected.answers and fixture.expected.items:
                suite = FetcherContract()
                suite.subject, suite.source, suite.base = fetcher, fixture.source(plugins), fixture.path.parent
                suite.__dict__["answers"] = fixture.answers()
                _run(suite)

    def test_rules_keep_the_contract_of_cleaners(self) -> None:
        """Reading pages by the rules passes the suite of cleaners."""
        plugins = _plugins(self.folder)
        sites = read_rules(self.folder / RULES_NAME, "probe").sites
        suite = CleanerContract()
        suite.subject = SiteProfile(sites)
        for fixture in fixtures_of(self.folder):
            if captures := [page.capture for page in fixture.pages(plugins)]:
                suite.source = fixture.source(plugins)
                suite.url, suite.captured_at = captures[0].url or captures[0].target, captures[0].captured_at
                suite.__dict__["bodies"] = {capture.target: capture.body for capture in captures}
                _run(suite)


def _run(suite: object) -> None:
    for name in sorted(dir(suite)):
        if name.startswith("test_"):
            getattr(suite, name)()
