"""Re-use among releases: what is found, who was first, and that the order of work leaves no trace."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlite_utils import Database

from archive_pipeline.archive import reuse
from archive_pipeline.archive.database import open_database, write_tx
from archive_pipeline.archive.reuse import follow_changes, forget_reuse, reuse_seq
from archive_pipeline.archive.reuse_reading import duplicate_groups, reuse_of
from archive_pipeline.cli.main import command_line
from tests.archive.reuse_benchmark import benchmark, key

QUOTE = (
    "„Wir wollen, dass die kleinen Bibliotheken im Kreis nicht nur offen bleiben, sondern abends länger öffnen. Dafür "
    "stellt der Kreistag in diesem Jahr achtzigtausend Euro bereit, und das ist gut angelegtes Geld“"
)
CHANGED = (
    "„Wir wollen, dass die Bibliotheken im Kreis nicht nur offen bleiben, sondern abends deutlich länger öffnen. Dafür "
    "stellt der Kreistag in diesem Jahr achtzigtausend Euro bereit, und das ist gut angelegtes Geld“"
)
FIRST = f"Der Kulturausschuss hat am Dienstag über die Zukunft der Büchereien beraten. {QUOTE}, sagte Vera Holm."
SECOND = (
    "In der Bücherei Altenrode wurde am Freitag ein neuer Lesesaal eingeweiht, zu dem auch die Nachbarschaft kam. "
    f"Vera Holm eröffnete ihn mit einem Versprechen. {CHANGED}, so die Vorsitzende des Ausschusses."
)
ABOUT = (
    "Der Verein Lesefreunde Altenrode wurde im Jahr 1987 gegründet, zählt heute dreihundert Mitglieder in vier "
    "Gemeinden und betreibt mit ihnen elf Bücherschränke, zwei Lesecafés und eine fahrende Bücherei für die Dörfer."
)


def release(text: str, source: int = 0, day: date | None = None) -> Any:
    start = text.find("„")
    quotes = [(start, text.find("“") + 1)] if start >= 0 else []
    return benchmark.Release(source, day, text, quotes)


def opened(folder: Path, name: str = "archive.db") -> Database:
    return open_database(folder / name, create=True)


def follow(db: Database, limit: int = 500) -> None:
    while follow_changes(db, limit):
        pass


def table(db: Database) -> list[dict[str, Any]]:
    return list(db.query("SELECT * FROM reuse_link ORDER BY earlier_id, later_id"))


def found_in(folder: Path, releases: Sequence[Any]) -> Database:
    db = opened(folder)
    benchmark.store(db, releases)
    follow(db)
    return db


def test_what_was_planted_is_found_and_little_else(tmp_path: Path) -> None:
    releases, planted = benchmark.generate(1500)
    db = found_in(tmp_path, releases)
    recall, precision, wrong = benchmark.quality(set(benchmark.links(db)), releases, planted)
    pairs = sum(len(found) for found in planted.pairs.values())
    overall = sum(recall[kind] * len(planted.pairs[kind]) for kind in recall) / pairs
    assert overall >= 0.98, recall
    assert precision >= 0.98, wrong


def test_a_quote_with_small_changes_is_found_with_its_places(tmp_path: Path) -> None:
    db = found_in(tmp_path, [release(SECOND, 1, date(2026, 5, 8)), release(FIRST, 0, date(2026, 5, 5))])
    (link,) = reuse_of(db, key(0))
    assert (link.kind, link.basis, link.is_certain) == ("quote", "published", True)
    assert (link.earlier.id, link.later.id) == (key(1), key(0))
    (passage,) = link.passages
    assert passage.earlier_text == FIRST[slice(*passage.earlier)] == QUOTE.strip("„“")
    assert passage.later_text == SECOND[slice(*passage.later)] == CHANGED.strip("„“")
    assert passage.words == len(CHANGED.split()) - 1
    assert 0.5 < link.share < 0.8


def test_without_dates_the_first_capture_decides_and_proves_little(tmp_path: Path) -> None:
    db = found_in(tmp_path, [release(SECOND, 1), release(FIRST, 0)])
    (link,) = reuse_of(db, key(0))
    assert (link.earlier.id, link.basis, link.is_certain) == (key(0), "captured", False)


def test_a_capture_before_the_day_of_publication_proves_the_order(tmp_path: Path) -> None:
    db = found_in(tmp_path, [release(FIRST, 0), release(SECOND, 1, date(2026, 5, 8))])
    (link,) = reuse_of(db, key(1))
    assert (link.earlier.id, link.basis, link.is_certain) == (key(0), "captured", True)


def about(number: int, source: int = 3, *, last: bool = False) -> Any:
    own, contact = (" ".join(benchmark.Language.sentence(LANGUAGE, count, count + 10)) for count in (60, 12))
    text = f"Meldung {number}. {own} {ABOUT}"
    return release(text if last else f"{text} {contact}", source, date(2026, 1, 1 + number))


LANGUAGE = benchmark.Language(benchmark.random.Random(7))


def test_what_a_source_says_of_itself_everywhere_links_nothing(tmp_path: Path) -> None:
    texts = [about(number) for number in range(7)]
    db = opened(tmp_path)
    benchmark.store(db, texts[:3])
    follow(db)
    assert len(table(db)) == 3
    benchmark.store(db, texts[3:], first=3)
    follow(db)
    assert table(db) == []


def test_what_ends_the_texts_of_a_source_links_nothing_from_the_second_one_on(tmp_path: Path) -> None:
    assert table(found_in(tmp_path, [about(number, last=True) for number in range(3)])) == []
    (tmp_path / "two").mkdir()
    (link,) = table(found_in(tmp_path / "two", [about(1, 3, last=True), about(2, 4, last=True)]))
    assert link["kind"] == "passage"


def test_when_boilerplate_goes_the_last_two_are_linked_again(tmp_path: Path) -> None:
    db = found_in(tmp_path, [about(number) for number in range(5)])
    assert table(db) == []
    with write_tx(db):
        forget_reuse(db, key(0))
    assert len(table(db)) == 6
    assert next(db.query("SELECT count(*) AS n FROM reuse_release"))["n"] == 4


def test_what_is_broken_off_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = opened(tmp_path)
    benchmark.store(db, [release(FIRST, 0, date(2026, 5, 5)), release(SECOND, 1, date(2026, 5, 8))])

    def broken(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(reuse, "compare", broken)
        with pytest.raises(KeyboardInterrupt):
            follow_changes(db)
    assert (reuse_seq(db), next(db.query("SELECT count(*) AS n FROM reuse_fingerprint"))["n"]) == (0, 0)
    follow(db)
    assert (reuse_seq(db), len(table(db))) == (2, 1)


def test_groups_of_duplicates_begin_with_the_earliest(tmp_path: Path) -> None:
    text = " ".join(LANGUAGE.passage(200))
    nearly = text.replace(text.split()[50], "anders", 1)
    db = found_in(
        tmp_path,
        [
            release(text, 0, date(2026, 5, 9)),
            release(nearly, 1, date(2026, 5, 3)),
            release(text, 2, date(2026, 5, 1)),
            release(FIRST, 3, date(2026, 5, 1)),
        ],
    )
    (group,) = duplicate_groups(db)
    assert group.kind == "near"
    assert [one.release.id for one in group.releases] == [key(2), key(1), key(0)]
    assert group.releases[2].similarity == 1.0
    assert 0.9 < (group.releases[1].similarity or 0) < 1
    assert duplicate_groups(db, across_sources=True) == (group,)


def test_short_notices_are_no_duplicates(tmp_path: Path) -> None:
    assert table(found_in(tmp_path, [release("Die Sitzung am Montag entfällt.", source) for source in range(3)])) == []


def test_links_hold_places_and_no_text(tmp_path: Path) -> None:
    db = found_in(tmp_path, [release(FIRST, 0, date(2026, 5, 5)), release(SECOND, 1, date(2026, 5, 8))])
    (link,) = table(db)
    (passage,) = json.loads(link["passages"])
    assert passage.keys() == {"earlier", "later", "words", "quote"}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two sources, whose releases share a quote, and a copy."""
    for number, (source, name, text) in enumerate(
        [("kreis", "a", FIRST), ("buecherei", "b", SECOND), ("blatt", "c", f"{SECOND}\n\nDas war es.")], 5
    ):
        folder = tmp_path / source
        folder.mkdir()
        dated = f"Büchereien im Kreis\n\n{number}. Mai 2026\n\n{text}\n\n{text[:40]} Mehr steht im Protokoll."
        (folder / f"{name}.txt").write_text(dated, encoding="utf-8")
    sources = "".join(
        f'[[source]]\nid = "{name}"\nfetcher = "folder"\npath = "{name}"\ngate = false\n'
        for name in ("kreis", "buecherei", "blatt")
    )
    (tmp_path / "sources.toml").write_text(f'[archive]\ntitle = "Probe"\n{sources}', encoding="utf-8")
    invoke(tmp_path, "run")
    return tmp_path


