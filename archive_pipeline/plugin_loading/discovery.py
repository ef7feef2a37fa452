"""Where plugins are found and how their code is loaded: entry points, the drop-in folder, the built-ins.

Nothing is imported before `Candidate.load` is called. Drop-in modules get a private, unique name that follows from
their path, so that every process finds the same classes under the same name. A folder with a rules.toml alone is a
plugin too, in the drop-in folder and installed.
"""

import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Literal, TypeVar

from archive_pipeline.errors import ArchivePipelineError, PluginError, PluginLoadError
from archive_pipeline.plugin_loading.rules import RULES_NAME

__all__ = [
    "BUILTIN",
    "Candidate",
    "Origin",
    "attempt",
    "built_in",
    "digest",
    "from_entry_points",
    "from_folder",
    "from_path",
]

T = TypeVar("T")

Origin = Literal["built-in", "entry-point", "folder"]

BUILTIN = "builtin"
"""The name of the plugin that holds the core's own parts."""

ENTRY_POINTS = "archive_pipeline"
_PACKAGE = Path(__file__).parents[1]
_BESIDES = {"__pycache__", "conftest.py", "fixtures", "tests"}
MAX_SAID = 500
"""How many characters of an error's message are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A plugin that was found but not loaded. `path` is its file, where that is known without importing it; `rules`
    its rules.toml, if it has one. `load` gives its module or instance, and is None when rules are all there is."""

    name: str
    origin: Origin
    path: Path | None
    version: str | None
    load: Callable[[], object] | None
    rules: Path | None = None


def attempt(action: Callable[[], T]) -> T:
    """Run a plugin's code: whatever it raises, even an exit, comes out as PluginLoadError with the reason, and what it
    prints goes to standard error."""
    try:
        with _output_apart():
            return action()
    except PluginError:
        raise
    except ArchivePipelineError as error:
        raise PluginLoadError(error.message, hint=error.hint) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # somebody else's code may raise anything, pytest's Skipped for instance
        raise PluginLoadError(f"{type(error).__name__}: {_said(error)}{_place(error)}") from error


@contextmanager
def _output_apart() -> Iterator[None]:
    """Standard output belongs to the command, and to the program that reads it. Other threads than the main one leave
    it as it is: two that exchange it at the same time might not put it back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with redirect_stdout(sys.stderr):
        yield


def _said(error: BaseException) -> str:
    """The error's message, as long and as plain as a list of plugins can show it."""
    message = str(traceback.TracebackException(type(error), error, None))  # str(error) is somebody else's code too
    plain = "".join(char if char.isprintable() else " " for char in message[:MAX_SAID])
    return plain if len(message) <= MAX_SAID else f"{plain}…"


def _place(error: BaseException) -> str:
    """The last line of the plugin's code that was running, as `` (file.py:12)``; empty when none was."""
    own = f"{_PACKAGE}{os.sep}"  # without the separator also the folders of packages named archive_pipeline_…
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith((own, "<")):
            return f" ({Path(frame.filename).name}:{frame.lineno})"
    return ""


def built_in(module: str) -> Candidate:
    """The core's own parts, which register through the same hooks."""
    return Candidate(
        name=BUILTIN,
        origin="built-in",
        path=_PACKAGE.resolve() / "__init__.py",
        version=_version("archive-pipeline"),
        load=partial(importlib.import_module, module),
    )


