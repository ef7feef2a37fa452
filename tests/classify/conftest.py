from collections.abc import Callable, Sequence
from typing import TypeAlias

import pytest

from archive_pipeline.classify import classifiers, vocabularies
from archive_pipeline.model import Article, Finding, Source
from archive_pipeline.protocols import Classifier

Classify: TypeAlias = Callable[..., Sequence[Finding]]


@pytest.fixture(scope="session")
def built_in() -> dict[str, Classifier]:
    return dict(classifiers(vocabularies()))


@pytest.fixture(scope="session")
def classify(built_in: dict[str, Classifier]) -> Classify:
    """classify(name, text, **fields of Article and Source) -> findings."""

    def run(name: str, text: str, **fields: object) -> Sequence[Finding]:
        of_article = {key: value for key, value in fields.items() if key in Article.__dataclass_fields__}
        of_source = {key: value for key, value in fields.items() if key not in of_article}
        article = Article(text=text, **of_article)  # type: ignore[arg-type]
        return built_in[name].classify(article, Source(id="test", **of_source))  # type: ignore[arg-type]

    return run
