"""Exports that somebody made up: they are refused with the line they stand in, and nothing of them stays behind that
could stop this archive later."""

import base64
import copy
import gzip
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.errors import FixityError
from archive_pipeline.exchange.importing import import_export
from archive_pipeline.pipeline import run
from archive_pipeline.upkeep.auditing import audit
from archive_pipeline.warc import streams, transfer
from archive_pipeline.warc.record import Member, Record, member_of, render
from archive_pipeline.workspace import open_workspace

Row = dict[str, Any]
Change = Callable[[Row], object]

IDENTITY = ("WARC-Record-ID", "WARC-Target-URI", "WARC-Date", "Content-Type")
REFERRING = (*IDENTITY, "WARC-Concurrent-To", "WARC-Refers-To")


@pytest.fixture(scope="module")
def row(apl: Any, full_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Row:
    """The line of a page that was captured once."""
    out = tmp_path_factory.mktemp("zeile") / "x.jsonl"
    apl("-C", full_archive, "export", "jsonl", "--out", out, "--as", "archivist")
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    return next(dict(one) for one in rows if one["url"] == "https://netz.example/presse/b?x=1&y=%25")


def parts_of(row: Row) -> list[tuple[bytes, Record]]:
    """The records of its capture: request, response, metadata."""
    data = base64.b64decode(row["archive"]["captures"][0]["records"])
    found: list[tuple[bytes, Record]] = []
    while data:
        one = member_of(io.BytesIO(data), 0)
        assert isinstance(one, Member)
        found.append((data[: one.end], one.record))
        data = data[one.end :]
    return found


def again(record: Record, names: tuple[str, ...], **changes: str) -> list[tuple[str, str]]:
    return [(name, changes.get(name.replace("-", "_"), record.fields[name.lower()])) for name in names]


def with_records(row: Row, *records: bytes) -> Row:
    made = copy.deepcopy(row)
    made["archive"]["captures"][0]["records"] = base64.b64encode(b"".join(records)).decode()
    return made


def described(change: Change) -> Change:
    """Metadata that say something else, with digests that fit."""

    def made(row: Row) -> Row:
        (request, _), (response, _), (_, metadata) = parts_of(row)
        told = json.loads(metadata.block)
        change(told)
        block = json.dumps(told).encode()
        return with_records(row, request, response, render("metadata", again(metadata, REFERRING), payload=block))

    return made


def answered(head: bytes, payload: bytes, body: bytes, decoded: tuple[str, ...] = (), **changes: str) -> Change:
    """Another answer, with metadata that fit it."""

    def made(row: Row) -> Row:
        (request, _), (_, response), (_, metadata) = parts_of(row)
        told = json.loads(metadata.block) | {"sha256": hashlib.sha256(body).hexdigest(), "decoded": decoded}
        return with_records(
            row,
            request,
            render("response", again(response, IDENTITY, **changes), head=head, payload=payload),
            render("metadata", again(metadata, REFERRING), payload=json.dumps(told).encode()),
        )

    return made


def line(change: Change) -> Change:
    def made(row: Row) -> Row:
        copied = copy.deepcopy(row)
        change(copied)
        return copied

    return made


def first(row: Row) -> Row:
    """Its derivation."""
    found: Row = row["archive"]["derivations"][0]
    return found


OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
TWICE = gzip.compress(gzip.compress(bytes(30_000_000)))

HOSTILE: dict[str, Change] = {
    "no source": described(lambda one: one.pop("source")),
    "no codings": described(lambda one: one.pop("decoded")),
    "codings are a number": described(lambda one: one.update(decoded=7)),
    "key is a number": described(lambda one: one.update(key=7)),
    "kind unknown": described(lambda one: one.update(kind="weapon")),
    "access unknown": described(lambda one: one["source"].update(access="everybody")),
    "id of the source is a list": described(lambda one: one["source"].update(id=["x"])),
    "complete is a word": described(lambda one: one.update(complete="perhaps")),
    "another hash": described(lambda one: one.update(sha256="0" * 64)),
    "hash is a path": described(lambda one: one.update(sha256="../../x")),
    "refers elsewhere": described(lambda one: one.update(refers_to={"warc_file": "../../../etc/passwd"})),
    "refers to nobody": described(lambda one: one.update(refers_to={"warc_file": "../x", "warc_offset": 0})),
    "a bomb": answered(OK, TWICE, b"", ("gzip", "gzip")),
    "a coding nobody knows": answered(OK, b"x", b"x", ("br",)),
    "no time": answered(OK, b"x", b"x", WARC_Date="gestern"),
    "no zone": answered(OK, b"x", b"x", WARC_Date="2026-01-01T00:00:00"),
    "a status like no other": answered(b"HTTP/1.1 99999999999999999999999 OK\r\n\r\n", b"x", b"x"),
    "an address of half a character": answered(OK, b"x", b"x", WARC_Target_URI="https://[::1/\udcff".encode(
        "utf-8", "surrogatepass").decode("latin-1")),
    "not base64": line(lambda one: one["archive"]["captures"][0].update(records="????")),
    "no records": line(lambda one: one["archive"]["captures"][0].update(records="")),
    "captures are a word": line(lambda one: one["archive"].update(captures="viele")),
    "archive is a list": line(lambda one: one.update(archive=[])),
    "id is a path": line(lambda one: one.update(id="../../etc/passwd")),
    "another release": line(lambda one: first(one).update(release_id="0" * 16)),
    "another version": line(lambda one: first(one).update(version_id="0" * 16)),
    "no article": line(lambda one: first(one).pop("article")),
    "number below one": line(lambda one: first(one).update(number=-5)),
    "decision is a word": line(lambda one: one["archive"].update(decisions=[{"number": 1, "decision": "keep"}])),
    "number is a list": line(
        lambda one: one["archive"].update(decisions=[{"number": [], "decision": {"schema": "apl/access/1"}}])
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_somebody_made_up_is_refused(
    row: Row, make_archive: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(transfer, "MAX_UNCHECKED", 1_000_000)
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(HOSTILE[name](row)) + "\n", encoding="utf-8")
    workspace = open_workspace(make_archive({}))
    assert run(workspace, workspace.config.sources).exit_code == 0
    with pytest.raises(FixityError, match=r"x\.jsonl:1|fehlt im Export"):
        import_export(workspace, path)
    assert run(workspace, workspace.config.sources).exit_code == 0
    assert audit(workspace).findings == ()


def test_a_bag_that_names_other_files_is_refused(apl: Any, full_archive: Path, tmp_path: Path) -> None:
    apl("-C", full_archive, "export", "bagit", "--out", tmp_path / "bag", "--as", "archivist")
    (tmp_path / "ziel").mkdir()
    (tmp_path / "ziel" / "sources.toml").write_text('[archive]\ntitle = "Leer"\n', encoding="utf-8")
    bag = next((tmp_path / "bag").glob("*/bagit.txt")).parent
    manifest = bag / "manifest-sha512.txt"
    manifest.write_text(f"{'0' * 128}  ../../../../etc/passwd\n" + manifest.read_text(encoding="utf-8"))
    assert "beschädigt" in apl("-C", tmp_path / "ziel", "import", tmp_path / "bag", code=20).stderr


def test_deep_lines_and_places_before_the_file_are_refused(
    row: Row, make_archive: Callable[..., Path], tmp_path: Path
) -> None:
    workspace = open_workspace(make_archive({}))
    path = tmp_path / "x.jsonl"
    path.write_text('{"schema": "apl/release/1", "id": ' + "[" * 200_000 + "\n", encoding="utf-8")
    with pytest.raises(FixityError, match=r"x\.jsonl:1"):
        import_export(workspace, path)


def test_a_record_that_unpacks_to_too_much_is_none(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "MAX_UNCHECKED", 100_000)
    assert streams.MAX_RATIO == 200
    (_, response) = parts_of(row)[1]
    bomb = render("response", again(response, IDENTITY), head=OK, payload=bytes(20_000_000))
    with pytest.raises(FixityError, match="Kompressionsbombe"):
        transfer.parse_capture(bomb, "hier")
