"""The pure half of the plugin oparl: addresses and answers, those of the specification and those of servers in use."""

import re
from pathlib import Path

import pytest
from archive_pipeline_plugins.oparl import OParlFetcher, parse

from archive_pipeline import FetchError

FIXTURES = Path(__file__).resolve().parents[2] / "plugins" / "oparl" / "fixtures"
HOST = "https://oparl.musterstadt.example"
SITE = parse.Site(address=f"{HOST}/system")


def page(name: str) -> parse.Page:
    url = f"{HOST}/body/1/paper"
    return parse.read_page(parse.read_json((FIXTURES / name).read_bytes(), url), url, SITE)


def record(**fields: object) -> parse.Record:
    read = parse.read_record({"id": f"{HOST}/paper/1", **fields}, SITE)
    assert read is not None
    return read


def test_a_page_of_papers() -> None:
    """Section "Paginierung": `data`, `pagination`, and `links.next` on every page but the last."""
    first, last = page("papers-1.json"), page("papers-2.json")
    assert (len(first.objects), first.following) == (2, f"{HOST}/body/1/paper?page=2")
    assert (len(last.objects), last.following) == (2, None)


def test_a_paper() -> None:
    read = parse.read_record(page("papers-1.json").objects[0], SITE)
    assert read is not None
    assert (read.id, read.title) == (f"{HOST}/paper/31", "Antrag: Trinkwasserbrunnen auf dem Marktplatz")
    assert (read.published, read.type) == ("2026-11-12", "Antrag")
    assert read.state == "2026-11-13T16:20:31+01:00 2026-11-12T09:14:02+01:00"
    assert read.documents == (
        parse.Document(
            url=f"{HOST}/file/311/antrag-trinkwasserbrunnen.pdf",
            key=f"{HOST}/file/311",
            title="Antrag",
            media_type="application/pdf",
        ),
        parse.Document(
            url=f"{HOST}/file/312/lageplan.pdf",
            key=f"{HOST}/file/312",
            title="Lageplan",
            media_type="application/pdf",
        ),
    )


def test_a_meeting_stands_for_its_record_then_its_invitation() -> None:
    (one,) = page("meetings.json").objects
    read = parse.read_record(one, SITE)
    assert read is not None
    assert (read.title, read.published) == ("14. Sitzung des Rates", "2026-11-19")
    assert [document.title for document in read.documents] == ["Niederschrift", "Einladung"]


def test_a_file_is_its_own_document() -> None:
    read = record(fileName="plan.pdf", accessUrl="/files/1.pdf", date="2026-11-01")
    assert (read.title, read.published, read.documents[0].url) == ("plan.pdf", "2026-11-01", f"{HOST}/files/1.pdf")


def test_of_a_deleted_object_nothing_is_left() -> None:
    """Section "Gelöschte Objekte"; SD.NET RIM leaves the type out, others write the value as text."""
    assert page("papers-changed.json").objects[1]["deleted"] is True
    for value in (True, "true", "True"):
        assert record(deleted=value, name="Rest", mainFile={"accessUrl": "/1.pdf"}).documents == ()
    assert record(mainFile={"accessUrl": "/1.pdf", "deleted": True}, auxiliaryFile=[]).documents == ()


@pytest.mark.parametrize(
    ("written", "found", "link", "meant"),
    [
        ("https://a.example/oparl/system", "https://a.example/oparl/system", "/oparl/paper/1", "/oparl/paper/1"),
        ("https://a.example/oparl/system", "https://a.example/ris/oparl/system", None, "/ris/oparl/paper/1"),
        ("http://a.example/oparl/system", "https://a.example/oparl/system", None, "/oparl/paper/1"),
        ("http://intern/oparl/system", "https://a.example/oparl/system", "http://intern/oparl/paper/1", None),
        ("https://a.example/ris/oparl/system", "https://a.example/oparl/system", None, "/ris/oparl/paper/1"),
        ("kein", "https://a.example/oparl/system", "paper/1", "/oparl/paper/1"),
    ],
)
def test_addresses_are_those_the_server_answers_at(
    written: str, found: str, link: str | None, meant: str | None
) -> None:
    site = parse.Site.of(found, {"id": written})
    asked = link or written.replace("system", "paper/1")
    assert site.url(asked) == f"https://a.example{meant or '/oparl/paper/1'}"


def test_other_hosts_stay_as_they_are() -> None:
    site = parse.Site.of("https://a.example/ris/oparl/system", {"id": "http://a.example/oparl/system"})
    assert site.url("http://files.example/1.pdf") == "http://files.example/1.pdf"
    for link in ("", None, 7, True, "N/A", "mailto:rat@a.example", "javascript:x()", "http://[", ["x"]):
        assert parse.Site(address="https://a.example/").url(link) is None


def test_the_query_of_a_link_stays_as_it_is_written() -> None:
    assert SITE.url("/papers.asp?a=1&copy=2&amp;x") == f"{HOST}/papers.asp?a=1&copy=2&amp;x"
    assert parse.with_parameters("https://a.example/p?b=%7Ex&page=2&", page="3") == "https://a.example/p?b=%7Ex&page=3"


