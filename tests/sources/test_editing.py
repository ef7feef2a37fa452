"""Changing sources.toml: what was meant to change does, and every other byte stays."""

import os
import stat
import threading
import tomllib
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive_pipeline.errors import ConfigError, NoArchiveError
from archive_pipeline.protocols import Fetcher
from archive_pipeline.registry import Registry
from archive_pipeline.sources import load_config
from archive_pipeline.sources.editing import NewSource, Setting, SourcesFile, in_order, render_source

Write = Callable[[str], Path]

OWNERS = """\
# Sources of the archive, kept by hand.
[archive]
title = "Probe"     # shown in the page

# ---- Kreise ----

[[source]]
id = "soest"        # never change this
  title = "Kreis Soest"
fetcher = "feed"
url = "https://soest.example/rss"   # since 2024
skip_titles = [
  "a",   # the one
  "b",
]
# end of soest

# The next one is difficult.
[[source]]
id = "lippe"
fetcher = "feed"
url = 'https://lippe.example/rss'

[source.snooze]     # the site is being rebuilt
until = 2027-01-31
note = "ask Frau Muster"

# ---- Parteien ----
[[source]]
id = "dotted"
fetcher = "folder"
path = "a"
snooze.until = 2027-01-31 # soon
snooze.note = "x"
[[source]]
id = "last"
fetcher = "folder"
path = "b"
enabled = false # until June"""


@pytest.fixture
def edit(write: Write, fetchers: Registry[Fetcher]) -> Callable[[str], SourcesFile]:
    def of(text: str) -> SourcesFile:
        path = write("")
        path.write_bytes(text.encode())
        return SourcesFile(path=path, load=partial(load_config, fetchers=fetchers))

    return of


Edit = Callable[[str], SourcesFile]


def table(file: SourcesFile, source_id: str) -> dict[str, object]:
    text = file.path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    return next(one for one in tomllib.loads(text)["source"] if one["id"] == source_id)


def enabled(value: bool) -> list[Setting]:
    return [Setting(key="enabled", value=value)]


def test_a_value_is_replaced_in_its_place(edit: Edit) -> None:
    file = edit(OWNERS)
    source = file.change("soest", [Setting(key="url", value="https://neu.example/feed")])
    expected = OWNERS.replace("https://soest.example/rss", "https://neu.example/feed")
    assert file.path.read_text() == expected
    assert source.url == "https://neu.example/feed"


def test_a_new_key_stands_below_the_keys_of_its_source_and_above_the_comments_of_the_next(edit: Edit) -> None:
    file = edit(OWNERS)
    file.change("soest", enabled(False))
    assert file.path.read_text() == OWNERS.replace("]\n# end of soest", "]\nenabled = false\n# end of soest")


def test_a_new_key_never_lands_in_a_table_below_the_source(edit: Edit) -> None:
    file = edit(OWNERS)
    file.change("lippe", enabled(False))
    assert file.path.read_text() == OWNERS.replace("lippe.example/rss'\n", "lippe.example/rss'\nenabled = false\n")
    assert table(file, "lippe")["enabled"] is False


def test_a_comment_behind_a_value_stays_behind_it(edit: Edit) -> None:
    file = edit(OWNERS)
    file.change("last", enabled(True))
    assert file.path.read_text() == OWNERS.replace("enabled = false # until", "enabled = true # until")


def test_a_file_without_a_final_line_end_takes_a_key(edit: Edit) -> None:
    file = edit(OWNERS)
    file.change("last", [Setting(key="title", value="Letzte")])
    assert file.path.read_text() == OWNERS + '\ntitle = "Letzte"\n'


@pytest.mark.parametrize("source_id", ["soest", "lippe", "dotted"])
def test_a_table_is_set_and_taken_away_in_each_of_its_forms(edit: Edit, source_id: str) -> None:
    file = edit(OWNERS)
    value = {"until": date(2027, 3, 1), "note": "Größe"}
    file.change(source_id, [Setting(key="snooze", value=value)])
    assert table(file, source_id)["snooze"] == value
    file.change(source_id, remove=["snooze"])
    assert "snooze" not in table(file, source_id)
    text = file.path.read_text()
    for comment in ("# the site is being rebuilt", "# ---- Parteien ----", "# soon", "# end of soest", "# the one"):
        assert (comment in text) == (comment in OWNERS)


