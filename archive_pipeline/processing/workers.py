"""Clean and classify many captures, in this process or in several.

Only values cross the border; each worker builds its own registry once, from the same folder, of what cleans and
classifies, and refuses to work when its plugins are not those of its parent.
"""

import faulthandler
import multiprocessing
import os
import signal
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from itertools import islice
from pathlib import Path

from archive_pipeline.errors import ArchivePipelineError, PluginContractError
from archive_pipeline.model import Capture, Failure, LearnedProfile, Processed, Source, TopicModel
from archive_pipeline.plugin_manager import PluginManager, load_for_processing
from archive_pipeline.processing.chain import process

__all__ = ["Job", "Workers"]

Job = tuple[Capture, Source]
"""One document to clean and classify, and the source it came from."""

CHUNK, CHUNK_BYTES = 16, 2_000_000
"""Documents a task, and the bytes from which on it takes no more: passing them costs below 1 % of cleaning them, and a
worker holds them twice while they arrive."""

LONGEST = 300.0
"""Seconds after which a worker that is still at one document ends itself: the slowest documents take some, and a plugin
may look for the end of one for ever. Where everything happens in one process nobody could end it but a person."""

OTHER_PLUGINS = (
    "Im Arbeitsprozess sind andere Plugins oder Vokabulare geladen als im Hauptprozess: sie haben sich im Lauf geändert"
)


class Workers:
    """Processes captures in order. With `count` 1 everything happens here; `folder` is the drop-in plugin folder,
    `vocab` that of the archive's own vocabulary. `profiles` is what was learned of sources, by their ids: every source
    goes to the cleaners with its own. `topic_model` goes to the classifiers with every source; a worker gets it
    once. Without `persons` nobody's name is recorded."""

    def __init__(
        self,
        plugins: PluginManager,
        *,
        count: int = 1,
        folder: Path | None = None,
        vocab: Path | None = None,
        profiles: Mapping[str, LearnedProfile] | None = None,
        topic_model: TopicModel | None = None,
        persons: bool = True,
    ) -> None:
        self._plugins = plugins
        self._persons = persons
        self._profiles = profiles or {}
        self._topic_model = topic_model
        self._count = count
        self._folder = folder
        self._vocab = vocab
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def process(self, jobs: Iterable[Job]) -> Iterator[Processed]:
        """The outcome of each job, in the order of the jobs. A worker that dies, or takes longer than LONGEST, takes
        nothing with it but the document it died of, which is reported as failed. Raises PluginContractError when the
        workers have other plugins than this process, ArchivePipelineError when they can't be started at all."""
        jobs = map(self._with_profile, jobs)
        if self._count == 1:
            for capture, source in jobs:
                yield self.recorded(process(capture, replace(source, topic_model=self._topic_model), self._plugins))
            return
        waiting: list[tuple[list[Job], Future[list[Processed]] | None]] = []
        remaining = iter(jobs)
        while True:
            while len(waiting) < self._count * 2 and (chunk := _chunk(remaining)):
                waiting.append((chunk, self._submit(chunk)))
            if not waiting:
                return
            yield from map(self.recorded, self._collect(*waiting.pop(0)))

    def learned(self, source: Source) -> Source:
        """A source with what was learned of it and of all sources, as the cleaners and classifiers get it."""
        profile = self._profiles.get(source.id, source.profile)
        return replace(source, profile=profile, topic_model=self._topic_model)

    def recorded(self, processed: Processed) -> Processed:
        """What this archive keeps of an outcome: without `persons` neither persons nor the names of speakers."""
        if self._persons:
            return processed
        quotes = tuple(replace(quote, speaker=None) for quote in processed.quotes)
        return replace(processed, persons=(), quotes=quotes)

    def _with_profile(self, job: Job) -> Job:
        capture, source = job
        profile = self._profiles.get(source.id)
        return (capture, replace(source, profile=profile)) if profile is not None else job

    def _submit(self, chunk: list[Job]) -> Future[list[Processed]] | None:
        pool = self._running()
        # workers inherit what is blocked here: Ctrl-C is for this process alone, which then ends them
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return pool.submit(_process_chunk, chunk, LONGEST)
        except BrokenProcessPool:
            self._drop()
            return None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _collect(self, chunk: list[Job], future: Future[list[Processed]] | None) -> list[Processed]:
        done = self._result(future)
        return [self._alone(job) for job in chunk] if done is None else done

    def _alone(self, job: Job) -> Processed:
        done = self._result(self._submit([job]))
        if done is not None:
            return done[0]
        if self._result(self._submit([])) is None:
            raise ArchivePipelineError(
                "Die Arbeitsprozesse sterben beim Start", hint="mit --workers 1 wiederholen; freien Speicher prüfen"
            )
        capture = job[0]
        reason = "der Arbeitsprozess starb an diesem Dokument (Speicher oder Zeit erschöpft)"
        failure = Failure(source_id=capture.source_id, key=capture.key, stage="clean", reason=reason)
        return Processed(status="failed", reason=reason, failures=(failure,))

    def _result(self, future: Future[list[Processed]] | None) -> list[Processed] | None:
        """What the workers made of a chunk, None if one died."""
        try:
            return None if future is None else future.result()
        except BrokenProcessPool:
            self._drop()
            return None

    def _running(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._count,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_start_worker,
                initargs=(
                    self._folder,
                    self._vocab,
                    self._plugins.refused,
                    self._plugins.fingerprint(),
                    self._topic_model,
                ),
            )
        return self._pool

    def _drop(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _chunk(jobs: Iterator[Job]) -> list[Job]:
    """The next jobs that make one task."""
    chunk: list[Job] = []
    size = 0
    for job in islice(jobs, CHUNK):
        chunk.append(job)
        size += len(job[0].body)
        if size >= CHUNK_BYTES:
            break
    return chunk


_started: list[tuple[PluginManager, TopicModel | None] | ArchivePipelineError] = []
"""In a worker: its plugins and the topic model, or why it refuses to work. An initializer that raised would look like a
dead worker."""


def _start_worker(
    folder: Path | None,
    vocab: Path | None,
    refused: Collection[str],
    fingerprint: str,
    topic_model: TopicModel | None,
) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        plugins = load_for_processing(folder, os.environ, refused=refused, vocab=vocab)
    except ArchivePipelineError as error:
        _started.append(error)
        return
    same = plugins.fingerprint() == fingerprint
    refusal = PluginContractError(OTHER_PLUGINS, hint="den Lauf wiederholen")
    _started.append((plugins, topic_model) if same else refusal)


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever: the others hold the queue open."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _process_chunk(chunk: list[Job], longest: float) -> list[Processed]:
    started = _started[0]
    if isinstance(started, ArchivePipelineError):
        raise started
    plugins, topic_model = started
    done = []
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        for capture, source in chunk:
            # a thread that needs no interpreter: whatever holds this one, the process ends
            faulthandler.dump_traceback_later(longest, exit=True, file=nowhere)
            try:
                done.append(process(capture, replace(source, topic_model=topic_model), plugins))
            finally:
                faulthandler.cancel_dump_traceback_later()
    return done
