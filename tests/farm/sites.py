"""The sites of the farm: what each one is, how it behaves, the source that reads it, and how a run must report it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.farm.site_farm import (
    Answer,
    Farm,
    Handler,
    Host,
    atom,
    json_feed,
    listing,
    packed,
    rss,
    sitemap_index,
    urlset,
)

INTERVAL = 0.05
"""Seconds between two requests to one domain that the archive of the tests asks for."""


@dataclass
class Site:
    """A host and its source. `pages` are the releases that must be archived; `failed`, `refused`, `gone` and
    `quarantined` the counts a first run must report, `reasons` words that its failures must say. `unchanging` sites
    answer a second run with 304."""

    host: Host
    settings: str
    pages: list[str] = field(default_factory=list)
    failed: int = 0
    refused: int = 0
    reasons: tuple[str, ...] = ()
    unchanging: bool = True
    interval: float = INTERVAL

    @property
    def id(self) -> str:
        return self.host.name.removesuffix(".example").replace(".", "-").replace("--", "-")

    @property
    def table(self) -> str:
        return f'\n[[source]]\nid = "{self.id}"\nlegal_basis = "60d"\nschedule = "1d"\n{self.settings}\n'


def every_site(farm: Farm) -> list[Site]:
    """More than forty sites."""
    sites = [
        *feeds(farm),
        *sitemaps(farm),
        *listings(farm),
        *slow(farm),
        *flaky(farm),
        *refusing(farm),
        *hostile(farm),
        *odd(farm),
    ]
    farm.names["rebinding.example"] = lambda number: ["93.184.216.34"] if number == 1 else ["127.0.0.1"]
    farm.names["metadaten.example"] = lambda number: ["169.254.169.254"]
    farm.names["innen.example"] = lambda number: ["10.0.0.8", "::1"]
    return sites


def feed_site(
    farm: Farm,
    name: str,
    make: Callable[[Host, list[str]], bytes] = rss,
    count: int = 3,
    path: str = "/feed.xml",
    robots: str = "",
    settings: str = "",
    **options: float | bool,
) -> Site:
    host = farm.host(name, robots, **options)
    pages = [host.release(number) for number in range(count)]
    kind = "application/feed+json" if make is json_feed else "application/rss+xml"
    host.page(path, make(host, pages), kind)
    return Site(host, f'fetcher = "feed"\nurl = "http://{name}{path}"\n{settings}', pages)


def feeds(farm: Farm) -> list[Site]:
    kinds = (rss, atom, json_feed)
    plain = [feed_site(farm, f"feed{number}.example", kinds[number % 3]) for number in range(28)]
    umlaut = farm.host("xn--mnster-3ya.example")
    pages = [umlaut.release(number, f"/presse/gr%C3%B6%C3%9Fe-{number}.html") for number in range(2)]
    umlaut.page("/feed.xml", rss(umlaut, [page.replace("%C3%B6%C3%9F", "öß") for page in pages]), "application/rss+xml")
    latin = feed_site(farm, "latin.example")
    for page in latin.pages:
        body = latin.host.pages[page].body.decode().replace("utf-8", "iso-8859-1").replace("„", '"').replace("“", '"')
        latin.host.page(page, body.encode("latin-1"), "text/html; charset=utf-8")
    return [*plain, Site(umlaut, 'fetcher = "feed"\nurl = "http://münster.example/feed.xml"', pages), latin]


def sitemaps(farm: Farm) -> list[Site]:
    sites = []
    for number in range(4):
        host = farm.host(f"karte{number}.example")
        pages = [host.release(one) for one in range(3)]
        if number == 0:
            host.page("/sitemap.xml", urlset(host, pages), "application/xml")
        elif number == 1:
            host.page("/sitemap.xml", packed(urlset(host, pages)), "application/gzip")
        elif number == 2:
            host.page("/sitemap.xml", sitemap_index(host, ["/a.xml", "/b.xml.gz", "/sitemap.xml"]), "application/xml")
            host.page("/a.xml", urlset(host, pages[:1]), "application/xml")
            host.page("/b.xml.gz", packed(urlset(host, pages[1:])), "application/x-gzip")
        else:
            host.page("/sitemap.xml", urlset(host, pages), "text/plain", content_encoding="identity")
        sites.append(Site(host, f'fetcher = "sitemap"\nurl = "http://{host.name}/sitemap.xml"', pages))
    return sites


LISTING = 'fetcher = "listing"\nitems = "li.meldung"\n'


def listings(farm: Farm) -> list[Site]:
    linked = farm.host("liste0.example")
    pages = [linked.release(number) for number in range(5)]
    linked.page("/presse", listing(linked, pages[:2], following="/presse/2"))
    linked.page("/presse/2", listing(linked, pages[2:4], following="/presse/3"))
    linked.page("/presse/3", listing(linked, pages[4:]))
    numbered = farm.host("liste1.example")
    more = [numbered.release(number) for number in range(4)]
    for number in range(2):
        path = "/presse" if number == 0 else "/presse?seite=2"
        numbered.page(path, listing(numbered, more[number * 2 : number * 2 + 2]))
    endless = farm.host("endlos.example")
    some = [endless.release(number) for number in range(2)]

    endless.page("/presse", listing(endless, some, following="/presse?monat=1"))
    for month in range(200):
        endless.special[f"/presse?monat={month}"] = lambda calls, month=month: Answer(  # type: ignore[misc]
            listing(endless, some, following=f"/presse?monat={month + 1}"), fields={"Content-Type": "text/html"}
        )
    return [
        Site(linked, f'{LISTING}url = "http://liste0.example/presse"\nnext = "a.weiter"', pages),
        Site(numbered, f'{LISTING}url = "http://liste1.example/presse"\npage_parameter = "seite"', more),
        Site(
            endless,
            f'{LISTING}url = "http://endlos.example/presse"\nnext = "a.weiter"\nmax_pages = 5',
            some,
            unchanging=False,
        ),
    ]


def slow(farm: Farm) -> list[Site]:
    waiting = feed_site(farm, "langsam.example", count=4, delay=0.3)
    asking = feed_site(farm, "geduld.example", count=3, robots="User-agent: *\nCrawl-delay: 1")
    asking.interval = 1
    return [waiting, asking]


def flaky(farm: Farm) -> list[Site]:
    """Servers that fail at first, and one that fails for good."""
    busy = feed_site(farm, "ueberlastet.example")
    for page in busy.pages[:2]:
        busy.host.special[page] = first_then(busy.host, page, Answer(status=503, fields={"Retry-After": "1"}))
    limiting = feed_site(farm, "bremse.example")
    limiting.host.special["/feed.xml"] = first_then(
        limiting.host, "/feed.xml", Answer(status=429, fields={"Retry-After": "1"})
    )
    breaking = feed_site(farm, "bricht-ab.example")
    breaking.host.special[breaking.pages[0]] = first_then(breaking.host, breaking.pages[0], hang_up)
    down = feed_site(farm, "kaputt.example", count=2)
    down.host.special[down.pages[1]] = lambda calls: Answer(b"Fehler", 500)
    down.pages, down.failed, down.reasons = down.pages[:1], 1, ("HTTP 500",)
    return [busy, limiting, breaking, down]


def first_then(
    host: Host, path: str, first: "Answer | Callable[[Handler], None]"
) -> Callable[[int], "Answer | Callable[[Handler], None]"]:
    page = host.pages[path]

    def answer(calls: int) -> "Answer | Callable[[Handler], None]":
        return first if calls == 1 else page

    return answer


def hang_up(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(b"<html>")
    handler.close_connection = True


def refusing(farm: Farm) -> list[Site]:
    closed = feed_site(farm, "verboten.example", robots="User-agent: *\nDisallow: /")
    closed.pages, closed.refused = [], 1
    partly = feed_site(farm, "teilweise.example", robots="User-agent: *\nDisallow: /presse/meldung-0")
    partly.pages, partly.refused = partly.pages[1:], 1
    unsure = feed_site(farm, "ratlos.example")
    unsure.host.special["/robots.txt"] = lambda calls: Answer(status=503)
    unsure.pages, unsure.failed, unsure.reasons = [], 1, ("robots.txt",)
    reserved = feed_site(farm, "vorbehalt.example")
    for page in reserved.pages[:2]:
        reserved.host.pages[page].fields["Tdm-Reservation"] = "1"
    reserved.settings += 'legal_basis_is = "44b"'
    reserved.pages, reserved.refused = reserved.pages[2:], 2
    return [closed, partly, unsure, reserved]


def hostile(farm: Farm) -> list[Site]:
    bomb = feed_site(farm, "bombe.example")
    bomb.host.special[bomb.pages[0]] = lambda calls: Answer(
        packed(b"\0" * 60_000_000), fields={"Content-Type": "text/html", "Content-Encoding": "gzip"}
    )
    bomb.pages, bomb.failed, bomb.reasons = bomb.pages[1:], 1, ("größer als",)
    huge = feed_site(farm, "riesig.example")
    huge.host.special[huge.pages[0]] = lambda calls: promise
    huge.pages, huge.failed, huge.reasons = huge.pages[1:], 1, ("größer als",)
    looping = feed_site(farm, "kreis.example")
    looping.host.special[looping.pages[0]] = lambda calls: Answer(status=302, fields={"Location": "/rund"})
    looping.host.special["/rund"] = lambda calls: Answer(status=302, fields={"Location": "/rund?x=1"})
    looping.host.special["/rund?x=1"] = lambda calls: Answer(status=302, fields={"Location": "/rund"})
    looping.pages, looping.failed, looping.reasons = looping.pages[1:], 1, ("Weiterleitungen",)
    inward = feed_site(farm, "nach-innen.example")
    inward.host.special[inward.pages[0]] = lambda calls: Answer(
        status=302, fields={"Location": "http://metadaten.example/latest/meta-data/"}
    )
    inward.pages, inward.refused = inward.pages[1:], 1
    rebinding = feed_site(farm, "rebinding.example", settings="")
    inside = feed_site(farm, "innen.example")
    inside.pages, inside.refused = [], 1
    unsigned = Site(
        farm.host("unsicher.example"),
        'fetcher = "feed"\nurl = "https://unsicher.example/feed.xml"',
        failed=1,
        reasons=("Zertifikat", "Verbindung"),
    )
    return [bomb, huge, looping, inward, rebinding, inside, unsigned]


def promise(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.send_header("Content-Length", str(10_000_000_000))
    handler.end_headers()
    handler.wfile.write(b"<html>" * 100)
    handler.close_connection = True


def odd(farm: Farm) -> list[Site]:
    moved = feed_site(farm, "umgezogen.example")
    target = moved.host.release(9, "/neu/meldung-9.html")
    moved.host.special[moved.pages[0]] = lambda calls: Answer(status=301, fields={"Location": target})
    gone = feed_site(farm, "weg.example")
    gone.host.special[gone.pages[0]] = lambda calls: Answer(status=410)
    gone.pages, gone.failed, gone.reasons = gone.pages[1:], 1, ("410",)
    liar = feed_site(farm, "luegner.example")
    for path in ("/feed.xml", *liar.pages):
        liar.host.pages[path].fields["Etag"] = '"immer-gleich"'
    bare = feed_site(farm, "ohne-etag.example", validators=False)
    bare.unchanging = False
    redesigned = farm.host("neues-kleid.example")
    redesigned.page(
        "/presse", b"<html><body><div class='karte'><a href='/a'>A</a></div>" + b"<p>Text</p>" * 80 + b"</body></html>"
    )
    shell = farm.host("huelle.example")
    shell.page("/presse", b"<html><body><div id='app'></div><script src='/app.js'></script></body></html>")
    moving = farm.host("anhang.example")
    page = moving.release(1, links='<p><a href="/dateien/anlage.pdf">Anlage (PDF)</a></p>')
    moving.page("/dateien/anlage.pdf", small_pdf("Anlage zur Meldung"), "application/pdf")
    moving.page("/feed.xml", rss(moving, [page]), "application/rss+xml")
    twins = [feed_site(farm, f"www{number}.zwilling.example") for number in range(2)]
    return [
        moved,
        gone,
        liar,
        bare,
        Site(redesigned, f'{LISTING}url = "http://neues-kleid.example/presse"', failed=1, reasons=("li.meldung",)),
        Site(shell, f'{LISTING}url = "http://huelle.example/presse"', failed=1, reasons=("JavaScript",)),
        Site(moving, 'fetcher = "feed"\nurl = "http://anhang.example/feed.xml"', [page]),
        *twins,
    ]


def small_pdf(text: str) -> bytes:
    """A PDF of one line."""
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
    ]
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def sources_toml(sites: list[Site], *, interval: float = INTERVAL, more: str = "") -> str:
    """The configuration that reads the farm."""
    head = (
        f'[archive]\npath = "archive"\ncontact = "archiv@example.org"\nrequest_interval = {interval}\n'
        f"max_bytes = 2_000_000\nconnections = 24\n{more}\n"
    )
    tables = (site.table for site in sites)
    return head + "".join(
        table.replace('legal_basis = "60d"', 'legal_basis = "44b"').replace('legal_basis_is = "44b"', "")
        if "legal_basis_is" in table
        else table
        for table in tables
    )


__all__ = ["INTERVAL", "Site", "every_site", "sources_toml"]
