"""What commands that look at sites share: plugins, settings and a polite session, with or without an archive."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.markup import escape

from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import shorten
from archive_pipeline.discovering.session import MAX_BYTES, Session, open_session
from archive_pipeline.errors import ConfigError
from archive_pipeline.fetch import HttpClient
from archive_pipeline.model import Request, Source
from archive_pipeline.plugin_manager import PluginManager, load_plugins
from archive_pipeline.sources import Config, QuarantinedPlugin, load_config
from archive_pipeline.sources.editing import SourcesFile
from archive_pipeline.sources.importing import bare_address
from archive_pipeline.vocabularies.own import FOLDER
from archive_pipeline.workspace import CONFIG_NAME, HOMEPAGE, VERSION, http_client, utc_now

__all__ = ["Looking", "known_address", "looking", "require_new", "sources_file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """A session with what it needs. `config` is None where there is no archive; `file` is its sources.toml."""

    session: Session
    plugins: PluginManager
    config: Config | None
    file: SourcesFile

    @property
    def archive(self) -> Config:
        """The configuration. Raises NoArchiveError where there is none."""
        return self.config or self.file.load(self.file.path)


def sources_file(settings: Settings) -> SourcesFile:
    """The archive's sources.toml, to be changed. Whether there is one shows when it is read."""
    return _file(settings, load_plugins(settings.folder / "plugins", os.environ, vocab=settings.folder / FOLDER))


def _file(settings: Settings, plugins: PluginManager) -> SourcesFile:
    return SourcesFile(path=settings.folder / CONFIG_NAME, load=partial(_load, plugins))


def _load(plugins: PluginManager, path: Path) -> Config:
    return load_config(
        path,
        plugins.fetchers,
        engines=plugins.index_engines,
        vocabularies=plugins.vocabularies,
        quarantined=tuple(
            QuarantinedPlugin(name=record.name, reason=record.error or "") for record in plugins.quarantined
        ),
    )


@contextmanager
def looking(
    settings: Settings, *, max_requests: int | None = None, seconds: float | None = None, max_bytes: int | None = None
) -> Iterator[Looking]:
    """A session with the identification and limits of the archive in the folder, or of no archive. `max_bytes` is a
    limit beside the archive's own, as every answer of a session stays in memory."""
    plugins = load_plugins(settings.folder / "plugins", os.environ, vocab=settings.folder / FOLDER)
    file = _file(settings, plugins)
    config = file.load(file.path) if file.path.is_file() else None
    client = _client(config)
    largest = config.archive.max_bytes if config else MAX_BYTES
    try:
        with ExitStack() as stack:
            session = stack.enter_context(
                open_session(
                    client,
                    base=config.base if config else Path.cwd(),
                    max_bytes=min(largest, max_bytes or largest),
                    max_requests=max_requests,
                    seconds=seconds,
                    watch=_teller(stack) if settings.interactive else lambda request: None,
                )
            )
            yield Looking(session=session, plugins=plugins, config=config, file=file)
    finally:
        client.close()


def _teller(stack: ExitStack) -> Callable[[Request], None]:
    """A line on the terminal that names the last request, and goes when the look is over."""
    status = stack.enter_context(Console(stderr=True).status("erster Abruf"))
    numbers = count(1)

    def tell(request: Request) -> None:
        parts = urlsplit(request.url)
        status.update(f"{next(numbers)}. Abruf: {escape(shorten(f'{parts.netloc}{parts.path}', 50))}")

    return tell


def _client(config: Config | None) -> HttpClient:
    if config is None:
        return HttpClient(version=VERSION, contact=HOMEPAGE, clock=utc_now)
    return http_client(config.archive)


def known_address(config: Config, url: str) -> Source | None:
    """The source that has this address already: `http` and `https`, with and without `www.` and final slash, count as
    one."""
    wanted = bare_address(url)
    sources = (*config.sources, *(broken.source for broken in config.broken))
    return next((source for source in sources if source.url and bare_address(source.url) == wanted), None)


def require_new(config: Config, url: str) -> None:
    """Raises ConfigError when a source has this address already."""
    known = known_address(config, url)
    if known is not None:
        raise ConfigError(
            f'Die Adresse {url} hat schon die Quelle "{known.id}"',
            hint=f"archive-pipeline sources test {known.id} zeigt, was sie liefert",
        )
