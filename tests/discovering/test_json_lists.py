"""Lists of releases in JSON: which fields are taken, whatever stands in them."""

import json

import pytest

from archive_pipeline.discovering.endpoints import json_listing


def rows(**fields: str) -> str:
    return json.dumps([{"title": f"Meldung {n}", "url": f"/presse/{n}", **fields} for n in range(3)])


@pytest.mark.parametrize("stated", ["2026-11-20", "1763625600", "1763625600000"])
def test_a_field_of_days_is_found(stated):
    listing = json_listing(rows(datum=stated))
    assert listing is not None
    assert (listing.link, listing.headline, listing.date) == ("$url", "$title", "$datum")


@pytest.mark.parametrize("stated", ["9" * 400, "9" * 5000, "0", "9999999999999", "12345678901"])
def test_numbers_that_are_no_day(stated):
    listing = json_listing(rows(datum=stated))
    assert listing is not None
    assert listing.date is None