def test_what_is_not_there_can_be_taken_away(edit: Edit) -> None:
    file = edit(OWNERS)
    file.change("soest", remove=["snooze"])
    assert file.path.read_text() == OWNERS


def test_a_value_of_several_lines_is_replaced_whole(edit: Edit) -> None:
    file = edit(OWNERS)
    file.change("soest", [Setting(key="skip_titles", value=("c",))])
    assert table(file, "soest")["skip_titles"] == ["c"]
    assert "# end of soest" in file.path.read_text()


def test_new_sources_stand_at_the_end(edit: Edit) -> None:
    file = edit(OWNERS)
    new = NewSource(
        note="aus Ordner\nParteien",
        settings=(
            Setting(key="id", value="neu"),
            Setting(key="title", value='Der "neue" Kreis \\ Ä'),
            Setting(key="fetcher", value="feed", comment="geraten"),
            Setting(key="url", value="https://neu.example/rss?a=1&b=2#c"),
            Setting(key="limit", value=7),
            Setting(key="skip_titles", value=("x", "y")),
        ),
    )
    file.add(
        [new, NewSource(settings=(Setting(key="id", value="zwei"), Setting(key="url", value="https://z.example/rss")))]
    )
    text = file.path.read_text()
    assert text.startswith(OWNERS + '\n\n# aus Ordner Parteien\n[[source]]\nid = "neu"\n')
    assert 'fetcher = "feed" # geraten\n' in text
    assert text.endswith('\n\n[[source]]\nid = "zwei"\nurl = "https://z.example/rss"\n')
    assert table(file, "neu")["title"] == 'Der "neue" Kreis \\ Ä'


def test_a_source_is_added_to_an_empty_file(edit: Edit) -> None:
    file = edit("")
    file.add([NewSource(settings=(Setting(key="id", value="a"), Setting(key="url", value="https://a.example/rss")))])
    assert file.path.read_text() == '[[source]]\nid = "a"\nurl = "https://a.example/rss"\n'


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_line_ends_and_byte_order_mark_stay(edit: Edit, mark: str, ends: str) -> None:
    file = edit(mark + OWNERS.replace("\n", ends))
    for source_id in ("soest", "lippe", "dotted", "last"):
        file.change(source_id, [*enabled(False), Setting(key="snooze", value={"until": date(2027, 3, 1)})])
    file.add([NewSource(settings=(Setting(key="id", value="neu"), Setting(key="url", value="https://a.example/rss")))])
    content = file.path.read_bytes().decode()
    assert content.startswith("\ufeff") == bool(mark)
    assert content.count("\ufeff") == len(mark)
    assert content.count("\r\n") == (content.count("\n") if ends == "\r\n" else 0)
    assert table(file, "lippe")["snooze"] == {"until": date(2027, 3, 1)}


def test_mixed_line_ends_stay_as_they_are(edit: Edit) -> None:
    mixed = OWNERS.replace("\n", "\r\n", 12)
    file = edit(mixed)
    file.change("soest", [Setting(key="url", value="https://neu.example/x")])
    assert file.path.read_bytes().decode() == mixed.replace("https://soest.example/rss", "https://neu.example/x")


def test_what_would_be_invalid_changes_nothing_and_names_the_file(edit: Edit) -> None:
    file = edit(OWNERS)
    with pytest.raises(ConfigError) as failure:
        file.change("soest", [Setting(key="url", value="htp://x"), Setting(key="title", value="T")])
    assert [problem.file for problem in failure.value.problems] == [str(file.path)]
    assert file.path.read_text() == OWNERS
    assert [path.name for path in file.path.parent.iterdir()] == [file.path.name]


