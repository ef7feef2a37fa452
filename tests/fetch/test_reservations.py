"""Rights reservations: found wherever they are declared, recorded, and obeyed as the legal basis demands."""

import json
import time
import zlib
from contextlib import suppress

import pytest

from archive_pipeline.errors import FetchError
from archive_pipeline.fetch.reservations import (
    UNDECLARED,
    Declaration,
    declared_by_answer,
    declared_by_site,
    objection,
    parse_site_rules,
)
from archive_pipeline.model import Capture, Gone, Item, Refused, Source
from archive_pipeline.warc import metadata

URL = "http://amt.example/presse/1"
PLACE = "amt.example/presse/1"
TDMREP = "amt.example/.well-known/tdmrep.json"
POLICY = "https://amt.example/lizenz,1.json"
TEXT = "Die Stadt Düren öffnet das Bürgerbüro."
HTML = f"<html><head><title>Büro</title></head><body><p>{TEXT}</p></body></html>".encode()
ITEM = Item(source_id="amt", key=URL, url=URL)
BLOCKED = (None, "44b")
RECORDED = ("60d", "60f", "consent", "official-work-5")


def page_with(head: str) -> bytes:
    return f"<html><head>{head}</head><body><p>{TEXT}</p></body></html>".encode()


def source(basis: str | None) -> Source:
    return Source(id="amt", legal_basis=basis)


def rules(*found: dict[str, object]) -> bytes:
    return json.dumps(list(found)).encode()


def rule(location: str, reservation: object = 1, **more: object) -> dict[str, object]:
    return {"location": location, "tdm-reservation": reservation, **more}


def stored_text(archive) -> str:
    """Everything in the WARC files, unpacked."""
    archive.store.sync()
    text = ""
    for path in sorted((archive.folder / "data").glob("warc/*/*/*.gz")):
        rest = path.read_bytes()
        while rest:
            member = zlib.decompressobj(31)
            text += member.decompress(rest).decode("utf-8", "replace")
            rest = member.unused_data
    return text


DECLARED = [
    pytest.param({"tdm_reservation": "1"}, HTML, "tdm-reservation=1 [HTTP]", id="field"),
    pytest.param(
        {"tdm_reservation": "1", "tdm_policy": POLICY},
        HTML,
        f"tdm-reservation=1 [HTTP]; tdm-policy={POLICY}",
        id="field with policy",
    ),
    pytest.param({}, page_with('<meta name="tdm-reservation" content="1">'), "tdm-reservation=1 [meta]", id="meta"),
    pytest.param({"x_robots_tag": "noai"}, HTML, "noai [X-Robots-Tag]", id="X-Robots-Tag"),
    pytest.param({}, page_with('<META NAME="Robots" CONTENT="index, NOAI"/>'), "noai [meta]", id="robots"),
    pytest.param(
        {"content_type": "application/pdf"},
        b"%PDF-1.7\n<rdf:Description><tdm:reservation>1</tdm:reservation></rdf:Description>\nD\xc3\xbcren",
        "tdm-reservation=1 [PDF]",
        id="PDF",
    ),
]


