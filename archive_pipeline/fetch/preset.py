"""Presets: a fetcher under a name of its own, set up for one kind of site. What plugins say in rules.toml.

A preset adds no way of fetching. It knows where a site of its kind keeps its list, and the settings that fit; a source
names the preset as its fetcher and may set each of them otherwise.
"""

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from string import Formatter
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, create_model
from w3lib.url import add_or_replace_parameters

from archive_pipeline.errors import FetchError
from archive_pipeline.fetch.discovery import source_url
from archive_pipeline.model import CaptureResult, Item, Source
from archive_pipeline.protocols import FetchContext, Fetcher

__all__ = ["Preset", "PresetFetcher", "placeholders"]

FITS_WELL = 80
"""The claim on addresses that a preset names: more than the general fetchers', but for a feed that says it is one."""

OF_THE_SOURCE = ("url", "root")
"""Placeholders that come from the source's own address."""

NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One table of a rules.toml.

    `base` names the fetcher that does the work. `address` is where the list stands: `{url}` is the source's address,
    `{root}` its scheme and host, any other placeholder a setting that the source must have. `parameters` are put into
    the address's query. `claims` are patterns (`*`, `?`) of whole addresses that the preset is chosen for when a source
    names no fetcher. `settings` are the base's settings as written, not validated yet.
    """

    name: str
    base: str
    address: str = "{url}"
    parameters: tuple[tuple[str, str], ...] = ()
    claims: tuple[str, ...] = ()
    settings: Mapping[str, Any]

    @property
    def own_settings(self) -> tuple[str, ...]:
        """The settings that a source must have because the address asks for them."""
        return tuple(name for name in placeholders(self.address) if name not in OF_THE_SOURCE)


def placeholders(address: str) -> tuple[str, ...]:
    """The names in braces, each once. Raises ValueError when the braces don't match or hold no name."""
    found: list[str] = []
    for _, name, form, conversion in Formatter().parse(address):
        if name is None:
            continue
        if form or conversion or not NAME.fullmatch(name):
            raise ValueError(f'"{{{name}}}" ist kein Platzhalter: erwartet {{url}}, {{root}} oder ein Name')
        found.append(name)
    return tuple(dict.fromkeys(found))


class PresetFetcher:
    """Fetches as its base does, with the preset's address and settings."""

    def __init__(self, preset: Preset, base: Fetcher) -> None:
        self.preset = preset
        self.base = base

    @cached_property
    def options(self) -> type[BaseModel]:
        """The settings of a source: made when a source asks for them, for that takes milliseconds, and presets are
        many."""
        return _options(self.preset, self.base.options)

    def claims(self, url: str) -> int | None:
        """80 for an address that a pattern of the preset fits, else None."""
        return FITS_WELL if any(fnmatch.fnmatchcase(url, pattern) for pattern in self.preset.claims) else None

    def discover(self, source: Source, context: FetchContext) -> Iterator[Item]:
        """What the list at the preset's address offers. Raises what the base raises."""
        yield from self.base.discover(self._located(source), context)

    def capture(self, item: Item, source: Source, context: FetchContext) -> Iterable[CaptureResult]:
        """The item, as the base captures it."""
        return self.base.capture(item, self._located(source), context)

    def _located(self, source: Source) -> Source:
        """The source with the address where its list stands."""
        needed = placeholders(self.preset.address)
        values = {name: quote(str(getattr(source.options, name, "")), safe="") for name in self.preset.own_settings}
        if any(name in needed for name in OF_THE_SOURCE):
            url = source_url(source)
            values |= {"url": url, "root": "{0.scheme}://{0.netloc}".format(urlsplit(url))}
        address = self.preset.address.format_map(values)
        if self.preset.parameters:
            address = add_or_replace_parameters(address, dict(self.preset.parameters))
        if not address:
            raise FetchError("Der Quelle fehlt eine Adresse", hint="url der Quelle setzen")
        return replace(source, url=address)


class _Derived(BaseModel):
    """What the options of a preset do beside those of its base."""

    model_config = ConfigDict(validate_default=True)

    def __reduce__(self) -> tuple[object, ...]:
        """Travel to other processes as the base's options: this class exists only where its plugin is loaded."""
        base = next(
            kind for kind in type(self).__mro__ if issubclass(kind, BaseModel) and not issubclass(kind, _Derived)
        )
        values = {name: value for name, value in self if name in base.model_fields}
        return (_construct, (base, values))


def _construct(base: type[BaseModel], values: dict[str, Any]) -> BaseModel:
    return base.model_construct(**values)


def _options(preset: Preset, base: type[BaseModel]) -> type[BaseModel]:
    """The base's settings with the preset's values as defaults, and what the address asks for.

    Settings that the base doesn't have are left out: whoever reads a rules.toml reports them.
    """
    known = base.model_fields
    defaults: dict[str, Any] = {
        name: (
            Annotated[known[name].annotation, *known[name].metadata]
            if known[name].metadata
            else known[name].annotation,
            value,
        )
        for name, value in preset.settings.items()
        if name in known
    }
    own: dict[str, Any] = {name: (Annotated[str | int, AfterValidator(_filled)], ...) for name in preset.own_settings}
    return create_model("PresetOptions", __base__=(_Derived, base), **defaults, **own)


def _filled(value: str | int) -> str | int:
    if isinstance(value, str) and not value.strip():
        raise ValueError("darf nicht leer sein")
    return value
