"""vocab/*.toml: what it adds, what it changes, and every mistake with its line."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from textwrap import dedent

import pytest

from archive_pipeline.classify import vocabularies
from archive_pipeline.errors import ConfigError, PluginContractError
from archive_pipeline.model import Article, Axis, Capture, Source
from archive_pipeline.plugin_manager import PluginManager, load_plugins
from archive_pipeline.processing.chain import classify
from archive_pipeline.processing.workers import Workers
from archive_pipeline.search.names import VocabularyNames
from archive_pipeline.vocabularies.check import check_vocabularies
from archive_pipeline.vocabularies.own import TABLES, apply_own, read_own

Write = Callable[..., Path]
TEXT = "Heinsberg. Der Kreis Heinsberg lädt ein. "


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes files of a vocab folder and returns the folder."""

    def written(text: str, name: str = "own.toml") -> Path:
        folder = tmp_path / "vocab"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
        return folder

    return written


def problems(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_own(folder, vocabularies())
    assert caught.value.exit_code == 4
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def tags(plugins: PluginManager, text: str, axis: Axis, **source: str) -> dict[str, str]:
    """Values and labels of an article's tags."""
    done = classify(Article(text=text, language="de"), _capture(b""), Source(id="probe", **source), plugins)
    assert not done.failures
    return {tag.value: tag.label for tag in done.tags if tag.axis is axis and tag.score >= 0.5}


def _capture(body: bytes) -> Capture:
    return Capture(
        source_id="probe", key="a", target="a", body=body, sha256="", captured_at=datetime(2026, 1, 1, tzinfo=UTC),
        record_id="", media_type="text/plain",
    )  # fmt: skip


def plugins_with(folder: Path) -> PluginManager:
    return load_plugins(None, {}, vocab=folder)


def test_a_new_organisation_with_variants_and_ids(write: Write) -> None:
    folder = write(
        '[[organisation]]\nvalue = "tafel-hs"\nlabel = "Heinsberger Tafelrunde"\nvariants = ["Tafelrunde HS"]\n'
        'wikidata = "Q42"\ngnd = "4041792-9"\nvalid_from = 2003\nvalid_to = 2031-12-31\ndistrict = "05370"\n'
    )
    plugins = plugins_with(folder)
    assert "tafel-hs" in tags(plugins, "Die Tafelrunde HS dankt allen. Die Tafelrunde HS hilft.", Axis.ORGANISATION)
    (entry,) = plugins.vocabularies["own"].entries
    assert (entry.wikidata, entry.gnd, entry.district) == ("Q42", "4041792-9", "05370")
    assert (entry.valid_from, entry.valid_to) == ("2003", "2031-12-31")


def test_variants_are_added_and_removed(write: Write) -> None:
    folder = write('[[party]]\nvalue = "spd"\nvariants = ["Sozenpartei"]\nremove_variants = ["Sozialdemokraten"]\n')
    plugins = plugins_with(folder)
    assert tags(plugins, "Die Sozenpartei beantragt Bänke.", Axis.PARTY) == {"spd": "SPD"}
    assert tags(plugins, "Die Sozialdemokraten beantragen Bänke.", Axis.PARTY) == {}
    assert "Sozialdemokraten" in _surfaces(vocabularies(), "spd")  # what ships stays as it is


def _surfaces(known, value: str) -> tuple[str, ...]:
    return next(entry.surfaces for vocabulary in known for entry in vocabulary.entries if entry.value == value)


def test_a_local_group_is_bound_to_its_place(write: Write) -> None:
    folder = write(
        '[[party]]\nvalue = "bl-wassenberg"\nlabel = "Bürgerliste Wassenberg"\nvariants = ["Bürgerliste"]\n'
        'place = "05370040"\n[[party]]\nvalue = "uwg@05370"\nlabel = "UWG Heinsberger Land"\n'
    )
    plugins = plugins_with(folder)
    here = tags(plugins, f"{TEXT}Die Bürgerliste beantragt Bänke, die UWG nicht.", Axis.PARTY)
    assert here == {"bl-wassenberg@05370": "Bürgerliste Wassenberg", "uwg@05370": "UWG Heinsberger Land"}
    there = tags(plugins, "Soest. Der Kreis Soest lädt ein. Die Bürgerliste beantragt Bänke.", Axis.PARTY)
    assert set(there) == {"waehlergruppe@05974"}
    named = tags(plugins, "Soest. Der Kreis Soest lädt ein. Die Bürgerliste Wassenberg spricht.", Axis.PARTY)
    assert "bl-wassenberg@05370" in named


def test_a_source_may_name_a_local_group(write: Write) -> None:
    plugins = plugins_with(write("# leer\n"))
    text = "Die UWG beantragt Bänke im Kreis Soest."
    assert set(tags(plugins, text, Axis.PARTY, party="uwg@05370")) == {"uwg@05370"}
    assert set(tags(plugins, text, Axis.PARTY)) == {"uwg@05974"}


def test_keywords_of_a_topic_have_weights(write: Write) -> None:
    folder = write('[[topic]]\nvalue = "housing"\nkeywords = { "zargen*" = 6.0 }\n')
    text = "Zargen und Zargenholz werden knapp und teuer, sagen alle, die Zargen kaufen."
    assert "housing" in tags(plugins_with(folder), text, Axis.TOPIC)
    assert "housing" not in tags(load_plugins(None, {}), text, Axis.TOPIC)


def test_names_and_adjectives_of_places(write: Write) -> None:
    folder = write(
        '[[district]]\nvalue = "05974"\nvariants = ["Hellwegland"]\nadjectives = ["hellwegisch"]\n'
        'label = "Kreis Soest am Hellweg"\n'
        '[[municipality]]\nvalue = "05974040"\nvariants = ["Soestopolis"]\n'
    )
    plugins = plugins_with(folder)
    assert tags(plugins, "Im Hellwegland wird gebaut. Der Kreistag tagt.", Axis.DISTRICT) == {
        "05974": "Kreis Soest am Hellweg"
    }
    assert "Kreistag Soest" in tags(plugins, "Der Kreistag Soest tagt. Der Kreistag lobt.", Axis.ORGANISATION).values()
    assert set(tags(plugins, "Die hellwegische Kreisverwaltung baut. Der Kreistag tagt.", Axis.DISTRICT)) == {"05974"}
    assert set(tags(plugins, "Die Stadt Soestopolis baut in Soestopolis.", Axis.DISTRICT)) == {"05974"}


def test_an_own_entry_wins_and_check_says_so(write: Write) -> None:
    folder = write('[[organisation]]\nvalue = "drk"\nlabel = "DRK e. V."\nvariants = ["Caritas"]\n')
    plugins = plugins_with(folder)
    found = tags(plugins, "Die Caritas dankt allen. Die Caritas hilft, sagt die Caritas.", Axis.ORGANISATION)
    assert found == {"drk": "DRK e. V."}
    own = read_own(folder, vocabularies())
    said = {(one.level, one.where.rpartition("/")[2], one.message) for one in _checked(own)}
    assert ("note", "own.toml:1", '"Caritas" gilt nicht mehr für organisation caritas (organisations)') in said
    assert any("label ist" in message and "Deutsches Rotes Kreuz" in message for _, _, message in said)


def _checked(own):
    packaged = vocabularies()
    return check_vocabularies(packaged, own, apply_own(own, packaged))


def test_check_names_ambiguous_and_too_short_names(write: Write) -> None:
    folder = write(
        '[[organisation]]\nvalue = "a-b"\nlabel = "Albert Bund"\nvariants = ["AB", "SPD", "Essen", "heute"]\n'
        '[[organisation]]\nvalue = "b-b"\nlabel = "Berta Bund"\nvariants = ["Bertas"]\nsuccessors = ["a-b"]\n'
        'valid_to = "1999"\n'
    )
    found = _checked(read_own(folder, vocabularies()))
    assert {one.level for one in found} == {"warning"}
    said = " ".join(one.message for one in found)
    assert '"SPD" ist mehrdeutig' in said
    assert '"AB" ist kurz' in said
    assert '"heute" ist kurz oder ein gewöhnliches Wort' in said
    assert "Essen" in said
    assert "Bertas" not in said


def test_packaged_vocabularies_have_no_errors() -> None:
    packaged = vocabularies()
    own = read_own(Path("gibt-es-nicht"), packaged)
    assert own.version == ""
    assert apply_own(own, packaged) == packaged
    assert check_vocabularies(packaged, own, packaged) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[[partei]]\nvalue = "x"\n', ['own.toml:1:1  unbekannte Tabelle "partei" – meinten Sie "party"?']),
        (
            '[[party]]\nvalue = "spdd"\nvariants = ["x"]\n',
            ['own.toml:2:9  Partei "spdd": ein neuer Eintrag braucht label – meinten Sie "spd"?'],
        ),
        (
            '[[party]]\nvalue = "spd"\nvarianten = ["x"]\n',
            ['own.toml:3:1  Partei "spd": unbekannter Schlüssel "varianten" – meinten Sie "variants"?'],
        ),
        (
            '[[organisation]]\nvalue = "x"\nlabel = "X"\nparent = "carita"\n',
            ['own.toml:4:10  Organisation "x": parent: "carita" steht in keinem Vokabular – meinten Sie "caritas"?'],
        ),
        (
            '[[district]]\nvalue = "05974"\nremove_variants = ["Kreis Soesd"]\n',
            [
                'own.toml:3:19  Ort "05974": remove_variants: "Kreis Soesd" ist keine Variante dieses Eintrags'
                ' – meinten Sie "Kreis Soest"?'
            ],
        ),
        (
            '[[party]]\nvalue = "x"\nlabel = "X"\nplace = "99999"\n',
            ['own.toml:4:9  Partei "x@99999": place: "99999" steht in keinem Vokabular'],
        ),
        (
            '[[party]]\nvalue = "X Y"\nlabel = "X"\n',
            [
                'own.toml:2:9  Partei "X Y": value muss ein Kürzel aus Kleinbuchstaben, Ziffern und Bindestrichen wie '
                '"buntes-dorf", örtlich "uwg@05370" sein'
            ],
        ),
        (
            '[[topic]]\nvalue = "housing"\nkeywords = { "a*" = "viel" }\n',
            ['own.toml:3:21  Thema "housing": keywords.a*: muss eine Zahl sein (war "viel")'],
        ),
        (
            '[[party]]\nvalue = "x"\nlabel = "X"\nvalid_from = "2007-13-01"\n',
            ['own.toml:4:14  Partei "x": valid_from: diesen Tag gibt es nicht (war "2007-13-01")'],
        ),
        (
            '[[party]]\nvalue = "x"\nlabel = "X"\nvalid_from = 2007\nvalid_to = "2006"\n',
            ['own.toml:5:12  Partei "x": valid_to liegt vor valid_from'],
        ),
        (
            '[[party]]\nvalue = "x"\nlabel = "X"\nwikidata = "42"\n',
            ['own.toml:4:12  Partei "x": wikidata: muss eine Wikidata-Kennung wie "Q49768" sein (war "42")'],
        ),
        ('[[party]]\nvalue = "x"\nlabel = "…"\n', None),
        ("[party]\nvalue = 1\n", ["own.toml:1:1  jeder Eintrag ist eine Tabelle in doppelten Klammern: [[party]]"]),
        ('[[party]]\nvalue = "x\n', None),
        (
            '[[municipality]]\nvalue = "99999001"\nlabel = "X-Dorf"\n',
            ['own.toml:2:9  Ort "99999001": value: "99999" steht in keinem Vokabular'],
        ),
        (
            '[[topic]]\nvalue = "housing"\nkeywords = { "a*" = nan }\n',
            ['own.toml:3:21  Thema "housing": keywords.a*: muss höchstens 100 sein (war nan)'],
        ),
        (
            '[[organisation]]\nvalue = "x"\nlabel = "X"\nkind = "municipality"\n',
            ['own.toml:4:8  Organisation "x": Gemeinden sind Tabellen für sich: [[municipality]]'],
        ),
        ('[[party]]\nlabel = "x"\n', ['own.toml:1:1  Partei: Schlüssel "value" fehlt']),
    ],
)
def test_every_mistake_has_its_place(write: Write, text: str, expected: list[str] | None) -> None:
    found = problems(write(text))
    assert found if expected is None else found == expected
    assert all(one.startswith("own.toml:") for one in found)


