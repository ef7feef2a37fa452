"""Certificates: the name asked for counts, though the connection goes to a checked address."""

import pytest

from archive_pipeline.errors import FetchError, TransientFetchError
from archive_pipeline.model import Capture


def test_a_valid_certificate(tls_web, make_archive, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    tls_web.page("amt.example/a", b"Text")
    archive = make_archive(network=tls_web)
    result = archive.context().get("https://amt.example/a")
    assert isinstance(result, Capture)
    assert set(tls_web.server_names) == {"amt.example"}
    assert set(tls_web.connected) == {"93.184.216.34"}


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_that_proves_nothing(tls_web, make_archive, tmp_path, monkeypatch, trusted):
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    host = "fremd.example" if trusted else "amt.example"
    archive = make_archive(network=tls_web)
    with pytest.raises(FetchError, match="Das Zertifikat des Servers ist ungültig") as caught:
        archive.context().get(f"https://{host}/a")
    assert not isinstance(caught.value, TransientFetchError)
    assert tls_web.requests == []
    assert archive.sleeps == []
