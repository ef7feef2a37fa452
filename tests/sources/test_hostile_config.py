"""Whatever stands in sources.toml, reading it ends in a Config or in a ConfigError that names lines of the file."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive_pipeline.errors import ConfigError
from archive_pipeline.protocols import Fetcher
from archive_pipeline.registry import Registry
from archive_pipeline.sources import load_config

Write = Callable[[str], Path]

GOOD = """\
[archive]
path = "archive"
max_bytes = 20_000_000
[[source]]
id = "amt"
fetcher = "feed"
url = "https://amt.example/rss"
skip_titles = [
  "Termine",  # nur Hinweise
  'Stellen',
]
[[source]]
id = "ordner"
fetcher = "folder"
title = \"\"\"zwei
Zeilen\"\"\"
"""
PIECES = st.sampled_from(
    [
        *(
            "[archive]\n",
            "[[source]]\n",
            "[source.x]\n",
            "id = ",
            '"a"',
            "'b'",
            "=",
            "\n",
            "[",
            "]",
            "{",
            "}",
            ",",
            ".",
            "#",
        ),
        *(
            '"""',
            "'''",
            "\\",
            "\\u00e4",
            "1",
            "0",
            "0x",
            "-",
            "e9",
            "nan",
            "inf",
            "2020-01-01",
            "07:00",
            "true",
            " ",
            "\t",
        ),
        *(
            "\r",
            "\r\n",
            "\0",
            "\x7f",
            "ä",
            "😀",
            "\ufeff",
            'district = "',
            'password = "x"\n',
            "max_bytes = ",
            "source",
            "'' = 1\n",
        ),
    ]
)


def check(path: Path, fetchers: Registry[Fetcher], data: bytes) -> None:
    path.write_bytes(data)
    try:
        load_config(path, fetchers)
    except ConfigError as error:
        problems = error.problems
    else:
        return
    assert problems
    assert all(1 <= problem.line <= data.count(b"\n") + 1 for problem in problems), problems


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.lists(PIECES, max_size=25).map("".join))
def test_pieces_of_toml(tmp_path: Path, fetchers: Registry[Fetcher], text: str) -> None:
    check(tmp_path / "sources.toml", fetchers, text.encode())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, len(GOOD)), cut=st.integers(0, 8), piece=st.one_of(st.just(""), PIECES))
def test_a_good_file_with_a_mistake(tmp_path: Path, fetchers: Registry[Fetcher], at: int, cut: int, piece: str) -> None:
    check(tmp_path / "sources.toml", fetchers, (GOOD[:at] + piece + GOOD[at + cut :]).encode())


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_bytes(tmp_path: Path, fetchers: Registry[Fetcher], data: bytes) -> None:
    check(tmp_path / "sources.toml", fetchers, data)


@pytest.mark.parametrize(
    ("value", "line", "reason"),
    [
        ("[" * 3000, 0, "zu tief verschachtelt"),
        ("{a=" * 3000, 0, "zu tief verschachtelt"),
        ("9" * 5000, 3, "viele Ziffern"),
    ],
)
def test_what_the_parser_gives_up_on(
    write: Write, fetchers: Registry[Fetcher], value: str, line: int, reason: str
) -> None:
    with pytest.raises(ConfigError, match="1 Fehler") as caught:
        load_config(write(f"[archive]\ntitle = 'x'\nmax_bytes = {value}"), fetchers)
    (problem,) = caught.value.problems
    assert problem.line == line
    assert reason in problem.message


@pytest.mark.parametrize(
    "line",
    [
        'url = "http://amt.example:99999/rss"',
        'url = "http://amt.example\\u0000/rss"',
        'district = "٠٥٩٧٤"',
        'schedule = "1٢h"',
        'schedule = "٣ 6 * * *"',
    ],
)
def test_values_that_only_look_right(write: Write, fetchers: Registry[Fetcher], line: str) -> None:
    key = tomllib.loads(line).popitem()[0]
    url = "" if key == "url" else 'url = "http://amt.example/rss"\n'
    with pytest.raises(ConfigError) as caught:
        load_config(write(f'[[source]]\nid = "amt"\nfetcher = "feed"\n{url}{line}\n'), fetchers)
    (problem,) = caught.value.problems
    assert problem.message.startswith(f'Quelle "amt": {key}: ')


@pytest.mark.parametrize(
    "line",
    [
        'contact = "https://amt.example/\\u0007"',
        'user_agent = "Archiv\\r\\nCookie: a=b"',
        "request_interval = 1e300",
    ],
)
def test_nothing_reaches_a_request_that_would_break_it(write: Write, fetchers: Registry[Fetcher], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write(f"[archive]\n{line}\n"), fetchers)
    assert [problem.line for problem in caught.value.problems] == [2]
