"""Which fetcher a source gets, and what that fetcher says about the source's options.

Here a plugin's own code runs while the configuration is read: whatever it raises concerns this source alone.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from archive_pipeline.errors import PluginConflictError, PluginContractError
from archive_pipeline.protocols import Fetcher
from archive_pipeline.registry import Entry, Registry

__all__ = ["choose_fetcher", "option_keys", "validate_options"]


def choose_fetcher(url: str, fetchers: Registry[Fetcher]) -> str | None:
    """The name of the fetcher with the highest claim on `url`, or None when nobody claims it.

    Raises PluginConflictError naming both when two claim it equally, PluginContractError when one fails.
    """
    claims: list[tuple[int, Entry[Fetcher]]] = []
    for entry in fetchers:
        claim = _claim(entry, url)
        if claim is not None:
            claims.append((claim, entry))
    if not claims:
        return None
    highest = max(claim for claim, _ in claims)
    first, *equal = [entry for claim, entry in claims if claim == highest]
    if equal:
        names = " und ".join(f'"{entry.name}" (Plugin {entry.plugin})' for entry in (first, *equal))
        raise PluginConflictError(f"gleich gut passen {names}", hint='mit fetcher = "…" einen wählen')
    return first.name


def _claim(entry: Entry[Fetcher], url: str) -> int | None:
    try:
        claim = entry.obj.claims(url)
        return None if claim is None else int(claim)
    except Exception as error:  # a plugin's code: its mistake concerns this source alone
        raise PluginContractError(
            f'fetcher "{entry.name}" (Plugin {entry.plugin}) scheitert an der Adresse: {type(error).__name__}: {error}'
        ) from error


def option_keys(kind: type[BaseModel]) -> frozenset[str]:
    """The keys a source's table may have for these options."""
    return frozenset(field.alias or name for name, field in kind.model_fields.items())


def validate_options(entry: Entry[Fetcher], settings: Mapping[str, Any]) -> BaseModel:
    """The settings as the fetcher's own class.

    Raises pydantic's ValidationError for the user's mistakes, PluginContractError for the plugin's.
    """
    try:
        return entry.obj.options.model_validate(settings)
    except ValidationError:
        raise
    except Exception as error:  # a plugin's validator: its mistake concerns this source alone
        raise PluginContractError(
            f'fetcher "{entry.name}" (Plugin {entry.plugin}) scheitert beim Prüfen seiner Einstellungen:'
            f" {type(error).__name__}: {error}"
        ) from error
