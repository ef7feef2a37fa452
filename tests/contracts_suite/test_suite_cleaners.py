"""Every registered cleaner keeps the contract, the site profile of all installed rules too."""

import pytest

from archive_pipeline.plugin_manager import load_plugins
from archive_pipeline.testing import CleanerContract

CLEANERS = load_plugins(None, {}).cleaners.ordered()


class TestCleaners(CleanerContract):
    @pytest.fixture(autouse=True, params=CLEANERS, ids=[entry.name for entry in CLEANERS])
    def _subject(self, request: pytest.FixtureRequest) -> None:
        self.subject = request.param.obj


def test_built_in_and_plugin_cleaners_are_among_them() -> None:
    assert {"guard", "extract", "gate", "site-profile"} <= {entry.name for entry in CLEANERS}
