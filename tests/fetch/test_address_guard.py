"""The address guard: nothing that is not public is reached, by name, by number, or by a redirect."""

import pytest

from archive_pipeline.errors import FetchError
from archive_pipeline.fetch import HttpOptions
from archive_pipeline.fetch.transport import is_public, system_resolver
from archive_pipeline.model import Capture, Item, Refused, Source

URL = "http://amt.example/presse/1"
PLACE = "amt.example/presse/1"
HTML = b"<p>Die Stadt informiert.</p>"
ITEM = Item(source_id="amt", key=URL, url=URL)


class TestAddressGuard:
    PRIVATE = (
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.100.100.200", "0.0.0.0", "224.0.0.1"),
        *("::1", "fe80::1", "fd00:ec2::254", "ff02::1"),
        *("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
    )

    @pytest.mark.parametrize("address", PRIVATE)
    def test_names_that_lead_inside(self, web, archive, address):
        web.names["intern.example"] = [address]
        refused = archive.context().get("http://intern.example/", item=ITEM)
        assert refused == Refused(f"intern.example führt zu einer nicht öffentlichen Adresse ({address})")
        assert web.connected == []
        assert not is_public(address)

    @pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "2130706433", "0x7f.1", "localhost"])
    def test_addresses_written_out(self, web, make_archive, host):
        archive = make_archive(resolve=system_resolver)
        assert isinstance(archive.context().get(f"http://{host}:{web.port}/"), Refused)
        assert web.requests == []

    def test_redirect_inside(self, web, archive):
        web.names["intern.example"] = ["192.168.0.1"]
        web.page("amt.example/a", status=302, location="http://intern.example/geheim")
        web.page("intern.example/geheim", b"geheim")
        assert isinstance(archive.context().get("http://amt.example/a"), Refused)
        assert web.paths() == ["/a"]
        assert "192.168.0.1" not in web.connected

    def test_the_checked_address_is_the_one_connected_to(self, web, archive):
        web.names["amt.example"] = ["10.0.0.1", "8.8.4.4"]
        web.page(PLACE, HTML)
        assert isinstance(archive.context().get(URL), Capture)
        assert set(web.connected) == {"8.8.4.4"}
        assert web.requests[-1].headers["Host"] == "amt.example"

    def test_permission_is_a_matter_of_each_source(self, web, archive):
        web.names["intern.example"] = ["192.168.0.1"]
        web.page("intern.example/a", HTML)
        allowed = archive.context(Source(id="intern", options=HttpOptions(allow_private=True)))
        assert isinstance(allowed.get("http://intern.example/a"), Capture)
        assert isinstance(archive.context().get("http://intern.example/a"), Refused)

    def test_unknown_name(self, make_archive):
        archive = make_archive(resolve=system_resolver)
        with pytest.raises(FetchError, match=r"Der Name gibt-es-nicht\.invalid lässt sich nicht auflösen"):
            archive.context().get("http://gibt-es-nicht.invalid/")

    def test_passwords_in_addresses_are_refused(self, web, archive):
        assert archive.context().get("http://ich:geheim@amt.example/") == Refused("Die Adresse enthält Zugangsdaten")

    @pytest.mark.parametrize("url", ["", "presse/1", "http://", "http://a b/", "mailto:a@example.org", "http://[x/"])
    def test_not_an_address(self, web, archive, url):
        with pytest.raises(FetchError, match=r"Webadresse|Nur http"):
            archive.context().get(url)