def from_entry_points() -> Iterator[Candidate]:
    """Installed plugins: the entry-point group `archive_pipeline`, by name."""
    versions: dict[importlib.metadata.Distribution, str] = {}  # each is read from a file that is parsed anew
    for point in sorted(importlib.metadata.entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        file, folder = _module_place(point.module)
        rules = _rules_in(folder)
        if point.dist and point.dist not in versions:
            versions[point.dist] = point.dist.version
        yield Candidate(
            name=point.name,
            origin="entry-point",
            path=file or rules,
            version=versions[point.dist] if point.dist else None,
            load=None if file is None and rules is not None else point.load,
            rules=rules,
        )


def from_folder(folder: Path | None) -> Iterator[Candidate]:
    """Drop-in plugins, by name. Names that begin with `.`, `_` or `test_` and `conftest.py` are none."""
    if folder is None or not folder.is_dir():
        return
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        yield _unreadable(folder, error)
        return
    for path in paths:
        if path.name.startswith((".", "_", "test_")) or path.name == "conftest.py":
            continue
        try:
            candidate = _drop_in(Path(os.path.realpath(path)))
        except OSError as error:
            candidate = _unreadable(path, error)
        if candidate:
            yield candidate


def _unreadable(path: Path, error: OSError) -> Candidate:
    """What may be a plugin, or a folder of them, and can't be looked at: loading it says why."""
    reason = f"{path} ist nicht lesbar: {error.strerror}"

    def load() -> object:
        raise PluginLoadError(reason, hint="Zugriffsrechte prüfen")

    return Candidate(name=path.stem, origin="folder", path=None, version=None, load=load)


def from_path(path: Path) -> Candidate:
    """The plugin in one file or folder. Raises PluginLoadError when there is none."""
    resolved = path.resolve()
    candidate = _drop_in(resolved.parent if resolved.name in ("__init__.py", RULES_NAME) else resolved)
    if candidate is None:
        raise PluginLoadError(
            f"{path} ist kein Plugin",
            hint=f"ein Plugin ist eine .py-Datei oder ein Ordner mit __init__.py oder {RULES_NAME}",
        )
    return candidate


def digest(path: Path) -> str:
    """A hash over a plugin's files (names and contents) but for its tests and documentation, which an installed copy
    may lack; the same wherever the plugin lies."""
    folder = path.parent
    package = path.name in ("__init__.py", RULES_NAME)
    files = [path] if not package else sorted(file for file in folder.rglob("*") if file.is_file())
    total = hashlib.sha256()
    for file in files:
        parts = file.relative_to(folder).parts
        if not any(part in _BESIDES or part.startswith((".", "test_")) for part in parts) and file.suffix != ".md":
            total.update(f"{'/'.join(parts)}\0{_content_hash(file)}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _content_hash(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return "unreadable"


def _drop_in(path: Path) -> Candidate | None:
    rules = _rules_in(path)
    if path.suffix == ".py" and path.is_file():
        name, file = path.stem, path
    elif (path / "__init__.py").is_file():
        name, file = path.name, path / "__init__.py"
    elif rules is not None:
        return Candidate(name=path.name, origin="folder", path=rules, version=None, load=None, rules=rules)
    else:
        return None
    return Candidate(name=name, origin="folder", path=file, version=None, load=partial(_import_file, file), rules=rules)


def _rules_in(folder: Path | None) -> Path | None:
    return folder / RULES_NAME if folder is not None and (folder / RULES_NAME).is_file() else None


def _import_file(file: Path) -> ModuleType:
    is_package = file.name == "__init__.py"
    stem = file.parent.name if is_package else file.stem
    path_hash = hashlib.sha256(str(file).encode()).hexdigest()[:8]
    name = re.sub(r"\W", "_", f"_archive_pipeline_plugin_{path_hash}_{stem}")
    spec = importlib.util.spec_from_file_location(
        name, file, submodule_search_locations=[str(file.parent)] if is_package else None
    )
    if spec is None or spec.loader is None:
        raise PluginLoadError(f"{file} ist kein Python-Modul")
    _forget(name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        _forget(name)
        raise
    return module


def _forget(name: str) -> None:
    for loaded in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
        del sys.modules[loaded]


def _module_place(module: str) -> tuple[Path | None, Path | None]:
    """A module's file, and its folder if it is a package; one without code has no file. Finding a submodule imports
    its packages, which may fail like any plugin."""
    try:
        spec = attempt(partial(importlib.util.find_spec, module))
    except PluginError:
        return None, None
    if spec is None:
        return None, None
    file = Path(spec.origin).resolve() if spec.origin and spec.has_location else None
    folders = (Path(place) for place in spec.submodule_search_locations or ())
    return file, next((folder.resolve() for folder in folders if folder.is_dir()), None)


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
