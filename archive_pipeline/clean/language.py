"""Slot 900: the language of the text."""

from dataclasses import replace

from archive_pipeline.language.identify import identify
from archive_pipeline.model import Article, Source
from archive_pipeline.protocols import Page

__all__ = ["LanguageIdentification"]


class LanguageIdentification:
    """Slot 900: sets language and its score; a text too short to tell has the language of its source, score 0."""

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article with its language."""
        if article.language:
            return article
        language, score = identify(article.text) or (source.language, 0.0)
        return replace(article, language=language, language_score=score)
