"""Mailboxes on disk and on a server, and what a run over them would do."""

import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpcore2
import pytest

from archive_pipeline.fetch import HttpClient, Robots, SourceContext, Timeouts
from archive_pipeline.fetch.history import NoHistory
from archive_pipeline.fetch.imap import ImapFetcher, ImapOptions
from archive_pipeline.fetch.mail import MailFetcher
from archive_pipeline.fetch.mail_parts import MailOptions
from archive_pipeline.model import Capture, CaptureResult, Item, Request, Source
from archive_pipeline.protocols import Fetcher
from archive_pipeline.warc import StoredCapture, WarcStore
from tests.mail.imap_server import Mailboxes, serving

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
PUBLIC = "93.184.216.34"
PRIVATE = "10.1.2.3"


class Network(httpcore2.SyncBackend):
    """Every address leads to the server on loopback."""

    def __init__(self, box: Mailboxes, address: str = PRIVATE) -> None:
        self.box = box
        self.address = address
        self.asked: list[str] = []
        self.connected: list[str] = []

    def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return [self.address]

    def connect_tcp(self, host: str, port: int, *args: object, **more: object) -> httpcore2.NetworkStream:
        self.connected.append(f"{host}:{port}")
        return super().connect_tcp("127.0.0.1", self.box.port, *args, **more)  # type: ignore[arg-type]


class Memory(NoHistory):
    def __init__(self) -> None:
        self.kept: str | None = None

    @property
    def bookmark(self) -> str | None:  # type: ignore[override]
        return self.kept


@dataclass
class Run:
    """What one visit did."""

    items: list[Item]
    results: dict[str, list[CaptureResult]]

    @property
    def captures(self) -> list[Capture]:
        return [one for results in self.results.values() for one in results if isinstance(one, Capture)]


@dataclass
class Visitor:
    """Visits a source as the pipeline does: discover, keep the bookmark, capture what is new or was left behind."""

    folder: Path
    store: WarcStore
    client: HttpClient
    fetcher: Fetcher
    source: Source
    memory: Memory = field(default_factory=Memory)
    frontier: dict[str, Item] = field(default_factory=dict)
    captured: dict[str, str | None] = field(default_factory=dict)
    stored: list[StoredCapture] = field(default_factory=list)
    log: list[Request] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)

    def context(self, max_bytes: int = 1_000_000) -> SourceContext:
        return SourceContext(
            self.source,
            fetcher="mail",
            client=self.client,
            robots=Robots("archive_pipeline"),
            store=self.store,
            base=self.folder,
            max_bytes=max_bytes,
            history=self.memory,
            stored=self.stored.append,
            logged=self.log.append,
            secret=self.secrets.__getitem__,
        )

    def visit(self, *, max_bytes: int = 1_000_000, limit: int | None = None) -> Run:
        context = self.context(max_bytes)
        try:
            items = list(self.fetcher.discover(self.source, context))
            self.memory.kept = context.bookmark
            run = Run(items, {})
            self.frontier |= {item.key: item for item in items}
            for item in self.frontier.values():
                if item.key in self.captured and self.captured[item.key] == item.fingerprint:
                    continue
                if limit is not None and len(run.results) >= limit:
                    break
                run.results[item.key] = list(self.fetcher.capture(item, self.source, context))
                self.captured[item.key] = item.fingerprint
            return run
        finally:
            context.close()


MakeVisitor = Callable[..., Visitor]


@pytest.fixture
def make_visitor(tmp_path: Path) -> Iterator[MakeVisitor]:
    with ExitStack() as stack:

        def make(fetcher: Fetcher, source: Source, network: Network | None = None) -> Visitor:
            store = WarcStore(tmp_path / "data", software="test", operator="test", clock=lambda: NOW)
            client = HttpClient(
                version="0.1.0",
                contact="mailto:archiv@example.org",
                clock=lambda: NOW,
                timeouts=Timeouts(connect=5, read=1, total=10),
                resolve=network.resolve if network else lambda host, port: [],
                network=network,
            )
            stack.callback(store.close)
            stack.callback(client.close)
            return Visitor(tmp_path, store, client, fetcher, source)

        yield make


@pytest.fixture
def mail_source(make_visitor: MakeVisitor) -> Callable[..., Visitor]:
    """A visitor of the mail at a path below the test's folder, with options."""

    def make(path: str, **options: object) -> Visitor:
        source = Source(id="post", path=path, fetcher="mail", options=MailOptions.model_validate(options))
        return make_visitor(MailFetcher(), source)

    return make


@pytest.fixture
def box() -> Iterator[Mailboxes]:
    with serving(Mailboxes()) as started:
        yield started


@pytest.fixture
def imap_source(make_visitor: MakeVisitor, box: Mailboxes) -> Callable[..., Visitor]:
    """A visitor of the mailbox on loopback, which has a private address unless told otherwise."""

    def make(*, network: Network | None = None, **options: object) -> Visitor:
        settings = {"host": "mail.example.org", "user": "archiv", "tls": "none", "allow_private": True, **options}
        source = Source(id="post", fetcher="imap", options=ImapOptions.model_validate(settings))
        visitor = make_visitor(ImapFetcher(), source, network or Network(box))
        visitor.secrets["post"] = "geheim"
        return visitor

    return make


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for mail.example.org that nobody signed; its key lies beside it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl fehlt: kein Zertifikat für den Testserver")
    folder = tmp_path_factory.mktemp("tls")
    make = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=mail.example.org"
    )
    names = ["-addext", "subjectAltName=DNS:mail.example.org"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run([*make.split(), *names, *files], check=True, capture_output=True)
    return folder / "certificate.pem"


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, certificate.with_name("key.pem"))
    return tls


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client trusts that certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