class TestDeclaredWithTheAnswer:
    @pytest.mark.parametrize(("fields", "body", "recorded"), DECLARED)
    def test_blocks(self, web, archive, fields, body, recorded):
        web.page(PLACE, body, **{"content_type": "text/html", **fields})
        refused = archive.context(source("44b")).get(URL, item=ITEM)
        assert isinstance(refused, Refused)
        assert refused.reason.startswith(f"Nutzungsvorbehalt für Text und Data Mining ({recorded}); ")
        assert archive.outcomes() == [("/presse/1", "reservation")]
        evidence = archive.stored[-1].capture
        assert (evidence.kind, evidence.status, evidence.body) == ("discovery", 200, b"")
        assert (evidence.complete, evidence.reservation) == (False, recorded)
        assert archive.store.read(evidence.warc_file, evidence.warc_offset) == evidence
        text = stored_text(archive)
        assert "WARC-Truncated: unspecified" in text
        assert "Düren" not in text

    @pytest.mark.parametrize(("fields", "body", "recorded"), DECLARED)
    def test_is_recorded(self, web, archive, fields, body, recorded):
        web.page(PLACE, body, **{"content_type": "text/html", **fields})
        capture = archive.context(source("60d")).get(URL, item=ITEM)
        assert (capture.body, capture.reservation, capture.complete) == (body, recorded, True)
        assert archive.store.read(capture.warc_file, capture.warc_offset) == capture
        assert archive.log[-1].detail == f"vermerkt: {recorded}"

    def test_what_speaks_of_other_things_blocks_nobody(self, web, archive):
        directives = ("noimageai", "noarchive", "noindex", "nocache", "none")
        web.page(PLACE, page_with(f'<meta name="robots" content="{", ".join(directives)}">'), content_type="text/html")
        capture = archive.context().get(URL, item=ITEM)
        assert capture.reservation == "; ".join(f"{directive} [meta]" for directive in directives)

    def test_what_other_robots_are_told_is_not_for_us(self, web, archive):
        web.page(PLACE, HTML, x_robots_tag="otherbot: noai, noindex, archive_pipeline: noarchive")
        assert archive.context().get(URL, item=ITEM).reservation == "noarchive [X-Robots-Tag]"

    def test_discovery_is_bound_as_well(self, web, archive):
        web.page("amt.example/feed", HTML, tdm_reservation="1")
        assert isinstance(archive.context().get("http://amt.example/feed"), Refused)

    @pytest.mark.parametrize("status", [404, 403, 500, 301])
    def test_no_page_of_another_status_is_kept_either(self, web, archive, status):
        web.page(PLACE, HTML, status=status, tdm_reservation="1", location="/presse/2")
        web.page("amt.example/presse/2", HTML, tdm_reservation="1")
        try:
            result = archive.context().get(URL, item=ITEM)
        except Exception as error:  # noqa: BLE001 - how it ends is not the question here
            result = error
        assert not isinstance(result, Capture)
        assert "Düren" not in stored_text(archive)

    def test_nor_one_that_breaks_off(self, web, archive):
        def answer(handler):
            handler.send_response(200)
            handler.send_header("Content-Type", "text/html")
            handler.send_header("Content-Length", "9999")
            handler.end_headers()
            handler.wfile.write(page_with('<meta name="tdm-reservation" content="1">'))
            handler.close_connection = True

        web.pages[PLACE] = answer
        with pytest.raises(Exception, match="bricht die Übertragung ab"):
            archive.context().get(URL)
        assert "Düren" not in stored_text(archive)

    def test_one_that_came_with_a_304(self, web, archive):
        web.in_turn(PLACE, web.answer(HTML, etag='"1"'), web.answer(b"", 304, etag='"1"', tdm_reservation="1"))
        context = archive.context()
        assert isinstance(context.get(URL, item=ITEM), Capture)
        assert isinstance(context.get(URL, item=ITEM), Refused)
        assert archive.outcomes()[-1] == ("/presse/1", "reservation")

    def test_one_recorded_before_counts_when_the_legal_basis_has_changed(self, web, archive):
        web.honest(PLACE, page_with('<meta name="robots" content="noai">'), '"1"', content_type="text/html")
        assert isinstance(archive.context(source("60d")).get(URL, item=ITEM), Capture)
        assert isinstance(archive.context(source("44b")).get(URL, item=ITEM), Refused)

    def test_an_unmodified_answer_records_what_was_reserved(self, web, archive):
        web.honest(PLACE, HTML, '"1"', x_robots_tag="noindex")
        context = archive.context()
        context.get(URL, item=ITEM)
        context.get(URL, item=ITEM)
        assert archive.stored[-1].capture.status == 304
        assert archive.stored[-1].capture.reservation == "noindex [X-Robots-Tag]"