def test_one_entry_in_two_files_is_a_mistake(write: Write) -> None:
    write('[[party]]\nvalue = "spd"\nvariants = ["a b"]\n', "a.toml")
    folder = write('\n[[party]]\nvalue = "spd"\nvariants = ["c d"]\n', "b.toml")
    (found,) = problems(folder)
    assert found.startswith('b.toml:3:9  Partei "spd": "spd" steht schon in ')
    assert found.endswith("a.toml:1")


def test_the_version_is_a_digest_of_what_is_said(write: Write) -> None:
    text = '[[party]]\nvalue = "spd"\nvariants = ["Sozenpartei"]\n'
    first = read_own(write(text), vocabularies()).version
    assert first.startswith("own-")
    assert read_own(write(f"# Bemerkung\n\n{text}note = 'für uns'\n"), vocabularies()).version == first
    assert read_own(write(text.replace("Sozenpartei", "Sozenverein")), vocabularies()).version != first


def test_tags_name_the_version(write: Write) -> None:
    plugins = plugins_with(write('[[party]]\nvalue = "spd"\nvariants = ["Sozenpartei"]\n'))
    assert plugins.classifiers["party"].version.endswith(plugins.vocabularies["own"].version)
    assert plugins.fingerprint() != load_plugins(None, {}).fingerprint()


