"""An archive with one of everything that an export has to carry: versions, derivations, a revisit, an attachment,
decisions, undated and restricted releases, and titles that no format likes."""

import hashlib
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from archive_pipeline.archive.captures import attach, set_lengths
from archive_pipeline.archive.reading import load_release
from archive_pipeline.archive.runs import begin_run
from archive_pipeline.ingest.committing import logged_tx
from archive_pipeline.model import Article, Axis, Capture, Evidence, Person, Processed, Quote, Role, Source, Tag
from archive_pipeline.warc import Description, Exchange, Previous, WarcStore, urn
from archive_pipeline.workspace import Workspace, open_workspace

NASTY = '50 % & {Klammer auf\n_x_ #1 \\ ~ ^ "Grüße" $ – ER  - TY } @online{a,'

CONFIG = """[archive]
title = "Probe-Archiv"
contact = "archiv@kreis.example"

[[source]]
id = "amt"
title = "Amt für Proben"
fetcher = "folder"
path = "eingang"
legal_basis = "60d"
appraisal = "archivwürdig"

[[source]]
id = "netz"
title = "Netz & Söhne"
fetcher = "feed"
url = "https://netz.example/presse"
"""


def article(number: int, *, words: str = "", day: date | None = None, **more: Any) -> Article:
    text = (
        f"Mitteilung {number} aus dem Kreis Heinsberg: Die Beratung für Zugewanderte zieht um{words}.\n\n"
        f"„Wir freuen uns über Haus Nummer {number}“, sagte Landrätin Petra Probe."
    )
    values: dict[str, Any] = {
        "text": text,
        "title": f"Mitteilung {number}: Größe zählt",
        "published": day,
        "language": "de",
        "media_type": "text/plain",
    }
    return Article(**{**values, **more})


def processed(found: Article) -> Processed:
    start = found.text.index("Kreis Heinsberg")
    evidence = (Evidence(start=start, end=start + 15, text="Kreis Heinsberg"),)
    quoted = found.text.index("Wir freuen")
    end = found.text.index("“")
    person = found.text.index("Petra Probe")
    kinds = (
        (Axis.DISTRICT, "05370", "Kreis Heinsberg", Role.ABOUT, 0.9),
        (Axis.TOPIC, "immigration", "Migration", Role.PRIMARY, 0.8),
    )
    kinds += ((Axis.ORGANISATION, "amt-fuer-proben", "Amt für Proben", Role.ISSUER, 0.95),)
    kinds += ((Axis.PARTY, "spd", "SPD", Role.MENTIONED, 0.3),)
    return Processed(
        status="accepted",
        article=found,
        tags=tuple(
            Tag(axis=axis, value=value, label=label, role=role, score=score, by="probe@1", evidence=evidence)
            for axis, value, label, role, score in kinds
        ),
        persons=(Person(name="Petra Probe", role="Landrätin", party=None, start=person, end=person + 11),),
        quotes=(Quote(text=found.text[quoted:end], speaker="Petra Probe", start=quoted, end=end),),
    )


