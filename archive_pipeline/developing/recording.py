"""`plugins record`: a few items of a source as a test fixture, a WARC file and what is expected of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel

from archive_pipeline.errors import ConfigError, FetchError, RefusedError
from archive_pipeline.fetch import Robots, SourceContext
from archive_pipeline.fetch.history import NoHistory
from archive_pipeline.fetch.http import PRODUCT
from archive_pipeline.model import Capture, Gone, Item, Refused, Source
from archive_pipeline.plugin_manager import PluginManager, load_one
from archive_pipeline.protocols import Fetcher
from archive_pipeline.sources import Config, secret
from archive_pipeline.testing.fixtures import SUFFIX, Expectation, SourceFixture
from archive_pipeline.warc import WarcStore
from archive_pipeline.workspace import SOFTWARE, Workspace, http_client, utc_now

__all__ = ["Recorded", "plugin_folder", "record_source", "update_fixture"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A fixture that was written: its expected.json, how many items it lists, the addresses of its articles, and in
    words what could not be recorded."""

    path: Path
    items: int
    articles: tuple[str, ...]
    missing: tuple[str, ...] = ()


def plugin_folder(workspace: Workspace, source: Source, name: str | None) -> Path:
    """The folder of the plugin that a recording of this source belongs to: the one called `name`, else the one in the
    drop-in folder that brings the source's fetcher. Raises ConfigError when there is none."""
    drop_in = (workspace.folder / "plugins").resolve()
    folders = {
        record.name: record.path.parent
        for record in workspace.plugins.records
        if record.status == "ok" and record.path is not None and record.path.parent.parent == drop_in
    }
    wanted = name or workspace.plugins.fetchers.entry(source.fetcher or "").plugin
    if wanted in folders:
        return folders[wanted]
    if name is not None:
        raise ConfigError(
            f'In {drop_in} liegt kein Ordner des Plugins "{name}"',
            hint="archive-pipeline plugins new NAME --kind source",
        )
    raise ConfigError(
        f'Der fetcher "{source.fetcher}" der Quelle "{source.id}" gehört keinem Plugin in {drop_in}',
        hint="mit --plugin NAME sagen, wohin die Aufzeichnung gehört",
    )


def record_source(workspace: Workspace, source: Source, folder: Path, limit: int) -> Recorded:
    """Fetch the first `limit` items of a source, with all manners of a run, into `folder/fixtures`.

    What is expected is what comes out when the recording is replayed. An existing recording is replaced when the new
    one is complete. Raises RefusedError, FetchError, ConfigError.
    """
    entry = workspace.plugins.fetchers.entry(source.fetcher or "")
    with TemporaryDirectory() as place:
        with _recording(workspace.config, source, entry.name, Path(place)) as context:
            items = list(islice(entry.obj.discover(source, context), limit))
            reasons = {item.url or item.key: _capture(entry.obj, item, source, context) for item in items}
        missing = tuple(f"{url}: {reason}" for url, reason in reasons.items() if reason)
        if len(missing) == len(items):
            cause = f" ({missing[0]})" if missing else ": sie bietet nichts an"
            raise FetchError(f'Von der Quelle "{source.id}" war nichts aufzuzeichnen{cause}', url=source.url or "")
        path = folder / "fixtures" / f"{source.id}{SUFFIX}"
        path.parent.mkdir(exist_ok=True)
        fixture = SourceFixture(path=path, expected=Expectation(source=_table(source), items=()))
        # one file, or two when a month ends meanwhile; records are compressed one by one, so files can be joined
        recorded = b"".join(file.read_bytes() for file in sorted(Path(place).glob("warc/*/*/*.warc.gz")))
        fixture.warc.write_bytes(recorded)
    articles = [url for url, reason in reasons.items() if reason is None]
    return _write(fixture, items, articles, load_one(folder)[1], missing)


def update_fixture(folder: Path, source_id: str) -> tuple[Recorded, bool]:
    """Write anew what is expected of a recording; the pages stay. Returns whether anything changed. Raises FetchError
    when there is no recording."""
    path = folder / "fixtures" / f"{source_id}{SUFFIX}"
    if not path.is_file():
        raise FetchError(
            f"{path} fehlt", hint=f"ohne --update aufzeichnen: archive-pipeline plugins record {source_id}"
        )
    fixture = SourceFixture.load(path)
    before = path.read_bytes()
    seen = fixture.observed(load_one(folder)[1])
    fixture.write(seen)
    recorded = Recorded(path=path, items=len(seen.items or ()), articles=tuple(seen.articles))
    return recorded, path.read_bytes() != before


def _write(
    fixture: SourceFixture, items: list[Item], articles: list[str], plugins: PluginManager, missing: tuple[str, ...]
) -> Recorded:
    """Replay the recording and write down what comes out."""
    expected = Expectation.model_validate(
        {
            "source": fixture.expected.source,
            "items": [{"url": item.url or item.key} for item in items],
            "articles": {url: {} for url in articles},
        }
    )
    replayed = SourceFixture(path=fixture.path, expected=expected)
    seen = replayed.observed(plugins)
    replayed.write(seen)
    return Recorded(path=fixture.path, items=len(seen.items or ()), articles=tuple(seen.articles), missing=missing)


@contextmanager
def _recording(config: Config, source: Source, fetcher: str, place: Path) -> Iterator[SourceContext]:
    client = http_client(config.archive)
    store = WarcStore(place, software=SOFTWARE, operator="", clock=utc_now)
    context = SourceContext(
        source,
        fetcher=fetcher,
        client=client,
        robots=Robots(PRODUCT),
        store=store,
        base=config.base,
        max_bytes=config.archive.max_bytes,
        history=NoHistory(),
        stored=lambda stored: None,
        logged=lambda request: None,
        secret=lambda name: secret(name, os.environ),
    )
    try:
        yield context
    finally:
        context.close()
        client.close()
        store.close()


def _capture(fetcher: Fetcher, item: Item, source: Source, context: SourceContext) -> str | None:
    """Capture one item with its attachments; the reason in words when its page could not be had."""
    try:
        results = list(fetcher.capture(item, source, context))
    except RefusedError as error:
        return f"abgelehnt: {error.message}"
    except FetchError as error:
        return error.message
    if any(isinstance(result, Capture) and result.kind == "document" and result.status for result in results):
        return None
    reasons = [result.reason for result in results if isinstance(result, Gone | Refused)]
    return reasons[0] if reasons else "kommt nicht aus dem Netz; aufzeichnen lassen sich nur Web-Quellen"


def _table(source: Source) -> dict[str, Any]:
    """The source's table, as far as it shapes what is listed and read."""
    table: dict[str, Any] = {"id": source.id, "fetcher": source.fetcher}
    if source.url:
        table["url"] = source.url
    if source.language != "de":
        table["language"] = source.language
    if isinstance(source.options, BaseModel):
        table |= source.options.model_dump(mode="json", include=source.options.model_fields_set)
    return table
