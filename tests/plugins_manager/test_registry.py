"""Named objects with their provenance and order."""

import pytest

from archive_pipeline.errors import ConfigError, PluginConflictError
from archive_pipeline.registry import DEFAULT_ORDER, Entry, Registry


def test_objects_come_in_their_order_then_by_name() -> None:
    registry: Registry[int] = Registry("cleaner", "mine")
    for name, order in (("b", 900), ("z", 50), ("a", 900)):
        registry.add(name, 1, order=order)
    registry.add("default", 2)
    assert [entry.name for entry in registry] == ["z", "default", "a", "b"]
    assert registry.entry("default") == Entry(name="default", obj=2, plugin="mine", order=DEFAULT_ORDER)
    assert (registry["default"], "a" in registry, "c" in registry, len(registry)) == (2, True, False, 4)


def test_a_name_that_is_taken_names_both_plugins() -> None:
    registry: Registry[int] = Registry("fetcher", "first")
    registry.add("feed", 1)
    registry.plugin = "second"
    with pytest.raises(PluginConflictError, match="'feed' kommt aus zwei Plugins: first und second"):
        registry.add("feed", 2)
    assert registry["feed"] == 1


def test_merging_takes_all_or_nothing() -> None:
    registry: Registry[int] = Registry("fetcher", "first")
    registry.add("feed", 1)
    other: Registry[int] = Registry("fetcher", "second")
    other.add("folder", 2)
    other.add("feed", 3, order=900)
    with pytest.raises(PluginConflictError, match="first und second"):
        registry.merge(other)
    assert [entry.name for entry in registry] == ["feed"]
    third: Registry[int] = Registry("fetcher", "third")
    third.add("folder", 2)
    registry.merge(third)
    assert registry.entry("folder").plugin == "third"


def test_an_unknown_name_names_the_nearest_and_all_others() -> None:
    registry: Registry[int] = Registry("fetcher", "x")
    registry.add("feed", 1)
    registry.add("folder", 2)
    with pytest.raises(ConfigError, match="'fed' ist nicht registriert – meinten Sie feed") as caught:
        registry["fed"]
    assert caught.value.hint == "registriert: feed, folder"
    with pytest.raises(ConfigError) as nothing:
        Registry[int]("fetcher")["x"]
    assert nothing.value.hint == "registriert: keine"
