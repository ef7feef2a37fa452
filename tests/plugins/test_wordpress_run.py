"""A WordPress site the whole way: over real HTTP into an archive, and again."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.pipeline import run
from archive_pipeline.workspace import open_workspace

HOF, AUSBILDUNG, SPENDE, REZEPT, BUS = (
    "/2024/09/hofcafe-tag-2024/",
    "/2024/06/ausbildung-dorfhelferinnen/",
    "/2024/03/spende-frauenhaus/",
    "/2023/11/rezept-pickert/",
    "/2023/10/protest-buslinie/",
)
ALL = {HOF, AUSBILDUNG, SPENDE, REZEPT, BUS}


class Archive:
    """An archive with the site as its one source."""

    def __init__(self, folder: Path, site: Any) -> None:
        self.folder = folder
        self.site = site

    def configure(self, **options: object) -> None:
        lines = "".join(f"{name} = {value!r}\n" for name, value in options.items()).replace("'", '"')
        (self.folder / "sources.toml").write_text(
            f'[archive]\ncontact = "archiv@probe.example"\n\n[[source]]\nid = "landfrauen"\ntitle = "Landfrauen"\n'
            f'fetcher = "wordpress"\nurl = "{self.site.url}"\nallow_private = true\ninterval = 0\n{lines}',
            encoding="utf-8",
        )

    def run(self) -> Any:
        """One run's report of the source; `site.asked` holds what it asked for."""
        self.site.asked.clear()
        workspace = open_workspace(self.folder)
        report = run(workspace, workspace.config.sources).sources[0]
        assert report.source_id == "landfrauen"
        return report

    def rows(self, statement: str) -> list[Any]:
        with sqlite3.connect(self.folder / "archive" / "archive.db") as db:
            return db.execute(statement).fetchall()

    def paths(self) -> set[str]:
        return {url.removeprefix(self.site.url) for (url,) in self.rows("SELECT url FROM release")}

    def listings(self) -> list[str]:
        return [path for path in self.site.asked if "/posts?" in path]


@pytest.fixture
def archive(tmp_path: Path, wordpress: Any) -> Archive:
    made = Archive(tmp_path, wordpress)
    made.configure()
    return made


def test_a_site_goes_the_whole_way(archive: Archive) -> None:
    report = archive.run()
    assert (report.seen, report.new, report.failed, report.quarantined) == (5, 5, 0, 0)
    assert archive.paths() == ALL
    found = {
        url.removeprefix(archive.site.url): row
        for url, *row in archive.rows("SELECT url, title, published FROM release")
    }
    assert found[HOF] == ["Hofcafé-Tag: 14 Höfe öffnen am Sonntag ihre Dielen", "2024-09-13"]
    assert found[BUS] == ["Landfrauen fordern: Buslinie 792 muss bleiben", "2023-10-31"]
    texts = [text for (text,) in archive.rows("SELECT text FROM derivation")]
    for clutter in (
        "Teilen mit",
        "Facebook",
        "Ähnliche Beiträge",
        "Kommentar",
        "Kräuterwanderung",
        "Vorheriger Beitrag",
    ):
        assert not any(clutter in text for text in texts), clutter


def test_a_second_run_asks_for_the_list_alone(archive: Archive) -> None:
    archive.run()
    report = archive.run()
    assert (report.new, report.changed, report.unchanged) == (0, 0, 5)
    assert archive.site.asked == archive.listings()  # robots.txt holds for a day
    assert len(archive.site.asked) == 1


def test_a_changed_post_becomes_a_new_version(archive: Archive) -> None:
    archive.run()
    post = archive.site.posts[2]
    post["modified_gmt"] = post["modified"] = "2024-10-01T08:00:00"
    post["content"]["rendered"] += "<p>Nachtrag: Inzwischen sind weitere 400 Euro eingegangen.</p>"
    report = archive.run()
    assert (report.new, report.changed, report.unchanged) == (0, 1, 4)
    assert archive.site.asked[-1] == SPENDE
    assert archive.rows("SELECT max(number) FROM version") == [(2,)]