def invoke(folder: Path, *arguments: str) -> str:
    result = CliRunner().invoke(command_line, ["-C", str(folder), *arguments], catch_exceptions=False)
    return str(result.stdout)


def test_reuse_tells_who_was_first_in_both_directions(archive: Path) -> None:
    groups = [json.loads(line) for line in invoke(archive, "dedupe", "--report", "--json").splitlines()]
    assert [len(group["releases"]) for group in groups] == [2]
    earliest = groups[0]["releases"][0]["release"]["id"]
    answer = json.loads(invoke(archive, "reuse", f"d/{earliest}", "--json"))
    kinds = [(link["kind"], link["later"]["id"] == earliest) for link in answer["links"]]
    assert sorted(kinds) == [("near", False), ("quote", True)]
    shown = invoke(archive, "reuse", earliest)
    assert shown.index("Übernommen aus") < shown.index("Übernommen von")
    assert "Zitat" in shown
    table_of_groups = invoke(archive, "dedupe", "--csv").splitlines()
    assert len(table_of_groups) == 3
    assert ",kind,first," in table_of_groups[0]


def test_a_rebuild_finds_the_same(archive: Path) -> None:
    def rows() -> list[dict[str, Any]]:
        db = Database(str(archive / "archive" / "archive.db"))
        found = table(db)
        db.close()
        return found

    before = rows()
    assert len(before) == 3
    invoke(archive, "rebuild")
    assert rows() == before