@pytest.mark.parametrize(
    ("answer", "count", "following"),
    [
        ([], 0, None),
        ([{"id": "1"}, "x", None], 1, None),
        ({"id": f"{HOST}/paper/1"}, 1, None),
        ({"data": None}, 0, None),
        ({"data": [{"id": "1"}], "links": None}, 1, None),
        ({"data": [{"id": "1"}], "links": []}, 1, None),
        ({"data": [{"id": "1"}], "links": {"next": "?page=2"}}, 1, f"{HOST}/?page=2"),
        ({"data": [{"id": "1"}], "pagination": {"currentPage": "1", "totalPages": 3}}, 1, f"{HOST}/list?page=2"),
        ({"data": [{"id": "1"}], "pagination": {"currentPage": 3, "totalPages": 3}}, 1, None),
        ({"data": [{"id": "1"}], "pagination": {"currentPage": "eins"}}, 1, None),
    ],
)
def test_what_servers_send_for_a_page(answer: object, count: int, following: str | None) -> None:
    read = parse.read_page(answer, f"{HOST}/list", parse.Site(address=f"{HOST}/"))
    assert (len(read.objects), read.following) == (count, following)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<!doctype html><title>Wartung</title>", "HTML, nicht die einer OParl-Schnittstelle"),
        (b"", "kein JSON"),
        (b"[" * 100_000, "kein JSON"),
        (b'{"type": "https://schema.oparl.org/1.1/Error", "message": "K\xc3\xb6rper fehlt"}', "meldet: Körper fehlt"),
    ],
)
def test_an_answer_that_is_none(body: bytes, reason: str) -> None:
    with pytest.raises(parse.NoOParlError, match=reason):
        parse.read_json(body, HOST)
    assert issubclass(parse.NoOParlError, FetchError)


@pytest.mark.parametrize("answer", [{}, 3, "x", {"error": "802"}])
def test_json_that_is_no_list(answer: object) -> None:
    with pytest.raises(parse.NoOParlError, match="data fehlt"):
        parse.read_page(answer, HOST, SITE)


def test_strings_as_servers_write_them() -> None:
    answer = parse.read_json(b'\xef\xbb\xbf{"id": "x", "name": "A\t&amp; B\r\n\\ud800", "reference": "N/A"}', HOST)
    read = parse.read_record(answer, SITE)
    assert read is not None
    assert (read.title, read.id) == ("A & B ?", f"{HOST}/x")
    assert parse.read_json("Grün".encode("cp1252").join([b'"', b'"']), HOST) == "Grün"
    assert record(name="N/A", reference="7/2026").title == "7/2026"


@pytest.mark.parametrize(
    ("date", "published"),
    [
        ("2014-04-04", "2014-04-04"),
        ("2014-04-03T23:30:00+00:00", "2014-04-04"),
        ("2014-04-04T00:00:00", "2014-04-04"),
        ("2014-04-04 08:00:00", "2014-04-04"),
        ("04.04.2014", "2014-04-04"),
        ("04.04.2014 10:00", "2014-04-04"),
        ("31.02.2014", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("1900-01-01", None),
        ("demnächst", None),
        (20140404, "2014-04-04"),
        (None, None),
    ],
)
def test_days(date: object, published: str | None) -> None:
    assert record(date=date).published == published


def test_one_file_where_a_list_is_due_and_the_main_file_twice() -> None:
    main = {"id": "1", "accessUrl": "/1.pdf", "mimeType": "application/octetstream; charset=UTF-8"}
    read = record(mainFile=main, auxiliaryFile=main)
    assert [(document.url, document.media_type) for document in read.documents] == [(f"{HOST}/1.pdf", None)]
    assert (
        record(mainFile="https://a.example/file/1", auxiliaryFile={"downloadUrl": "/2.pdf"})
        .documents[0]
        .url.endswith("/2.pdf")
    )


def test_the_newest_of_several_systems() -> None:
    """Section "OParl Endpunkt": a list of systems, one for each version."""
    systems = [{"body": "/1", "oparlVersion": "https://schema.oparl.org/1.0/"}, {"body": "/2"}]
    assert parse.system([*systems, {"body": "/3", "oparlVersion": "https://schema.oparl.org/1.1/"}]) == {
        "body": "/3",
        "oparlVersion": "https://schema.oparl.org/1.1/",
    }
    assert parse.system({"data": [], "body": 1}) is None
    assert parse.system([]) is None


@pytest.mark.parametrize(
    ("url", "claim"),
    [
        ("https://ris.musterstadt.example/oparl/system", 95),
        ("https://musterstadt.example/public/oparl/v1.1/bodies", 95),
        ("https://ris.musterstadt.example/webservice/oparl/v1.1/system", 95),
        ("http://musterstadt.example/bi/oparl/1.0/system.asp", 95),
        ("https://musterstadt.example/Oparl", 95),
        ("https://oparl.musterstadt.example/", 95),
        ("https://oparl.org/presse", None),
        ("https://musterstadt.example/oparlament/", None),
        ("https://musterstadt.example/presse", None),
    ],
)
def test_claims(url: str, claim: int | None) -> None:
    assert OParlFetcher().claims(url) == claim


def test_fixtures_hold_no_real_site() -> None:
    for path in FIXTURES.iterdir():
        hosts = set(re.findall(r"://([\w.-]+)", path.read_text(encoding="utf-8")))
        assert all(host.endswith(".example") or host == "schema.oparl.org" for host in hosts), path.name