class TestDeclaredByTheSite:
    @pytest.mark.parametrize("basis", BLOCKED)
    def test_blocks_before_anything_is_asked(self, web, archive, basis):
        web.page(TDMREP, rules(rule("/presse/", **{"tdm-policy": POLICY})))
        web.page(PLACE, HTML)
        web.page("amt.example/amt/1", HTML)
        context = archive.context(source(basis))
        refused = context.get(URL, item=ITEM)
        assert f"(tdm-reservation=1 [tdmrep.json]; tdm-policy={POLICY})" in refused.reason
        assert web.paths() == []
        assert isinstance(context.get("http://amt.example/amt/1"), Capture)

    @pytest.mark.parametrize("basis", RECORDED)
    def test_is_recorded(self, web, archive, basis):
        web.page(TDMREP, rules(rule("/")))
        web.page(PLACE, HTML)
        capture = archive.context(source(basis)).get(URL, item=ITEM)
        assert capture.reservation == "tdm-reservation=1 [tdmrep.json]"

    def test_the_file_itself_is_kept_as_evidence(self, web, archive):
        web.page(TDMREP, rules(rule("/")), tdm_reservation="1")
        archive.context().get(URL)
        evidence = archive.stored[-1].capture
        assert (evidence.target, evidence.kind) == (f"http://{TDMREP}", "discovery")
        assert evidence.body == rules(rule("/"))

    def test_asked_once_a_day(self, web, archive):
        web.page(TDMREP, rules(rule("/")))
        for _ in range(2):
            assert isinstance(archive.context().get(URL), Refused)
        archive.next_run()
        archive.moment -= archive.moment - archive.stored[-1].capture.captured_at
        assert isinstance(archive.context(Source(id="zweite")).get(URL), Refused)
        assert [request.path for request in web.requests].count("/.well-known/tdmrep.json") == 1
        archive.next_run()
        web.page(TDMREP, rules(rule("/", 0)))
        web.page(PLACE, HTML)
        assert isinstance(archive.context().get(URL), Capture)

    def test_a_site_that_answers_everything_with_a_page_reserves_nothing(self, web, archive):
        web.page(TDMREP, HTML, content_type="text/html")
        web.page(PLACE, HTML)
        assert isinstance(archive.context().get(URL), Capture)

    @pytest.mark.parametrize("status", [403, 404, 500, 503])
    def test_who_does_not_serve_it_takes_no_part(self, web, archive, status):
        web.page(TDMREP, rules(rule("/")), status=status)
        web.page(PLACE, HTML)
        assert isinstance(archive.context().get(URL), Capture)
        assert [request.path for request in web.requests].count("/.well-known/tdmrep.json") == 1

    def test_robots_that_forbid_to_look_are_obeyed(self, web, archive):
        web.page("amt.example/robots.txt", b"User-agent: *\nDisallow: /.well-known/\n")
        web.page(TDMREP, rules(rule("/")))
        web.page(PLACE, HTML)
        assert isinstance(archive.context().get(URL), Capture)
        assert [request.path for request in web.requests] == ["/robots.txt", "/presse/1"]
        assert ("http://amt.example/.well-known/tdmrep.json", "robots") in [(r.url, r.outcome) for r in archive.log]

    def test_a_file_that_was_moved_is_read_where_robots_permit_it(self, web, archive):
        for host in ("zwei.example", "drei.example"):
            web.page(f"{host}/tdm", rules(rule("/")))
        web.page("drei.example/robots.txt", b"User-agent: *\nDisallow: /tdm\n")
        for host, target in (("amt.example", "zwei.example"), ("kreis.example", "drei.example")):
            web.page(f"{host}/.well-known/tdmrep.json", status=301, location=f"http://{target}/tdm")
            web.page(f"{host}/", HTML)
        context = archive.context()
        assert isinstance(context.get("http://amt.example/"), Refused)
        assert isinstance(context.get("http://kreis.example/"), Capture)
        assert ("drei.example", "/tdm") not in [(request.host, request.path) for request in web.requests]

    def test_each_host_of_a_redirect_speaks_for_itself(self, web, archive):
        web.page("zwei.example/.well-known/tdmrep.json", rules(rule("/")))
        web.page(PLACE, status=302, location="http://zwei.example/x")
        web.page("zwei.example/x", HTML)
        assert isinstance(archive.context().get(URL), Refused)
        assert web.paths() == ["/presse/1"]

    @pytest.mark.parametrize(
        ("fields", "head", "reserved"),
        [
            ({"tdm_reservation": "0"}, "", False),
            ({"tdm_reservation": "0"}, '<meta name="tdm-reservation" content="1">', True),
            ({"tdm_reservation": "1"}, '<meta name="tdm-reservation" content="0">', False),
            ({}, '<meta name="tdm-reservation" content="vielleicht">', False),
        ],
    )
    def test_the_resource_supersedes_the_field_and_the_field_the_site(self, web, archive, fields, head, reserved):
        web.page(PLACE, page_with(head), content_type="text/html", **fields)
        assert isinstance(archive.context().get(URL, item=ITEM), Refused if reserved else Capture)

    def test_a_site_that_permits_everything_can_reserve_one_page(self, web, archive):
        web.page(TDMREP, rules(rule("/", 0)))
        web.page(PLACE, HTML, tdm_reservation="1")
        assert isinstance(archive.context().get(URL, item=ITEM), Refused)

    def test_a_page_can_be_freed_from_what_the_site_reserves(self, web, archive):
        web.page(TDMREP, rules(rule("/")))
        web.page(PLACE, HTML, tdm_reservation="0")
        assert archive.context(source("60d")).get(URL, item=ITEM).reservation is None


