"""Documents the whole way through cleaning, as the pipeline does it."""

import os
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from archive_pipeline.model import Capture, Processed, Source
from archive_pipeline.plugin_manager import PluginManager, load_plugins
from archive_pipeline.processing.chain import process


@pytest.fixture(scope="session")
def plugins() -> PluginManager:
    return load_plugins(None, os.environ)


@pytest.fixture
def clean(plugins: PluginManager) -> Callable[..., Processed]:
    """Clean the bytes of a file of this name."""

    def run(body: bytes, name: str, media_type: str | None = None) -> Processed:
        capture = Capture(
            source_id="probe",
            key=name,
            target=f"urn:probe:{name}",
            body=body,
            sha256="",
            captured_at=datetime(2026, 12, 1, tzinfo=UTC),
            record_id="urn:uuid:0",
            media_type=media_type,
        )
        return process(capture, Source(id="probe"), plugins)

    return run
