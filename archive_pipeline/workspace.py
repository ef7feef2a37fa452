"""An archive folder: its configuration, plugins, database, WARC files and index, opened in one way by everybody."""

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from sqlite_utils import Database

from archive_pipeline.archive.database import open_database
from archive_pipeline.archive.lock import lock_owner, writer_lock
from archive_pipeline.archive.profiles import PROFILES, newest_profiles
from archive_pipeline.archive.reading import last_seq
from archive_pipeline.archive.topic_models import active_number, read_topic_model
from archive_pipeline.errors import ArchiveError, IndexingError, LockedError, NoArchiveError
from archive_pipeline.fetch import HttpClient
from archive_pipeline.fetch.pace import Pace
from archive_pipeline.fetch.transport import Network, Resolver, system_resolver
from archive_pipeline.index.fixity import record_checksums
from archive_pipeline.indexing import catch_up, release_count
from archive_pipeline.plugin_manager import PluginManager, load_plugins
from archive_pipeline.processing.workers import Workers
from archive_pipeline.protocols import Index
from archive_pipeline.sources import ArchiveSettings, Config, QuarantinedPlugin, load_config
from archive_pipeline.sources.secrets import secret_variable
from archive_pipeline.vocabularies.own import FOLDER
from archive_pipeline.warc import DerivationLog, WarcStore

__all__ = [
    "CONFIG_NAME",
    "HOMEPAGE",
    "SOFTWARE",
    "VERSION",
    "Connections",
    "Workspace",
    "http_client",
    "open_workspace",
    "utc_now",
]

_log = logging.getLogger(__name__)

SWAP_ATTEMPTS = 40
SWAP_PAUSE = 0.05
"""How often and with what pause, in seconds, a reader asks for an index that is just being replaced."""

CONFIG_NAME = "sources.toml"
CATCHING_UP = "Index"
"""What holds the lock while a search brings the index up to date."""
VERSION = version("archive-pipeline")
SOFTWARE = f"archive_pipeline/{VERSION}"
HOMEPAGE = "https://pypi.org/project/archive-pipeline/"
"""What the identification header names where `[archive] contact` is not set."""


