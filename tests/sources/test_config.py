"""A valid sources.toml as values."""

import dataclasses
import datetime
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from archive_pipeline.errors import ConfigError, NoArchiveError
from archive_pipeline.model import Axis, RobotsOverride, Snooze, Vocabulary, VocabularyEntry
from archive_pipeline.protocols import Fetcher
from archive_pipeline.registry import Registry
from archive_pipeline.sources import QuarantinedPlugin, load_config

Write = Callable[[str], Path]

FULL = """
[archive]
path = "daten"
engine = "whoosh"
title = "Testarchiv"
contact = "archiv@example.org"
user_agent = "test/1"
persons = "off"
max_bytes = 1000
request_interval = 1
connections = 4
proxy = "http://proxy.example.org:3128"
ca_bundle = "zertifikate.pem"
recheck_budget = 7

[[source]]
id = "kreis-soest"
title = "Kreis Soest"
fetcher = "feed"
url = "https://example.org/rss"
schedule = "15 6 * * mon-fri"
district = "05974"
party = "uwg@05974"
organisation = "kreis-soest"
language = "en"
access = "login"
legal_basis = "consent"
robots_override = { reason = "vereinbart", granted_by = "Pressestelle", date = 2026-01-31 }
snooze = { until = 2026-12-31, note = "Umbau" }
expected = "14d"
budget = 50
appraisal = "archivwürdig"
responsible = "Stadtarchiv"
capture_scope = "ohne Anhänge"
call_number = "S 1"
retention = "10y"
enabled = false
gate = false
limit = 10
skip_titles = ["a", "b"]

[[source]]
id = "sample"
fetcher = "folder"
path = "package:sample"
"""


def test_every_key_arrives_in_its_value(write: Write, fetchers: Registry[Fetcher]) -> None:
    path = write(FULL)
    config = load_config(path, fetchers)
    assert (config.file, config.base) == (path, path.parent)
    archive = dataclasses.asdict(config.archive)
    assert archive == {
        "path": path.parent.resolve() / "daten",
        "engine": "whoosh",
        "title": "Testarchiv",
        "contact": "archiv@example.org",
        "user_agent": "test/1",
        "persons": "off",
        "max_bytes": 1000,
        "warc_bytes": 1_000_000_000,
        "request_interval": 1.0,
        "connections": 4,
        "proxy": "http://proxy.example.org:3128",
        "ca_bundle": path.parent.resolve() / "zertifikate.pem",
        "recheck_budget": 7,
    }
    source = config.source("kreis-soest")
    values = {
        name: getattr(source, name) for name in source.__slots__ if name not in {"options", "profile", "topic_model"}
    }
    assert values == {
        "id": "kreis-soest",
        "title": "Kreis Soest",
        "fetcher": "feed",
        "url": "https://example.org/rss",
        "path": None,
        "schedule": "15 6 * * mon-fri",
        "district": "05974",
        "party": "uwg@05974",
        "organisation": "kreis-soest",
        "language": "en",
        "access": "login",
        "legal_basis": "consent",
        "robots_override": RobotsOverride(
            reason="vereinbart", granted_by="Pressestelle", date=datetime.date(2026, 1, 31)
        ),
        "snooze": Snooze(until=datetime.date(2026, 12, 31), note="Umbau"),
        "expected": "14d",
        "budget": 50,
        "appraisal": "archivwürdig",
        "responsible": "Stadtarchiv",
        "capture_scope": "ohne Anhänge",
        "call_number": "S 1",
        "retention": "10y",
        "enabled": False,
        "gate": False,
    }
    assert source.options_as(fetchers["feed"].options).model_dump() == {"limit": 10, "skip_titles": ("a", "b")}
    assert config.source("sample").path == "package:sample"
    assert [source.id for source in config.sources] == ["kreis-soest", "sample"]


def test_an_empty_file_is_an_archive_with_defaults(write: Write, fetchers: Registry[Fetcher]) -> None:
    config = load_config(write(""), fetchers)
    assert config.sources == ()
    assert config.archive.path.name == "archive"
    assert (config.archive.engine, config.archive.max_bytes, config.archive.persons) == (
        "whoosh",
        20_000_000,
        "office-holders",
    )


