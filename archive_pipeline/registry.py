"""Named objects of one kind, with the plugin each came from."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from archive_pipeline.errors import ConfigError, PluginConflictError, PluginContractError

__all__ = ["DEFAULT_ORDER", "Entry", "Registry"]

T = TypeVar("T")

DEFAULT_ORDER = 500
"""The order slot of objects that name none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Generic[T]):
    """One registered object: its name, the plugin that brought it, and its place in the order."""

    name: str
    obj: T
    plugin: str
    order: int


class Registry(Generic[T]):
    """Named objects of one kind.

    `kind` names the kind in messages ("fetcher"); `plugin` is the plugin whose objects `add` receives now.
    """

    def __init__(self, kind: str, plugin: str = "") -> None:
        self.kind = kind
        self.plugin = plugin
        self._entries: dict[str, Entry[T]] = {}

    def add(self, name: str, obj: T, *, order: int = DEFAULT_ORDER) -> None:
        """Register `obj` under `name`; a name that is taken raises PluginConflictError naming both plugins, a name that
        nobody could write in a configuration file PluginContractError."""
        if not isinstance(name, str) or not name or not name.isprintable() or name != name.strip():
            raise PluginContractError(f"{self.kind}: {name!r} ist kein Name: ein Wort aus sichtbaren Zeichen ist nötig")
        if not isinstance(order, int):
            raise PluginContractError(f"{self.kind} {name!r}: order muss eine ganze Zahl sein, nicht {order!r}")
        self._put(Entry(name=name, obj=obj, plugin=self.plugin, order=order))

    def merge(self, other: "Registry[T]") -> None:
        """Take over every entry of `other`, or none of them when a name is taken."""
        for entry in other:
            self._check_free(entry)
        for entry in other:
            self._put(entry)

    def __getitem__(self, name: str) -> T:
        return self.entry(name).obj

    def entry(self, name: str) -> Entry[T]:
        """The entry called `name`; raises ConfigError with the nearest names when there is none."""
        try:
            return self._entries[name]
        except KeyError:
            near = difflib.get_close_matches(name, self._entries, n=3)
            meant = f" – meinten Sie {', '.join(near)}?" if near else ""
            known = ", ".join(sorted(self._entries)) or "keine"
            raise ConfigError(
                f"{self.kind} {name!r} ist nicht registriert{meant}", hint=f"registriert: {known}"
            ) from None

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[Entry[T]]:
        return iter(self.ordered())

    def __len__(self) -> int:
        return len(self._entries)

    def ordered(self) -> list[Entry[T]]:
        """All entries by (order, name): never by the order in which plugins were loaded."""
        return sorted(self._entries.values(), key=lambda entry: (entry.order, entry.name))

    def _put(self, entry: Entry[T]) -> None:
        self._check_free(entry)
        self._entries[entry.name] = entry

    def _check_free(self, entry: Entry[T]) -> None:
        taken = self._entries.get(entry.name)
        if taken is not None:
            raise PluginConflictError(
                f"{self.kind} {entry.name!r} kommt aus zwei Plugins: {taken.plugin} und {entry.plugin}",
                hint="eines der beiden mit ARCHIVE_PIPELINE_BLOCK=NAME sperren oder umbenennen",
            )
