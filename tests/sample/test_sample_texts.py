"""The texts of the sample: how many, how varied, how true."""

import csv
import datetime
import re
from collections import Counter
from pathlib import Path

import pytest

from archive_pipeline.sample import SAMPLE_FOLDER, sample_truth
from archive_pipeline.sample.release_text import GROUPS, ReleaseText, load_offices, load_release_texts

VOCABULARY = Path(__file__).parents[3] / "shared" / "vocab"
WEEKDAYS = ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"]
MONTHS = [
    *("Januar", "Februar", "März", "April", "Mai", "Juni"),
    *("Juli", "August", "September", "Oktober", "November", "Dezember"),
]


def whole_text(release: ReleaseText) -> str:
    parts = [
        release.title,
        release.subtitle,
        release.embargo,
        *(line for block in release.blocks for line in block.lines),
    ]
    return "\n".join(parts + [f"{picture.caption} {picture.credit}" for picture in release.pictures])


def vocabulary(name: str) -> list[dict[str, str]]:
    path = VOCABULARY / name
    if not path.exists():
        pytest.skip(f"reference table {name} is not here ({VOCABULARY}), names and keys stay unchecked")
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_there_are_enough_releases_and_each_is_its_own() -> None:
    truth = sample_truth()
    assert len(truth) >= 36
    assert len({release.path for release in truth}) == len(truth)
    repeated = [title for title, count in Counter(release.title for release in truth).items() if count > 1]
    assert repeated == ["Bürgerwindpark Hollich-Süd: Vier Anlagen, 640 Beteiligte"], "the one near-duplicate pair"


def test_each_truth_names_a_file_and_no_other_file_lies_there() -> None:
    files = {path.relative_to(SAMPLE_FOLDER).as_posix() for path in SAMPLE_FOLDER.rglob("*") if path.is_file()}
    assert files == {release.path for release in sample_truth()}


def test_the_sample_is_varied() -> None:
    truth = sample_truth()
    districts = {release.district for release in truth if release.district}
    assert {"05370", "05766", "05974"} <= districts
    assert len(districts) >= 14
    assert len({district[:2] for district in districts}) >= 6
    assert len({release.topic for release in truth}) >= 12
    parties = {release.party for release in truth}
    assert {"cdu", "csu", "spd", "fdp", "gruene", "linke", "fw", "piraten", "volt", "uwg@05370", None} == parties
    years = {release.published.year for release in truth if release.published}
    assert years == set(range(2019, 2027))
    assert sum(release.published is None for release in truth) >= 3
    suffixes = Counter("".join(Path(release.path).suffixes) for release in truth)
    assert {".html", ".html.gz", ".pdf", ".docx", ".eml", ".txt", ".md"} == set(suffixes)
    assert {office.group for office in load_offices().values()} == {group.id for group in GROUPS}


@pytest.mark.parametrize("release", load_release_texts(), ids=lambda release: release.id)
def test_a_release_has_the_length_and_the_typography_of_its_kind(release: ReleaseText) -> None:
    text = whole_text(release)
    assert 1200 <= len(text) <= 3500
    assert text.count("„") == text.count("“"), "German quotation marks come in pairs"
    assert '"' not in text
    assert release.blocks[0].kind == "paragraph"
    assert release.organisations, "every release names at least one organisation"


@pytest.mark.parametrize("release", load_release_texts(), ids=lambda release: release.id)
def test_weekdays_agree_with_the_calendar(release: ReleaseText) -> None:
    pattern = rf"({'|'.join(WEEKDAYS)}),? \(?(\d{{1,2}})\. ({'|'.join(MONTHS)})(?: (\d{{4}}))?"
    for weekday, day, month, year in re.findall(pattern, whole_text(release)):
        assert year or release.published, f"{weekday}, {day}. {month} needs a year"
        date = datetime.date(int(year or release.published.year), MONTHS.index(month) + 1, int(day))
        assert WEEKDAYS[date.weekday()] == weekday, date


def test_two_releases_share_a_statement_almost_word_for_word() -> None:
    texts = [whole_text(release) for release in load_release_texts()]
    assert sum("der größte Pflegedienst des Landes, und sie arbeiten ohne Tarif" in text for text in texts) == 2


def test_the_special_cases_are_there_once() -> None:
    releases = load_release_texts()
    assert len([release for release in releases if release.embargo]) == 1
    assert len([release for release in releases if "Es gilt das gesprochene Wort" in release.number]) == 1
    reprints = [release for release in releases if "Wir dokumentieren eine Mitteilung" in release.subtitle]
    assert [(release.district, release.party) for release in reprints] == [(None, None)]
    about_another_party = [release for release in releases if release.party == "gruene" and "CDU" in release.title]
    assert len(about_another_party) == 1


def test_no_release_names_a_real_politician() -> None:
    texts = "\n".join(whole_text(release) for release in load_release_texts())
    assert [row["name"] for row in vocabulary("person.csv") if row["name"] in texts] == []


def test_districts_and_topics_are_keys_of_the_reference_tables() -> None:
    districts = {row["ags5"] for row in vocabulary("district.csv")}
    topics = {row["topic"] for row in vocabulary("topic_cap.csv")}
    for release in sample_truth():
        assert release.topic in topics
        assert release.district is None or release.district in districts


def test_contacts_use_reserved_names_and_numbers_only() -> None:
    fictional = re.compile(r"^(0221 4710|030 23125|040 66969|069 90009|089 99998)-\d{3}$")
    for office in load_offices().values():
        block = " ".join(office.contact)
        numbers = re.findall(r"\b0\d+ [\d-]+", block)
        assert all(fictional.match(number) for number in numbers), office.id
        assert all(address.rstrip(",").endswith(".example") for address in re.findall(r"\S+@\S+", block)), office.id
