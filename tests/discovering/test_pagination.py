"""How lists go on: links and parameters that lead to the next page, and what must not be taken for one."""

import pytest

from archive_pipeline.discovering.pagination import Pagination, find_pagination
from archive_pipeline.discovering.webpage import WebPage
from archive_pipeline.testing import captured

URL = "https://www.kreis.example/presse/"

NUMBERS = "".join(f"<a href='?page={n - 1}'>{n}</a> " for n in range(2, 6))
OFFSETS = "".join(f"<a href='/presse/?start={(n - 1) * 10}'>{n}</a> " for n in range(2, 6))
SIGNED = "".join(f"<a href='?tx[page]={n}&amp;cHash=ab{n}'>{n}</a> " for n in range(2, 6))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<a rel='next' href='/presse/2'>weiter</a>", Pagination(next="a[rel=next]")),
        ("<ul><li class='next'><a href='/presse/2'>»</a></li></ul>", Pagination(next="li.next a")),
        ("<a class='page-next' href='/presse/2'>»</a><a class='x' href='/a'>A</a>", Pagination(next="a.page-next")),
        (
            "<div class='pager'><a href='/presse/2'>nächste Seite</a></div>",
            Pagination(next="//a[normalize-space()='nächste Seite']"),
        ),
        ("<p><a href='?seite=2'>2</a> <a href='?seite=2'>›</a></p>", Pagination(next="//a[normalize-space()='›']")),
        (NUMBERS, Pagination(page_parameter="page", start=0, step=1)),
        (OFFSETS, Pagination(page_parameter="start", start=0, step=10)),
        (SIGNED, None),
        ("<a href='/presse/meldung-1'>weiter</a><a href='/presse/meldung-2'>weiter</a>", None),
        ("<a href='/kontakt'>weiter</a>", None),
        ("<p>2</p>", None),
    ],
)
def test_the_way_to_the_next_page(body: str, expected: Pagination | None) -> None:
    page = WebPage.of(captured(f"<html><body>{body}</body></html>".encode(), url=URL))
    assert page is not None
    assert find_pagination(page) == expected


def test_a_link_in_the_head() -> None:
    head = "<html><head><link rel='next' href='/presse/2'></head><body><p>x</p></body></html>"
    page = WebPage.of(captured(head.encode(), url=URL))
    assert page is not None
    assert find_pagination(page) == Pagination(next="link[rel=next]")
