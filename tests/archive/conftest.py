"""An archive of a few releases with everything an audit looks at."""

import random
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from archive_pipeline.archive.captures import capture_rows, set_lengths
from archive_pipeline.archive.reading import load_release
from archive_pipeline.archive.runs import begin_run
from archive_pipeline.ingest.committing import Ledger, logged_tx
from archive_pipeline.model import Article, Axis, Capture, Evidence, Processed, Role, Source, Tag
from archive_pipeline.pipeline import run
from archive_pipeline.warc import Description, WarcStore, urn
from archive_pipeline.workspace import open_workspace, utc_now

TEXT = (
    "Neue Beratungsstelle {number} eröffnet\n\nKreis Heinsberg. Die neue Beratungsstelle {number} für Zugewanderte hat "
    "am {number}. März 2026 in Heinsberg eröffnet. Sie hilft bei Anträgen, Sprachkursen und der Suche nach Arbeit, "
    "teilte die SPD mit.\n\n„Wir helfen weiter“, sagte Landrat Stephan Muster (SPD)."
)


@pytest.fixture(scope="session")
def whole_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight releases, one of them in two versions. To be copied, not changed."""
    folder = tmp_path_factory.mktemp("whole") / "archiv"
    (folder / "eingang").mkdir(parents=True)
    for number in range(1, 9):
        (folder / "eingang" / f"{number}.txt").write_text(TEXT.format(number=number), encoding="utf-8")
    (folder / "sources.toml").write_text(
        '[archive]\ntitle = "Probe"\n\n[[source]]\nid = "eingang"\ntitle = "Eingang"\nfetcher = "folder"\n'
        'path = "eingang"\n',
        encoding="utf-8",
    )
    for words in ("", "\n\nDer Landrat dankte."):
        (folder / "eingang" / "1.txt").write_text(TEXT.format(number=1) + words, encoding="utf-8")
        workspace = open_workspace(folder)
        run(workspace, workspace.config.sources)
    return folder


@pytest.fixture
def folder(whole_archive: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(whole_archive, tmp_path / "archiv"))


@pytest.fixture
def flip() -> Callable[[Path, int], None]:
    """Flips one bit of a file: number `bit` counted from its beginning."""

    def flipped(path: Path, bit: int) -> None:
        data = bytearray(path.read_bytes())
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)

    return flipped


WORDS = tuple(
    f"{one}{other}"
    for one in ("Kreis", "Schul", "Straßen", "Wald", "Kunst", "Haushalts", "Energie", "Pflege")
    for other in ("tag", "beratung", "ausschuss", "verein", "förderung", "termin", "umbau", "bericht")
)


def synthetic_article(number: int, edition: int) -> Article:
    """An article of some two hundred words, the same for the same numbers."""
    choose = random.Random(number * 1000 + edition)
    paragraphs = [" ".join(choose.choices(WORDS, k=50)) + "." for _ in range(4)]
    return Article(
        text="\n\n".join(paragraphs),
        title=f"Mitteilung {number}",
        published=date(2020, 1, 1) + timedelta(days=number % 2000),
        language="de",
        media_type="text/plain",
    )


def synthetic_tags(number: int, article: Article) -> tuple[Tag, ...]:
    """Three tags with evidence."""
    word = article.text.split()[0]
    evidence = (Evidence(start=0, end=len(word), text=word),)
    topics = ("housing", "education", "health", "energy")
    return (
        Tag(
            axis=Axis.TOPIC,
            value=topics[number % 4],
            label=word,
            role=Role.PRIMARY,
            score=0.9,
            by="synthetic@1",
            evidence=evidence,
        ),
        Tag(
            axis=Axis.DISTRICT,
            value=f"05{number % 90:03}",
            label="Kreis",
            role=Role.ABOUT,
            score=0.7,
            by="synthetic@1",
            evidence=evidence,
        ),
        Tag(
            axis=Axis.PARTY,
            value="spd",
            label="SPD",
            role=Role.MENTIONED,
            score=0.55,
            by="synthetic@1",
            evidence=evidence,
        ),
    )


@pytest.fixture
def synthetic() -> Callable[[Path, int], Path]:
    """Makes an archive of so many invented releases, past cleaning and classifying: a tenth in two versions, a tenth
    derived again, a twentieth held back, some with decisions of people."""

    def make(folder: Path, count: int) -> Path:
        folder.mkdir(parents=True)
        (folder / "sources.toml").write_text(
            '[archive]\ntitle = "Probe"\n\n[[source]]\nid = "q"\ntitle = "Quelle"\nfetcher = "folder"\npath = "q"\n',
            encoding="utf-8",
        )
        (folder / "q").mkdir()
        workspace = open_workspace(folder)
        source = workspace.config.sources[0]
        with workspace.writing("test") as db:
            begin_run(db, "probe", "run", [source], utc_now())
            store, log = workspace.warc_store(), workspace.derivation_log()
            for start in range(0, count, 250):
                captured = [
                    (number, edition, _capture(store, source, number, edition))
                    for number in range(start, min(count, start + 250))
                    for edition in ((0, 1) if number % 10 == 3 else (0,))
                ]
                lengths = store.sync()
                with logged_tx(db, log) as ledger:
                    set_lengths(db, lengths)
                    for number, edition, capture in captured:
                        ledger.commit(capture, source, _processed(number, edition))
                with logged_tx(db, log) as ledger:
                    for number, _, capture in captured:
                        if number % 10 == 7:
                            _derive_again(db, ledger, number, capture)
            store.close()
            log.close()
            workspace.update_index(db)
        return folder

    return make


def _capture(store: WarcStore, source: Source, number: int, edition: int) -> Capture:
    body = f"{number}/{edition}\n{synthetic_article(number, edition).text}".encode()
    description = Description(
        source=source, settings="0", fetcher="folder", key=f"{number}.txt", media_type="text/plain"
    )
    return store.write_resource(urn(source.id, f"{number}.txt"), body, description).capture


def _processed(number: int, edition: int) -> Processed:
    if number % 20 == 19:
        return Processed(status="quarantined", reason="zu prüfen")
    article = synthetic_article(number, edition)
    return Processed(status="accepted", article=article, tags=synthetic_tags(number, article))


def _derive_again(db: Database, ledger: Ledger, number: int, capture: Capture) -> None:
    row = next(capture_rows(db, "record_id = ?", [capture.record_id]))
    assert row.release_id is not None
    article = synthetic_article(number, 9)
    processed = Processed(status="accepted", article=article, tags=synthetic_tags(number + 1, article))
    ledger.derive(load_release(db, row.release_id), capture.record_id, processed, detail="probe", now=utc_now())