def test_what_is_hidden_or_erased_is_in_no_answer(archive: Path) -> None:
    links = {link["later"]["id"]: link for link in _links_of_the_earliest(archive)}
    copy = next(one for one, link in links.items() if link["kind"] == "near")
    others = [one for one in links if one != copy]
    first = links[copy]["earlier"]["id"]
    invoke(archive, "takedown", "hide", copy, "--ground", "Art. 17 DSGVO")
    for arguments in (
        ("reuse", first), ("reuse", first, "--json"), ("dedupe", "--report"), ("dedupe", "--json"), ("dedupe", "--csv"),
        *(("reuse", one, "--json") for one in others),
    ):  # fmt: skip
        assert copy not in invoke(archive, *arguments)
    refused = CliRunner().invoke(command_line, ["-C", str(archive), "reuse", copy, "--json"])
    assert refused.exit_code != 0
    assert "Ausschusses" not in refused.output
    (case,) = json.loads(invoke(archive, "takedown", "list", "--json"))["cases"]
    invoke(archive, "takedown", "decide", case["id"], "erase", "--reason", "begründet", "--yes")
    assert copy not in invoke(archive, "reuse", first, "--json")
    db = Database(str(archive / "archive" / "archive.db"))
    assert all(copy not in (row["earlier_id"], row["later_id"]) for row in table(db))
    assert next(db.query("SELECT count(*) AS n FROM reuse_release WHERE release_id = ?", [copy]))["n"] == 0
    db.close()


