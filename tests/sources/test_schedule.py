"""What may stand in `schedule`."""

import pytest

from archive_pipeline.sources.schedule import is_schedule


@pytest.mark.parametrize(
    "text",
    ["30m", "6h", "1d", "0 6 * * *", "*/15 * * * *", "0 6,18 1-15 jan-mar mon-fri", "5 4 * * 7", "0 0-12/3 * * SUN"],
)
def test_intervals_and_cron_lines_are_accepted(text: str) -> None:
    assert is_schedule(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0h",
        "6",
        "6 h",
        "-1d",
        "1w",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "5-1 * * * *",
        "a * * * *",
        "1, * * * *",
        "mon * * * *",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    assert not is_schedule(text)
