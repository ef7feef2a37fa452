"""Marked text: nothing of it is lost or doubled, whatever overlaps."""

from hypothesis import given, settings
from hypothesis import strategies as st

from archive_pipeline.archive.word_diff import word_diff
from archive_pipeline.web.marking import Mark, compared, marked_paragraphs, marked_pieces
from archive_pipeline.web.timeline import make_timeline

TEXT = "Der Kreis Lippe lädt ein.\n\n„Kommen Sie“, sagt er.\n\n\n\nEnde"

MARKS = st.lists(
    st.builds(
        lambda start, length, kind, name: Mark(
            start=start, end=start + length, kind=kind, name=name, anchor=f"{name}-{start}-{length}"
        ),
        st.integers(0, len(TEXT)),
        st.integers(0, 30),
        st.sampled_from(["hit", "evidence", "quote", "person"]),
        st.sampled_from(["t1", "t2"]),
    ),
    max_size=8,
)


@given(MARKS)
@settings(max_examples=200, deadline=None)
def test_pieces_are_the_text(marks: list[Mark]) -> None:
    assert "".join(piece.text for piece in marked_pieces(TEXT, marks)) == TEXT
    paragraphs = marked_paragraphs(TEXT, marks)
    shown = ["".join(piece.text for piece in paragraph.pieces) for paragraph in paragraphs]
    assert shown == ["Der Kreis Lippe lädt ein.", "„Kommen Sie“, sagt er.", "Ende"]
    anchors = [anchor for paragraph in paragraphs for piece in paragraph.pieces for anchor in piece.anchors]
    assert len(anchors) == len(set(anchors))


def test_overlapping_marks_share_their_piece() -> None:
    marks = [
        Mark(start=4, end=15, kind="evidence", name="t1", anchor="a"),
        Mark(start=10, end=15, kind="hit"),
        Mark(start=10, end=15, kind="evidence", name="t2", anchor="b"),
    ]
    found = {piece.text: piece for piece in marked_pieces(TEXT, marks)}
    assert found["Kreis "].evidence == ("t1",)
    assert found["Lippe"].evidence == ("t1", "t2")
    assert found["Lippe"].is_hit
    assert (found["Kreis "].anchors, found["Lippe"].anchors) == (("a",), ("b",))


def test_pages_are_numbered_where_they_begin() -> None:
    paragraphs = marked_paragraphs("eins\n\nzwei\n\ndrei", [], (0, 12))
    assert [paragraph.page for paragraph in paragraphs] == [1, None, 2]


def test_compared_texts_hold_both() -> None:
    before, after = "Es kostet drei Euro am Tag.", "Es kostet vier Euro."
    pieces = compared(after, word_diff(before, after))
    assert "".join(text for kind, text in pieces if kind != "gone") == after
    assert ("gone", "drei") in pieces
    assert ("new", "vier") in pieces


def test_timeline_has_no_gaps_and_changes_its_unit() -> None:
    months = make_timeline({"2023": 3, "2024": 1}, {"2023-11": 3, "2024-02": 1})
    assert months is not None
    assert [(bar.period, bar.count) for bar in months.bars] == [
        ("2023-11", 3),
        ("2023-12", 0),
        ("2024-01", 0),
        ("2024-02", 1),
    ]
    years = make_timeline({"1890": 2, "2010": 1, "2024": 1}, {"1890-01": 2, "2010-01": 1, "2024-02": 1})
    assert years is not None
    assert (years.unit, len(years.bars), years.left_out) == ("year", 60, 2)
    assert max(bar.height for bar in years.bars) == years.height
    assert make_timeline({}, {}) is None
