"""Clean and classify many captures, in this process or in several.

Only values cross the border; each worker builds its own registry once, from the same folder, and refuses to work
when its plugins are not those of its parent.
"""

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path

from archive_pipeline.errors import PluginContractError
from archive_pipeline.model import Capture, Failure, Processed, Source
from archive_pipeline.plugin_manager import PluginManager, load_plugins
from archive_pipeline.processing import process

__all__ = ["Job", "Workers"]

Job = tuple[Capture, Source]
"""One document to clean and classify, and the source it came from."""

CHUNK = 16
"""Documents a task: passing them costs below 1 % of cleaning them."""


class Workers:
    """Processes captures in order. With `count` 1 everything happens here; `folder` is the drop-in plugin folder."""

    def __init__(self, plugins: PluginManager, *, count: int = 1, folder: Path | None = None) -> None:
        self._plugins = plugins
        self._count = count
        self._folder = folder
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def process(self, jobs: Iterable[Job]) -> Iterator[Processed]:
        """The outcome of each job, in the order of the jobs. A worker that dies takes nothing with it but the
        document it died of, which is reported as failed."""
        if self._count == 1:
            for capture, source in jobs:
                yield process(capture, source, self._plugins)
            return
        waiting: list[tuple[list[Job], Future[list[Processed]] | None]] = []
        remaining = iter(jobs)
        while True:
            while len(waiting) < self._count * 2 and (chunk := list(islice(remaining, CHUNK))):
                waiting.append((chunk, self._submit(chunk)))
            if not waiting:
                return
            yield from self._collect(*waiting.pop(0))

    def _submit(self, chunk: list[Job]) -> Future[list[Processed]] | None:
        try:
            return self._running().submit(_process_chunk, chunk)
        except BrokenProcessPool:
            self._drop()
            return None

    def _collect(self, chunk: list[Job], future: Future[list[Processed]] | None) -> list[Processed]:
        try:
            if future is not None:
                return future.result()
        except BrokenProcessPool:
            self._drop()
        return [self._alone(job) for job in chunk]

    def _alone(self, job: Job) -> Processed:
        try:
            return self._running().submit(_process_chunk, [job]).result()[0]
        except BrokenProcessPool:
            self._drop()
            capture = job[0]
            reason = "der Arbeitsprozess starb an diesem Dokument (Speicher oder Zeit erschöpft)"
            failure = Failure(source_id=capture.source_id, key=capture.key, stage="clean", reason=reason)
            return Processed(status="failed", reason=reason, failures=(failure,))

    def _running(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._count,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_start_worker,
                initargs=(self._folder, self._plugins.fingerprint()),
            )
        return self._pool

    def _drop(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


_registry: list[PluginManager] = []


def _start_worker(folder: Path | None, fingerprint: str) -> None:
    plugins = load_plugins(folder, os.environ)
    if plugins.fingerprint() != fingerprint:
        raise PluginContractError(
            "Im Arbeitsprozess sind andere Plugins geladen als im Hauptprozess",
            hint="Plugins während eines Laufs nicht ändern; den Lauf wiederholen",
        )
    _registry.append(plugins)


def _process_chunk(chunk: list[Job]) -> list[Processed]:
    return [process(capture, source, _registry[0]) for capture, source in chunk]
