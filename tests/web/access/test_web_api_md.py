"""docs/web-api.md says what the code does."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from starlette.testclient import TestClient

from archive_pipeline.web import api_declaring
from archive_pipeline.web.api import ENDPOINTS
from archive_pipeline.web.api_declaring import WORDS
from archive_pipeline.web.api_limits import CAPACITY, REFILL

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "web-api.md").read_text(encoding="utf-8")


def test_the_table_names_every_endpoint_who_may_and_what_it_costs() -> None:
    rows = re.findall(r"^\| `(GET|POST|DELETE) (\S+)` \| (\w+) \| (\d+) \| (.+) \|$", TEXT, re.M)
    expected = [
        (
            one.method,
            one.path,
            "account" if one.needs_account else {"reader": "anybody"}.get(one.role, one.role),
            str(one.cost),
            one.summary,
        )
        for one in ENDPOINTS
    ]
    assert rows == expected


def test_the_limits_are_those_of_the_code() -> None:
    assert f"has {CAPACITY} points; {REFILL:.0f} come back each second" in " ".join(TEXT.split())
    assert f"up to {api_declaring.MOST_ROWS:,} rows" in " ".join(TEXT.split())
    assert f"more than {api_declaring.LONGEST_BODY // 1024} KiB" in TEXT


def test_every_status_is_explained() -> None:
    told = {int(number) for row in re.findall(r"^\| ([\d, ]+) \|", TEXT, re.M) for number in row.split(",")}
    assert set(WORDS) - {405, 500} <= told


def test_the_examples_work(archivist: TestClient) -> None:
    addresses = re.findall(r"^curl '(http://127.0.0.1:8001[^']+)'", TEXT, re.M)
    assert len(addresses) == 5
    for address in addresses:
        parts = urlsplit(address)
        assert archivist.get(f"{parts.path}?{parts.query}").status_code == 200