class TestMessages:
    def test_a_source_without_legal_basis_learns_the_remedy(self, web, archive):
        web.page(PLACE, HTML, tdm_reservation="1")
        reason = archive.context().get(URL).reason
        assert "der Quelle fehlt legal_basis, deshalb gilt § 44b UrhG" in reason
        for basis in RECORDED:
            assert f'"{basis}"' in reason

    def test_44b_learns_of_consent(self):
        reason = objection(Declaration(reserved=True, place="HTTP"), "44b")
        assert reason is not None
        assert 'legal_basis = "consent"' in reason

    @pytest.mark.parametrize("basis", [*BLOCKED, *RECORDED])
    def test_nothing_reserved_nothing_blocked(self, basis):
        assert objection(UNDECLARED, basis) is None
        assert objection(Declaration(reserved=False, place="HTTP"), basis) is None

    def test_gone_stays_gone(self, web, archive):
        web.page(PLACE, HTML, status=410, tdm_reservation="1")
        assert isinstance(archive.context().get(URL, item=ITEM), Gone)


class TestSiteRules:
    @pytest.mark.parametrize(
        ("location", "path", "matches"),
        [
            ("/", "/presse/1", True),
            ("/presse/", "/presse/1", True),
            ("/presse/", "/Presse/1", False),
            ("/presse/1$", "/presse/1", True),
            ("/presse/1$", "/presse/12", False),
            ("/*.pdf$", "/a/b.pdf", True),
            ("/*.pdf$", "/a/b.pdf?x=1", False),
            ("/*.pdf", "/a/b.pdf?x=1", True),
            ("/a/*/c", "/a/b/c/d", True),
            ("/a/*/c", "/a/c", False),
            ("/*a*a$", "/a", False),
            ("*", "/presse/1", True),
            ("/?id=", "/?id=7", True),
            ("/d%C3%BCren", "/düren", True),
            ("/düren", "/d%c3%bcren", True),
            ("/%7Eamt", "/~amt", True),
            ("/foo-%24", "/foo-%24", True),
            ("https://amt.example/presse/", "/presse/1", True),
            ("", "/presse/1", False),
        ],
    )
    def test_locations(self, location, path, matches):
        declared = declared_by_site(parse_site_rules(rules(rule(location))), f"http://amt.example{path}")
        assert declared.reserves_mining is matches

    def test_the_first_match_counts(self):
        found = parse_site_rules(rules(rule("/presse/frei/", 0), rule("/presse/"), rule("/", 0)))
        paths = ("/presse/frei/1", "/presse/1", "/amt")
        assert [declared_by_site(found, f"http://a.example{path}").reserved for path in paths] == [False, True, False]

    @pytest.mark.parametrize("value", [1, "1", True, " 1 "])
    def test_spellings_of_one(self, value):
        assert parse_site_rules(rules(rule("/", value)))[0].reserved

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>",
            b"null",
            b"7",
            b'"x"',
            b"[1, null, []]",
            b'[{"location": 1, "tdm-reservation": 1}]',
            b'[{"location": "/"}]',
            b'[{"tdm-reservation": 1}]',
            b'[{"location": "/", "tdm-reservation": 2}]',
            b"\xff\xfe\x00",
            b"[" * 200_000,
            b'[{"location": "/", "tdm-reservation": 1',
        ],
    )
    def test_what_breaks_the_protocol_says_nothing(self, body):
        assert parse_site_rules(body) == ()

    def test_one_rule_without_brackets_is_read(self):
        assert parse_site_rules(json.dumps(rule("/")).encode())[0].reserved

    def test_hostile_patterns_end_in_time(self):
        found = parse_site_rules(rules(rule("/" + "*a" * 5000 + "b$")))
        begin = time.process_time()
        assert declared_by_site(found, "http://a.example/" + "a" * 8000) == UNDECLARED
        assert time.process_time() - begin < 0.5


