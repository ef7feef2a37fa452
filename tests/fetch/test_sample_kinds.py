"""Whole runs over the sample site: by listing pages and by its sitemap, all releases of each group are found."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from archive_pipeline.pipeline import run
from archive_pipeline.sample.release_text import GROUPS, load_release_texts
from archive_pipeline.sample.server import serve_sample
from archive_pipeline.workspace import open_workspace

HEAD = '[archive]\ntitle = "Probe"\nrequest_interval = 0\n'
LISTING = """
[[source]]
id = "{group}"
fetcher = "listing"
url = "{base}/presse/{group}/"
items = "li.eintrag"
date = ".datum"
next = "a[rel=next]"
allow_private = true
"""
SITEMAP = """
[[source]]
id = "{group}"
url = "{base}/sitemap.xml"
include = ["/releases/{group}/*"]
allow_private = true
"""


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with serve_sample() as address:
        yield address


@pytest.mark.parametrize(("table", "fetcher"), [(LISTING, "listing"), (SITEMAP, "sitemap")])
def test_all_releases_of_each_group_are_found(tmp_path: Path, base: str, table: str, fetcher: str) -> None:
    tables = "".join(table.format(group=group.id, base=base) for group in GROUPS)
    (tmp_path / "sources.toml").write_text(HEAD + tables, encoding="utf-8")
    workspace = open_workspace(tmp_path)
    assert {source.fetcher for source in workspace.config.sources} == {fetcher}
    expected = {
        group.id: {f"{base}/releases/{text.path}" for text in load_release_texts() if text.office.group == group.id}
        for group in GROUPS
    }
    # a server hands a .gz out as it lies there; opening it is for folders, so the run tells that it is unreadable
    packed = {url for urls in expected.values() for url in urls if url.endswith(".gz")}
    report = run(workspace, workspace.config.sources)
    assert {one.source_id: (one.seen, one.new) for one in report.sources} == {
        name: (len(urls), len(urls - packed)) for name, urls in expected.items()
    }
    assert {failure.key for one in report.sources for failure in one.failures} == packed
    with workspace.reading() as db:
        archived = {(row["source_id"], row["url"]) for row in db.query("SELECT source_id, url FROM release")}
    assert archived == {(name, url) for name, urls in expected.items() for url in urls - packed}
    again = run(workspace, workspace.config.sources)
    assert (again.total("new"), again.total("changed"), again.total("failed")) == (0, 0, 0)
    assert again.total("unchanged") == again.total("seen")
    if fetcher == "sitemap":
        assert again.total("seen") == len(archived) + len(packed)
    else:  # a listing is read as far as the first page that offers nothing new
        assert 0 < again.total("seen") < len(archived)