def test_workers_tag_by_the_own_vocabulary_and_refuse_another(write: Write) -> None:
    folder = write('[[party]]\nvalue = "spd"\nvariants = ["Sozenpartei"]\n')
    plugins = plugins_with(folder)
    text = "Die Sozenpartei beantragt neue Bänke für den Park, und der Rat soll bald darüber entscheiden. " * 5
    jobs = [(_capture(text.encode()), Source(id="probe", gate=False))]
    with Workers(plugins, count=2, vocab=folder) as pool:
        (done,) = pool.process(jobs)
    assert "spd" in {tag.value for tag in done.tags}
    write('[[party]]\nvalue = "spd"\nvariants = ["Sozenverein"]\n')
    with Workers(plugins, count=2, vocab=folder) as pool, pytest.raises(PluginContractError, match="Vokabulare"):
        list(pool.process(jobs))


def test_the_example_of_the_documentation_is_valid(write: Write) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "vocabularies.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    own = read_own(write(example), vocabularies())
    assert {entry.kind for entry in own.entries} == set(TABLES)
    described = set(re.findall(r"^\| ([a-z_, ]+) \| [a-z, ]+ \| ", page.partition("| key | in |")[2], re.MULTILINE))
    keys = {key for cell in described for key in cell.split(", ")}
    assert keys == {key for table in TABLES.values() for key in table.model_fields}


