"""The sample server: what real servers do to a client."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import feedparser
import httpx2
import pytest

from archive_pipeline.sample import SAMPLE_SITE, sample_truth
from archive_pipeline.sample.pages import SITE_ADDRESS
from archive_pipeline.sample.server import serve_sample

MUNICIPAL = "/releases/kommunen/kreis-soest-glasfaser-aussenbereich.html"
ASSOCIATION = "/releases/verbaende/nabu-greifswald-moor.html"
STATE = "/releases/land/mwk-bw-quantensensoren.html"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    with serve_sample() as base_url, httpx2.Client(base_url=base_url, trust_env=False) as session:
        yield session


def test_it_listens_on_loopback_and_stops_with_its_context() -> None:
    with serve_sample() as base_url:
        address = urlsplit(base_url)
        assert address.hostname == "127.0.0.1"
        assert httpx2.get(base_url, trust_env=False).status_code == 200
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((address.hostname, address.port or 0), timeout=1)


def test_every_release_is_served_as_it_lies_in_the_folder(client: httpx2.Client) -> None:
    for release in sample_truth():
        response = client.get(f"/releases/{release.path}")
        assert response.status_code == 200, release.path
        stored = (SAMPLE_SITE / "releases" / release.path).read_bytes()
        assert response.content == stored.replace(SITE_ADDRESS.encode(), str(client.base_url).rstrip("/").encode())


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        (MUNICIPAL, "text/html; charset=utf-8"),
        (ASSOCIATION, "text/html; charset=ISO-8859-1"),
        ("/presse/verbaende/", "text/html; charset=ISO-8859-1"),
        ("/feeds/kommunen.xml", "application/rss+xml; charset=utf-8"),
        ("/feeds/verbaende.atom", "application/atom+xml; charset=utf-8"),
        ("/sitemap.xml", "application/xml; charset=utf-8"),
        ("/robots.txt", "text/plain; charset=utf-8"),
        ("/releases/kommunen/wetteraukreis-haushaltsentwurf.pdf", "application/pdf"),
        ("/releases/parteien/2024/11/uwg-geilenkirchen-grundsteuer.eml", "message/rfc822"),
        ("/releases/parteien/2022/10/cdu-freiburg-sicherheit-innenstadt.html.gz", "application/gzip"),
    ],
)
def test_media_types_name_the_character_set(client: httpx2.Client, path: str, media_type: str) -> None:
    assert client.get(path).headers["Content-Type"] == media_type


def test_the_declared_character_set_gives_the_right_letters(client: httpx2.Client) -> None:
    response = client.get(ASSOCIATION)
    assert "ü".encode("iso-8859-1") in response.content
    assert "Fläche" in response.text
    assert "&#8222;Ein nasses Moor" in response.text


def test_addresses_in_feeds_and_sitemap_are_those_of_the_server(client: httpx2.Client) -> None:
    for path in ("/feeds/kommunen.xml", "/feeds/parteien.xml", "/feeds/verbaende.atom"):
        entries = feedparser.parse(client.get(path).content).entries
        assert len(entries) > 10
        assert {client.get(entry.link).status_code for entry in entries} == {200}
    for path in ("/sitemap.xml", "/robots.txt", MUNICIPAL):
        assert SITE_ADDRESS not in client.get(path).text


@pytest.mark.parametrize("path", [MUNICIPAL, ASSOCIATION, STATE, "/feeds/kommunen.xml"])
def test_a_known_etag_is_answered_with_304(client: httpx2.Client, path: str) -> None:
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_release_last_changed_on_its_day(client: httpx2.Client) -> None:
    modified = client.get(MUNICIPAL).headers["Last-Modified"]
    assert modified == "Tue, 23 Jun 2020 12:00:00 GMT"
    status = {
        since: client.get(MUNICIPAL, headers={"If-Modified-Since": since}).status_code
        for since in (modified, "Mon, 22 Jun 2020 12:00:00 GMT", "gestern")
    }
    assert list(status.values()) == [304, 200, 200]


def test_undated_releases_have_no_last_modified(client: httpx2.Client) -> None:
    response = client.get("/releases/kommunen/stadt-lippstadt-lippeaue.html")
    assert "ETag" in response.headers
    assert "Last-Modified" not in response.headers


def test_one_group_is_compressed_when_the_client_accepts_it(client: httpx2.Client) -> None:
    packed = client.get(STATE, headers={"Accept-Encoding": "gzip"})
    plain = client.get(STATE, headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) < int(plain.headers["Content-Length"])
    assert "Content-Encoding" not in plain.headers
    assert packed.content == plain.content
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in client.get(MUNICIPAL).headers


def test_unknown_paths_get_an_html_page_with_404(client: httpx2.Client) -> None:
    for path in ("/releases/kommunen/gibt-es-nicht.html", "/presse/", "/../__init__.py", "/%2e%2e/__init__.py"):
        response = client.get(path)
        assert response.status_code == 404, path
        assert response.headers["Content-Type"].startswith("text/html")
        assert "Seite nicht gefunden" in response.text


def test_head_gives_the_headers_alone(client: httpx2.Client) -> None:
    head, get = client.head(MUNICIPAL), client.get(MUNICIPAL)
    assert head.content == b""
    assert head.headers["Content-Length"] == get.headers["Content-Length"] == str(len(get.content))


def test_it_writes_nothing_to_the_console(capfd: pytest.CaptureFixture[str]) -> None:
    with serve_sample() as base_url:
        assert httpx2.get(f"{base_url}/nicht-da", trust_env=False).status_code == 404
        address = urlsplit(base_url)
        with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
