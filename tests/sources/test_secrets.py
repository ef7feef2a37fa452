"""Secrets come from the environment or a private file."""

import os
from pathlib import Path

import pytest

from archive_pipeline.errors import ConfigError
from archive_pipeline.sources import secret
from archive_pipeline.sources.secrets import SECRETS_FILE, looks_secret

SECRET = "hunter2"


def private(path: Path, text: str) -> dict[str, str]:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return {SECRETS_FILE: str(path)}


def test_the_environment_variable_comes_first(tmp_path: Path) -> None:
    environ = private(tmp_path / "s.env", "imap-soest=other") | {"ARCHIVE_PIPELINE_SECRET_IMAP_SOEST": SECRET}
    assert secret("imap-soest", environ) == SECRET


@pytest.mark.parametrize(
    "line",
    [
        f"imap-soest={SECRET}",
        f'imap-soest = "{SECRET}"',
        f"export ARCHIVE_PIPELINE_SECRET_IMAP_SOEST='{SECRET}'",
    ],
)
def test_a_file_of_assignments(tmp_path: Path, line: str) -> None:
    assert secret("imap-soest", private(tmp_path / "s.env", f"# comment\n\nother=x\n{line}\n")) == SECRET


def test_a_toml_file(tmp_path: Path) -> None:
    assert secret("imap-soest", private(tmp_path / "s.toml", f'imap-soest = "{SECRET}"\n')) == SECRET


def test_a_value_may_hold_equals_signs_and_quotes(tmp_path: Path) -> None:
    assert secret("a", private(tmp_path / "s.env", "a = x=\"y'z\n")) == "x=\"y'z"


@pytest.mark.parametrize("with_file", [True, False])
def test_a_missing_secret_says_how_to_give_it(tmp_path: Path, with_file: bool) -> None:
    environ = private(tmp_path / "s.env", f"other={SECRET}") if with_file else {}
    with pytest.raises(ConfigError, match='Geheimnis "imap-soest" fehlt') as caught:
        secret("imap-soest", environ)
    assert caught.value.exit_code == 4
    assert "ARCHIVE_PIPELINE_SECRET_IMAP_SOEST" in caught.value.hint
    assert SECRET not in caught.value.message + caught.value.hint


@pytest.mark.skipif(os.name != "posix", reason="file modes are a matter of POSIX")
@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602])
def test_a_file_that_everybody_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    environ = private(tmp_path / "s.env", f"a={SECRET}")
    (tmp_path / "s.env").chmod(mode)
    with pytest.raises(ConfigError, match="für alle zugänglich") as caught:
        secret("a", environ)
    assert caught.value.hint.startswith("chmod 600")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("s.env", f"a=1\n{SECRET}\n", "Zeile 2"),
        ("s.toml", f'a = 1\nb = "{SECRET}\n', "kein gültiges TOML (Zeile 2)"),
    ],
)
def test_a_malformed_file_is_reported_without_its_contents(tmp_path: Path, name: str, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        secret("a", private(tmp_path / name, text))
    assert expected in caught.value.message
    assert SECRET not in caught.value.message


def test_a_file_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nicht lesbar"):
        secret("a", {SECRETS_FILE: str(tmp_path / "nothing")})


def test_a_file_of_bytes_is_reported(tmp_path: Path) -> None:
    (tmp_path / "s.env").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="kein UTF-8"):
        secret("a", {SECRETS_FILE: str(tmp_path / "s.env")})


@pytest.mark.parametrize("key", ["password", "imap_token", "API_KEY", "apiKey", "apikey", "clientSecret", "Kennwort"])
def test_names_of_secrets_are_recognised(key: str) -> None:
    assert looks_secret(key)


@pytest.mark.parametrize("key", ["path", "compass", "tokens_per_page", "key", "api", "passage", "secretariat"])
def test_other_names_are_left_alone(key: str) -> None:
    assert not looks_secret(key)
