"""Learning topics from what people decided in an archive, as numbered models that are used only when they are better.

What is learned from: releases of which a person set a topic, and with little weight releases on which nobody decided
but of whose topic the lexicon is sure.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from sqlite_utils import Database

from archive_pipeline.archive.database import write_tx
from archive_pipeline.archive.decisions import apply_new_decisions
from archive_pipeline.archive.events import record_event
from archive_pipeline.archive.reading import iterate_releases
from archive_pipeline.archive.topic_labels import decided_topics
from archive_pipeline.archive.topic_models import (
    activate_topic_model,
    active_number,
    keep_topic_model,
    read_topic_model,
    topic_model_numbers,
)
from archive_pipeline.classify.names import LexiconSource
from archive_pipeline.classify.reading import read
from archive_pipeline.classify.topic import lexicon_tags
from archive_pipeline.classify.topic_lexicon import Candidate
from archive_pipeline.classify.topic_model import features_of, features_version
from archive_pipeline.classify.topic_training import Example, digest_of, evaluate, train
from archive_pipeline.errors import ArchiveError
from archive_pipeline.model import Release, Role, Source, TopicEvaluation, TopicModel
from archive_pipeline.workspace import SOFTWARE, Workspace, utc_now

__all__ = [
    "LEAST_DECIDED",
    "LEAST_TOPICS",
    "Lesson",
    "ListedModel",
    "activate",
    "evaluate_topics",
    "is_better",
    "listed_models",
    "train_topics",
]

LEAST_DECIDED = 60
"""Decided releases, near-duplicates counted once, below which nothing is learned: the tested fifth would be a dozen."""

LEAST_TOPICS = 2
"""So many topics need `LEAST_PER_TOPIC` decided releases each."""

LEAST_PER_TOPIC = 5

MOST_WEAK = 3000
"""Releases nobody decided on that are learned from at most, chosen by a hash of their ids."""

SURE = 0.8
"""The lexicon's score from which on its main topic is learned from."""

_WORD = re.compile(r"\w+")
_SHINGLE, _SKETCH = 5, 64
_ALIKE = 0.5
"""Share of the smallest hashes of their word sequences that two texts have in common from which on they are
near-duplicates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What was learned: the model, and whether the archive had the very same one before."""

    model: TopicModel
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """A model that the archive keeps, whether it is the one in use, and whether the vocabularies are those that it was
    learned with: otherwise the lexicon stands in."""

    model: TopicModel
    is_active: bool
    fits: bool


def is_better(evaluation: TopicEvaluation) -> bool:
    """Whether a model finds the main topic more often than the lexicon, and all topics no worse."""
    return evaluation.model_primary > evaluation.lexicon_primary and evaluation.model_f1 >= evaluation.lexicon_f1


def evaluate_topics(
    workspace: Workspace, told: Callable[[int, int], None] = lambda done, of: None
) -> tuple[TopicEvaluation, dict[str, int]]:
    """How a model would do that is learned now, by nested cross-validation, and the decided releases by topic. Writes
    nothing. Raises NoArchiveError, MissingExtraError, ArchiveError with fewer decisions than that takes."""
    with workspace.reading() as db:
        examples = _examples(workspace, db)
    _require_enough(examples)
    return evaluate(examples, told), _decided_by_topic(examples)


def train_topics(workspace: Workspace, told: Callable[[int, int], None] = lambda done, of: None) -> Lesson:
    """Learn a model, test it, and keep it under the next number; it is not used before it is activated. The same
    decisions, releases and software give the same model, which is then not kept a second time. Raises NoArchiveError,
    LockedError, MissingExtraError, ArchiveError with fewer decisions than that takes."""
    folder = workspace.topic_models_folder
    with workspace.writing("topics train") as db:
        apply_new_decisions(db, workspace.decisions_file)
        examples = _examples(workspace, db)
        _require_enough(examples)
        evaluation = evaluate(examples, told)
        model = train(examples, lexicon=_lexicon(workspace).version, software=SOFTWARE, evaluation=evaluation)
        model = replace(model, digest=digest_of(model))
        numbers = topic_model_numbers(folder)
        for number in numbers:
            known = read_topic_model(folder, number)
            if known.digest == model.digest:
                return Lesson(model=known, is_new=False)
        model = replace(model, number=max(numbers, default=0) + 1)
        keep_topic_model(folder, model)
        _note(db, model.name, f"gelernt aus {sum(1 for one in examples if one.is_decided)} entschiedenen Mitteilungen")
    return Lesson(model=model, is_new=True)


def activate(workspace: Workspace, number: int | None) -> TopicModel | None:
    """Use a model from now on, None for the lexicon. What is archived stays until it is reprocessed. Raises
    LockedError, ArchiveError when there is no such model, it was changed, or it was learned with other vocabularies."""
    folder = workspace.topic_models_folder
    with workspace.writing("topics activate") as db:
        model = read_topic_model(folder, number) if number is not None else None
        if model is not None:
            _require_usable(model, _lexicon(workspace).version)
        activate_topic_model(folder, number)
        _note(db, model.name if model else "topic", "eingesetzt")
    return model


def listed_models(workspace: Workspace) -> tuple[ListedModel, ...]:
    """All models, the oldest first. Raises ArchiveError for a damaged one."""
    folder = workspace.topic_models_folder
    active = active_number(folder)
    version = features_version(_lexicon(workspace).version)
    return tuple(
        ListedModel(model=model, is_active=model.number == active, fits=model.lexicon == version)
        for model in (read_topic_model(folder, number) for number in topic_model_numbers(folder))
    )


