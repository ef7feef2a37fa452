"""The one tree of exceptions: drawn in full, with its exit codes, and safe to send between processes."""

import ast
import builtins
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from archive_pipeline import errors
from archive_pipeline.errors import ArchivePipelineError, ConfigError, ConfigProblem, Quarantine, Skip

PACKAGE = Path(errors.__file__).parent

CLASSES = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
TREE = {name: kind for name, kind in CLASSES.items() if issubclass(kind, ArchivePipelineError)}

MEANINGS = {
    1: "failure without a code of its own",
    2: "wrong usage",
    4: "configuration error or missing extra",
    5: "a plugin failed",
    6: "refused",
    10: "no archive here",
    11: "locked",
    12: "migration needed",
    13: "index behind or missing",
    20: "integrity failure",
}
"""The exit codes that exceptions carry (0, 3 and 130 are outcomes of runs, not errors)."""


def drawing() -> dict[str, tuple[int, int, int]]:
    """Name -> depth in the drawing, exit code, HTTP status."""
    lines = re.findall(r"^    ([│ ├└─]*)(\w+)\s+(\d+)\s+(\d+)$", errors.__doc__ or "", re.MULTILINE)
    return {name: (len(branch) // 4, int(code), int(status)) for branch, name, code, status in lines}


def test_the_drawing_holds_every_class_with_its_codes() -> None:
    assert {name: (code, status) for name, (_, code, status) in drawing().items()} == {
        name: (kind.exit_code, kind.http_status) for name, kind in TREE.items()
    }


def test_the_drawing_shows_who_inherits_from_whom() -> None:
    path: list[str] = []
    for name, (depth, _, _) in drawing().items():
        path[depth:] = [name]
        if depth:
            assert TREE[name].__bases__ == (TREE[path[depth - 1]],), name
        else:
            assert TREE[name] is ArchivePipelineError


def test_only_control_flow_stands_outside_the_tree() -> None:
    assert {kind for name, kind in CLASSES.items() if name not in TREE} == {Skip, Quarantine}


def test_every_exit_code_has_a_meaning() -> None:
    assert {kind.exit_code for kind in TREE.values()} == set(MEANINGS)


def test_all_names_are_public_and_sorted() -> None:
    assert errors.__all__ == sorted({*CLASSES, "ConfigProblem"})


def test_no_other_module_defines_an_exception() -> None:
    exceptions = {*CLASSES, *(name for name, kind in vars(builtins).items() if is_exception(kind))}
    strays = [
        f"{file.relative_to(PACKAGE.parent)}:{node.lineno} {node.name}"
        for file in sorted(PACKAGE.rglob("*.py"))
        if file.name != "errors.py"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        if any(ast.unparse(base).rpartition(".")[2] in exceptions for base in node.bases)
        if not is_private_signal(node)
    ]
    assert strays == []


def is_private_signal(node: ast.ClassDef) -> bool:
    """Control flow that never leaves its module, and that no `except Exception` of anybody catches."""
    return node.name.startswith("_") and [ast.unparse(base) for base in node.bases] == ["BaseException"]


def is_exception(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseException)


EXTRAS: dict[str, dict[str, object]] = {
    "ConfigError": {"problems": (ConfigProblem(file="sources.toml", line=3, column=1, message="falsch"),)},
    "MissingExtraError": {"problems": ()},
    "FetchError": {"url": "https://example.org/"},
    "TransientFetchError": {"url": "https://example.org/", "retry_after": 60.0},
    "EmptySelectorError": {"url": "https://example.org/"},
    "NeedsJavaScriptError": {"url": "https://example.org/"},
    "TooLargeError": {"url": "gross.pdf"},
    "RefusedError": {"url": "https://example.org/"},
    "QueryError": {"position": 7},
    "ThrottledError": {"seconds": 60},
}


@pytest.mark.parametrize("name", sorted(TREE))
def test_an_error_keeps_its_attributes_on_the_way_between_processes(name: str) -> None:
    error = TREE[name]("was, wo, warum", hint="nächster Schritt", **EXTRAS.get(name, {}))
    with pytest.raises(ArchivePipelineError) as caught:
        raise pickle.loads(pickle.dumps(error))
    again = caught.value
    assert type(again) is TREE[name]
    assert str(again) == "was, wo, warum"
    assert vars(again) == vars(error)
    assert vars(again) == {"message": "was, wo, warum", "hint": "nächster Schritt"} | EXTRAS.get(name, {})


@pytest.mark.parametrize("name", sorted(TREE))
def test_a_message_is_enough_to_raise_an_error(name: str) -> None:
    error = TREE[name]("kurz")
    assert (error.message, error.hint) == ("kurz", "")


@pytest.mark.parametrize("kind", [Skip, Quarantine])
def test_control_flow_carries_its_reason(kind: Callable[[str], Skip | Quarantine]) -> None:
    signal = kind("zu kurz")
    assert not isinstance(signal, ArchivePipelineError)
    assert pickle.loads(pickle.dumps(signal)).reason == "zu kurz"


def test_a_problem_reads_as_place_and_message() -> None:
    problem = ConfigProblem(file="sources.toml", line=14, column=1, message='unbekannter Schlüssel "kries"')
    assert str(problem) == 'sources.toml:14:1  unbekannter Schlüssel "kries"'
    assert ConfigError("x", problems=(problem,)).problems == (problem,)
