"""sources.toml as frozen values, or every mistake in it at once."""

import re
import tomllib
from pathlib import Path
from typing import Any

from archive_pipeline.errors import ConfigError, ConfigProblem, NoArchiveError
from archive_pipeline.model import Vocabulary
from archive_pipeline.protocols import Fetcher, IndexEngine
from archive_pipeline.registry import Registry
from archive_pipeline.sources.authority import AuthorityKeys
from archive_pipeline.sources.positions import Positions
from archive_pipeline.sources.problems import Problems
from archive_pipeline.sources.reader import Reader
from archive_pipeline.sources.values import Config, QuarantinedPlugin

__all__ = ["load_config", "parse_toml", "read_text"]

_SYNTAX = {
    "Invalid statement": "hier muss ein Schlüssel oder eine Tabelle stehen",
    "Expected '=' after a key in a key/value pair": "nach dem Schlüssel fehlt „=“",
    "Expected newline or end of document after a statement": "nach dem Wert steht noch etwas in der Zeile",
    "Invalid value": "kein gültiger Wert; Text gehört in Anführungszeichen",
    "Unterminated string": "das schließende Anführungszeichen fehlt",
    "Unclosed array": "die schließende eckige Klammer fehlt",
    "Cannot overwrite a value": "dieser Schlüssel steht schon in der Tabelle",
    "Expected ']' at the end of a table declaration": "die schließende Klammer „]“ der Tabelle fehlt",
    "Expected ']]' at the end of an array declaration": "die schließenden Klammern „]]“ der Tabelle fehlen",
}
"""What tomllib says most often, in German; the rest is passed on as it is."""


def load_config(
    path: Path,
    fetchers: Registry[Fetcher],
    *,
    engines: Registry[IndexEngine] | None = None,
    vocabularies: Registry[Vocabulary] | None = None,
    quarantined: tuple[QuarantinedPlugin, ...] = (),
) -> Config:
    """Read and validate the sources.toml at `path`.

    Engine names and authority keys are checked where their registry is given. While plugins are quarantined, an
    enabled source with an unknown fetcher becomes a BrokenSource instead of a mistake.

    Raises NoArchiveError when there is no such file, else ConfigError with every mistake in the file.
    """
    text = read_text(path)
    data = parse_toml(path, text)
    problems = Problems(str(path), Positions(text))
    reader = Reader(
        problems=problems,
        fetchers=fetchers,
        engines=engines,
        authority_keys=AuthorityKeys(entry.obj for entry in vocabularies or ()),
        quarantined=quarantined,
    )
    base = path.absolute().parent
    reader.check_top_level(data)
    archive = reader.read_archive(data.get("archive", {}), base)
    sources, broken = reader.read_sources(data.get("source", []))
    if archive is None or problems:
        raise _config_error(path, problems.in_file_order())
    return Config(file=path, base=base, archive=archive, sources=sources, broken=broken)


def _config_error(path: Path, problems: tuple[ConfigProblem, ...]) -> ConfigError:
    return ConfigError(f"{path}: {len(problems)} Fehler", problems=problems, hint="archive-pipeline sources check")


def read_text(path: Path) -> str:
    """A configuration file, with `\\n` line ends. Raises NoArchiveError where there is none, ConfigError."""
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        raise NoArchiveError(
            f"hier ist kein Archiv: {path} fehlt", hint=f"archive-pipeline init {path.parent}"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} ist nicht lesbar: {error.strerror}", hint="Rechte der Datei prüfen") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        message = "die Datei ist nicht in UTF-8 gespeichert"
        raise _config_error(path, (_unplaced(path, line, message),)) from None


def parse_toml(path: Path, text: str) -> dict[str, Any]:
    """The values of `text`, which stands in the file at `path`. Raises ConfigError with the place of the mistake."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _config_error(path, (_syntax_problem(path, text, str(error)),)) from None
    except RecursionError:
        raise _config_error(path, (_unplaced(path, 0, "die Werte sind zu tief verschachtelt"),)) from None
    except ValueError:  # int() takes no number of thousands of digits
        longest = max(re.finditer(r"[0-9_]+", text), key=lambda found: len(found.group()))
        line = text.count("\n", 0, longest.start()) + 1
        raise _config_error(path, (_unplaced(path, line, "eine Zahl hat zu viele Ziffern"),)) from None


def _unplaced(path: Path, line: int, message: str) -> ConfigProblem:
    return ConfigProblem(file=str(path), line=line, column=0, message=message)


def _syntax_problem(path: Path, text: str, said: str) -> ConfigProblem:
    lines = text.split("\n")
    reason, _, place = said.partition(" (at ")
    numbers = [int(number) for number in re.findall(r"\d+", place)]
    line, column = numbers if len(numbers) == 2 else (len(lines), len(lines[-1]) + 1)
    message = f"kein gültiges TOML: {_SYNTAX.get(reason, reason)}"
    if re.search(r"=\s*0\d", lines[line - 1]):
        message += "; Zahlen mit führender Null wie AGS-Schlüssel gehören in Anführungszeichen"
    return ConfigProblem(file=str(path), line=line, column=column, message=message)