def test_a_file_with_a_mistake_is_mended_by_a_change_that_mends_it(edit: Edit) -> None:
    broken = OWNERS.replace('id = "last"\nfetcher = "folder"', 'id = "last"\nfetcher = "nirgends"')
    broken = broken.replace("enabled = false # until June", "enabled = true")
    file = edit(broken)
    with pytest.raises(ConfigError):
        file.change("soest", enabled(False))
    file.change("last", enabled(False))


def test_unknown_sources_are_answered_with_the_nearest(edit: Edit) -> None:
    with pytest.raises(ConfigError, match='meinten Sie "soest"'):
        edit(OWNERS).change("soost", enabled(True))


def test_two_sources_of_one_id_are_refused(edit: Edit) -> None:
    file = edit(OWNERS)
    with pytest.raises(ConfigError) as failure:
        file.add(
            [NewSource(settings=(Setting(key="id", value="soest"), Setting(key="url", value="https://a.example/rss")))]
        )
    assert "steht schon" in failure.value.problems[0].message
    assert file.path.read_text() == OWNERS


def test_sources_written_as_one_value_are_left_alone(edit: Edit) -> None:
    text = 'source = [{id = "a", fetcher = "folder", path = "x"}]\n'
    file = edit(text)
    with pytest.raises(ConfigError, match="ohne Verlust"):
        file.add(
            [NewSource(settings=(Setting(key="id", value="b"), Setting(key="url", value="https://a.example/rss")))]
        )
    assert file.path.read_text() == text


def test_which_of_many_can_not_be_added(edit: Edit) -> None:
    file = edit(OWNERS)
    many = [
        NewSource(settings=(Setting(key="id", value=f"q-{number}"), Setting(key="url", value=url)), note="x")
        for number, url in enumerate(
            ["https://a.example/rss", "htp://b", "https://c.example/seite", "https://d.example/rss"]
        )
    ]
    many.append(
        NewSource(settings=(Setting(key="id", value="soest"), Setting(key="url", value="https://e.example/rss")))
    )
    refused = file.refused(many)
    assert sorted(refused) == [1, 2, 4]
    assert refused[1].startswith("url: ")
    assert "kein Fetcher passt" in refused[2]
    assert file.path.read_text() == OWNERS


def test_mode_and_symbolic_link_stay(edit: Edit, tmp_path: Path) -> None:
    file = edit(OWNERS)
    file.path.chmod(0o640)
    link = tmp_path / "verweis" / "sources.toml"
    link.parent.mkdir()
    link.symlink_to(file.path)
    SourcesFile(path=link, load=file.load).change("soest", enabled(False))
    assert link.is_symlink()
    assert table(file, "soest")["enabled"] is False
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o640
    assert [path.name for path in link.parent.iterdir()] == ["sources.toml"]


def test_a_missing_file_is_no_archive(tmp_path: Path, fetchers: Registry[Fetcher]) -> None:
    file = SourcesFile(path=tmp_path / "sources.toml", load=partial(load_config, fetchers=fetchers))
    with pytest.raises(NoArchiveError):
        file.change("soest", enabled(True))


@pytest.mark.parametrize("text", ["[[source", "\xff\xfe", "x = " + "[" * 4000, "a = 1" + "0" * 5000])
def test_what_is_no_toml_says_what_reading_it_says(edit: Edit, text: str) -> None:
    file = edit("")
    file.path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError):
        file.change("soest", enabled(True))
    assert file.path.read_bytes() == text.encode("latin-1")


def test_half_a_character_is_not_written(edit: Edit) -> None:
    file = edit(OWNERS)
    with pytest.raises(ConfigError):
        file.change("soest", [Setting(key="title", value="\ud800")])
    assert file.path.read_text() == OWNERS


