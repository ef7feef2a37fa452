"""Every registered classifier keeps the contract."""

import pytest

from archive_pipeline.plugin_manager import load_plugins
from archive_pipeline.testing import ClassifierContract

CLASSIFIERS = load_plugins(None, {}).classifiers.ordered()


class TestClassifiers(ClassifierContract):
    @pytest.fixture(autouse=True, params=CLASSIFIERS, ids=[entry.name for entry in CLASSIFIERS])
    def _subject(self, request: pytest.FixtureRequest) -> None:
        self.subject = request.param.obj


def test_all_four_axes_are_among_them() -> None:
    assert {"district", "party", "organisation", "topic"} <= {entry.name for entry in CLASSIFIERS}
