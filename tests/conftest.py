"""What all tests share: no network beyond this machine, and the command line as a user runs it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in a test may reach past this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
            pytest.fail(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of evaluation data beside the repository; tests that need it skip where it is not."""
    if not SHARED.is_dir():
        pytest.skip("../shared is not here: its evaluation data is needed for this test")
    return SHARED


class CommandLine:
    """Runs `archive-pipeline` in a process of its own, as a user does."""

    def __init__(self, home: Path) -> None:
        self._environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith("ARCHIVE_PIPELINE_")},
            "HOME": str(home),
        }

    def __call__(
        self, *arguments: str | Path, code: int | None = 0, cwd: Path | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end; `code` is the exit code that is expected, None for any."""
        done = subprocess.run(
            [*self.words, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**self._environ, **environ},
            timeout=240,
            check=False,
        )
        if code is not None:
            assert done.returncode == code, f"{arguments} → {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    @property
    def words(self) -> list[str]:
        """The command itself."""
        return [sys.executable, "-c", "from archive_pipeline.cli.main import main; main()"]

    def start(self, *arguments: str | Path) -> subprocess.Popen[bytes]:
        """Start and return the process."""
        return subprocess.Popen(
            [*self.words, *map(str, arguments)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self._environ,
        )

    def json(self, *arguments: str | Path, code: int = 0) -> Any:
        """The last line of the output, read as JSON."""
        return json.loads(self(*arguments, code=code).stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def apl(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The command line."""
    return CommandLine(tmp_path_factory.mktemp("home"))


@pytest.fixture
def make_archive(tmp_path: Path) -> Callable[..., Path]:
    """Makes an archive folder with a folder source over files given by name."""

    def make(files: dict[str, bytes | str], *, name: str = "archiv", settings: str = "") -> Path:
        folder = tmp_path / name
        documents = folder / "eingang"
        documents.mkdir(parents=True)
        for path, content in files.items():
            target = documents / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        (folder / "sources.toml").write_text(
            f'[archive]\ntitle = "Probe"\n{settings}\n[[source]]\nid = "eingang"\ntitle = "Eingang"\n'
            'fetcher = "folder"\npath = "eingang"\n',
            encoding="utf-8",
        )
        return folder

    return make


@pytest.fixture
def seeds_archive(shared: Path, tmp_path: Path) -> Iterator[Path]:
    """An archive whose only source is the folder of the five seed documents."""
    folder = tmp_path / "seeds"
    folder.mkdir()
    documents = folder / "texte"
    documents.mkdir()
    for path in (shared / "seeds").glob("*.txt"):
        (documents / path.name).write_bytes(path.read_bytes())
    (folder / "sources.toml").write_text(
        '[archive]\ntitle = "Probe"\n\n[[source]]\nid = "seeds"\ntitle = "Seeds"\nfetcher = "folder"\npath = "texte"\n',
        encoding="utf-8",
    )
    yield folder
