"""What a plugin must be, rule by rule: each broken one is quarantined with words that say what to change."""

from collections.abc import Callable
from pathlib import Path

import pytest

from archive_pipeline.plugin_manager import PluginManager

Plugin = Callable[..., Path]
Load = Callable[..., PluginManager]

IMPORT = "from archive_pipeline import hookimpl\n"


def reason(manager: PluginManager) -> str:
    (record,) = manager.quarantined
    return record.error or ""


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (IMPORT, "archive_pipeline_api = 1 fehlt"),
        (
            IMPORT + "archive_pipeline_api = 2\n",
            "API-Version 2 geschrieben, hier gilt 1: archive-pipeline aktualisieren",
        ),
        (IMPORT + "archive_pipeline_api = 0\n", "eine neuere Version des Plugins installieren"),
        (IMPORT + "archive_pipeline_api = '1'\n", "hier gilt 1"),
    ],
)
def test_the_api_version_must_be_ours(plugin: Plugin, load: Load, head: str, expected: str) -> None:
    plugin("mine", "@hookimpl\ndef run_started(run_id):\n    pass\n", head=head)
    assert expected in reason(load())


def test_a_misspelt_hook_is_found_and_the_right_name_proposed(plugin: Plugin, load: Load) -> None:
    plugin("mine", "@hookimpl\ndef register_fetcher(registry):\n    pass\n")
    assert 'unbekannter Hook "register_fetcher" – meinten Sie "register_fetchers"?' in reason(load())


def test_one_misspelt_hook_does_not_spoil_the_next_plugin(plugin: Plugin, load: Load) -> None:
    plugin("a", "@hookimpl\ndef register_fetcher(registry):\n    pass\n")
    plugin("b", "@hookimpl\ndef run_started(run_id):\n    pass\n")
    manager = load()
    assert {record.name: record.status for record in manager.records if record.origin == "folder"} == {
        "a": "quarantined",
        "b": "ok",
    }


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        ("def run_started(run_id=None): ...", "run_id darf keinen Vorgabewert haben"),
        ("def run_started(*, run_id): ...", "run_id darf nicht nur als Schlüsselwort gelten"),
        ("def run_started(*arguments): ...", "*arguments ist nicht erlaubt"),
        ("def run_started(**arguments): ...", "**arguments ist nicht erlaubt"),
        ("def run_started(run): ...", "ein Argument run gibt es nicht; erlaubt: run_id, sources"),
        ("async def run_started(run_id): ...", "darf nicht async sein"),
        ("def run_started(run_id):\n    yield 1", "darf kein Generator sein"),
        ("def run_started(run_id: int): ...", "run_id ist als int annotiert, übergeben wird str"),
        (
            "def register_exporters(registry: 'Registry[Fetcher]'): ...",
            "annotiert, übergeben wird archive_pipeline.registry.Registry[archive_pipeline.protocols.Exporter]",
        ),
        ("def run_started(run_id: 'NoSuchType'): ...", "run_id ist als NoSuchType annotiert"),
    ],
)
def test_a_hook_must_have_the_form_of_its_specification(plugin: Plugin, load: Load, hook: str, expected: str) -> None:
    plugin("mine", f"@hookimpl\n{hook}\n")
    assert expected in reason(load())


def test_wrappers_are_refused(plugin: Plugin, load: Load) -> None:
    plugin("mine", "@hookimpl(wrapper=True)\ndef run_started(run_id):\n    return (yield)\n")
    assert "Wrapper gibt es hier nicht" in reason(load())