def test_the_archive_folder_is_relative_to_the_file_not_to_the_current_folder(
    write: Write, fetchers: Registry[Fetcher], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write('[archive]\npath = "../neben"')
    (tmp_path / "anderswo").mkdir()
    monkeypatch.chdir(tmp_path / "anderswo")
    config = load_config(Path("../sources.toml"), fetchers)
    assert config.archive.path == tmp_path.parent.resolve() / "neben"
    assert config.base.is_absolute()


def test_without_a_fetcher_the_highest_claim_wins(write: Write, fetchers: Registry[Fetcher]) -> None:
    config = load_config(write('[[source]]\nid = "a"\nurl = "https://site.example/rss"\nlimit = 3'), fetchers)
    assert config.sources[0].fetcher == "feed"
    assert config.sources[0].options_as(fetchers["feed"].options).model_dump()["limit"] == 3


def test_options_receive_the_common_keys_they_declare(write: Write, fetchers: Registry[Fetcher]) -> None:
    config = load_config(write('[[source]]\nid = "a"\nfetcher = "site"\nurl = "https://x.example"'), fetchers)
    options = config.sources[0].options_as(fetchers["site"].options)
    assert options.model_dump() == {"url": "https://x.example", "start": "/"}
    assert config.sources[0].url == "https://x.example"


def test_a_disabled_source_may_name_a_fetcher_that_is_not_installed(write: Write, fetchers: Registry[Fetcher]) -> None:
    config = load_config(
        write('[[source]]\nid = "a"\nfetcher = "later"\nenabled = false\nwhatever = [1]\n[source.more]\nx = 1'),
        fetchers,
    )
    assert (config.sources[0].fetcher, config.sources[0].options) == ("later", None)


@pytest.mark.parametrize("line", ["", 'url = "https://portal.site.example"', 'url = "https://explode.example"'])
def test_a_disabled_source_needs_no_fetcher_at_all(write: Write, fetchers: Registry[Fetcher], line: str) -> None:
    config = load_config(write(f'[[source]]\nid = "a"\nenabled = false\n{line}'), fetchers)
    assert config.sources[0].fetcher is None


def test_a_source_whose_fetcher_is_quarantined_fails_alone(write: Write, fetchers: Registry[Fetcher]) -> None:
    path = write(
        '[[source]]\nid = "needs-it"\nfetcher = "cms"\nanything = 1\n\n'
        '[[source]]\nid = "claimed"\nurl = "https://nobody.example"\n\n'
        '[[source]]\nid = "well"\nfetcher = "folder"\npath = "x"\n'
    )
    lost = (QuarantinedPlugin(name="cms-plugin", reason="SyntaxError: invalid syntax"),)
    config = load_config(path, fetchers, quarantined=lost)
    assert [source.id for source in config.sources] == ["well"]
    assert [broken.source.id for broken in config.broken] == ["needs-it", "claimed"]
    problem = config.broken[0].problem
    assert (problem.file, problem.line) == (str(path), 1)
    assert 'fetcher "cms" ist unbekannt' in problem.message
    assert "cms-plugin (SyntaxError: invalid syntax)" in problem.message
    with pytest.raises(ConfigError, match="cms-plugin"):
        config.source("needs-it")


def test_a_fetcher_that_fails_itself_breaks_its_source_alone(write: Write, fetchers: Registry[Fetcher]) -> None:
    config = load_config(
        write(
            '[[source]]\nid = "a"\nurl = "https://explode.example"\n'
            '[[source]]\nid = "b"\nfetcher = "site"\nurl = "https://x.example"\nstart = "crash"\n'
            '[[source]]\nid = "c"\nfetcher = "folder"\npath = "x"\n'
        ),
        fetchers,
    )
    assert [source.id for source in config.sources] == ["c"]
    assert "claims broke" in config.broken[0].problem.message
    assert "validator broke" in config.broken[1].problem.message


def test_an_unknown_source_id_names_the_nearest(write: Write, fetchers: Registry[Fetcher]) -> None:
    config = load_config(write(FULL), fetchers)
    with pytest.raises(ConfigError, match=r'"kreis-soset" steht nicht in .* – meinten Sie "kreis-soest"') as caught:
        config.source("kreis-soset")
    assert caught.value.exit_code == 4


def test_authority_keys_are_accepted_when_a_vocabulary_knows_them(write: Write, fetchers: Registry[Fetcher]) -> None:
    vocabularies: Registry[Vocabulary] = Registry("vocabulary", "builtin")
    entries = (
        VocabularyEntry(axis=Axis.DISTRICT, value="05974", label="Soest"),
        VocabularyEntry(axis=Axis.PARTY, value="uwg", label="UWG"),
    )
    vocabularies.add("own", Vocabulary(name="own", version="1", licence="CC0", entries=entries))
    assert load_config(write(FULL), fetchers, vocabularies=vocabularies).source("kreis-soest").party == "uwg@05974"


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path: Path, fetchers: Registry[Fetcher]) -> None:
    path = tmp_path / "sources.toml"
    path.write_bytes(b"\xef\xbb\xbf" + FULL.replace("\n", "\r\n").encode())
    assert len(load_config(path, fetchers).sources) == 2


def test_a_folder_without_the_file_is_no_archive(tmp_path: Path, fetchers: Registry[Fetcher]) -> None:
    with pytest.raises(NoArchiveError, match="kein Archiv") as caught:
        load_config(tmp_path / "sources.toml", fetchers)
    assert (caught.value.exit_code, caught.value.hint) == (10, f"archive-pipeline init {tmp_path}")


def test_a_folder_in_place_of_the_file_is_reported(tmp_path: Path, fetchers: Registry[Fetcher]) -> None:
    (tmp_path / "sources.toml").mkdir()
    with pytest.raises(ConfigError, match="nicht lesbar"):
        load_config(tmp_path / "sources.toml", fetchers)


def test_the_home_folder_may_be_written_as_tilde(
    write: Write, fetchers: Registry[Fetcher], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(os.environ, "HOME", str(tmp_path))
    config = load_config(write('[archive]\npath = "~/daten"'), fetchers)
    assert config.archive.path == tmp_path.resolve() / "daten"


def test_robots_are_overridden_with_consent_only(write: Write, fetchers: Registry[Fetcher]) -> None:
    override = 'robots_override = { reason = "a", granted_by = "b", date = 2026-01-31 }'
    with pytest.raises(ConfigError) as caught:
        load_config(
            write(f'[[source]]\nid = "a"\nfetcher = "folder"\npath = "x"\nlegal_basis = "60d"\n{override}'), fetchers
        )
    assert 'nur mit legal_basis = "consent"' in caught.value.problems[0].message
