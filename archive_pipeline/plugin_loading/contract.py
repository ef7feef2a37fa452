"""What a plugin must be: its hooks as in `hookspecs`, its objects as in `protocols`.

pluggy checks argument names only, and mypy sees nobody else's plugin, so both are checked here when a plugin is
loaded. Every function raises PluginContractError saying what to change.
"""

import difflib
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, get_type_hints

import pluggy
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from archive_pipeline import hookspecs
from archive_pipeline.errors import PluginContractError
from archive_pipeline.hookspecs import API_VERSION
from archive_pipeline.model import Vocabulary, VocabularyEntry
from archive_pipeline.plugin_loading.discovery import BUILTIN
from archive_pipeline.protocols import Classifier, Cleaner, Exporter, Fetcher, IndexEngine
from archive_pipeline.registry import Entry

__all__ = ["HOOKS", "check_hooks", "check_identity", "check_object", "hook_names", "unknown_hooks"]

Hook = Callable[..., object]

HOOKS: dict[str, Hook] = {
    name: function
    for name, function in vars(hookspecs).items()
    if inspect.isfunction(function) and function.__module__ == hookspecs.__name__
}
"""Every hook by name, as specified."""

_PROTOCOLS: dict[str, type] = {
    "register_fetchers": Fetcher,
    "register_cleaners": Cleaner,
    "register_classifiers": Classifier,
    "register_index_engines": IndexEngine,
    "register_exporters": Exporter,
}


def check_identity(plugin: object) -> int:
    """A plugin is a module or an instance, and names the API version it was written for, which must be ours."""
    if inspect.isclass(plugin):
        raise PluginContractError(
            f"ist die Klasse {plugin.__name__}: ein Modul oder eine Instanz wird gebraucht ({plugin.__name__}())"
        )
    version = getattr(plugin, "archive_pipeline_api", None)
    if version is None:
        raise PluginContractError(
            f"nennt seine API-Version nicht: die Zeile archive_pipeline_api = {API_VERSION} fehlt im Modul"
        )
    if version != API_VERSION:
        newer = isinstance(version, int) and version > API_VERSION
        remedy = "archive-pipeline aktualisieren" if newer else "eine neuere Version des Plugins installieren"
        raise PluginContractError(
            f"ist für API-Version {version} geschrieben, hier gilt {API_VERSION}: {remedy}", hint=remedy
        )
    return API_VERSION


def hook_names(manager: pluggy.PluginManager, plugin: object) -> tuple[str, ...]:
    """The hooks the plugin implements, misspelt ones too, sorted."""
    return tuple(sorted(name for name, _, _ in _implementations(manager, plugin)))


def unknown_hooks(manager: pluggy.PluginManager, plugin: object) -> str:
    """The plugin's hooks that nobody ever calls, each with the name that was meant."""
    unknown = [name for name in hook_names(manager, plugin) if name not in HOOKS]
    near = {name: difflib.get_close_matches(name, HOOKS, n=1) for name in unknown}
    return ", ".join(f'"{name}"' + (f' – meinten Sie "{near[name][0]}"?' if near[name] else "") for name in unknown)


def check_hooks(manager: pluggy.PluginManager, plugin: object) -> None:
    """The plugin has hooks, and each has the form of its specification."""
    found = list(_implementations(manager, plugin))
    if not found:
        raise PluginContractError("enthält keinen Hook: vor jeder Hook-Funktion muss @hookimpl stehen")
    for name, options, function in found:
        if name in HOOKS:
            _check_signature(name, options, function)


def _implementations(manager: pluggy.PluginManager, plugin: object) -> Iterator[tuple[str, dict[str, Any], Hook]]:
    for attribute in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, attribute)
        if options is not None:
            yield options.get("specname") or attribute, dict(options), getattr(plugin, attribute)


def _check_signature(name: str, options: dict[str, Any], function: Hook) -> None:
    if options.get("wrapper") or options.get("hookwrapper"):
        raise PluginContractError(f"{name}: Wrapper gibt es hier nicht, jeder Hook wird für sich gerufen")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise PluginContractError(f"{name}: ein Hook darf nicht async sein, niemand wartet auf ihn")
    if inspect.isgeneratorfunction(function):
        raise PluginContractError(f"{name}: ein Hook darf kein Generator sein, sein Rumpf liefe nie")
    specified = inspect.signature(HOOKS[name]).parameters
    annotations = _annotations(function)
    wanted = get_type_hints(HOOKS[name])
    for parameter in inspect.signature(function).parameters.values():
        _check_parameter(name, parameter, list(specified))
        given = annotations.get(parameter.name, Any)
        if given not in (Any, wanted[parameter.name]):
            raise PluginContractError(
                f"{name}: Argument {parameter.name} ist als {_type_name(given)} annotiert,"
                f" übergeben wird {_type_name(wanted[parameter.name])}"
            )


def _check_parameter(hook: str, parameter: inspect.Parameter, specified: list[str]) -> None:
    if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        raise PluginContractError(f"{hook}: {parameter} ist nicht erlaubt, Argumente werden einzeln genannt")
    if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
        raise PluginContractError(f"{hook}: Argument {parameter.name} darf nicht nur als Schlüsselwort gelten")
    if parameter.default is not inspect.Parameter.empty:
        raise PluginContractError(f"{hook}: Argument {parameter.name} darf keinen Vorgabewert haben")
    if parameter.name not in specified:
        raise PluginContractError(
            f"{hook}: ein Argument {parameter.name} gibt es nicht; erlaubt: {', '.join(specified)}"
        )


