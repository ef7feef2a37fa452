"""Hiding and erasing releases: what is gone, what stays, and what a rebuild makes of it."""

import gzip
import json
import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.archive.lock import writer_lock
from archive_pipeline.archive.reading import iterate_releases, load_releases
from archive_pipeline.archive.reuse_reading import duplicate_groups
from archive_pipeline.model import CaptureKind
from archive_pipeline.pipeline import run
from archive_pipeline.upkeep.auditing import audit
from archive_pipeline.upkeep.rebuilding import rebuild
from archive_pipeline.warc import Description, urn
from archive_pipeline.workspace import Workspace, open_workspace, utc_now

SECRET = "Der Hausmeister Kaspar Ungewöhnlich vergaß am Dienstag dreizehn grüne Regenschirme im Ratskeller"
TITLE = "Dreizehn grüne Regenschirme im Ratskeller vergessen"
PAGE = (
    "<html><head><title>{title}</title></head><body><nav>Startseite Kontakt Impressum</nav><article><h1>{title}</h1>"
    "<p>Kreis Heinsberg. {text}. Der Kreistag berät am Montag darüber, wie die Schirme zurückkommen.</p>"
    "<p>„Das darf nicht wieder vorkommen“, sagte Landrat Stephan Muster (SPD) am Mittwoch in Heinsberg.</p>"
    "</article></body></html>"
)


