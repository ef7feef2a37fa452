"""Documents without text: what the source alone says of them.

The other classifiers ask for words of the text before they believe a source's setting. A PDF that holds pictures alone
has none, and would be found by nobody who filters by district or party.
"""

from collections.abc import Iterator, Sequence

from archive_pipeline.classify.district import leading_district
from archive_pipeline.classify.names import LexiconSource
from archive_pipeline.classify.reading import Reading, read
from archive_pipeline.model import Article, Axis, Evidence, Finding, Role, Source, Tag

__all__ = ["SenderClassifier"]

SCORE = 0.8
"""How often the district, party and organisation of a source are those of one of its documents: rather a guess, as
nobody has read such documents in number."""


class SenderClassifier:
    """Tags documents in state `no_text_layer` with district, party and organisation of their source, as issuer."""

    def __init__(self, lexicon: LexiconSource) -> None:
        self._lexicon = lexicon
        self.version = lexicon.version

    def classify(self, article: Article, source: Source) -> Sequence[Finding]:
        """The source's own keys, the title as evidence: all there is to read. Empty for every other document, and for
        what the title itself tells."""
        if article.state != "no_text_layer" or not article.title:
            return ()
        evidence = (Evidence(start=0, end=len(article.title), text=article.title, field="title"),)
        return tuple(
            Tag(
                axis=axis,
                value=value,
                label=label,
                role=Role.ISSUER,
                score=SCORE,
                by=f"sender@{self.version}",
                evidence=evidence,
            )
            for axis, value, label in _stated(read(article, source, self._lexicon()))
        )


def _stated(reading: Reading) -> Iterator[tuple[Axis, str, str]]:
    """Axis, key and name of what the source says and the title does not."""
    lexicon, title = reading.lexicon, (reading.article.title or "").casefold()
    if (district := reading.source_district) and leading_district(reading) != district:
        yield Axis.DISTRICT, district, lexicon.gazetteer.label(district)
    for axis, value, entries in (
        (Axis.PARTY, reading.source_party, lexicon.parties),
        (Axis.ORGANISATION, reading.source_organisation, lexicon.organisations),
    ):
        entry = entries.get(value) if value else None
        if value and not (entry and any(name.casefold() in title for name in (entry.label, *entry.surfaces))):
            yield axis, value, entry.label if entry else value