@pytest.mark.parametrize(
    "hook",
    [
        "def run_started(): ...",
        "def run_started(sources): ...",
        "def run_started(run_id: str, sources): ...",
        "def run_started(run_id: 'str') -> None: ...",
        "from typing import Any\n@hookimpl\ndef run_finished(report: Any): ...",
        "from archive_pipeline import Exporter, Registry\n@hookimpl\n"
        "def register_exporters(registry: Registry[Exporter]) -> None: ...",
        "@hookimpl\ndef register_exporters(registry: 'Registry[Exporter]') -> None: ...",
        "@hookimpl(specname='run_started')\ndef begin(run_id): ...",
    ],
)
def test_fewer_arguments_and_true_annotations_are_fine(plugin: Plugin, load: Load, hook: str) -> None:
    plugin("mine", hook if "@hookimpl" in hook else f"@hookimpl\n{hook}\n")
    assert load().quarantined == ()


def test_names_imported_for_type_checkers_only_are_understood(plugin: Plugin, load: Load) -> None:
    head = (
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n" + IMPORT + "archive_pipeline_api = 1\n"
        "if TYPE_CHECKING:\n    import sqlite3\n    from archive_pipeline import Exporter, Registry\n"
    )
    plugin("mine", "@hookimpl\ndef register_exporters(registry: Registry[Exporter]) -> None: ...\n", head=head)
    assert load().quarantined == ()


def test_a_class_is_no_plugin(load: Load, install: Callable[..., Path]) -> None:
    text = IMPORT + "class Mine:\n    archive_pipeline_api = 1\n    @hookimpl\n    def run_started(self, run_id): ...\n"
    install("mine", {"mine": "class_module:Mine"}, {"class_module.py": text})
    assert "die Klasse Mine: ein Modul oder eine Instanz wird gebraucht (Mine())" in reason(load())


FETCHER = """
from pydantic import BaseModel

class Options(BaseModel):
    pass

class Kind:
    options = Options
    def claims(self, url): ...
    def discover(self, source, context): ...
    def capture(self, item, source, context): ...

{changes}

@hookimpl
def register_fetchers(registry):
    registry.add("kind", {registered})
"""


@pytest.mark.parametrize(
    ("changes", "registered", "expected"),
    [
        ("", "Kind", "ist die Klasse Kind, gebraucht wird eine Instanz"),
        ("del Kind.options", "Kind()", "braucht das Attribut options"),
        ("Kind.options = Options()", "Kind()", "braucht das Attribut options"),
        ("Kind.options = dict", "Kind()", "Unterklasse von pydantic.BaseModel"),
        ("del Kind.claims", "Kind()", "braucht die Methode claims(url)"),
        ("Kind.capture = None", "Kind()", "braucht die Methode capture(item, source, context)"),
        ("Kind.claims = lambda self, address: 1", "Kind()", "muss die Form claims(url) haben, nicht claims(address)"),
        ("Kind.claims = lambda self: 1", "Kind()", "muss die Form claims(url)"),
        ("Kind.claims = lambda self, url, more: 1", "Kind()", "verlangt mehr als claims(url)"),
        ("Kind.discover = lambda self, context, source: ()", "Kind()", "muss die Form discover(source, context)"),
        ("async def claims(self, url): ...\nKind.claims = claims", "Kind()", "darf nicht async sein"),
        ("", "None", "braucht das Attribut options"),
    ],
)
def test_a_registered_fetcher_must_keep_its_protocol(
    plugin: Plugin, load: Load, changes: str, registered: str, expected: str
) -> None:
    plugin("mine", FETCHER.format(changes=changes, registered=registered))
    said = reason(load())
    assert said.startswith('register_fetchers: "kind"')
    assert expected in said


@pytest.mark.parametrize(
    "changes",
    ["", "Kind.claims = lambda self, url, limit=3: 1", "Kind.claims = lambda self, url, **more: 1"],
)
def test_a_sound_fetcher_is_taken(plugin: Plugin, load: Load, changes: str) -> None:
    plugin("mine", FETCHER.format(changes=changes, registered="Kind()"))
    assert [entry.name for entry in load().fetchers] == ["kind"]