def _annotations(function: Hook) -> dict[str, Any]:
    """Annotations as types. Names that a plugin imports for type checkers only are looked up in our own modules;
    what is still unknown stays the text it is."""
    try:
        return get_type_hints(function, localns=vars(hookspecs))
    except (NameError, TypeError, AttributeError, SyntaxError):
        return inspect.get_annotations(getattr(function, "__func__", function))


def _type_name(kind: object) -> str:
    return kind.__qualname__ if inspect.isclass(kind) and not getattr(kind, "__args__", ()) else str(kind)


def check_object(hook: str, entry: Entry[Any]) -> None:
    """A registered object has what its kind needs: methods with the protocol's parameters, attributes, no class."""
    who, obj = f'{hook}: "{entry.name}"', entry.obj
    if inspect.isclass(obj):
        raise PluginContractError(f"{who} ist die Klasse {obj.__name__}, gebraucht wird eine Instanz")
    if hook == "register_vocabularies":
        if not isinstance(obj, Vocabulary):
            raise PluginContractError(f"{who} ist kein Vocabulary, sondern {type(obj).__name__}")
        if entry.plugin != BUILTIN:  # the packaged tables are not read before somebody needs them
            _check_vocabulary(who, obj)
        return
    protocol = _PROTOCOLS[hook]
    properties = [name for name, member in vars(protocol).items() if isinstance(member, property)]
    for attribute in (*protocol.__annotations__, *properties):
        _check_attribute(who, attribute, getattr(obj, attribute, None))
    for name, method in vars(protocol).items():
        if inspect.isfunction(method) and not name.startswith("_"):
            _check_method(who, name, method, getattr(obj, name, None))


_ENTRY = TypeAdapter(VocabularyEntry)


def _check_vocabulary(who: str, vocabulary: Vocabulary) -> None:
    """Entries of the right types. A text where names belong would be taken for as many names as it has letters."""
    for name in ("name", "version", "licence"):
        _check_attribute(who, name, getattr(vocabulary, name))
    if not isinstance(vocabulary.entries, tuple):
        raise PluginContractError(f"{who}: entries muss ein Tupel sein, nicht {type(vocabulary.entries).__name__}")
    for number, entry in enumerate(vocabulary.entries, start=1):
        if not isinstance(entry, VocabularyEntry):
            raise PluginContractError(f"{who}: Eintrag {number} ist kein VocabularyEntry: {type(entry).__name__}")
        try:
            _ENTRY.validate_json(_ENTRY.dump_json(entry, warnings="error"))
        except (PydanticSerializationError, ValidationError) as error:
            raise PluginContractError(f"{who}: Eintrag {number} ({entry.value!r}): {_wrong_field(error)}") from None
        if not entry.value or not entry.label:
            raise PluginContractError(f"{who}: Eintrag {number} ({entry.value!r}) braucht value und label")


def _wrong_field(error: PydanticSerializationError | ValidationError) -> str:
    """The field and what is expected of it, in one line."""
    if isinstance(error, ValidationError):
        problem = error.errors()[0]
        return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
    said = " ".join(str(error).split())
    found = _UNEXPECTED.search(said)
    if found is None:
        return said
    kind = "ein Axis" if found["kind"] == "enum" else f"von der Art {found['kind']}"
    return f"{found['name']} muss {kind} sein, nicht {found['value']}"


_UNEXPECTED = re.compile(
    r"Expected `(?P<kind>[^`]+)`.*\[field_name='(?P<name>\w+)', input_value=(?P<value>.*?), input_type="
)
"""How pydantic says that a field holds something else."""


def _check_attribute(who: str, name: str, value: object) -> None:
    if name == "options":
        if not (inspect.isclass(value) and issubclass(value, BaseModel)):
            raise PluginContractError(f"{who} braucht das Attribut options: eine Unterklasse von pydantic.BaseModel")
    elif not isinstance(value, str) or not value:
        raise PluginContractError(f"{who} braucht das Attribut {name}: nicht leerer Text")


def _check_method(who: str, name: str, specified: Hook, method: object) -> None:
    wanted = [parameter for parameter in inspect.signature(specified).parameters.values() if parameter.name != "self"]
    form = f"{name}({', '.join(parameter.name for parameter in wanted)})"
    if not callable(method):
        raise PluginContractError(f"{who} braucht die Methode {form}")
    if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
        raise PluginContractError(f"{who}: die Methode {name} darf nicht async sein")
    given = inspect.signature(method).parameters
    optional = {key for key, parameter in given.items() if parameter.default is not inspect.Parameter.empty}
    open_ended = {key for key, parameter in given.items() if parameter.kind in _OPEN_ENDED}
    names = [key for key in given if key not in open_ended]
    expected = [parameter.name for parameter in wanted]
    positional = [parameter.name for parameter in wanted if parameter.kind is not inspect.Parameter.KEYWORD_ONLY]
    if names[: len(positional)] != positional or not set(expected) <= set(names):
        raise PluginContractError(f"{who}: die Methode {name} muss die Form {form} haben, nicht {name}{_form(method)}")
    if set(names) - set(expected) - optional:
        raise PluginContractError(f"{who}: die Methode {name} verlangt mehr als {form}")


_OPEN_ENDED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _form(method: Callable[..., object]) -> str:
    return f"({', '.join(inspect.signature(method).parameters)})"