class Builder:
    """Writes captures and what is made of them, past fetching and cleaning."""

    def __init__(self, workspace: Workspace, db: Database) -> None:
        self.db = db
        self.store: WarcStore = workspace.warc_store()
        self.log = workspace.derivation_log()
        self.sources = {source.id: source for source in workspace.config.sources}

    def file(self, key: str, found: Article, *, body: str = "") -> Capture:
        source = self.sources["amt"]
        description = Description(source=source, settings="0", fetcher="folder", key=key, media_type="text/plain")
        stored = self.store.write_resource(urn("amt", key), (body or found.text).encode(), description)
        return self.commit(stored.capture, source, found)

    def page(self, path: str, found: Article, *, previous: Capture | None = None, at: datetime) -> Capture:
        source, url = self.sources["netz"], f"https://netz.example/presse/{path}"
        body = f"<html><body><p>{found.text}</p></body></html>".encode()
        before = None
        if previous is not None:
            before = Previous(
                record_id=previous.record_id,
                captured_at=previous.captured_at,
                sha256=previous.sha256,
                warc_file=previous.warc_file,
                warc_offset=previous.warc_offset,
            )
        exchange = Exchange(
            url=url,
            request=f"GET /presse/{path} HTTP/1.1\r\nHost: netz.example\r\n\r\n".encode(),
            head=b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n",
            payload=body,
            started_at=at,
            ip="192.0.2.1",
        )
        description = Description(
            source=source, settings="0", fetcher="listing", key=url, url=url, media_type="text/html"
        )
        stored = self.store.write_exchange(exchange, description, body=body, previous=before)
        assert (stored.revisit is not None) == (previous is not None)
        return self.commit(stored.capture, source, found)

    def attachment(self, parent: Capture) -> None:
        source, url = self.sources["netz"], "https://netz.example/anlage.pdf"
        description = Description(
            source=source, settings="0", fetcher="listing", key=url, url=url, kind="attachment", parent=parent.record_id
        )
        stored = self.store.write_resource(url, b"%PDF-1.4 Anlage", description)
        lengths = self.store.sync()
        with logged_tx(self.db, self.log):
            set_lengths(self.db, lengths)
            attach(self.db, stored.capture)

    def commit(self, capture: Capture, source: Source, found: Article) -> Capture:
        lengths = self.store.sync()
        with logged_tx(self.db, self.log) as ledger:
            set_lengths(self.db, lengths)
            ledger.commit(capture, source, processed(found))
        return capture

    def derive(self, capture: Capture, found: Article) -> None:
        row = next(self.db.query("SELECT release_id FROM capture WHERE record_id = ?", [capture.record_id]))
        with logged_tx(self.db, self.log) as ledger:
            release = load_release(self.db, row["release_id"])
            ledger.derive(
                release, capture.record_id, processed(found), detail="probe", now=datetime(2026, 5, 1, tzinfo=UTC)
            )

    def close(self) -> None:
        self.store.close()
        self.log.close()


def release_id(key: str) -> str:
    return hashlib.sha256(f"amt/{key}".encode()).hexdigest()[:16]


@pytest.fixture(scope="session")
def full_archive(apl: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """To be copied, not changed."""
    folder = tmp_path_factory.mktemp("export") / "archiv"
    folder.mkdir()
    (folder / "eingang").mkdir()
    (folder / "sources.toml").write_text(CONFIG, encoding="utf-8")
    workspace = open_workspace(folder)
    with workspace.writing("test") as db:
        begin_run(db, "probe", "run", workspace.config.sources, datetime(2026, 3, 1, tzinfo=UTC))
        build = Builder(workspace, db)
        first = article(1, day=date(2025, 4, 2))
        build.file("1.txt", first)
        changed = build.file("1.txt", article(1, words=", und zwar bald", day=date(2025, 4, 2)))
        build.derive(changed, article(1, words=", und zwar bald, anders gereinigt", day=date(2025, 4, 2)))
        build.file("2.txt", article(2, title=NASTY))
        build.file("3.txt", article(3, day=date(2026, 1, 5)))
        build.file("4.txt", article(4, day=date(2026, 1, 6), embargo_until=datetime(2999, 1, 1, tzinfo=UTC)))
        at = datetime(2026, 2, 1, 8, tzinfo=UTC)
        page = build.page("a", article(5, day=date(2026, 2, 1)), at=at)
        build.attachment(page)
        build.page("a", article(5, day=date(2026, 2, 1)), previous=page, at=at.replace(day=8))
        build.page("b?x=1&y=%25", article(6, day=date(2024, 12, 31)), at=at.replace(day=9))
        build.close()
        workspace.update_index(db)
    apl("-C", folder, "tag", release_id("1.txt"), "+topic:housing", "--note", "geprüft", "--by", "Archivarin")
    apl("-C", folder, "tag", release_id("3.txt"), "-topic:immigration", "--by", "Archivarin")
    apl("-C", folder, "tag", "undo", "last", "--by", "Archivarin")
    apl("-C", folder, "access", release_id("3.txt"), "closed", "--by", "Archivarin")
    return folder


@pytest.fixture
def folder(full_archive: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(full_archive, tmp_path / "archiv"))


@pytest.fixture
def empty_archive(tmp_path: Path) -> Callable[[str], Path]:
    """Makes an archive without anything in it."""

    def make(name: str) -> Path:
        made = tmp_path / name
        made.mkdir()
        (made / "sources.toml").write_text('[archive]\ntitle = "Leer"\n', encoding="utf-8")
        return made

    return make


@pytest.fixture
def ids() -> Callable[[str], str]:
    """The id of the release of a file."""
    return release_id
