"""The core's own cleaners, vocabularies and classifiers: all that a process which only cleans and classifies needs of
the core's own parts.

`builtin` registers the same three hooks beside the others.
"""

from archive_pipeline.classify import classifiers
from archive_pipeline.classify import vocabularies as own_vocabularies
from archive_pipeline.clean import cleaners
from archive_pipeline.hookspecs import hookimpl
from archive_pipeline.model import Vocabulary
from archive_pipeline.protocols import Classifier, Cleaner
from archive_pipeline.registry import Registry

__all__ = ["archive_pipeline_api", "register_classifiers", "register_cleaners", "register_vocabularies"]

archive_pipeline_api = 1


@hookimpl
def register_cleaners(registry: Registry[Cleaner]) -> None:
    """The chain from guard to gate."""
    for name, cleaner, order in cleaners():
        registry.add(name, cleaner, order=order)


@hookimpl
def register_vocabularies(registry: Registry[Vocabulary]) -> None:
    """Districts, municipalities, parties, organisations, topics."""
    for vocabulary in own_vocabularies():
        registry.add(vocabulary.name, vocabulary)


@hookimpl
def register_classifiers(registry: Registry[Classifier], vocabularies: Registry[Vocabulary]) -> None:
    """District, party, organisation, topic."""
    for name, classifier in classifiers([entry.obj for entry in vocabularies]):
        registry.add(name, classifier)
