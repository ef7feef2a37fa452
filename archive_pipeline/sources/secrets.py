"""Passwords and tokens: from the environment or a file, never from sources.toml."""

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from archive_pipeline.errors import ConfigError

__all__ = ["SECRETS_FILE", "looks_secret", "secret", "secret_variable"]

SECRETS_FILE = "ARCHIVE_PIPELINE_SECRETS_FILE"
"""The environment variable that names a file with secrets, TOML (`*.toml`) or KEY=VALUE lines."""

_SECRET_WORDS = {
    "apikey",
    "credential",
    "credentials",
    "geheimnis",
    "kennwort",
    "passphrase",
    "passwd",
    "password",
    "passwort",
    "secret",
    "token",
}
_ASSIGNMENT = re.compile(r"""(?:export\s+)?(?P<key>[\w.-]+)\s*=\s*(?P<quote>["']?)(?P<value>.*?)(?P=quote)""")


def looks_secret(key: str) -> bool:
    """Whether a key's name says that its value is a secret: `password`, `imap_token`, `api-key`."""
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower())
    return not _SECRET_WORDS.isdisjoint(words) or ("api", "key") in pairwise(words)


def secret_variable(name: str) -> str:
    """The environment variable that may hold the secret `name`."""
    return "ARCHIVE_PIPELINE_SECRET_" + re.sub(r"\W", "_", name).upper()


def secret(name: str, environ: Mapping[str, str]) -> str:
    """The secret called `name`: its own environment variable, else its line in the secrets file.

    In the file it may be called `name` or as in the environment. Raises ConfigError when it is nowhere or the
    file is unreadable, malformed or readable for everybody. No message ever contains a secret.
    """
    variable = secret_variable(name)
    if variable in environ:
        return environ[variable]
    file_name = environ.get(SECRETS_FILE)
    if file_name:
        known = _read_secrets(Path(file_name))
        for key in (name, variable):
            if key in known:
                return known[key]
    raise ConfigError(
        f'Geheimnis "{name}" fehlt: weder {variable} noch {SECRETS_FILE} enthält es',
        hint=f"{variable} setzen, oder {SECRETS_FILE} auf eine Datei mit der Zeile {name} = … zeigen lassen",
    )


def _read_secrets(path: Path) -> dict[str, str]:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "kein UTF-8"
        raise ConfigError(f"Geheimnisdatei {path} ist nicht lesbar: {reason}", hint=f"{SECRETS_FILE} prüfen") from None
    if os.name == "posix" and mode & stat.S_IRWXO:
        raise ConfigError(f"Geheimnisdatei {path} ist für alle zugänglich", hint=f"chmod 600 {path}")
    return _toml_secrets(path, text) if path.suffix == ".toml" else _line_secrets(path, text)


def _toml_secrets(path: Path, text: str) -> dict[str, str]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line \d+", str(error))
        where = f" ({place.group().replace('line', 'Zeile')})" if place else ""
        raise ConfigError(f"Geheimnisdatei {path} ist kein gültiges TOML{where}") from None
    return {key: value for key, value in table.items() if isinstance(value, str)}


def _line_secrets(path: Path, text: str) -> dict[str, str]:
    known = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _ASSIGNMENT.fullmatch(line.strip())
        if found is None:
            raise ConfigError(f"Geheimnisdatei {path}, Zeile {number}: keine Zeile der Form NAME=WERT")
        known[found["key"]] = found["value"]
    return known
