"""The farm, serving while a test runs, and an archive folder that reads it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.model import RunReport
from archive_pipeline.pipeline import Connections, run
from archive_pipeline.warc import WarcStore
from archive_pipeline.workspace import Workspace, open_workspace
from tests.farm.site_farm import Farm, serving
from tests.farm.sites import Site, every_site, sources_toml

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Fields:
    """The farm, its sites, and the folder of the archive that reads them."""

    farm: Farm
    sites: list[Site]
    folder: Path
    command_line: Any

    def workspace(self) -> Workspace:
        return open_workspace(self.folder)

    def run(self, *ids: str, **options: object) -> RunReport:
        """One run in this process."""
        workspace = self.workspace()
        sources = [source for source in workspace.config.sources if not ids or source.id in ids]
        connections = Connections(resolve=self.farm.resolve, network=self.farm)
        return run(workspace, sources, connections=connections, **options)  # type: ignore[arg-type]

    def start(self, *, largest_file: int = 0) -> Any:
        """One run in a process of its own, which may be kept from writing files larger than `largest_file`."""
        numbers = (self.farm.ports[80], self.farm.ports[443], largest_file)
        script = Path(__file__).with_name("run_farm.py")
        return self.command_line.start(script, self.folder, *map(str, numbers), cwd=ROOT)


MakeFields = Callable[[str], Fields]


@pytest.fixture
def make_fields(apl: Any, tmp_path: Path) -> Iterator[MakeFields]:
    farm = Farm()
    sites = every_site(farm)
    with serving(farm, tmp_path):

        def make(name: str) -> Fields:
            folder = tmp_path / name
            folder.mkdir()
            (folder / "sources.toml").write_text(sources_toml(sites), encoding="utf-8")
            return Fields(farm, sites, folder, apl)

        yield make


@pytest.fixture
def fields(make_fields: MakeFields) -> Fields:
    return make_fields("archiv")


def everything_known_is_recorded(folder: Path) -> None:
    """No file is accounted for beyond a capture that the database doesn't know."""
    with closing(sqlite3.connect(folder / "archive" / "archive.db")) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'warc_file'").fetchall():
            return  # killed before anything was known
        known = dict(db.execute("SELECT name, length FROM warc_file").fetchall())
        recorded = {record for (record,) in db.execute("SELECT record_id FROM capture")}
    store = WarcStore(folder / "archive", software="test", operator="", clock=lambda: datetime.now(UTC))
    for stored in store.captures():
        if stored.end <= known.get(stored.capture.warc_file, 0):
            assert stored.capture.record_id in recorded, stored.capture.key
