"""The file that `init` writes is valid and complete."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from archive_pipeline.protocols import Fetcher
from archive_pipeline.registry import Registry
from archive_pipeline.sources import load_config, new_sources_toml
from archive_pipeline.sources.tables import ArchiveTable, SourceTable

Write = Callable[[str], Path]


@pytest.mark.parametrize("engine", ["whoosh", "tantivy"])
def test_a_new_file_loads_without_sources(write: Write, fetchers: Registry[Fetcher], engine: str) -> None:
    config = load_config(write(new_sources_toml(engine=engine)), fetchers)
    assert (config.archive.engine, config.sources) == (engine, ())


def test_the_sample_source_needs_no_network(write: Write, fetchers: Registry[Fetcher]) -> None:
    (source,) = load_config(write(new_sources_toml(sample=True)), fetchers).sources
    assert (source.fetcher, source.path, source.enabled) == ("folder", "package:sample", True)


def test_the_values_it_shows_are_the_defaults(write: Write, fetchers: Registry[Fetcher]) -> None:
    shown = load_config(write(new_sources_toml()), fetchers).archive
    default = load_config(write(""), fetchers).archive
    assert (shown.path, shown.persons, shown.max_bytes, shown.request_interval) == (
        default.path,
        default.persons,
        default.max_bytes,
        default.request_interval,
    )


def test_every_key_is_explained(write: Write) -> None:
    text = new_sources_toml()
    keys = {*ArchiveTable.model_fields, *SourceTable.model_fields}
    assert {key for key in keys if not re.search(rf"^#?\s*(\w+, )*{key}\b", text, re.MULTILINE)} == set()


def test_the_commented_examples_work_when_the_comment_signs_go(write: Write, fetchers: Registry[Fetcher]) -> None:
    text = new_sources_toml()
    head, examples = text[: text.index("# [[source]]")], text[text.index("# [[source]]") :]
    config = load_config(write(head + re.sub(r"^# ", "", examples, flags=re.MULTILINE)), fetchers)
    assert [source.id for source in config.sources] == ["mein-kreis", "ablage"]