def test_somebody_elses_change_is_not_lost(edit: Edit) -> None:
    """An editor that saves while the result is checked wins; the command says so."""
    file = edit(OWNERS)
    load = file.load

    def slow(path: Path) -> object:
        config = load(path)
        file.path.write_text(OWNERS + "\n# saved meanwhile\n")
        return config

    with pytest.raises(ConfigError, match="inzwischen geändert"):
        SourcesFile(path=file.path, load=slow).change("soest", enabled(False))  # type: ignore[arg-type]
    assert file.path.read_text() == OWNERS + "\n# saved meanwhile\n"


def test_commands_at_the_same_time_wait_for_one_another(edit: Edit) -> None:
    file = edit(OWNERS)

    def add(number: int) -> None:
        file.add(
            [
                NewSource(
                    settings=(Setting(key="id", value=f"n-{number}"), Setting(key="url", value="https://a.example/rss"))
                )
            ]
        )

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [one["id"] for one in tomllib.loads(file.path.read_text())["source"]]
    assert sorted(ids[4:]) == [f"n-{number}" for number in range(8)]


@pytest.mark.skipif(os.getuid() == 0, reason="root darf überall schreiben")
def test_a_folder_that_can_not_be_written_is_said(edit: Edit) -> None:
    file = edit(OWNERS)
    file.path.parent.chmod(0o500)
    try:
        with pytest.raises(OSError, match="Permission"):
            file.change("soest", enabled(False))
    finally:
        file.path.parent.chmod(0o700)


def test_the_order_of_a_new_table() -> None:
    keys = [
        setting.key
        for setting in in_order([Setting(key=key, value=1) for key in ("items", "url", "id", "title", "id")])
    ]
    assert keys == ["id", "title", "url", "items"]
    assert render_source(NewSource(settings=(Setting(key="id", value="a"),))) == '[[source]]\nid = "a"\n'


COMMENTS = st.sampled_from(["", "# Notiz", "  # eingerückt [[source]]", '# id = "x"', "#", "\t"])
KEYS = st.sampled_from(
    [
        'title = "T [x] # kein Kommentar"',
        "enabled = true # an",
        'snooze = { until = 2027-01-01, note = "a, b" }',
        "snooze.until = 2027-01-01",
        'schedule = "6h"',
        'skip_titles = [\n  "a", # eins\n  """zwei\n  [[source]]\n"""\n]',
        "  gate = false",
    ]
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_the_file_looks_like_only_the_change_changes(edit: Edit, data: st.DataObject) -> None:
    lines: list[str] = ["[archive] # vorne"] if data.draw(st.booleans()) else []
    for number in range(data.draw(st.integers(1, 4))):
        lines += data.draw(st.lists(COMMENTS, max_size=3))
        lines += ["[[source]]", f'id = "s{number}"', 'fetcher = "feed"']
        keys = data.draw(
            st.lists(KEYS, max_size=4, unique_by=lambda key: key.strip().partition(" ")[0].partition(".")[0])
        )
        for key in keys:
            lines += [*data.draw(st.lists(COMMENTS, max_size=1)), key]
    text = "\n".join(lines) + data.draw(st.sampled_from(["", "\n", "\n\n# Schluss"]))
    if data.draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    file = edit(text)
    source_id = f"s{data.draw(st.integers(0, 3))}"
    if f'id = "{source_id}"' not in text:
        return
    new = data.draw(st.sampled_from([enabled(False), [Setting(key="snooze", value={"until": date(2028, 2, 2)})], []]))
    remove = data.draw(st.sampled_from([[], ["snooze"]])) if not new else []
    before = tomllib.loads(text.replace("\r\n", "\n"))
    file.change(source_id, new, remove=remove)
    after = file.path.read_bytes().decode()
    changed = {setting.key for setting in new} | set(remove)
    said = tomllib.loads(after.replace("\r\n", "\n"))
    for one, other in zip(before["source"], said["source"], strict=True):
        ignored = changed if one["id"] == source_id else set()
        assert {k: v for k, v in one.items() if k not in ignored} == {
            k: v for k, v in other.items() if k not in ignored
        }
    kept = iter(after.splitlines())
    for line in text.splitlines():
        if not line.strip().startswith(tuple(changed)):
            assert line in kept, f"{line!r} is lost"
