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


ZYGOTE = """
import gc, json, os, sys
import archive_pipeline.builtin, archive_pipeline.cli.demo, archive_pipeline.cli.search, archive_pipeline.cli.try_
import pathlib
from archive_pipeline.cli.main import main
from archive_pipeline.model import Source
from archive_pipeline.plugin_manager import load_plugins
from archive_pipeline.processing import process
from archive_pipeline.trial import capture_file
process(capture_file(pathlib.Path(sys.argv[1])), Source(id="warm"), load_plugins(None, os.environ))
gc.freeze()
for line in sys.stdin:
    request = json.loads(line)
    child = os.fork()
    if child == 0:
        for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
            flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            os.dup2(os.open(request.get(name, os.devnull), flags), number)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["environ"])
        sys.argv = ["archive-pipeline", *request["arguments"]]
        code = 1
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    print(os.waitstatus_to_exitcode(status), flush=True)
"""
"""A process that has everything imported and forks once for each command: a command is as much a process of its own
as when a user types it, but does not spend seconds on imports."""


class CommandLine:
    """Runs `archive-pipeline` as a user does, each time in a process of its own."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._zygote: subprocess.Popen[str] | None = None
        self._environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith("ARCHIVE_PIPELINE_")},
            "HOME": str(home),
        }

    def __call__(
        self, *arguments: str | Path, code: int | None = 0, cwd: Path | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end; `code` is the exit code that is expected, None for any."""
        out, err = self._home / "stdout", self._home / "stderr"
        request = {
            "arguments": [str(argument) for argument in arguments],
            "cwd": str(cwd or self._home),
            "environ": {**self._environ, **environ},
            "stdout": str(out),
            "stderr": str(err),
        }
        status = self._answer(json.dumps(request))
        done = subprocess.CompletedProcess(
            request["arguments"], status, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8")
        )
        if code is not None:
            assert status == code, f"{arguments} → {status}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: str | Path, code: int = 0) -> Any:
        """The last line of the output, read as JSON."""
        return json.loads(self(*arguments, code=code).stdout.splitlines()[-1])

    def close(self) -> None:
        """End the process that forks."""
        if self._zygote is not None:
            self._zygote.communicate()

    def _answer(self, request: str) -> int:
        """The exit code of a command. A test that is broken off while it waits must not leave its answer to the next
        one: the process that forks goes with it."""
        zygote = self._started()
        assert zygote.stdin is not None
        assert zygote.stdout is not None
        try:
            zygote.stdin.write(request + "\n")
            zygote.stdin.flush()
            return int(zygote.stdout.readline())
        except BaseException:
            zygote.kill()
            zygote.communicate()
            self._zygote = None
            raise

    def _started(self) -> subprocess.Popen[str]:
        if self._zygote is None:
            self._zygote = subprocess.Popen(
                [sys.executable, "-c", ZYGOTE, str(ROOT / "README.md")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=self._environ,
                cwd=self._home,
            )
        return self._zygote


@pytest.fixture(scope="session")
def apl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """The command line."""
    command_line = CommandLine(tmp_path_factory.mktemp("home"))
    yield command_line
    command_line.close()


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
def seeds_archive(shared: Path, tmp_path: Path) -> Path:
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
    return folder