@pytest.mark.parametrize(
    ("hook", "obj", "expected"),
    [
        ("register_cleaners(registry)", "object()", "braucht die Methode clean(article, page, source)"),
        ("register_exporters(registry)", "object()", "braucht die Methode export(releases, out)"),
        ("register_classifiers(registry)", "object()", "braucht das Attribut version"),
        ("register_classifiers(registry)", "type('C', (), {'version': 3})()", "version: nicht leerer Text"),
        ("register_classifiers(registry)", "type('C', (), {'version': '3'})()", "Methode classify(article, source)"),
        ("register_index_engines(registry)", "type('E', (), {'version': '3'})()", "braucht die Methode create(folder)"),
        ("register_vocabularies(registry)", "{'name': 'x'}", "ist kein Vocabulary, sondern dict"),
    ],
)
def test_registered_objects_of_every_kind_are_checked(
    plugin: Plugin, load: Load, hook: str, obj: str, expected: str
) -> None:
    plugin("mine", f"@hookimpl\ndef {hook}:\n    registry.add('x', {obj})\n")
    assert expected in reason(load())


VOCABULARY = """
from archive_pipeline import Axis, Vocabulary, VocabularyEntry

def entry(**changed):
    return VocabularyEntry(**{{"axis": Axis.ORGANISATION, "value": "rat", "label": "Rat", **changed}})

@hookimpl
def register_vocabularies(registry):
    entries = {entries}
    registry.add("mine", Vocabulary(name="mine", version="1", licence="CC0", entries=entries))
"""


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ("[entry()]", "entries muss ein Tupel sein, nicht list"),
        ("(entry() for _ in range(3))", "entries muss ein Tupel sein, nicht generator"),
        ("({'value': 'rat'},)", "Eintrag 1 ist kein VocabularyEntry: dict"),
        ("(entry(), entry(value='b', surfaces=('Rat')))", "Eintrag 2 ('b'): surfaces muss von der Art tuple[str, ...]"),
        ("(entry(surfaces=['Rat']),)", "surfaces muss von der Art tuple[str, ...] sein, nicht ['Rat']"),
        ("(entry(axis='organisation'),)", "axis muss ein Axis sein, nicht 'organisation'"),
        ("(entry(label=''),)", "Eintrag 1 ('rat') braucht value und label"),
        ("(entry(), entry())", "organisation 'rat' steht schon in 'mine'"),
    ],
)
def test_entries_of_vocabularies_are_checked(plugin: Plugin, load: Load, entries: str, expected: str) -> None:
    plugin("mine", VOCABULARY.format(entries=entries))
    assert expected in reason(load())


def test_a_value_that_another_plugin_has_is_refused_and_one_of_districts_is_not(plugin: Plugin, load: Load) -> None:
    plugin("a", VOCABULARY.format(entries="(entry(), entry(axis=Axis.DISTRICT, value='05974'))"))
    plugin("b", VOCABULARY.format(entries="(entry(),)").replace('"mine"', '"other"'))
    plugin("c", VOCABULARY.format(entries="(entry(axis=Axis.DISTRICT, value='05974'),)").replace('"mine"', '"third"'))
    manager = load()
    assert "Vokabular 'other': organisation 'rat' steht schon in 'mine'" in reason(manager)
    assert [entry.name for entry in manager.vocabularies] == ["mine", "third"]


def test_an_engine_takes_writable_by_name(plugin: Plugin, load: Load) -> None:
    engine = """
class Engine:
    version = "1"
    def create(self, folder): ...
    def open(self, folder{more}): ...

@hookimpl
def register_index_engines(registry):
    registry.add("{name}", Engine())
"""
    plugin("a", engine.format(more="", name="a"))
    plugin("b", engine.format(more=", *, writable=False", name="b"))
    plugin("c", engine.format(more=", writable=False", name="c"))
    manager = load()
    assert [entry.name for entry in manager.index_engines] == ["b", "c"]
    assert "open(folder, writable)" in reason(manager)