def everything(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder, as it is and decompressed."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            yield path.name, data
            if path.suffix == ".gz":
                yield f"{path.name} (gunzip)", gzip.decompress(data)
            for start in range(len(data)):
                if data[start : start + 1] == b"x" and data[start : start + 2] in (b"x\x9c", b"x\x01", b"x\xda"):
                    try:
                        yield f"{path.name} (zlib at {start})", zlib.decompressobj().decompress(data[start:])
                    except zlib.error:
                        continue


def traces(folder: Path, *needles: str) -> list[str]:
    """Files that hold any of these texts, in any spelling in which they are stored."""
    wanted = []
    for needle in needles:
        wanted += [needle.encode(), needle.encode("latin-1"), json.dumps(needle)[1:-1].encode()]
        wanted += [needle.lower().encode(), needle.encode("utf-16-le")]
    return [name for name, data in everything(folder) if any(one in data for one in wanted)]


def ids(apl: Any, folder: Path, query: str) -> list[str]:
    found = apl.json("-C", folder, "search", query, "--match", "all", "--json")
    return [hit["id"] for hit in found["hits"]]


@pytest.fixture(scope="module")
def made(whole_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of eight releases with a ninth, as a page and again under another name. To be copied."""
    folder = Path(shutil.copytree(whole_archive, tmp_path_factory.mktemp("made") / "archiv"))
    body = PAGE.format(title=TITLE, text=SECRET)
    (folder / "eingang" / "schirme.html").write_text(body, encoding="utf-8")
    (folder / "eingang" / "schirme-kopie.html").write_text(body, encoding="utf-8")
    workspace = open_workspace(folder)
    run(workspace, workspace.config.sources)
    return folder


@pytest.fixture
def with_secret(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "geheim"))


@pytest.fixture(params=["whoosh", "tantivy"])
def in_either_engine(with_secret: Path, request: pytest.FixtureRequest) -> Path:
    """The same, searched by one engine or the other."""
    if request.param == "tantivy":
        pytest.importorskip("tantivy")
        toml = with_secret / "sources.toml"
        text = toml.read_text(encoding="utf-8")
        toml.write_text(text.replace("[archive]\n", '[archive]\nengine = "tantivy"\n'), encoding="utf-8")
    return with_secret


def test_hidden_is_gone_at_once_and_comes_back(apl: Any, in_either_engine: Path) -> None:
    release, copy = found = ids(apl, in_either_engine, "Regenschirme")
    before = apl.json("-C", in_either_engine, "search", "Kreis", "--json")
    apl("-C", in_either_engine, "takedown", "hide", release, copy, "--ground", "Art. 17 DSGVO", "--by", "Archivarin")
    after = apl.json("-C", in_either_engine, "search", "Kreis", "--json")
    assert ids(apl, in_either_engine, "Regenschirme") == []
    assert after["total"] == before["total"] - 2
    counts = [sum(one["count"] for one in answer["facets"]["district"]) for answer in (before, after)]
    assert counts[1] == counts[0] - 2
    notice = apl("-C", in_either_engine, "show", release, code=1).stderr
    assert "Fall " in notice
    assert "Art. 17 DSGVO" in notice
    assert TITLE not in notice
    assert TITLE in apl("-C", in_either_engine, "show", release, "--hidden").stdout
    assert SECRET not in apl("-C", in_either_engine, "export", "jsonl", "--as", "archivist").stdout
    with open_workspace(in_either_engine).reading() as db:
        assert release not in {one.id for one in iterate_releases(db)}
        assert all(release not in {one.release.id for one in group.releases} for group in duplicate_groups(db))
    assert audit(open_workspace(in_either_engine)).findings == ()
    (case,) = apl.json("-C", in_either_engine, "takedown", "list", "--json")["cases"]
    assert (case["state"], case["release_ids"], case["ground"]) == ("hidden", sorted(found), "Art. 17 DSGVO")
    rebuild(open_workspace(in_either_engine))
    assert ids(apl, in_either_engine, "Regenschirme") == []
    apl("-C", in_either_engine, "takedown", "decide", case["id"], "keep", "--reason", "unbegründet")
    assert ids(apl, in_either_engine, "Regenschirme") == found
    assert apl.json("-C", in_either_engine, "search", "Kreis", "--json")["facets"] == before["facets"]


def test_after_an_erase_the_text_is_nowhere(apl: Any, in_either_engine: Path) -> None:
    data = in_either_engine / "archive"
    release, _ = ids(apl, in_either_engine, "Regenschirme")
    apl("-C", in_either_engine, "tag", release, "+topic:housing", "--note", f"wegen: {SECRET}")
    other = ids(apl, in_either_engine, "Beratungsstelle")[0]
    apl("-C", in_either_engine, "tag", other, "+topic:housing", "--note", f"anders als „{TITLE}“")
    apl("-C", in_either_engine, "note", release, "--text", f"Es ist nicht wahr, dass gilt: {SECRET}")
    assert len(traces(data, SECRET, "Regenschirme")) >= 3
    apl("-C", in_either_engine, "backup", in_either_engine.with_name("sicherung"))
    apl("-C", in_either_engine, "set", "create", "schirme", "--query", "Heinsberg")
    apl("-C", in_either_engine, "search", f'"{TITLE}"', "--save", "schirme")
    quoted = f"verlangt zu „{SECRET}“"
    apl("-C", in_either_engine, "takedown", "request", release, "--reason", quoted, "--ground", "§ 5")
    (case,) = apl.json("-C", in_either_engine, "takedown", "list", "--json")["cases"]
    done = apl("-C", in_either_engine, "takedown", "decide", case["id"], "erase", "--reason", "begründet", "--yes")
    assert "schirme-kopie.html" in done.stdout
    assert "Sicherung" in done.stderr
    assert traces(data, SECRET, TITLE, "Regenschirme", "Regenschirm", "vergaß") == []
    assert audit(open_workspace(in_either_engine)).findings == ()
    assert "gelöscht" in apl("-C", in_either_engine, "show", release, code=1).stderr
    assert ids(apl, in_either_engine, "Beratungsstelle")
    assert [event["type"] for event in events(data, release)][-1] == "deletion"
    before = tables(data)
    (data / "archive.db").unlink()
    shutil.rmtree(data / "index")
    rebuild(open_workspace(in_either_engine))
    assert tables(data) == before
    assert audit(open_workspace(in_either_engine)).findings == ()
    assert traces(data, SECRET, TITLE) == []


def events(data: Path, release: str) -> list[dict[str, str]]:
    with sqlite3.connect(data / "archive.db") as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute("SELECT * FROM event WHERE object = ? ORDER BY id", [release])]


def tables(data: Path) -> dict[str, list[str]]:
    """What is said of cases, captures and releases, in any order."""
    names = ("takedown", "takedown_release", "takedown_step", "erased_payload", "erased_place", "correction", "capture")
    with sqlite3.connect(data / "archive.db") as db:
        found = {name: sorted(map(repr, db.execute(f"SELECT * FROM {name}"))) for name in names}
        found["release"] = sorted(map(repr, db.execute("SELECT id, version_id, derivation, title FROM release")))
        found["note"] = sorted(map(repr, db.execute("SELECT id, note FROM decision")))
    return found


def test_what_was_erased_is_refused(apl: Any, with_secret: Path) -> None:
    release, _ = ids(apl, with_secret, "Regenschirme")
    apl("-C", with_secret, "takedown", "hide", release)
    apl("-C", with_secret, "takedown", "decide", "2026-1", "erase", "--reason", "begründet", "--yes")
    eingang = with_secret / "eingang"
    shutil.copy(eingang / "schirme.html", eingang / "unter-neuem-namen.html")
    (eingang / "schirme.html").write_text(PAGE.format(title=TITLE + " und mehr", text=SECRET), encoding="utf-8")
    summary = apl.json("-C", with_secret, "run", "--json")
    assert (summary["new"], summary["failed"], summary["exit_code"]) == (0, 0, 0)
    assert summary["refused"] == 3
    assert traces(with_secret / "archive", SECRET, TITLE) == []
    with sqlite3.connect(with_secret / "archive" / "archive.db") as db:
        reasons = {row[0] for row in db.execute("SELECT reason FROM item WHERE state = 'refused'")}
    assert reasons == {"durch Entscheidung entfernt (Fall 2026-1)"}


def test_hiding_does_not_wait_for_a_run(apl: Any, with_secret: Path) -> None:
    release, _ = ids(apl, with_secret, "Regenschirme")
    with writer_lock(with_secret / "archive", "run --due", utc_now()):
        apl("-C", with_secret, "takedown", "hide", release)
        assert release not in ids(apl, with_secret, "Regenschirme")
        assert "gesperrt" in apl("-C", with_secret, "show", release, code=1).stderr
    with writer_lock(with_secret / "archive", "rebuild", utc_now()):
        assert "rebuild" in apl("-C", with_secret, "takedown", "hide", release, code=11).stderr
    apl("-C", with_secret, "run")
    assert release not in ids(apl, with_secret, "Regenschirme")
    assert audit(open_workspace(with_secret)).findings == ()


def test_lists_that_hold_the_text_go_with_it_and_attachments_when_asked(apl: Any, folder: Path) -> None:
    feed = f"<rss><channel><item><title>{TITLE}</title><description>&lt;p&gt;{SECRET}&lt;/p&gt;</description></item>"
    other = "<rss><channel><item><title>Neue Beratungsstelle 3 eröffnet</title></item></channel></rss>"
    (folder / "eingang" / "schirme.html").write_text(PAGE.format(title=TITLE, text=SECRET), encoding="utf-8")
    workspace = open_workspace(folder)
    run(workspace, workspace.config.sources)
    (release,) = ids(apl, folder, "Regenschirme")
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        (page,) = db.execute("SELECT record_id FROM capture WHERE release_id = ?", [release]).fetchone()
    write(workspace, "liste.xml", feed, kind="discovery", media_type="application/rss+xml")
    write(workspace, "andere.xml", other, kind="discovery", media_type="application/rss+xml")
    write(workspace, "anlage.txt", f"Anlage: {SECRET}", kind="attachment", media_type="text/plain", parent=page)
    run(workspace, workspace.config.sources)
    apl("-C", folder, "takedown", "hide", release)
    for options, left in (((), ["anlage.txt"]), (("--attachments",), [])):
        copy = Path(shutil.copytree(folder, folder.with_name(f"kopie{len(options)}")))
        arguments = ("takedown", "decide", "2026-1", "erase", "--reason", "begründet", "--yes", *options)
        assert "liste.xml" in apl("-C", copy, *arguments).stdout
        with sqlite3.connect(copy / "archive" / "archive.db") as db:
            keys = {row[0] for row in db.execute("SELECT key FROM capture WHERE kind <> 'document'")}
        assert keys == {"andere.xml", *left}
        assert bool(traces(copy / "archive", SECRET)) == bool(left)
        assert audit(open_workspace(copy)).findings == ()
        before = tables(copy / "archive")
        rebuild(open_workspace(copy))
        assert tables(copy / "archive") == before


def write(
    workspace: Workspace, key: str, text: str, *, kind: CaptureKind, media_type: str, parent: str | None = None
) -> None:
    """A capture that the next run finds behind what the database knows."""
    source = workspace.config.sources[0]
    store = workspace.warc_store()
    description = Description(
        source=source, settings="0", fetcher="feed", key=key, kind=kind, media_type=media_type, parent=parent
    )
    store.write_resource(urn(source.id, key), text.encode(), description)
    store.close()


def test_everything_else_reads_as_before(apl: Any, with_secret: Path) -> None:
    with open_workspace(with_secret).reading() as db:
        before = {one.id: one for one in iterate_releases(db)}
    release, _ = ids(apl, with_secret, "Regenschirme")
    apl("-C", with_secret, "takedown", "hide", release)
    apl("-C", with_secret, "takedown", "decide", "2026-1", "erase", "--reason", "begründet", "--yes")
    workspace = open_workspace(with_secret)
    with workspace.reading() as db:
        after = {one.id: one for one in load_releases(db, list(before))}
    for gone in before.keys() - after.keys():
        assert "Regenschirme" in before.pop(gone).article.text
    assert after == before
    assert len(after) == 8
