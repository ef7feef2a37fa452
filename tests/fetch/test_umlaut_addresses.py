"""Addresses with umlauts are asked for as they were written: no server here answers to another spelling."""

import pytest

from archive_pipeline.model import Capture, Gone, Item, Refused

HTML = b"<p>Die Stadt informiert.</p>"

COMPOSED, DECOMPOSED = "d\xfcren", "du\u0308ren"

SPELLINGS = [
    pytest.param(COMPOSED, "/d%C3%BCren", id="composed"),
    pytest.param(DECOMPOSED, "/du%CC%88ren", id="decomposed"),
    pytest.param("d%C3%BCren", "/d%C3%BCren", id="UTF-8"),
    pytest.param("d%c3%bcren", "/d%c3%bcren", id="small digits"),
    pytest.param("d%FCren", "/d%FCren", id="Latin-1"),
    pytest.param("du%CC%88ren", "/du%CC%88ren", id="decomposed UTF-8"),
    pytest.param("d%C3%BCren/%FC", "/d%C3%BCren/%FC", id="both"),
    pytest.param("stra\xdfe/%FC?ort=D%FCren&amt=B\xfcro", "/stra%C3%9Fe/%FC?ort=D%FCren&amt=B%C3%BCro", id="query"),
    pytest.param("a b%20c%2Fd", "/a%20b%20c%2Fd", id="spaces"),
]


@pytest.mark.parametrize(("written", "sent"), SPELLINGS)
def test_an_address_is_asked_for_as_written(web, archive, written, sent):
    url = f"http://amt.example/{written}"
    web.page(f"amt.example{sent}", HTML)
    capture = archive.context().get(url, item=Item(source_id="amt", key=url, url=url))
    assert isinstance(capture, Capture)
    assert web.paths() == [sent]
    assert (capture.url, capture.target) == (url, f"http://amt.example{sent}")


def test_spellings_are_not_taken_for_each_other(web, archive):
    web.page("amt.example/d%FCren", HTML)
    context = archive.context()
    results = [context.get(f"http://amt.example/{spelling}") for spelling in ("d%FCren", "d%C3%BCren", DECOMPOSED)]
    assert [type(result) for result in results] == [Capture, Gone, Gone]


@pytest.mark.parametrize(
    ("location", "sent"),
    [
        (b"/stra\xc3\x9fe", "/stra%C3%9Fe"),
        (b"/du\xcc\x88ren", "/du%CC%88ren"),
        (b"/d\xfcren", "/d%FCren"),
        (b"/d\xfcren?a=%C3%BC", "/d%FCren?a=%C3%BC"),
        (b"/d%C3%BCren", "/d%C3%BCren"),
        (b"http://amt.example/d%fcren#teil", "/d%fcren"),
    ],
)
def test_a_location_is_followed_byte_for_byte(web, archive, location, sent):
    def redirect(handler):
        handler.wfile.write(b"HTTP/1.1 302 F\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n")

    web.pages["amt.example/a"] = redirect
    web.page(f"amt.example{sent}", HTML)
    assert archive.context().get("http://amt.example/a").target == f"http://amt.example{sent}"
    assert web.paths() == ["/a", sent]


@pytest.mark.parametrize("host", ["d\xfcren.example", "D\xdcREN.example", "xn--dren-0ra.example"])
def test_names_of_hosts(web, archive, host):
    web.page("xn--dren-0ra.example/", HTML)
    assert isinstance(archive.context().get(f"http://{host}/"), Capture)
    assert web.requests[-1].host == "xn--dren-0ra.example"


def test_a_name_with_sharp_s_is_not_one_with_ss(web, archive):
    web.page("xn--strae-oqa.example/", HTML)
    assert isinstance(archive.context().get("http://stra\xdfe.example/"), Capture)


def test_a_host_in_a_raw_location(web, archive):
    def redirect(handler):
        handler.wfile.write(b"HTTP/1.1 302 F\r\nLocation: http://d\xc3\xbcren.example/\r\nContent-Length: 0\r\n\r\n")

    web.pages["amt.example/a"] = redirect
    web.page("xn--dren-0ra.example/", HTML)
    assert isinstance(archive.context().get("http://amt.example/a"), Capture)


def test_rules_for_umlauts_count_in_every_spelling(web, archive):
    web.page("amt.example/robots.txt", "User-agent: *\nDisallow: /b\xfcro/\n".encode())
    for written in ("b\xfcro/1", "b%C3%BCro/1", "b%c3%bcro/1"):
        assert isinstance(archive.context().get(f"http://amt.example/{written}"), Refused)
    assert web.paths() == []
