"""Tags releases by district, party, organisation and topic, with evidence and calibrated scores.

All classifiers share one reading of an article; nothing is loaded before the first article comes.
"""

from collections.abc import Sequence

from archive_pipeline.classify.district import DistrictClassifier
from archive_pipeline.classify.doubts import (
    Explained,
    district_doubts,
    organisation_doubts,
    party_doubts,
    topic_doubts,
)
from archive_pipeline.classify.names import LexiconSource
from archive_pipeline.classify.organisation import OrganisationClassifier
from archive_pipeline.classify.party import PartyClassifier
from archive_pipeline.classify.persons import PersonClassifier
from archive_pipeline.classify.quotes import QuoteClassifier
from archive_pipeline.classify.sender import SenderClassifier
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
        ("district", Explained(DistrictClassifier(lexicon), lexicon, district_doubts)),
        ("party", Explained(PartyClassifier(lexicon), lexicon, party_doubts)),
        ("organisation", Explained(OrganisationClassifier(lexicon), lexicon, organisation_doubts)),
        ("topic", Explained(TopicClassifier(lexicon), lexicon, topic_doubts)),
        ("persons", PersonClassifier(lexicon)),
        ("quotes", QuoteClassifier(lexicon)),
        ("sender", SenderClassifier(lexicon)),
    )