class TestPages:
    @staticmethod
    def declared(body: bytes, media_type: str | None = "text/html") -> Declaration:
        return declared_by_answer(UNDECLARED, (), body, media_type=media_type, product="archive_pipeline")

    @pytest.mark.parametrize(
        "body",
        [
            page_with("<META NAME=TDM-Reservation CONTENT='1'>"),
            page_with('<meta content="1" name="tdm-reservation" />'),
            b'<meta name="tdm-reservation" content="1">kein Kopf',
            page_with('<!-- x --><meta name="tdm-reservation" content="1"> \0'),
            page_with('<!--[if !IE]><!--><meta name="tdm-reservation" content="1"><!--<![endif]-->'),
            page_with('<script>a = "<!--"</script><meta name="tdm-reservation" content="1">'),
            page_with('<STYLE>p {}</Style ><meta name="tdm-reservation" content="1">'),
            b"\0\0" + page_with('<meta name="tdm-reservation" content="1">'),
            page_with('<meta name="tdm-reservation" content="1">').decode().encode("utf-16"),
            page_with('<title>D\xfcren</title><meta name="tdm-reservation" content="1">').decode().encode("latin-1"),
            b"<div>" * 100 + page_with('<meta name="tdm-reservation" content="1">'),
        ],
    )
    def test_found(self, body):
        assert self.declared(body).reserved is True

    @pytest.mark.parametrize(
        ("body", "media_type"),
        [
            (page_with('<!-- <meta name="tdm-reservation" content="1"> -->'), "text/html"),
            (page_with('<meta name="description" content="tdm-reservation 1">'), "text/html"),
            (page_with('<script>"<meta name=\\"tdm-reservation\\" content=\\"1\\">"</script>'), "text/html"),
            (page_with('<meta name="tdm-reservation" content="1">'), "text/plain"),
            (b"", "text/html"),
            (b"tdm-", "text/html"),
        ],
    )
    def test_not_there(self, body, media_type):
        assert self.declared(body, media_type) == UNDECLARED

    @pytest.mark.parametrize(
        "hostile",
        [
            b"<meta " + b" ".join(b"a%d" % n for n in range(500_000)) + b">",
            b"<meta " * 500_000,
            b"<!--" * 500_000,
            b"<script>" * 500_000,
            b"<a>" * 500_000,
            b"<meta name=x>" * 100_000,
        ],
    )
    def test_hostile_pages_end_in_time(self, hostile):
        begin = time.process_time()
        assert self.declared(page_with('<meta name="robots" content="noai">') + hostile).text == "noai [meta]"
        assert time.process_time() - begin < 3

    def test_without_a_type_a_page_is_a_page(self):
        assert self.declared(page_with('<meta name="tdm-reservation" content="1">'), None).reserved is True

    def test_an_xmp_attribute_of_a_pdf(self):
        body = b'%PDF-1.7 <rdf:Description tdm:reservation="1" tdm:policy="https://amt.example/p"/>'
        assert self.declared(body, None).text == "tdm-reservation=1 [PDF]; tdm-policy=https://amt.example/p"

    def test_directives_with_values_and_of_our_own_name(self):
        body = page_with(
            '<meta name="robots" content="max-snippet:-1, unavailable_after: 2027-01-01, noindex">'
            '<meta name="archive_pipeline" content="noai"><meta name="googlebot" content="noarchive">'
        )
        assert self.declared(body).text == "noindex [meta]; noai [meta]"

    @pytest.mark.parametrize("policy", ["x" * 3000, "a\x1b[31mb", ""])
    def test_a_policy_that_is_no_address_is_left_out(self, policy):
        headers = (("TDM-Reservation", "1"), ("tdm-policy", policy))
        declared = declared_by_answer(UNDECLARED, headers, b"", media_type=None, product="archive_pipeline")
        assert declared.text == "tdm-reservation=1 [HTTP]"

    def test_contradicting_fields_reserve(self):
        headers = (("tdm-reservation", "0"), ("tdm-reservation", "1"))
        declared = declared_by_answer(UNDECLARED, headers, b"", media_type=None, product="archive_pipeline")
        assert declared.reserved is True


@pytest.mark.parametrize(("fields", "complete"), [({}, True), ({"content_length": "9000000"}, False)])
def test_records_of_before_there_were_such_fields_still_read(web, archive, monkeypatch, fields, complete):
    before = tuple(name for name in metadata.PLAIN_FIELDS if name not in ("reservation", "complete"))
    monkeypatch.setattr(metadata, "PLAIN_FIELDS", before)
    web.page(PLACE, HTML, **fields)
    with suppress(FetchError):
        archive.context().get(URL)
    assert '"complete"' not in stored_text(archive)
    capture = archive.stored[-1].capture
    read = archive.store.read(capture.warc_file, capture.warc_offset)
    assert (read.target, read.reservation, read.complete) == (URL, None, complete)
