"""`serve`: the web pages of an archive."""

import gc
import importlib
import sys
from pathlib import Path
from typing import Any

import click

from archive_pipeline.cli.main import Settings
from archive_pipeline.errors import MissingExtraError

EXTRA = ("starlette", "jinja2", "uvicorn", "multipart", "python_multipart", "itsdangerous", "prometheus_client")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Adresse, auf der gelauscht wird")
@click.option("--port", type=click.IntRange(0, 65535), default=8001, show_default=True, help="0 nimmt einen freien")
@click.option("--root-path", default="", help="Pfad, unter dem ein Proxy die Seiten zeigt, etwa /archiv")
@click.option("--allow-host", "hosts", multiple=True, help="weiterer Name, unter dem geantwortet wird (hinter Proxy)")
@click.option("--login", is_flag=True, help="auch auf diesem Rechner nur mit Konto (users add)")
@click.option(
    "--forwarded-allow-ips",
    "trusted",
    default="",
    metavar="ADRESSEN",
    help="Proxys, deren X-Forwarded-For und -Proto gelten, mit Komma getrennt",
)
@click.option(
    "--onsite", default="", metavar="NETZE", help="Netze des Lesesaals, etwa 192.0.2.0/24, mit Komma getrennt"
)
@click.option("--get", "address", metavar="PFAD", help="eine Seite ausgeben statt zu lauschen, etwa /search?q=pflege")
@click.pass_context
def serve(
    ctx: click.Context,
    host: str,
    port: int,
    root_path: str,
    hosts: tuple[str, ...],
    login: bool,
    trusted: str,
    onsite: str,
    address: str | None,
) -> None:
    """Zeigt das Archiv im Browser: suchen, lesen, prüfen.

    Auf 127.0.0.1 ohne Anmeldung; unter jeder anderen Adresse und hinter einem Proxy nur mit Konten (users add). Mit
    --get ist der Exitcode 1, wenn die Seite einen Fehler meldet.
    """
    settings: Settings = ctx.obj
    serving, workspace = _opened(settings.folder)
    root_path = f"/{root_path.strip('/')}" if root_path.strip("/") else ""
    behind = workspace.refresh_index() if workspace.database_file.exists() else None
    if address is not None:
        found = serving.answer(workspace, address if address.startswith("/") else f"/{address}", root_path=root_path)
        sys.stdout.buffer.write(found.body)
        if settings.verbose or found.status >= 400:
            click.echo(f"HTTP {found.status}", err=True)
        ctx.exit(1 if found.status >= 400 else 0)
    # a proxy in front lets others in, wherever the server itself listens
    access = serving.choose_access(
        workspace,
        host,
        login=login or bool(root_path or hosts or trusted or onsite),
        onsite=serving.read_networks(onsite),
        trusted=trusted,
    )
    listener = serving.listen(host, port)
    if behind:
        click.echo(behind, err=True)
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"Bereit: http://{shown}:{listener.getsockname()[1]}{root_path}/ (Strg-C beendet)", err=True)
    sys.stderr.flush()
    names = (*(name.lower() for name in hosts), host.strip("[]").lower())
    serving.serve(workspace, listener, access, root_path=root_path, hosts=names, trusted=trusted)


def _opened(folder: Path) -> tuple[Any, Any]:
    """The server and the archive. Some 1,500 modules are loaded and stay, with next to nothing to collect: looking for
    it would be a tenth of the start, and of every later collection. Raises MissingExtraError, NoArchiveError."""
    gc.disable()
    try:
        serving = _serving()
        return serving, serving.open_workspace(folder)
    finally:
        gc.freeze()
        gc.enable()


def _serving() -> Any:
    """The server, which needs the extra "web". Raises MissingExtraError."""
    try:
        return importlib.import_module("archive_pipeline.web.serving")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        raise MissingExtraError(
            f"Für die Webseiten fehlt {error.name}", hint='pip install "archive-pipeline[web]"'
        ) from error
