"""Every hook a plugin can implement. Hooks only ever gain arguments; a plugin names those it needs.

pluggy discovers and collects, once, at start. The pipeline itself is plain Python that calls the registered
objects (docs/plugins.md).
"""

import sqlite3

import pluggy

from archive_pipeline.model import Failure, Release, RunReport, Source, Vocabulary
from archive_pipeline.protocols import Classifier, Cleaner, Exporter, Fetcher, IndexEngine
from archive_pipeline.registry import Registry

__all__ = ["API_VERSION", "hookimpl", "hookspec"]

API_VERSION = 1
"""A plugin states the version it was written for: `archive_pipeline_api = 1`."""

hookspec = pluggy.HookspecMarker("archive_pipeline")
hookimpl = pluggy.HookimplMarker("archive_pipeline")


@hookspec
def register_fetchers(registry: Registry[Fetcher]) -> None:
    """Add kinds of sources. A source's `fetcher = "name"` chooses one by name."""


@hookspec
def register_cleaners(registry: Registry[Cleaner]) -> None:
    """Add cleaning steps; `order` places a step among the published slots."""


@hookspec
def register_vocabularies(registry: Registry[Vocabulary]) -> None:
    """Add authority records; called before `register_classifiers`."""


@hookspec
def register_classifiers(registry: Registry[Classifier], vocabularies: Registry[Vocabulary]) -> None:
    """Add classifiers; `vocabularies` holds every registered vocabulary."""


@hookspec
def register_index_engines(registry: Registry[IndexEngine]) -> None:
    """Add search engines; `[archive] engine = "name"` chooses one."""


@hookspec
def register_exporters(registry: Registry[Exporter]) -> None:
    """Add export formats for `export FORMAT`."""


@hookspec
def prepare_connection(connection: sqlite3.Connection) -> None:
    """Add SQL functions or collations to a new connection to archive.db. Must not write."""


@hookspec
def run_started(run_id: str, sources: tuple[Source, ...]) -> None:
    """A run begins; observers only, the return value is ignored."""


@hookspec
def release_archived(release: Release, change: str) -> None:
    """A release was committed; `change` is "new" or "changed". Called after the commit, never inside it."""


@hookspec
def document_failed(failure: Failure) -> None:
    """A document or a source failed and was recorded."""


@hookspec
def run_finished(report: RunReport) -> None:
    """A run is over, whatever its outcome."""
