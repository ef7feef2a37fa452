"""What all tests share: no network beyond this machine, and the command line as a user runs it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

LOOPBACK = ("127.", "::1", "localhost")


def pytest_configure() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so does all that it starts: the tests of it would wait
    for ever."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
import contextlib, gc, importlib, json, os, pathlib, runpy, sys
from archive_pipeline.cli.main import COMMANDS, main
from archive_pipeline.model import Source
from archive_pipeline.plugin_manager import load_plugins
from archive_pipeline.processing.chain import process
from archive_pipeline.developing.trial import capture_file
for place, _ in COMMANDS.values():
    with contextlib.suppress(Exception):  # a broken command fails where it is called
        importlib.import_module(place.partition(":")[0])
process(capture_file(pathlib.Path(sys.argv[1])), Source(id="warm"), load_plugins(None, os.environ))
gc.freeze()
for line in sys.stdin:
    request = json.loads(line)
    if "wait" in request:
        ended, status = os.waitpid(request["wait"], 0 if request["block"] else os.WNOHANG)
        print(os.waitstatus_to_exitcode(status) if ended else "runs", flush=True)
        continue
    child = os.fork()
    if child == 0:
        for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
            flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            os.dup2(os.open(request.get(name, os.devnull), flags), number)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["environ"])
        program, *arguments = request["command"]
        sys.argv = [program, *arguments]
        code = 1
        try:
            if program == "archive-pipeline":
                main()
            elif program == "pytest":
                sys.path.insert(0, request["cwd"])  # as python -m does
                runpy.run_module(program, run_name="__main__", alter_sys=True)
            else:
                runpy.run_path(program, run_name="__main__")
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            os._exit(code)
    print(child, flush=True)
"""
"""A process that has everything imported and forks once for each command: a command is as much a process of its own
as when a user types it, but does not spend seconds on imports. It has one thread, so what it forks can't hang on a lock
that another thread held; the process that runs the tests has more."""

LOOK_AGAIN = 0.01
"""Seconds after which a process that goes on is looked at again."""


class Started:
    """A command that goes on while the test does something else; used like a `subprocess.Popen`."""

    def __init__(self, command_line: "CommandLine", pid: int) -> None:
        self.pid = pid
        self._command_line = command_line
        self._code: int | None = None

    def poll(self) -> int | None:
        """The exit code, None while the process runs."""
        if self._code is None:
            self._code = self._command_line.exit_code(self.pid, block=False)
        return self._code

    def wait(self, timeout: float = 120) -> int:
        """The exit code, minus the number of the signal that ended the process; fails when it takes longer."""
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            assert time.monotonic() < until, f"process {self.pid} still runs after {timeout} seconds"
            time.sleep(LOOK_AGAIN)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9."""
        self.send_signal(signal.SIGKILL)


class CommandLine:
    """Runs `archive-pipeline` as a user does, each time in a process of its own."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._zygote: subprocess.Popen[str] | None = None
        ours = ("ARCHIVE_PIPELINE_", "PYTEST_")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        self._environ = {**kept, "HOME": str(home)}

    def __call__(
        self, *arguments: str | Path, code: int | None = 0, cwd: Path | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end; `code` is the exit code that is expected, None for any."""
        return self.run("archive-pipeline", *arguments, code=code, cwd=cwd, **environ)

    def run(
        self, *command: str | Path, code: int | None = 0, cwd: Path | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """The same for `pytest` and for Python scripts, which are given by their path."""
        out, err = self._home / "stdout", self._home / "stderr"
        started = self.start(*command, cwd=cwd, stdout=out, stderr=err, **environ)
        try:
            status = self.exit_code(started.pid, block=True)
        except BaseException:  # a test that is broken off leaves nothing running
            with suppress(ProcessLookupError):
                os.kill(started.pid, signal.SIGKILL)
            raise
        assert status is not None
        done = subprocess.CompletedProcess(
            list(map(str, command)), status, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8")
        )
        if code is not None:
            assert status == code, f"{command} → {status}\n{done.stdout}\n{done.stderr}"
        return done

    def start(
        self,
        *command: str | Path,
        cwd: Path | None = None,
        stdout: str | Path = os.devnull,
        stderr: str | Path = os.devnull,
        **environ: str,
    ) -> Started:
        """Start a command (`archive-pipeline`, `pytest` or a script) and don't wait for its end."""
        request = {
            "command": list(map(str, command)),
            "cwd": str(cwd or self._home),
            "environ": {**self._environ, **environ},
            "stdout": str(stdout),
            "stderr": str(stderr),
        }
        return Started(self, int(self._answer(request)))

    def exit_code(self, pid: int, *, block: bool) -> int | None:
        """The exit code of a command that was started, None while it runs."""
        answer = self._answer({"wait": pid, "block": block})
        return None if answer == "runs" else int(answer)

    def json(self, *arguments: str | Path, code: int = 0) -> Any:
        """The last line of the output, read as JSON."""
        return json.loads(self(*arguments, code=code).stdout.splitlines()[-1])

    def close(self) -> None:
        """End the process that forks."""
        if self._zygote is not None:
            self._zygote.communicate()

    def _answer(self, request: dict[str, object]) -> str:
        """What the process that forks answers. A test that is broken off while it waits must not leave its answer to
        the next one: the process goes with it."""
        zygote = self._started()
        assert zygote.stdin is not None
        assert zygote.stdout is not None
        try:
            zygote.stdin.write(json.dumps(request) + "\n")
            zygote.stdin.flush()
            answer = zygote.stdout.readline().strip()
            assert answer, "the process that forks has ended"
        except BaseException:
            zygote.kill()
            zygote.communicate()
            self._zygote = None
            raise
        return answer

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
