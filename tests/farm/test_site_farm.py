"""One run over more than forty sites at once: everything exactly once, politely, truthfully reported."""

import random
import signal
import time
from itertools import pairwise
from types import SimpleNamespace

import pytest
from sqlite_utils import Database
from warcio.archiveiterator import ArchiveIterator
from warcio.checker import Checker

from tests.farm.conftest import Fields, MakeFields, everything_known_is_recorded
from tests.farm.sites import Site


def rows(fields: Fields, query: str) -> list[tuple[object, ...]]:
    db = Database(str(fields.folder / "archive" / "archive.db"))
    try:
        return [tuple(row.values()) for row in db.query(query)]
    finally:
        db.close()


def archived(fields: Fields) -> dict[str, set[str]]:
    """Addresses of releases by source."""
    found: dict[str, set[str]] = {site.id: set() for site in fields.sites}
    for source_id, url in rows(fields, "SELECT source_id, url FROM location"):
        found[str(source_id)].add(str(url))
    return found


def expected(site: Site) -> set[str]:
    return {f"http://{site.host.name}{page}" for page in site.pages}


def test_one_run_over_the_farm(fields: Fields) -> None:
    assert len(fields.sites) >= 40
    began = time.monotonic()
    report = fields.run()
    seconds = time.monotonic() - began
    everything_is_there_once(fields)
    everybody_was_asked_politely(fields)
    alone = [polite_minimum(site, fields) for site in fields.sites]
    told = f"{seconds:.1f} s, the slowest host alone {max(alone):.1f} s, one after the other {sum(alone):.1f} s"
    print(told)
    assert seconds < max(max(alone) + 12, sum(alone) / 2), told
    by_id = {source.source_id: source for source in report.sources}
    for site in fields.sites:
        source = by_id[site.id]
        told = [failure.reason for failure in source.failures]
        assert (source.failed, source.refused) == (site.failed, site.refused), (site.id, told)
        assert all(any(word in reason for word in site.reasons) for reason in told), (site.id, told)
        assert source.new == len(site.pages), (site.id, source)
    assert report.exit_code == 3
    every_request_is_logged(fields)
    kinds = {str(source): str(kind) for source, kind in rows(fields, "SELECT source_id, kind FROM failure")}
    assert (kinds["neues-kleid"], kinds["huelle"]) == ("empty_selector", "needs_javascript")


def everything_is_there_once(fields: Fields) -> None:
    found = archived(fields)
    for site in fields.sites:
        if site.id == "xn-mnster-3ya":
            assert len(found[site.id]) == len(site.pages)
            continue
        assert found[site.id] == expected(site), site.id
        for page in site.pages:
            served = [v for v in fields.farm.visits if v.host == site.host.name and v.path == page and v.status == 200]
            assert len(served) <= 1, f"{site.host.name}{page} was fetched {len(served)} times"
    attachments = rows(fields, "SELECT url FROM capture WHERE kind = 'attachment'")
    assert attachments == [("http://anhang.example/dateien/anlage.pdf",)]
    warc = [str(path) for path in fields.folder.glob("archive/warc/*/*/*.gz")]
    assert Checker(SimpleNamespace(inputs=warc, verbose=False)).process_all() == 0


def everybody_was_asked_politely(fields: Fields) -> None:
    by_host = fields.farm.by_host()
    assert {name: most for name, most in fields.farm.most_at_once.items() if most > 1} == {}
    for site in fields.sites:
        domain = [visit for name in by_host for visit in by_host[name] if name.endswith(_domain(site.host.name))]
        visits = sorted(domain, key=lambda visit: visit.began)
        pauses = [after.began - before.ended for before, after in pairwise(visits)]
        # robots.txt itself is what tells the pause, and the server's clock stops a little after its answer was read
        wanted = site.interval - 0.02
        assert all(pause >= wanted for pause in pauses[1:]), (site.id, [round(pause, 3) for pause in pauses])


