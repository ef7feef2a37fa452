"""An archive of many small WARC files: what looks at all of them does as much for the hundredth as for the first."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.exchange.export_job import ExportRequest
from archive_pipeline.exchange.exporting import export, verify_export
from archive_pipeline.exchange.importing import import_export
from archive_pipeline.pipeline import run
from archive_pipeline.upkeep.auditing import audit
from archive_pipeline.upkeep.backing_up import back_up
from archive_pipeline.upkeep.backup_files import newest_backup, verify_backup
from archive_pipeline.upkeep.rebuilding import rebuild
from archive_pipeline.upkeep.restoring import restore
from archive_pipeline.warc import WarcStore
from archive_pipeline.workspace import Workspace, open_workspace, utc_now

FEW, MANY = 16, 64
SOURCES = '[archive]\ntitle = "P"\n\n[[source]]\nid = "q"\ntitle = "Q"\nfetcher = "folder"\npath = "q"\n'


def with_small_files(folder: Path) -> Workspace:
    """The archive in a folder, where each batch of captures begins a file."""
    workspace = open_workspace(folder)
    return replace(workspace, config=replace(workspace.config, archive=replace(workspace.config.archive, warc_bytes=1)))


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Workspace]:
    """Archives of few and of many files, each with one capture, and with a backup and exports beside them."""
    made = {}
    for count in (FEW, MANY):
        folder = tmp_path_factory.mktemp("files") / "archiv"
        (folder / "q").mkdir(parents=True)
        (folder / "sources.toml").write_text(SOURCES, encoding="utf-8")
        for number in range(count):
            text = f"Nummer {number}\n\nKreis Heinsberg. Der Kreistag hat {number} Bäume gezählt und das beschlossen."
            (folder / "q" / f"{number}.txt").write_text(text, encoding="utf-8")
        workspace = with_small_files(folder)
        assert run(workspace, workspace.config.sources).total("new") == count
        assert len(list(folder.rglob("archive/warc/*/*/*.warc.gz"))) >= count
        back_up(workspace, folder.parent / "ziel")
        for name in ("jsonl", "warc"):
            export(workspace, ExportRequest(format=name), folder.parent / name)
        made[count] = workspace
    return made


def copied(workspace: Workspace) -> None:
    back_up(workspace, workspace.folder.parent / "zweites")


def restored(workspace: Workspace) -> None:
    made = newest_backup(workspace.folder.parent / "ziel")
    assert made is not None
    restore(made, workspace.folder.parent / "zurueck", None)


def verified(workspace: Workspace) -> None:
    made = newest_backup(workspace.folder.parent / "ziel")
    assert made is not None
    assert verify_backup(made)[1] == ()


def audited(workspace: Workspace) -> None:
    assert audit(workspace).findings == ()


def exported(workspace: Workspace) -> None:
    for name in ("jsonl", "warc", "cdxj", "bagit"):
        export(workspace, ExportRequest(format=name), workspace.folder.parent / f"{name}-aus")


def checked(workspace: Workspace) -> None:
    for name in ("jsonl", "warc"):
        assert verify_export(workspace.folder.parent / name)[1] == ()


def imported(workspace: Workspace) -> None:
    fresh = workspace.folder.parent / "fremd"
    fresh.mkdir()
    (fresh / "sources.toml").write_text(SOURCES, encoding="utf-8")
    import_export(with_small_files(fresh), workspace.folder.parent / "jsonl")


def rebuilt(workspace: Workspace) -> None:
    rebuild(workspace)


def written(workspace: Workspace) -> None:
    """As many new files beside those that are there."""
    store = WarcStore(workspace.data, software="", operator="", clock=utc_now, max_file_bytes=1)
    for _ in store.names():
        store.write_records([b"x", b"y"])
        store.sync()
    store.close()


OPERATIONS = (copied, verified, restored, audited, exported, checked, imported, rebuilt, written)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_four_times_the_files_are_four_times_the_work(
    archives: dict[int, Workspace], operation: Callable[[Workspace], None]
) -> None:
    few, many = (calls(operation, archives[count]) for count in (FEW, MANY))
    assert many <= 4.6 * few, f"{few} calls for {FEW} files, {many} for {MANY}"


def calls(operation: Callable[[Workspace], None], workspace: Workspace) -> int:
    """How many functions an operation calls: what it does, whatever else the machine does."""
    count = 0

    def counted(frame: Any, event: str, function: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        operation(workspace)
    finally:
        sys.setprofile(None)
    return count
