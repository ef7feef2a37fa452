"""Every mistake in sources.toml is reported with its place, its value and a remedy, all at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from archive_pipeline.errors import ConfigError, ConfigProblem
from archive_pipeline.model import Axis, Vocabulary, VocabularyEntry
from archive_pipeline.protocols import Fetcher, Index, IndexEngine
from archive_pipeline.registry import Registry
from archive_pipeline.sources import load_config

Write = Callable[[str], Path]
Mistakes = Callable[[str], list[tuple[int, int, str]]]


class Engine:
    version = "1"

    def create(self, folder: Path) -> Index:
        raise AssertionError("never created here")

    def open(self, folder: Path, *, writable: bool = False) -> Index:
        raise AssertionError("never opened here")


@pytest.fixture
def problems(write: Write, fetchers: Registry[Fetcher]) -> Callable[[str], tuple[ConfigProblem, ...]]:
    engines: Registry[IndexEngine] = Registry("index engine", "builtin")
    engines.add("whoosh", Engine())
    vocabularies: Registry[Vocabulary] = Registry("vocabulary", "builtin")
    entries = (
        VocabularyEntry(axis=Axis.DISTRICT, value="05974", label="Soest", surfaces=("Kreis Soest",)),
        VocabularyEntry(axis=Axis.DISTRICT, value="05766", label="Lippe", surfaces=("Kreis Lippe",)),
        VocabularyEntry(axis=Axis.PARTY, value="gruene", label="Grüne", surfaces=("Die Grünen",)),
    )
    vocabularies.add("own", Vocabulary(name="own", version="1", licence="CC0", entries=entries))

    def found(text: str) -> tuple[ConfigProblem, ...]:
        with pytest.raises(ConfigError) as caught:
            load_config(write(text), fetchers, engines=engines, vocabularies=vocabularies)
        assert caught.value.exit_code == 4
        assert f"{len(caught.value.problems)} Fehler" in caught.value.message
        return caught.value.problems

    return found


@pytest.fixture
def mistakes(problems: Callable[[str], tuple[ConfigProblem, ...]]) -> Mistakes:
    return lambda text: [(problem.line, problem.column, problem.message) for problem in problems(text)]


def test_a_problem_prints_as_file_line_column(write: Write, fetchers: Registry[Fetcher]) -> None:
    path = write('[[source]]\nid = "a"\nfetcher = "folder"\nkries = "x"')
    with pytest.raises(ConfigError) as caught:
        load_config(path, fetchers)
    assert [str(problem) for problem in caught.value.problems] == [
        f'{path}:4:1  Quelle "a": unbekannter Schlüssel "kries" – meinten Sie "district"?'
    ]


def test_all_mistakes_are_reported_at_once_in_file_order(mistakes: Mistakes) -> None:
    found = mistakes(
        """\
[archiv]
[archive]
engin = "whoosh"
max_bytes = "viel"

[[source]]
id = "Kreis Düren"
fetcher = "fed"
limt = 3
access = "puplic"