def _links_of_the_earliest(archive: Path) -> list[dict[str, Any]]:
    groups = [json.loads(line) for line in invoke(archive, "dedupe", "--json").splitlines()]
    earliest = groups[0]["releases"][0]["release"]["id"]
    links: list[dict[str, Any]] = json.loads(invoke(archive, "reuse", earliest, "--json"))["links"]
    return links


def test_of_two_of_one_day_the_first_capture_stands_first_and_the_answer_says_so(tmp_path: Path) -> None:
    for source, text in (("kreis", FIRST), ("buecherei", SECOND)):
        (tmp_path / source).mkdir()
        dated = f"Büchereien im Kreis\n\n5. Mai 2026\n\n{text}\n\n{text[:40]} Mehr steht im Protokoll."
        (tmp_path / source / "a.txt").write_text(dated, encoding="utf-8")
    sources = "".join(
        f'[[source]]\nid = "{name}"\nfetcher = "folder"\npath = "{name}"\ngate = false\n'
        for name in ("kreis", "buecherei")
    )
    (tmp_path / "sources.toml").write_text(f'[archive]\ntitle = "Probe"\n{sources}', encoding="utf-8")
    invoke(tmp_path, "run", "buecherei")
    invoke(tmp_path, "run", "kreis")
    db = Database(str(tmp_path / "archive" / "archive.db"))
    (link,) = table(db)
    order = [row["source_id"] for row in db.query("SELECT source_id FROM release ORDER BY first_captured_at")]
    (earlier,) = [
        row["source_id"] for row in db.query("SELECT source_id FROM release WHERE id = ?", [link["earlier_id"]])
    ]
    db.close()
    assert (earlier, link["basis"]) == (order[0], "captured") == ("buecherei", "captured")
    shown = invoke(tmp_path, "reuse", link["later_id"])
    assert "am selben Tag veröffentlicht; zuerst erfasst" in shown
    assert "Gemeinsam mit" in shown
    assert "Übernommen" not in shown


def test_a_passage_names_who_said_it(archive: Path) -> None:
    quoted = [link for link in _links_of_the_earliest(archive) if link["kind"] == "quote"]
    assert [one["speaker"] for link in quoted for one in link["passages"]] == ["Vera Holm"]


CALENDAR = "| ".join(str(day) for day in range(1, 32))
HOURS = " ".join(f"{day} 8 bis 12 Uhr und 14 bis 17 Uhr" for day in ("Montag", "Dienstag", "Mittwoch"))
PRESS = (
    "Pressekontakt: Büro für Worte, Lena Abend, Telefon 0123 456789, Ufergasse 7 in Altenrode. Abdruck honorarfrei, "
    "wir bitten um ein Belegexemplar an die genannte Anschrift der Agentur."
)


@pytest.mark.parametrize("shared", [CALENDAR, HOURS, PRESS])
def test_calendars_hours_and_contacts_are_no_passages(tmp_path: Path, shared: str) -> None:
    words = benchmark.Language.passage
    texts = [f"{' '.join(words(LANGUAGE, 60))} {shared} {' '.join(words(LANGUAGE, 40))}" for _ in range(2)]
    assert table(found_in(tmp_path, [release(text, source) for source, text in enumerate(texts)])) == []


def test_a_text_that_a_hundred_print_is_linked_to_the_first_one(tmp_path: Path) -> None:
    text = LANGUAGE.passage(90)
    printed = [
        release(" ".join([*LANGUAGE.passage(70), *LANGUAGE.changed(text, 6)]), source, date(2026, 1, 1 + source // 4))
        for source in range(100)
    ]
    found = {(row["earlier_id"], row["later_id"]) for row in table(found_in(tmp_path, printed))}
    assert {(key(0), key(number)) for number in range(1, 100)} <= found
    assert len(found) < 300
