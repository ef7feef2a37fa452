"""Tags releases by district, party, organisation and topic, with evidence and calibrated scores.

All classifiers share one reading of an article; nothing is loaded before the first article comes.
"""

from collections.abc import Sequence

from archive_pipeline.classify.district import DistrictClassifier
from archive_pipeline.classify.names import LexiconSource
from archive_pipeline.classify.organisation import OrganisationClassifier
from archive_pipeline.classify.party import PartyClassifier
from archive_pipeline.classify.persons import PersonClassifier
from archive_pipeline.classify.quotes import QuoteClassifier
from archive_pipeline.classify.topic import TopicClassifier
from archive_pipeline.classify.vocabulary import builtin_vocabularies
from archive_pipeline.model import Vocabulary
from archive_pipeline.protocols import Classifier

__all__ = ["classifiers", "vocabularies"]


def vocabularies() -> tuple[Vocabulary, ...]:
    """The built-in vocabularies: parties, organisations, topics."""
    return builtin_vocabularies()


def classifiers(vocabularies: Sequence[Vocabulary]) -> tuple[tuple[str, Classifier], ...]:
    """The built-in classifiers by name, over the given vocabularies."""
    lexicon = LexiconSource(tuple(vocabularies))
    return (
        ("district", DistrictClassifier(lexicon)),
        ("party", PartyClassifier(lexicon)),
        ("organisation", OrganisationClassifier(lexicon)),
        ("topic", TopicClassifier(lexicon)),
        ("persons", PersonClassifier(lexicon)),
        ("quotes", QuoteClassifier(lexicon)),
    )