def _domain(name: str) -> str:
    return ".".join(name.split(".")[-2:])


def polite_minimum(site: Site, fields: Fields) -> float:
    """What the requests to one domain take when nobody else is asked: their answers and the pauses between them."""
    visits = [visit for visit in fields.farm.visits if visit.host.endswith(_domain(site.host.name))]
    return sum(visit.ended - visit.began for visit in visits) + site.interval * max(len(visits) - 1, 0)


def every_request_is_logged(fields: Fields) -> None:
    seen = len(fields.farm.visits)
    sent = rows(
        fields, "SELECT count(*) FROM request WHERE outcome NOT IN ('robots', 'address') AND status IS NOT NULL"
    )
    broken = rows(fields, "SELECT count(*) FROM request WHERE outcome = 'error' AND status IS NULL")
    assert sent[0][0] == seen, (sent, broken, seen)
    responses = 0
    for path in fields.folder.glob("archive/warc/*/*/*.gz"):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream):
                responses += record.rec_type in {"response", "revisit"} and record.http_headers is not None
    assert responses == sent[0][0]


def test_a_second_run_over_unchanged_sites_costs_next_to_nothing(fields: Fields) -> None:
    ids = [site.id for site in fields.sites if site.unchanging and not site.failed and not site.refused]
    assert len(ids) >= 40
    fields.run(*ids)
    first = sum(visit.bytes for visit in fields.farm.visits)
    fields.farm.forget()
    db = Database(str(fields.folder / "archive" / "archive.db"))
    db.execute("UPDATE item SET next_check_at = '2026-01-01T00:00:00+00:00'")
    db.conn.commit()
    db.close()
    report = fields.run(*ids)
    second = sum(visit.bytes for visit in fields.farm.visits)
    assert report.total("rechecked") > 120
    assert (report.total("new"), report.total("changed"), report.total("failed")) == (0, 0, 0)
    print(f"second run: {second} of {first} bytes over {len(ids)} sites")
    assert second < first * 0.05, f"{second} of {first} bytes"


def killed_it_ends_the_same(make_fields: MakeFields, kills: int, seed: int) -> None:
    """Kill a run again and again, each after a number of requests by lot: however slow the machine is, most kills fall
    into the work and none into the start. A run that ends before its kill leaves nothing for further ones."""
    undisturbed = make_fields("ungestoert")
    assert undisturbed.start().wait() == 0
    disturbed = make_fields("gestoert")
    moments = random.Random(seed)
    visits = disturbed.farm.visits
    killed = 0
    for _ in range(kills):
        process, enough = disturbed.start(), len(visits) + moments.randint(1, 80)
        while len(visits) < enough and process.poll() is None:
            time.sleep(0.002)
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        if (disturbed.folder / "archive" / "archive.db").exists():
            everything_known_is_recorded(disturbed.folder)
    assert killed > kills / 2, "most kills must fall into a run"
    assert disturbed.start().wait() == 0
    assert archived(disturbed) == archived(undisturbed)
    what = "SELECT release_id, id, number, sha256 FROM version ORDER BY 1, 3"
    assert rows(disturbed, what) == rows(undisturbed, what)
    attachments = "SELECT release_id, url, sha256 FROM capture WHERE kind = 'attachment' GROUP BY url"
    assert rows(disturbed, attachments) == rows(undisturbed, attachments)
    warc = [str(path) for path in disturbed.folder.glob("archive/warc/*/*/*.gz")]
    assert Checker(SimpleNamespace(inputs=warc, verbose=False)).process_all() == 0


def test_killed_four_times_it_ends_the_same(make_fields: MakeFields) -> None:
    killed_it_ends_the_same(make_fields, 4, seed=20261122)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(3))
def test_killed_ten_times_it_ends_the_same(make_fields: MakeFields, seed: int) -> None:
    killed_it_ends_the_same(make_fields, 10, seed)
