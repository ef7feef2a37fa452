"""Certificates: the name asked for counts, though the connection goes to a checked address."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from archive_pipeline.errors import ConfigError, FetchError, TransientFetchError
from archive_pipeline.model import Capture

AUTHORITY = """
[ca]
default_ca = here
[here]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""


@dataclass
class Authority:
    """Signs certificates with openssl; its own lies in `bundle`."""

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "ca.cnf").write_text(AUTHORITY)
        (self.folder / "index.txt").touch()
        (self.folder / "serial").write_text("01")
        key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key"
        self.openssl(f"req -x509 {key} -days 2 -subj /CN=Behörde -utf8 -out ca.pem")

    @property
    def bundle(self) -> Path:
        return self.folder / "ca.pem"

    def openssl(self, command: str) -> None:
        subprocess.run(["openssl", *command.split()], cwd=self.folder, check=True, capture_output=True)

    def sign(self, name: str, *, start: str = "20200101000000Z", end: str = "20990101000000Z") -> ssl.SSLContext:
        """A server's context with a certificate for this name."""
        key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key"
        self.openssl(f"req -new {key} -subj /CN={name} -addext subjectAltName=DNS:{name} -out server.csr")
        dates = f"-startdate {start} -enddate {end}"
        signer = "-batch -notext -config ca.cnf -cert ca.pem -keyfile ca.key"
        self.openssl(f"ca {signer} {dates} -in server.csr -out server.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        return context


@pytest.fixture
def authority(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl fehlt: keine Zertifikate für die Testserver")
    folder = tmp_path / "authority"
    folder.mkdir()
    return Authority(folder)


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


def test_an_authority_of_ones_own(authority, serve, make_archive):
    with serve(authority.sign("amt.example")) as web:
        web.page("amt.example/a", b"Text")
        trusting = make_archive(network=web, ca_bundle=authority.bundle)
        assert isinstance(trusting.context().get("https://amt.example/a"), Capture)
        with pytest.raises(FetchError, match="Zertifikat des Servers ist ungültig"):
            make_archive(network=web).context().get("https://amt.example/a")


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("amt.example", "20200101000000Z", "20200201000000Z"),
        ("amt.example", "20980101000000Z", "20990101000000Z"),
        ("amt.example.evil.example", "20200101000000Z", "20990101000000Z"),
        ("*.example", "20200101000000Z", "20990101000000Z"),
    ],
)
def test_expired_not_yet_valid_or_for_somebody_else(authority, serve, make_archive, name, start, end):
    with serve(authority.sign(name, start=start, end=end)) as web:
        web.page("www.amt.example/a", b"geheim")
        web.page("amt.example/a", b"geheim")
        archive = make_archive(network=web, ca_bundle=authority.bundle)
        host = "www.amt.example" if name.startswith("*") else "amt.example"
        with pytest.raises(FetchError, match="Das Zertifikat des Servers ist ungültig") as caught:
            archive.context().get(f"https://{host}/a")
        assert not isinstance(caught.value, TransientFetchError)
        assert web.requests == []


def test_a_server_that_speaks_no_tls(web, make_archive):
    archive = make_archive(network=web)
    with pytest.raises(TransientFetchError, match="Die Verbindung ist gescheitert"):
        archive.context().get("https://amt.example/a")
    assert web.requests == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_protocols_are_not_spoken(authority, serve, make_archive):
    context = authority.sign("amt.example")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with serve(context) as web:
        archive = make_archive(network=web, ca_bundle=authority.bundle)
        with pytest.raises(FetchError, match="Die Verbindung ist gescheitert"):
            archive.context().get("https://amt.example/a")
        assert web.requests == []


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file"), (b"", "keine Zertifikate"), (b"Hallo", "keine Zertifikate")]
)
def test_a_bundle_that_is_none_is_told_at_once(make_archive, tmp_path, content, reason):
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_bytes(content)
    with pytest.raises(ConfigError, match=f"Die Zertifikate in .*bundle.pem sind nicht zu lesen: .*{reason}") as caught:
        make_archive(ca_bundle=bundle)
    assert "ca_bundle" in caught.value.hint
