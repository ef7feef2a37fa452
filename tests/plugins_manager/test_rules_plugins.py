"""A folder with a rules.toml is a plugin: found, listed, checked against others, and at work in a run."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive_pipeline.clean import CapturePage
from archive_pipeline.clean.profile import SiteProfile
from archive_pipeline.model import Article, Source
from archive_pipeline.plugin_manager import PluginManager, PluginRecord, load_plugins
from archive_pipeline.testing import captured

SITE = '[[site]]\nhosts = ["www.kreis-auental.example"]\nbody = "div.text p"\n'
PRESET = '[[preset]]\nname = "auental"\nfetcher = "listing"\nitems = "li"\n'
TEXT = "Der Kreis Auental baut die Radwege entlang der Kreisstraßen aus. Dafür stehen zwei Millionen Euro bereit. " * 4

Write = Callable[[str, str], Path]


@pytest.fixture
def rules(folder: Path) -> Write:
    def write(name: str, text: str) -> Path:
        path = folder / name / "rules.toml"
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def load(folder: Path) -> Callable[..., PluginManager]:
    return lambda **environ: load_plugins(folder, environ)


def record(manager: PluginManager, name: str) -> PluginRecord:
    return next(record for record in manager.records if record.name == name)


def read(manager: PluginManager, host: str, page: str, *, fetcher: str = "feed", day: str = "2024-05-17") -> str:
    """The text that the rules of all plugins find."""
    moment = datetime.fromisoformat(day).replace(tzinfo=UTC)
    page_of = CapturePage(captured(page.encode(), url=f"https://{host}/1", captured_at=moment))
    profile = manager.cleaners["site-profile"]
    return profile.clean(Article(), page_of, Source(id="s", fetcher=fetcher)).text


def test_a_folder_of_rules_is_a_plugin_without_python(rules: Write, load: Callable[..., PluginManager]) -> None:
    path = rules("kreis-auental", PRESET + SITE)
    manager = load()
    found = record(manager, "kreis-auental")
    assert (found.status, found.kind, found.hooks, found.path) == ("ok", "rules", (), path.resolve())
    assert (found.hosts, found.presets) == (("www.kreis-auental.example",), ("auental",))
    assert manager.fetchers.entry("auental").plugin == "kreis-auental"
    assert manager.cleaners.entry("site-profile").order == 100
    assert read(manager, "www.kreis-auental.example", f"<div class=text><p>{TEXT}</p></div>") == TEXT.strip()


def test_without_rules_there_is_no_site_profile(load: Callable[..., PluginManager]) -> None:
    assert "site-profile" not in load().cleaners


def test_python_and_rules_go_together(folder: Path, load: Callable[..., PluginManager]) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "rules.toml").write_text(SITE)
    (folder / "mine" / "__init__.py").write_text(
        "from archive_pipeline import hookimpl\narchive_pipeline_api = 1\n"
        "@hookimpl\ndef run_started(run_id):\n    pass\n"
    )
    found = record(load(), "mine")
    assert (found.status, found.kind, found.hooks, found.hosts) == (
        "ok",
        "python",
        ("run_started",),
        ("www.kreis-auental.example",),
    )


def test_an_empty_module_beside_rules_needs_no_hooks(folder: Path, load: Callable[..., PluginManager]) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "rules.toml").write_text(SITE)
    (folder / "mine" / "__init__.py").write_text("")
    found = record(load(), "mine")
    assert (found.status, found.kind) == ("ok", "rules")


def test_an_installed_package_may_hold_rules_alone(
    install: Callable[..., Path], load: Callable[..., PluginManager]
) -> None:
    install("auental", {"auental": "auental_rules"}, {"auental_rules/rules.toml": SITE})
    found = record(load(), "auental")
    assert (found.status, found.kind, found.origin, found.version) == ("ok", "rules", "entry-point", "2.5")
    assert found.path is not None
    assert found.path.name == "rules.toml"


def test_the_checkout_of_an_installed_plugin_is_the_same_plugin(
    install: Callable[..., Path], rules: Write, load: Callable[..., PluginManager]
) -> None:
    install("auental", {"auental": "auental_rules"}, {"auental_rules/rules.toml": SITE})
    rules("auental", SITE)
    assert [found.name for found in load().records] == ["builtin", "auental"]


def test_mistakes_are_named_by_line(rules: Write, load: Callable[..., PluginManager]) -> None:
    rules(
        "mine", '[[preset]]\nname = "mine"\nfetcher = "lisitng"\n\n[[site]]\nhots = ["a.de"]\nbody = "p["\n[[sites]]\n'
    )
    error = record(load(), "mine").error or ""
    assert 'rules.toml:6:1  unbekannter Schlüssel "hots" – meinten Sie "hosts"?' in error
    assert "rules.toml:7:8  body: der Selektor" in error
    assert 'rules.toml:8:1  unbekannte Tabelle "sites" – meinten Sie "site"?' in error


def test_presets_are_checked_against_their_fetcher(rules: Write, load: Callable[..., PluginManager]) -> None:
    rules(
        "mine",
        '[[preset]]\nname = "a"\nfetcher = "lisitng"\n'
        '[[preset]]\nname = "b"\nfetcher = "listing"\nitens = "li"\nmax_pages = 0\n'
        '[[preset]]\nname = "c"\nfetcher = "feed"\naddress = "{url}?p={max_items}"\n'
        '[[preset]]\nname = "d"\nfetcher = "listing"\nitems = "li"\nnext = "a"\npage_parameter = "p"\n',
    )
    error = record(load(), "mine").error or ""
    assert 'rules.toml:3:11  Preset "a": fetcher "lisitng" ist unbekannt – meinten Sie "listing"?' in error
    assert 'rules.toml:7:1  Preset "b": unbekannter Schlüssel "itens" – meinten Sie "items"?' in error
    assert "rules.toml:8:13" in error
    assert '"{max_items}" heißt wie eine Einstellung' in error
    assert "next und page_parameter schließen einander aus" in error
    assert "fehlt" not in error, "what a preset leaves open is the source's to say"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "keine Tabelle"),
        ("x = 1", 'unbekannte Tabelle "x"'),
        ("[[preset]\n", "kein gültiges TOML"),
        ('[[preset]]\nname = "A b"\nfetcher = "feed"', "Kleinbuchstaben"),
        ('[[preset]]\nname = "a"\nfetcher = "feed"\naddress = "{URL}"', "Platzhalter"),
        ('[[preset]]\nname = "a"\nfetcher = "feed"\naddress = "{url"', "address"),
        ('[[preset]]\nname = "a"\nfetcher = "feed"\naddress = "ftp://a"', "muss mit"),
        ('[[preset]]\nname = "a"\nfetcher = "feed"\n[[preset]]\nname = "a"\nfetcher = "feed"', "steht schon"),
        ('preset = "a"', "doppelten Klammern"),
    ],
)
def test_a_rules_file_that_is_none(rules: Write, load: Callable[..., PluginManager], text: str, reason: str) -> None:
    rules("mine", text)
    found = record(load(), "mine")
    assert found.status == "quarantined"
    assert reason in (found.error or "")
    assert "rules.toml:" in (found.error or "")


def test_a_name_that_is_taken_names_both_plugins(rules: Write, load: Callable[..., PluginManager]) -> None:
    rules("mine", PRESET.replace('"auental"', '"feed"'))
    assert "fetcher 'feed' kommt aus zwei Plugins: builtin und mine" in (record(load(), "mine").error or "")


def page(*parts: str) -> str:
    return "".join(f"<div class={name}><p>{name} {TEXT}</p></div>" for name in parts)


def test_the_more_specific_rule_wins(rules: Write, load: Callable[..., PluginManager]) -> None:
    for name, hosts in (("a", '"*"'), ("b", '"*.example"'), ("c", '"*.kreis.example"'), ("d", '"www.kreis.example"')):
        rules(name, f'[[site]]\nhosts = [{hosts}]\nbody = "div.{name} p"\n')
    manager = load()
    everything = page("a", "b", "c", "d")
    assert read(manager, "www.kreis.example", everything).startswith("d ")
    assert read(manager, "presse.kreis.example", everything).startswith("c ")
    assert read(manager, "kreis.example", everything).startswith("b ")
    assert read(manager, "kreis.test", everything).startswith("a ")
    assert read(manager, "www.kreis.example", page("b")).startswith("b "), "a rule that finds nothing gives way"


def test_rules_for_a_fetcher_are_for_its_sources(rules: Write, load: Callable[..., PluginManager]) -> None:
    rules("system", PRESET + '[[site]]\nfetchers = ["auental"]\nbody = "div.system p"\n')
    rules("host", '[[site]]\nhosts = ["www.kreis.example"]\nbody = "div.host p"\n')
    manager = load()
    assert read(manager, "www.other.example", page("system")) == ""
    assert read(manager, "www.other.example", page("system"), fetcher="auental").startswith("system ")
    assert read(manager, "www.kreis.example", page("system", "host"), fetcher="auental").startswith("host ")


def test_old_captures_are_read_as_the_site_was(rules: Write, load: Callable[..., PluginManager]) -> None:
    host = 'hosts = ["www.kreis.example"]\n'
    rules(
        "mine",
        f'[[site]]\n{host}valid_until = 2021-06-30\nbody = "div.old p"\n'
        f'[[site]]\n{host}valid_from = 2021-07-01\nbody = "div.new p"\n',
    )
    manager = load()
    assert read(manager, "www.kreis.example", page("new", "old"), day="2021-06-30").startswith("old ")
    assert read(manager, "www.kreis.example", page("old", "new"), day="2021-07-01").startswith("new ")


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        ('hosts = ["a.example"]', 'hosts = ["b.example", "a.example"]', "a.example"),
        ('hosts = ["*.a.example"]', 'hosts = ["*.a.example"]', "*.a.example"),
        ('fetchers = ["feed"]', 'fetchers = ["listing", "feed"]', "fetcher feed"),
        ('hosts = ["a.example"]\nvalid_from = 2020-01-01', 'hosts = ["a.example"]', "a.example"),
        ('hosts = ["a.example"]', 'hosts = ["*.example"]', None),
        ('hosts = ["a.example"]', 'hosts = ["a.example"]\nfetchers = ["feed"]', None),
        ('fetchers = ["feed"]', 'fetchers = ["listing"]', None),
        ('hosts = ["a.example"]\nvalid_until = 2020-01-01', 'hosts = ["a.example"]\nvalid_from = 2020-01-02', None),
    ],
)
def test_equal_claims_are_a_conflict_that_names_both(
    rules: Write, load: Callable[..., PluginManager], first: str, second: str, clash: str | None
) -> None:
    rules("first", f'[[site]]\n{first}\nbody = "p"\n')
    rules("second", f'[[site]]\n{second}\nbody = "p"\n')
    found = record(load(), "second")
    if clash is None:
        assert found.error is None
    else:
        assert f'{clash} beanspruchen zwei Plugins in rules.toml: "first" und "second"' in (found.error or "")
        assert record(load(ARCHIVE_PIPELINE_BLOCK="first"), "second").status == "ok"


def test_tables_of_one_plugin_are_tried_in_order(rules: Write, load: Callable[..., PluginManager]) -> None:
    host = '[[site]]\nhosts = ["www.kreis.example"]\n'
    rules("mine", f'{host}body = "div.first p"\n{host}body = "div.second p"\n')
    manager = load()
    assert read(manager, "www.kreis.example", page("second", "first")).startswith("first ")
    assert read(manager, "www.kreis.example", page("second")).startswith("second ")


def test_a_rule_for_a_fetcher_that_nobody_has_is_told(rules: Write, load: Callable[..., PluginManager]) -> None:
    rules("mine", '[[site]]\nfetchers = ["fed"]\nbody = "p"\n')
    manager = load()
    assert record(manager, "mine").status == "ok"
    assert any('"fed", den es nicht gibt – meinten Sie "feed"?' in warning for warning in manager.warnings)


def test_the_name_of_the_profile_is_the_cores(
    rules: Write, plugin: Callable[..., Path], load: Callable[..., PluginManager]
) -> None:
    rules("mine", SITE)
    plugin(
        "thief",
        """
        class Step:
            def clean(self, article, page, source):
                return article

        @hookimpl
        def register_cleaners(registry):
            registry.add("site-profile", Step())
        """,
    )
    manager = load()
    assert record(manager, "thief").status == "quarantined"
    assert isinstance(manager.cleaners["site-profile"], SiteProfile)
