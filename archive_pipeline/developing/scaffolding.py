"""`plugins new`: a plugin that works, with fixture and test, as the beginning of one's own."""

import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Literal

from archive_pipeline.errors import ConfigError

__all__ = ["KINDS", "Kind", "NewPlugin", "new_plugin"]

Kind = Literal["source", "fetcher", "cleaner", "classifier"]

KINDS: tuple[Kind, ...] = ("source", "fetcher", "cleaner", "classifier")
"""What can be begun: `source` is a rules.toml, the others are Python."""

NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
SUFFIX = ".template"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPlugin:
    """What was written: the plugin's name in sources.toml and messages, its folder, and the files, sorted."""

    name: str
    folder: Path
    files: tuple[Path, ...]


def new_plugin(name: str, kind: Kind, folder: Path, *, taken: frozenset[str] = frozenset()) -> NewPlugin:
    """Write a plugin of this kind below `folder`. `taken` are names of plugins, fetchers and so on that exist.

    Raises ConfigError when the name can't be one or is taken, or something lies where the plugin would.
    """
    module = name.replace("-", "_")
    _check_name(name, module, kind, taken)
    target = folder / module
    if target.exists() or target.is_symlink():
        raise ConfigError(f"{target} gibt es schon", hint="einen anderen Namen wählen; überschrieben wird nichts")
    values = {
        "name": name.replace("_", "-"),
        "module": module,
        "class_name": "".join(part.capitalize() for part in module.split("_")),
        "title": module.replace("_", " ").title(),
    }
    texts = {
        path.removesuffix(SUFFIX).replace("test_module.py", f"test_{module}.py"): Template(text).substitute(values)
        for path, text in _templates(resources.files("archive_pipeline") / "templates" / kind, "")
    }
    for path, text in texts.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(text, encoding="utf-8")
    return NewPlugin(name=values["name"], folder=target, files=tuple(target / path for path in sorted(texts)))


def _check_name(name: str, module: str, kind: Kind, taken: frozenset[str]) -> None:
    if not NAME.fullmatch(name) or len(name) > 64:
        raise ConfigError(
            f'"{name}" kann kein Name sein: Kleinbuchstaben, Ziffern, einzelne Bindestriche, zuerst ein Buchstabe',
            hint="zum Beispiel kreis-auental",
        )
    if module.startswith("test_") or module in ("test", "conftest"):
        raise ConfigError(f'"{name}" hält pytest für einen Test', hint="einen anderen Namen wählen")
    if name in taken or module in taken or name.replace("_", "-") in taken:
        raise ConfigError(f'"{name}" heißt schon ein Plugin oder ein Teil davon', hint="archive-pipeline plugins list")
    if keyword.iskeyword(module) or (kind != "source" and _is_module(module)):
        raise ConfigError(f'"{module}" heißt schon ein Python-Modul', hint="einen anderen Namen wählen")


def _is_module(module: str) -> bool:
    return module in sys.stdlib_module_names or importlib.util.find_spec(module) is not None


def _templates(folder: Traversable, prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for entry in folder.iterdir():
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            found.extend(_templates(entry, f"{path}/"))
        elif entry.name.endswith(SUFFIX):
            found.append((path, entry.read_text(encoding="utf-8")))
    return found