def utc_now() -> datetime:
    """The time, in UTC: the one clock of the pipeline, handed down from here."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """The way to the network: `resolve` looks names up, `network` opens connections to the addresses found (None: the
    system's). Tests put a network of their own here; every guard stays in force above it."""

    resolve: Resolver = system_resolver
    network: Network | None = None


def http_client(
    settings: ArchiveSettings,
    connections: Connections | None = None,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> HttpClient:
    """The one client that everything of an archive goes through, with the pace that its processes share.

    User name and password of a proxy come as `user:password` from ARCHIVE_PIPELINE_SECRET_PROXY. Raises ConfigError.
    """
    reached = connections or Connections()
    user, colon, password = os.environ.get(secret_variable("proxy"), "").partition(":")
    return HttpClient(
        version=VERSION,
        contact=settings.contact or HOMEPAGE,
        clock=utc_now,
        interval=settings.request_interval,
        user_agent=settings.user_agent,
        pace=Pace(settings.path / "hosts" if settings.path.is_dir() else None, sleep=sleep),
        proxy=settings.proxy,
        proxy_credentials=(user, password) if colon else None,
        ca_bundle=settings.ca_bundle,
        sleep=sleep,
        resolve=reached.resolve,
        network=reached.network,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """An opened archive folder. `folder` holds sources.toml, `data` everything that is archived."""

    folder: Path
    config: Config
    plugins: PluginManager

    @property
    def data(self) -> Path:
        """The folder of archive.db, warc/, decisions.jsonl and index/."""
        return self.config.archive.path

    @property
    def database_file(self) -> Path:
        """The SQLite file; it can be rebuilt from the WARC files and the decisions."""
        return self.data / "archive.db"

    @property
    def decisions_file(self) -> Path:
        """What people decided: one of the archive's two truths."""
        return self.data / "decisions.jsonl"

    @property
    def vocab_folder(self) -> Path:
        """The archive's own vocabulary: tables that add to those that ship, or change them."""
        return self.folder / FOLDER

    @property
    def profiles_folder(self) -> Path:
        """What was learned from the releases of sources: kept like the decisions."""
        return self.data / PROFILES

    @property
    def topic_models_folder(self) -> Path:
        """The topic models learned from what people decided: kept like the decisions."""
        return self.data / "topic-models"

    @property
    def index_folder(self) -> Path:
        """The folder of the chosen engine's index."""
        return self.data / "index" / self.config.archive.engine

    @contextmanager
    def writing(self, command: str) -> Iterator[Database]:
        """The database, with the writer lock held. Raises LockedError, and ArchiveError when WARC files are there
        but the database is not: then `rebuild` is the next step, not a new archive beside the old captures."""
        with writer_lock(self.data, command, utc_now()):
            if not self.database_file.exists() and self.has_captures():
                raise ArchiveError(
                    f"{self.database_file.name} fehlt, aber WARC-Dateien sind da ({self.data / 'warc'})",
                    hint="archive-pipeline rebuild baut Datenbank und Index daraus wieder auf",
                )
            with _closing(self._open(create=True)) as db:
                yield db

    @contextmanager
    def reading(self) -> Iterator[Database]:
        """The database for reading, in one state from the first look to the last, whoever writes meanwhile. Raises
        NoArchiveError when nothing was archived yet."""
        with _closing(self._open(create=False)) as db:
            db.execute("BEGIN")
            yield db

    @contextmanager
    def looking(self) -> Iterator[Database]:
        """The database for reading in one thread while another one writes: each look sees what was committed last."""
        with _closing(self._open(create=False)) as db:
            yield db

    def workers(self, count: int) -> Workers:
        """Processes that clean and classify with the plugins of this archive and with what it learned of its sources;
        1 is this process alone. Raises ArchiveError when a profile or the topic model in use is damaged."""
        profiles = newest_profiles(self.profiles_folder)
        number = active_number(self.topic_models_folder)
        topic_model = read_topic_model(self.topic_models_folder, number) if number is not None else None
        return Workers(
            self.plugins,
            count=count,
            folder=self.folder / "plugins",
            vocab=self.vocab_folder,
            profiles=profiles,
            topic_model=topic_model,
            persons=self.config.archive.persons != "off",
        )

    def has_captures(self) -> bool:
        """Whether any WARC file is there."""
        return any((self.data / "warc").glob("*/*/*.warc.gz"))

    def warc_store(self, folder: Path | None = None, *, refused: Mapping[str, str] | None = None) -> WarcStore:
        """The WARC files of this archive; what is `refused` (reasons by sha256) is not stored."""
        settings = self.config.archive
        return WarcStore(
            folder or self.data,
            software=SOFTWARE,
            operator=settings.contact or "",
            clock=utc_now,
            max_file_bytes=settings.warc_bytes,
            refused=refused,
        )

    def derivation_log(self) -> DerivationLog:
        """What was made of the captures of this archive."""
        settings = self.config.archive
        return DerivationLog(
            self.data,
            software=SOFTWARE,
            operator=settings.contact or "",
            clock=utc_now,
            max_file_bytes=settings.warc_bytes,
        )

    @contextmanager
    def index(self) -> Iterator[Index]:
        """The search index for reading. Raises IndexingError when it is missing, damaged or outdated."""
        index = self._serving_index()
        try:
            yield index
        finally:
            index.close()

    def _serving_index(self) -> Index:
        """While a new index is put in the place of the old one there is none for a moment: then it is waited for."""
        engine = self.plugins.index_engines[self.config.archive.engine]
        for _ in range(SWAP_ATTEMPTS):
            try:
                return engine.open(self.index_folder)
            except IndexingError:
                if not self._beside(".old").exists():
                    break
                time.sleep(SWAP_PAUSE)
        return engine.open(self.index_folder)

    def update_index(self, db: Database) -> int:
        """Bring the index up to date, building it anew where it is missing, damaged, outdated or ahead of the
        database; a person is told why. Call with the writer lock held. Returns how many releases were put in."""
        engine = self.plugins.index_engines[self.config.archive.engine]
        try:
            index = engine.open(self.index_folder, writable=True)
        except IndexingError as error:
            if self.index_folder.exists():
                _log.warning("%s. Er wird aus dem Archiv neu aufgebaut.", error.message)
            return self.rebuild_index(db)
        try:
            if index.seq() <= last_seq(db):
                done = catch_up(db, index)
                if done:
                    record_checksums(self.index_folder)
                return done
            _log.warning("Der Suchindex kennt Änderungen, die das Archiv nicht hat. Er wird daraus neu aufgebaut.")
        except LockedError:
            raise
        except IndexingError as error:
            if _cannot_write(error.__cause__):
                raise
            _log.warning("%s. Er wird aus dem Archiv neu aufgebaut.", error.message)
        finally:
            index.close()
        return self.rebuild_index(db)

    def rebuild_index(self, db: Database, *, resume: bool = True) -> int:
        """Build the index beside the old one, then put it in its place; readers wait for the moment between. What a
        killed rebuild has built is taken up, unless without `resume`. Returns how many releases were put in."""
        done = self.build_index(db, resume=resume)
        old = self.set_aside_index()
        self.install_index()
        shutil.rmtree(old, ignore_errors=True)
        return done

    def build_index(self, db: Database, *, resume: bool = False) -> int:
        """Build a new index beside the old one; when that fails nothing of it stays. With `resume` what is there
        of an earlier attempt on the same database is gone on with."""
        fresh = self._beside(".new")
        try:
            index = self._begun_index(db, fresh) if resume else None
            if index is None:
                shutil.rmtree(fresh, ignore_errors=True)
                index = self.plugins.index_engines[self.config.archive.engine].create(fresh)
            begun = index.seq() > 0
            try:
                done = catch_up(db, index)
                complete = index.count() == release_count(db)
            finally:
                index.close()
            if begun and not complete:
                return self.build_index(db)
            record_checksums(fresh)
        except Exception:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        return done

    def _begun_index(self, db: Database, fresh: Path) -> Index | None:
        """What a killed rebuild left, if this engine can go on with it."""
        if not fresh.is_dir():
            return None
        try:
            index = self.plugins.index_engines[self.config.archive.engine].open(fresh, writable=True)
        except IndexingError:
            return None
        if not 0 < index.seq() <= last_seq(db):
            index.close()
            return None
        _log.warning("Der unterbrochene Neuaufbau des Suchindex geht weiter: %d Mitteilungen sind da.", index.count())
        return index

    def remove_index(self) -> None:
        """Take the index away in one step: half an index must never pass for a whole one."""
        shutil.rmtree(self.set_aside_index(), ignore_errors=True)

    def set_aside_index(self) -> Path:
        """Where the index lies that was in use; as long as it lies there, readers wait for the one in its place."""
        old = self._beside(".old")
        shutil.rmtree(old, ignore_errors=True)
        if self.index_folder.exists():
            self.index_folder.rename(old)
        return old

    def install_index(self) -> None:
        """Put what `build_index` built in the place of the index that was removed."""
        self._beside(".new").rename(self.index_folder)

    def with_engine(self, engine: str) -> "Workspace":
        """The same archive with another engine's index, whatever sources.toml says."""
        settings = replace(self.config.archive, engine=engine)
        return replace(self, config=replace(self.config, archive=settings))

    def _beside(self, suffix: str) -> Path:
        return self.index_folder.with_name(self.index_folder.name + suffix)

    def refresh_index(self) -> str | None:
        """Before a search: catch up when the index is behind and nobody is writing. Returns a note for the person
        who searches when it could not."""
        with self.reading() as db:
            newest = last_seq(db)
        cause: IndexingError | None = None
        try:
            with self.index() as index:
                lag = newest - index.seq()
        except IndexingError as error:
            lag, cause = -1, error
        if lag == 0:
            return None
        note = "Ein Lauf schreibt gerade: die neuesten Mitteilungen fehlen noch im Index."
        if cause is None and self.is_being_written():
            return note
        try:
            with self.writing(CATCHING_UP) as db:
                self.update_index(db)
        except LockedError:
            if cause is not None:
                raise cause from None
            return note
        return None

    def is_being_written(self) -> bool:
        """Whether somebody writes who will not be done in a moment, so that a reader has no need to wait for him."""
        owner = lock_owner(self.data)
        return owner is not None and owner.command != CATCHING_UP

    def _open(self, *, create: bool) -> Database:
        return open_database(self.database_file, create=create, prepare=self.plugins.prepare_connection)


def _cannot_write(cause: BaseException | None) -> bool:
    """Whether the disk refused: then a new index would fail, too."""
    return (isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError)) or "os error 28" in str(cause)


@contextmanager
def _closing(db: Database) -> Iterator[Database]:
    try:
        yield db
    finally:
        db.close()


def open_workspace(folder: Path) -> Workspace:
    """The archive in `folder`. Raises NoArchiveError without a sources.toml, ConfigError, PluginLoadError."""
    path = folder / CONFIG_NAME
    if not path.is_file():
        raise NoArchiveError(
            f"In {folder.resolve()} liegt keine {CONFIG_NAME}",
            hint="archive-pipeline init DIR legt ein Archiv an; -C DIR nennt eines, das es schon gibt",
        )
    plugins = load_plugins(folder / "plugins", os.environ, vocab=folder / FOLDER)
    config = load_config(
        path,
        plugins.fetchers,
        engines=plugins.index_engines,
        vocabularies=plugins.vocabularies,
        quarantined=tuple(
            QuarantinedPlugin(name=record.name, reason=record.error or "") for record in plugins.quarantined
        ),
    )
    return Workspace(folder=folder, config=config, plugins=plugins)
