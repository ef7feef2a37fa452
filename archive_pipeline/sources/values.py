"""What sources.toml says, as frozen values."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from archive_pipeline.errors import ConfigError, ConfigProblem
from archive_pipeline.model import Source
from archive_pipeline.sources.tables import Persons

__all__ = ["ArchiveSettings", "BrokenSource", "Config", "QuarantinedPlugin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSettings:
    """`[archive]`: settings of the whole archive.

    `path` is the absolute folder of the data, `engine` the name of an index engine. `contact` is a mail or web
    address for the identification header. `max_bytes` is the largest body that is stored, `warc_bytes` the size
    from which on a WARC file gets no further record, `request_interval` the
    seconds between two requests to one host. `connections` is how many hosts are asked at the same time, `proxy` the
    address of an HTTP proxy, `ca_bundle` the absolute path of a file of certificates, `recheck_budget` how many known
    releases of one source a run looks at again at most.
    """

    path: Path
    engine: str
    title: str
    contact: str | None
    user_agent: str | None
    persons: Persons
    max_bytes: int
    warc_bytes: int
    request_interval: float
    connections: int
    proxy: str | None
    ca_bundle: Path | None
    recheck_budget: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedPlugin:
    """A plugin that could not be loaded, and why: its fetchers are unknown through no fault of sources.toml."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenSource:
    """An enabled source whose fetcher can't be had: it fails alone, all others work. `source.options` is None."""

    source: Source
    problem: ConfigProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A valid sources.toml. Relative paths in it are relative to `base`, the absolute folder of `file`.

    `sources` holds all that can be used, the disabled ones too; `broken` those that need a plugin which could not
    be loaded or failed; both in file order.
    """

    file: Path
    base: Path
    archive: ArchiveSettings
    sources: tuple[Source, ...]
    broken: tuple[BrokenSource, ...] = ()

    def source(self, source_id: str) -> Source:
        """The source with this id. Raises ConfigError naming the nearest id, or what is wrong with a broken one."""
        for source in self.sources:
            if source.id == source_id:
                return source
        for broken in self.broken:
            if broken.source.id == source_id:
                raise ConfigError(broken.problem.message, problems=(broken.problem,))
        near = difflib.get_close_matches(source_id, [source.id for source in self.sources], n=1)
        meant = f' – meinten Sie "{near[0]}"?' if near else ""
        raise ConfigError(
            f'Quelle "{source_id}" steht nicht in {self.file}{meant}', hint="archive-pipeline sources list"
        )