[[source]]
id = "zwei"
fetcher = "feed"
url = "htp://example.org/rss"
limit = 0
legal_basis = "60 d"
district = "5974"
"""
    )
    assert [(line, column) for line, column, _ in found] == [
        (1, 1),
        (3, 1),
        (4, 13),
        (7, 6),
        (8, 11),
        (9, 1),
        (10, 10),
        (15, 7),
        (16, 9),
        (17, 15),
        (18, 12),
    ]
    said = [message for _, _, message in found]
    assert said[0] == 'unbekannte Tabelle "archiv" – meinten Sie "archive"?'
    assert said[1] == '[archive]: unbekannter Schlüssel "engin" – meinten Sie "engine"?'
    assert said[2] == '[archive]: max_bytes: muss eine ganze Zahl sein (war "viel")'
    assert said[3].endswith('(war "Kreis Düren") – meinten Sie "kreis-dueren"?')
    assert said[4] == 'Quelle "Kreis Düren": fetcher "fed" ist unbekannt – meinten Sie "feed"?'
    assert said[5] == 'Quelle "Kreis Düren": unbekannter Schlüssel "limt" – meinten Sie "limit"?'
    assert '"puplic" ist nicht erlaubt (erlaubt: public, login, onsite, closed) – meinten Sie "public"?' in said[6]
    assert said[7] == 'Quelle "zwei": url: Schema muss http oder https sein (war "htp://example.org/rss")'
    assert said[8] == 'Quelle "zwei": limit: muss mindestens 1 sein (war 0)'
    assert 'meinten Sie "60d"?' in said[9]
    assert said[10].endswith('(war "5974") – meinten Sie "05974" (Soest)?')


@pytest.mark.parametrize(
    ("line", "column", "expected"),
    [
        ('path = ""', 8, "darf nicht leer sein"),
        ('path = "~niemand-hier/x"', 8, "Benutzer"),
        ("path = 3", 8, "muss Text in Anführungszeichen sein (war 3)"),
        ('engine = "wosh"', 10, 'engine "wosh" ist unbekannt – meinten Sie "whoosh"?'),
        ('persons = "all"', 11, "erlaubt: off, office-holders"),
        ('contact = "archiv"', 11, "Mail-Adresse oder eine Web-Adresse"),
        ("max_bytes = 0", 13, "muss mindestens 1 sein (war 0)"),
        ("request_interval = -1", 20, "muss mindestens 0 sein (war -1)"),
        ("request_interval = inf", 20, "muss eine endliche Zahl sein (war inf)"),
        ('kontakt = "x"', 1, 'meinten Sie "contact"?'),
        ('proxy = "http://["', 9, "muss die Adresse eines HTTP-Proxys sein"),
        ('proxy = "http://proxy.example.org:99999"', 9, "muss die Adresse eines HTTP-Proxys sein"),
    ],
)
def test_mistakes_in_the_archive_table(mistakes: Mistakes, line: str, column: int, expected: str) -> None:
    found = mistakes(f"# first\n[archive]\n{line}\n")
    assert [(at, begins) for at, begins, _ in found] == [(3, column)]
    assert expected in found[0][2]


@pytest.mark.parametrize(
    ("line", "column", "expected"),
    [
        ('url = "https://"', 7, "keine gültige Adresse"),
        ('url = "https://exa mple.org"', 7, "keine gültige Adresse"),
        ('url = "https://[::1"', 7, "keine gültige Adresse"),
        ('schedule = "6 Stunden"', 12, "Cron-Zeile"),
        ('district = "05999"', 12, "steht in keinem Vokabular"),
        ('district = "Kreis Soest"', 12, 'meinten Sie "05974" (Soest)?'),
        ("district = 5974", 12, "muss Text in Anführungszeichen sein (war 5974)"),
        ('party = "SPD!"', 9, "muss ein Kürzel"),
        ('party = "Die Grünen"', 9, 'meinten Sie "gruene" (Grüne)?'),
        ('party = "greune"', 9, 'steht in keinem Vokabular (war "greune") – meinten Sie "gruene"'),
        ('party = "gruene@05999"', 9, "steht in keinem Vokabular"),
        ('organisation = "Kreis Düren"', 16, '"kreis-dueren"'),
        ('language = "deutsch"', 12, "ISO 639"),
        ('access = "offen"', 10, "erlaubt: public, login, onsite, closed"),
        ('legal_basis = "44"', 15, 'meinten Sie "44b"?'),
        ('enabled = "ja"', 11, 'muss true oder false sein (war "ja")'),
        ("titel = 1", 1, 'meinten Sie "title"?'),
        ("limit = 1000", 9, "muss höchstens 500 sein (war 1000)"),
        ('skip_titles = ["a", 2]', 21, "skip_titles.1: muss Text"),
        ("skip_titles = 3", 15, "muss eine Liste sein (war 3)"),
        ('limit = "viele"', 9, 'muss eine ganze Zahl sein (war "viele")'),
        ("limit = 1.5", 9, "muss eine ganze Zahl sein (war 1.5)"),
        ('snooze = { until = "morgen" }', 20, 'snooze.until: muss ein Tag wie 2026-01-31 sein (war "morgen")'),
    ],
)
def test_mistakes_in_a_source(mistakes: Mistakes, line: str, column: int, expected: str) -> None:
    found = mistakes(f'[[source]]\nid = "a"\nfetcher = "feed"\n{line}\n')
    assert [(at, begins) for at, begins, _ in found] == [(4, column)]
    assert expected in found[0][2]
    assert found[0][2].startswith('Quelle "a": ')


def test_a_value_in_a_list_of_several_lines_is_reported_on_its_own_line(mistakes: Mistakes) -> None:
    found = mistakes('[[source]]\nid = "a"\nfetcher = "feed"\nskip_titles = [\n  "x",\n  7,\n]\n')
    assert [(line, column) for line, column, _ in found] == [(6, 3)]


def test_a_missing_id_is_reported_at_the_table(mistakes: Mistakes) -> None:
    assert mistakes('\n[[source]]\nfetcher = "folder"\n') == [(2, 1, 'Quelle ohne id: Schlüssel "id" fehlt')]


def test_an_option_that_the_fetcher_needs_is_missing(mistakes: Mistakes) -> None:
    found = mistakes('[[source]]\nid = "a"\nfetcher = "site"\n')
    assert found == [(1, 1, 'Quelle "a": Schlüssel "url" fehlt')]


def test_a_validator_of_the_fetcher_speaks_with_its_own_words(mistakes: Mistakes) -> None:
    found = mistakes('[[source]]\nid = "a"\nfetcher = "site"\nurl = "https://x.example"\nstart = "x"\n')
    assert found == [(5, 9, 'Quelle "a": start: muss mit / beginnen (war "x")')]


def test_unknown_keys_are_mistakes_even_if_the_options_would_ignore_them(mistakes: Mistakes) -> None:
    found = mistakes('[[source]]\nid = "a"\nfetcher = "site"\nurl = "https://x.example"\nstrat = "/"\n')
    assert found == [(5, 1, 'Quelle "a": unbekannter Schlüssel "strat" – meinten Sie "start"?')]


def test_a_fetcher_or_an_address_is_needed(mistakes: Mistakes) -> None:
    found = mistakes('[[source]]\nid = "a"\npath = "x"\n')
    assert found == [(1, 1, 'Quelle "a": Schlüssel "fetcher" oder "url" fehlt')]


def test_an_address_that_nobody_claims(mistakes: Mistakes) -> None:
    line, column, message = mistakes('[[source]]\nid = "a"\nurl = "https://nobody.example"\n')[0]
    assert (line, column) == (3, 7)
    assert 'kein Fetcher passt zu "https://nobody.example"' in message


def test_equal_claims_name_both_fetchers(mistakes: Mistakes) -> None:
    line, _, message = mistakes('[[source]]\nid = "a"\nurl = "https://portal.site.example"\n')[0]
    assert line == 3
    assert 'gleich gut passen "portal" (Plugin sites) und "site" (Plugin sites)' in message


def test_two_sources_with_one_id_name_both_lines(mistakes: Mistakes) -> None:
    table = '[[source]]\nid = "a"\nfetcher = "folder"\npath = "x"\n'
    found = mistakes(f"{table}\n{table}\n{table}")
    assert [(line, message) for line, _, message in found] == [
        (7, 'id "a" in Zeile 7 steht schon in Zeile 2'),
        (12, 'id "a" in Zeile 12 steht schon in Zeile 2'),
    ]


def test_one_id_twice_on_one_line_is_found_too(mistakes: Mistakes) -> None:
    table = '{ id = "a", fetcher = "folder", path = "x" }'
    assert "steht schon in Zeile 1" in mistakes(f"source = [{table}, {table}]")[0][2]


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ('[source]\nid = "a"\n', 1, "[[source]]"),
        ('source = "x"\n', 1, "[[source]]"),
        ('archive = "x"\n', 1, "[archive] muss eine Tabelle sein"),
        ("\n[[archive]]\n", 2, "[archive] muss eine Tabelle sein"),
        ('[[sources]]\nid = "a"\n', 1, 'unbekannte Tabelle "sources" – meinten Sie "source"?'),
        ("xyz = 1\n", 1, 'unbekannte Tabelle "xyz"'),
    ],
)
def test_mistakes_at_the_top_level(mistakes: Mistakes, text: str, line: int, expected: str) -> None:
    found = mistakes(text)
    assert [at for at, _, _ in found] == [line]
    assert expected in found[0][2]


@pytest.mark.parametrize(
    ("text", "line", "column", "expected"),
    [
        ("[archive\n", 1, 9, "schließende Klammer"),
        ('[archive]\npath "x"\n', 2, 6, "fehlt „=“"),
        ("[archive]\npath = x\n", 2, 8, "Anführungszeichen"),
        ('[archive]\n\npath = "x', 3, 10, "schließende Anführungszeichen"),
        ('[[source]]\nid = "a"\ndistrict = 05974\n', 3, 13, "führender Null"),
        ('[[source]]\nid = "a"\nid = "b"\n', 3, 9, "steht schon in der Tabelle"),
    ],
)
def test_mistakes_of_syntax_carry_their_line(
    mistakes: Mistakes, text: str, line: int, column: int, expected: str
) -> None:
    found = mistakes(text)
    assert [(at, begins) for at, begins, _ in found] == [(line, column)]
    assert found[0][2].startswith("kein gültiges TOML: ")
    assert expected in found[0][2]


def test_a_file_in_another_encoding_names_the_line(tmp_path: Path, fetchers: Registry[Fetcher]) -> None:
    path = tmp_path / "sources.toml"
    path.write_bytes('[archive]\ntitle = "Düren"\n'.encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        load_config(path, fetchers)
    assert [(problem.line, problem.message) for problem in caught.value.problems] == [
        (2, "die Datei ist nicht in UTF-8 gespeichert")
    ]


@pytest.mark.parametrize("key", ["password", "imap_passwort", "API-Key", "apiToken", "client_secret"])
def test_secrets_are_refused_wherever_they_stand_and_never_repeated(mistakes: Mistakes, key: str) -> None:
    found = mistakes(
        f'[archive]\n{key} = "hunter2"\n'
        f'[[source]]\nid = "a"\nfetcher = "feed"\n{key} = "hunter2"\nskip_titles = [{{ {key} = "hunter2" }}]\n'
    )
    refused = [(line, message) for line, _, message in found if "Geheimnisse gehören nicht in diese Datei" in message]
    assert [line for line, _ in refused] == [2, 6, 7]
    assert "ARCHIVE_PIPELINE_SECRET_" in refused[0][1]
    assert "ARCHIVE_PIPELINE_SECRET_A " in refused[1][1]  # where the fetcher looks for the password of this source
    assert "ARCHIVE_PIPELINE_SECRETS_FILE" in refused[0][1]
    assert "hunter2" not in str(found)


def test_user_and_password_in_an_address_are_refused_and_never_repeated(mistakes: Mistakes) -> None:
    found = mistakes('[[source]]\nid = "a"\nfetcher = "feed"\nurl = "https://me:hunter2@example.org/rss"\n')
    assert [(line, column) for line, column, _ in found] == [(4, 7)]
    assert "Zugangsdaten gehören nicht in die Adresse" in found[0][2]
    assert "hunter2" not in found[0][2]