def _require_usable(model: TopicModel, lexicon: str) -> None:
    if model.lexicon != features_version(lexicon):
        raise ArchiveError(
            f"Das Themenmodell {model.number} wurde mit anderen Vokabularen gelernt ({model.lexicon})",
            hint="neu lernen: archive-pipeline topics train",
        )
    if digest_of(model) != model.digest:
        raise ArchiveError(
            f"Das Themenmodell {model.number} wurde verändert: seine Prüfsumme stimmt nicht",
            hint="die Datei aus einer Sicherung zurückholen oder neu lernen: archive-pipeline topics train",
        )


def _note(db: Database, subject: str, detail: str) -> None:
    with write_tx(db):
        record_event(
            db, "metadata modification", at=utc_now(), agent=SOFTWARE, subject=subject, detail=f"Themenmodell: {detail}"
        )


def _require_enough(examples: Sequence[Example]) -> None:
    groups = {example.group for example in examples if example.is_decided}
    counts = _decided_by_topic(examples)
    frequent = sum(count >= LEAST_PER_TOPIC for count in counts.values())
    if len(groups) >= LEAST_DECIDED and frequent >= LEAST_TOPICS:
        return
    raise ArchiveError(
        f"Zum Lernen zu wenig: {len(groups)} verschiedene Mitteilungen mit entschiedenem Thema, nötig sind "
        f"{LEAST_DECIDED}, darunter {LEAST_TOPICS} Themen mit je {LEAST_PER_TOPIC} (bisher {frequent})",
        hint="Themen entscheiden: archive-pipeline review next, oder archive-pipeline tag ID +topic:THEMA",
    )


def _decided_by_topic(examples: Sequence[Example]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for example in examples:
        for topic in example.topics if example.is_decided else ():
            counts[topic] = counts.get(topic, 0) + 1
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _lexicon(workspace: Workspace) -> LexiconSource:
    return LexiconSource(tuple(entry.obj for entry in workspace.plugins.vocabularies))


def _examples(workspace: Workspace, db: Database) -> list[Example]:
    """What there is to learn from. Near-duplicates of a decided release that nobody decided on are left out."""
    lexicon = _lexicon(workspace)
    decided = decided_topics(db)
    weak: list[tuple[str, Example, frozenset[int]]] = []
    strong: list[tuple[Example, frozenset[int]]] = []
    for release in iterate_releases(db):
        label = decided.get(release.id)
        example = _example(release, lexicon)
        if example is None:
            continue
        if label is not None:
            known = replace(example, topics=label.topics, primary=label.primary, is_decided=True)
            strong.append((known, _sketch(release.article.text)))
        elif example.topics:
            order = hashlib.sha256(release.id.encode()).hexdigest()
            weak.append((order, example, _sketch(release.article.text)))
            if len(weak) > 2 * MOST_WEAK:
                weak = sorted(weak, key=lambda one: one[0])[:MOST_WEAK]
    chosen = [(example, sketch) for _, example, sketch in sorted(weak, key=lambda one: one[0])[:MOST_WEAK]]
    return list(_grouped(sorted([*strong, *chosen], key=lambda one: one[0].id)))


def _example(release: Release, lexicon: LexiconSource) -> Example | None:
    """A release with the label the lexicon gives it, if it is sure of one; None where there is nothing to read."""
    reading = read(release.article, Source(id=release.source_id), lexicon())
    if not reading.german:
        return None
    tags = lexicon_tags(reading, lexicon.version)
    sure = frozenset(tag.value for tag in tags if tag.role is Role.PRIMARY and tag.score >= SURE)
    features = features_of(reading)
    points = {topic: Candidate(points=one.points, words=one.words) for topic, one in features.points.items()}
    return Example(
        id=release.id,
        group=0,
        features=replace(features, places={}, points=points),  # thousands are held: where words stand is not needed
        topics=sure,
        primary=next(iter(sure), None),
        is_decided=False,
        lexicon=tags,
    )


def _sketch(text: str) -> frozenset[int]:
    """The smallest hashes of a text's word sequences."""
    words = [word.lower() for word in _WORD.findall(text[:20_000])]
    shingles = {" ".join(words[i : i + _SHINGLE]) for i in range(max(1, len(words) - _SHINGLE + 1))}
    hashes = sorted(
        int.from_bytes(hashlib.blake2b(shingle.encode(), digest_size=8).digest(), "big") for shingle in shingles
    )
    return frozenset(hashes[:_SKETCH])


def _grouped(examples: Sequence[tuple[Example, frozenset[int]]]) -> Iterator[Example]:
    """The examples with the number of their group: near-duplicates, and near-duplicates of these, share one."""
    leaders = list(range(len(examples)))

    def leader(i: int) -> int:
        while leaders[i] != i:
            i = leaders[i]
        return i

    holders: dict[int, list[int]] = {}
    for i, (_, sketch) in enumerate(examples):
        shared: dict[int, int] = {}
        for value in sketch:
            for other in holders.get(value, ()):
                shared[other] = shared.get(other, 0) + 1
            holders.setdefault(value, []).append(i)
        for other, count in shared.items():
            if count >= _ALIKE * min(len(sketch), len(examples[other][1])):
                first, second = sorted((leader(i), leader(other)))
                leaders[second] = first
    has_decided = {leader(i) for i, (example, _) in enumerate(examples) if example.is_decided}
    for i, (example, _) in enumerate(examples):
        if example.is_decided or leader(i) not in has_decided:
            yield replace(example, group=leader(i))