def test_all_pages_of_the_list_are_read(archive: Archive) -> None:
    archive.configure(per_page=2)
    assert archive.run().new == 5
    assert ["page=1" in path for path in archive.listings()] == [True, False, False]


def test_max_pages_reads_what_changed_last(archive: Archive) -> None:
    archive.configure(per_page=2, max_pages=1)
    assert archive.run().new == 2
    assert archive.paths() == {HOF, AUSBILDUNG}


def test_only_posts_of_a_category(archive: Archive) -> None:
    archive.configure(category="projekte")
    archive.run()
    assert archive.paths() == {SPENDE}
    archive.configure(category=9)
    archive.run()
    assert archive.paths() == {SPENDE, REZEPT}
    assert not any("/categories" in path for path in archive.site.asked)


def test_an_unknown_category_is_a_failure_with_its_name(archive: Archive) -> None:
    archive.configure(category="persse")
    report = archive.run()
    assert (report.seen, report.failed) == (0, 1)
    assert "Die Kategorie 'persse' gibt es dort nicht" in report.failures[0].reason
    assert report.failures[0].plugin is None


def test_an_empty_category_is_no_failure(archive: Archive) -> None:
    archive.configure(category=99)
    report = archive.run()
    assert (report.seen, report.failed) == (0, 0)


def test_since_leaves_older_posts_out(archive: Archive) -> None:
    archive.configure(since="2024-03-08")
    archive.run()
    assert archive.paths() == {HOF, AUSBILDUNG, SPENDE}


@pytest.mark.parametrize("per_page", [5, 2])
def test_a_cache_that_drops_the_paging_headers_loses_nothing(archive: Archive, per_page: int) -> None:
    """With 5 a page, the next page is asked for and answers 400; with 2 the short page ends the list."""
    archive.site.totals = False
    archive.configure(per_page=per_page)
    report = archive.run()
    assert (report.new, report.failed) == (5, 0)


def test_without_the_interface_the_feed_is_read(archive: Archive) -> None:
    archive.site.interface = False
    report = archive.run()
    assert (report.new, report.failed) == (2, 0)
    assert archive.paths() == {HOF, AUSBILDUNG}
    assert "/feed/" in archive.site.asked


def test_the_feed_of_a_category_and_since(archive: Archive) -> None:
    archive.site.interface = False
    archive.configure(category="presse", since="2024-07-01")
    archive.run()
    assert archive.paths() == {HOF}
    assert "/?feed=rss2&category_name=presse" in archive.site.asked


def test_robots_that_forbid_the_interface_leave_the_feed(archive: Archive) -> None:
    archive.site.robots = "User-agent: *\nDisallow: /wp-json/\n"
    report = archive.run()
    assert (report.new, report.failed, report.refused) == (2, 0, 0)
    assert not archive.listings()


def test_robots_that_forbid_everything_are_a_refusal(archive: Archive) -> None:
    archive.site.robots = "User-agent: *\nDisallow: /\n"
    report = archive.run()
    assert (report.new, report.failed, report.refused) == (0, 0, 1)
    assert archive.site.asked == ["/robots.txt"]


def test_a_site_that_is_not_wordpress_is_a_failure_that_says_so(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive.site, "answer", lambda path, query: (404, "text/html", "<h1>Nicht gefunden</h1>", {}))
    report = archive.run()
    assert report.failed == 1
    assert "Weder WordPress-Schnittstelle (" in report.failures[0].reason


def test_the_answers_of_the_interface_are_kept_as_evidence(archive: Archive) -> None:
    archive.run()
    kept = [target for (target,) in archive.rows("SELECT target FROM capture WHERE kind = 'discovery'")]
    assert any("/wp-json/wp/v2/posts?" in target for target in kept)
