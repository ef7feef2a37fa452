"""Mistakes in sources.toml: collecting them with their places, and saying them so that a person can act."""

import difflib
import re
from collections.abc import Collection, Iterable

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from archive_pipeline.errors import ConfigProblem
from archive_pipeline.sources.positions import KeyPath, Position, Positions

__all__ = ["Problems", "did_you_mean", "nearest", "shown"]

_SYNONYMS = {
    "adresse": "url",
    "aktiv": "enabled",
    "kreis": "district",
    "kontakt": "contact",
    "name": "title",
    "ordner": "path",
    "partei": "party",
    "pfad": "path",
    "sprache": "language",
    "titel": "title",
    "verantwortlich": "responsible",
    "zeitplan": "schedule",
    "zugang": "access",
}
"""German words people write where the key is English."""

_WANTED = {
    "bool_parsing": "true oder false",
    "bool_type": "true oder false",
    "date_from_datetime_inexact": "ein Tag wie 2026-01-31",
    "date_from_datetime_parsing": "ein Tag wie 2026-01-31",
    "date_parsing": "ein Tag wie 2026-01-31",
    "date_type": "ein Tag wie 2026-01-31",
    "dict_type": "eine Tabelle",
    "finite_number": "eine endliche Zahl",
    "float_parsing": "eine Zahl",
    "float_type": "eine Zahl",
    "int_from_float": "eine ganze Zahl",
    "int_parsing": "eine ganze Zahl",
    "int_type": "eine ganze Zahl",
    "list_type": "eine Liste",
    "model_type": "eine Tabelle",
    "string_type": "Text in Anführungszeichen",
    "tuple_type": "eine Liste",
}
_EMPTY = frozenset({"string_too_short", "too_short"})
_BOUNDS = {
    "greater_than": ("gt", "größer als"),
    "greater_than_equal": ("ge", "mindestens"),
    "less_than": ("lt", "kleiner als"),
    "less_than_equal": ("le", "höchstens"),
}


def shown(value: object) -> str:
    """A value as it would stand in a TOML file, shortened, and without user name and password of an address."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        masked = re.sub(r"//[^/\s]*@", "//…@", value)
        text = f'"{masked}"'
    else:
        text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, if any; German words stand for the English keys they translate."""
    names = set(known)
    english = {german: key for german, key in _SYNONYMS.items() if key in names}
    near = difflib.get_close_matches(word.lower(), sorted(names | english.keys()), n=1)
    return english.get(near[0], near[0]) if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` – meinten Sie "x"?`` for the nearest known word, else an empty text."""
    meant = nearest(word, known)
    return f' – meinten Sie "{meant}"?' if meant else ""


class Problems:
    """The mistakes of one file, in the order of the file."""

    def __init__(self, file: str, positions: Positions) -> None:
        self._file = file
        self._positions = positions
        self._found: list[ConfigProblem] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def in_file_order(self) -> tuple[ConfigProblem, ...]:
        """Every problem found so far."""
        return tuple(sorted(self._found, key=lambda problem: (problem.line, problem.column, problem.message)))

    def key_paths(self) -> tuple[KeyPath, ...]:
        """The way to every key of the file."""
        return tuple(self._positions)

    def at_key(self, path: KeyPath, message: str) -> ConfigProblem:
        """The problem as a value, placed at a key, without collecting it."""
        return self._placed(self._positions.of_key(path), message)

    def add_at_key(self, path: KeyPath, message: str) -> None:
        """Something is wrong with a key: unknown, missing, twice."""
        self._found.append(self.at_key(path, message))

    def add_at_value(self, path: KeyPath, message: str) -> None:
        """Something is wrong with a value."""
        self._found.append(self._placed(self._positions.of_value(path), message))

    def add_unknown_keys(self, path: KeyPath, who: str, unknown: Iterable[str], known: Collection[str]) -> None:
        """Keys that nobody understands, each with the nearest known one."""
        for key in unknown:
            self.add_at_key((*path, key), f'{who}unbekannter Schlüssel "{key}"{did_you_mean(key, known)}')

    def add_invalid(self, path: KeyPath, who: str, error: ValidationError) -> None:
        """Everything pydantic has to say about the table at `path`."""
        for detail in error.errors(include_url=False):
            self._add_detail(path, who, detail)

    def _add_detail(self, path: KeyPath, who: str, detail: ErrorDetails) -> None:
        where = (*path, *detail["loc"])
        key = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "missing":
            self.add_at_key(where, f'{who}Schlüssel "{key}" fehlt')
        elif detail["type"] == "extra_forbidden":
            self.add_at_key(where, f'{who}unbekannter Schlüssel "{key}"')
        else:
            self.add_at_value(where, f"{who}{key}: {_said(detail)}" if key else f"{who}{_said(detail)}")

    def _placed(self, position: Position, message: str) -> ConfigProblem:
        return ConfigProblem(file=self._file, line=position.line, column=position.column, message=message)


def _said(detail: ErrorDetails) -> str:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    was = "" if isinstance(value, dict | list | BaseModel) else f" (war {shown(value)})"
    if kind in _WANTED:
        return f"muss {_WANTED[kind]} sein{was}"
    if kind in _EMPTY and context["min_length"] == 1:
        return "darf nicht leer sein"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        bound = context[name]
        whole = isinstance(bound, float) and bound.is_integer()
        return f"muss {words} {int(bound) if whole else bound} sein{was}"
    if kind == "literal_error":
        allowed = [word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", ")]
        return f"{shown(value)} ist nicht erlaubt (erlaubt: {', '.join(allowed)}){did_you_mean(str(value), allowed)}"
    if kind == "string_pattern_mismatch":
        return f"muss zu {context['pattern']} passen{was}"
    if kind in ("value_error", "assertion_error"):
        message, dash, meant = str(context.get("error", detail["msg"])).partition(" – ")
        return f"{message}{was}{dash}{meant}"
    return f"{detail['msg']}{was}"