def test_the_plugin_of_the_documentation_adds_names(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"\n((?:    .*\n|\n)*    .*Rat der Ostsee.*\n(?:    .*\n|\n)*)", page)
    (tmp_path / "ostsee.py").write_text(dedent(code), encoding="utf-8")
    plugins = load_plugins(tmp_path, {})
    assert not plugins.quarantined
    assert "ostseerat" in tags(plugins, "Der Ostseerat dankt allen. Der Ostseerat hilft.", Axis.ORGANISATION)
    assert set(tags(plugins, "Im Hellwegkreis wird gebaut. Der Kreistag tagt.", Axis.DISTRICT)) == {"05974"}


def test_a_name_for_a_time_counts_for_its_party_in_that_time(write: Write) -> None:
    folder = write(
        '[[party]]\nvalue = "bunt-alt"\nlabel = "Bunte Liste"\nkind = "name"\nparent = "spd"\n'
        "valid_from = 1990-01-01\nvalid_to = 1999-12-31\n"
        '[[party]]\nvalue = "bunt-neu"\nlabel = "Bunte Liste Neu"\nvariants = ["Bunte Liste"]\nvalid_from = 2000\n'
    )
    classifier = plugins_with(folder).classifiers["party"]
    text = "Die Bunte Liste beantragt Bänke."
    for year, party in ((1995, "spd"), (2005, "bunt-neu")):
        article = Article(text=text, language="de", published=date(year, 5, 1))
        assert {tag.value for tag in classifier.classify(article, Source(id="probe"))} == {party}


def test_districts_and_municipalities_of_a_reform_to_come(write: Write) -> None:
    folder = write(
        '[[district]]\nvalue = "05999"\nlabel = "Kreis Neuland"\nvariants = ["Kreises Neuland"]\nvalid_from = 2027\n'
        '[[district]]\nvalue = "05974"\nvalid_to = "2026-12-31"\nsuccessors = ["05999"]\n'
        '[[municipality]]\nvalue = "05999001"\nlabel = "Neulandstadt"\n'
    )
    plugins = plugins_with(folder)
    for text in ("Der Kreis Neuland baut. Der Kreistag tagt.", "Die Stadt Neulandstadt baut in Neulandstadt."):
        assert set(tags(plugins, text, Axis.DISTRICT)) == {"05999"}, text
    found = tags(plugins, "Der Kreis Soest baut. Der Kreistag tagt.", Axis.DISTRICT)
    assert found == {"05999": "Kreis Neuland (früher Kreis Soest, 05974)"}
    names = VocabularyNames(entry.obj for entry in plugins.vocabularies)
    assert names.resolve("district", "Kreis Soest") == ("05999",)


def test_a_filter_finds_local_groups(write: Write) -> None:
    folder = write('[[party]]\nvalue = "bl"\nlabel = "Bürgerliste Wassenberg"\nplace = "05370040"\n')
    names = VocabularyNames(entry.obj for entry in plugins_with(folder).vocabularies)
    assert names.resolve("party", "bl@05370") == names.resolve("party", "Bürgerliste Wassenberg") == ("bl@05370",)
    assert names.label("party", "bl@05370") == "Bürgerliste Wassenberg"
    assert names.resolve("party", "uwg@05370") == ("uwg@05370",)
    assert names.label("party", "uwg@05370") == "UWG (Kreis Heinsberg)"
