"""`users`: who may log in to the web pages, and with which tokens programs may use the API."""

import json
import sys
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from archive_pipeline.accounts import Account, AccountRole, Accounts, Scope, TokenRow, accounts_file
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import german_moment
from archive_pipeline.errors import ConfigError
from archive_pipeline.workspace import open_workspace

ROLE_WORDS: dict[AccountRole, str] = {"reader": "liest", "archivist": "entscheidet", "admin": "verwaltet"}

role_type = click.Choice(["reader", "archivist", "admin"])
stdin_option = click.option("--password-stdin", "from_stdin", is_flag=True, help="Passwort von der Standardeingabe")
json_option = click.option("--json", "as_json", is_flag=True, help="als JSON")


@click.group()
def users() -> None:
    """Verwaltet Konten und Token für die Webseiten und die API.

    Rollen: reader liest, archivist entscheidet, admin verwaltet. Auf dem eigenen Rechner (serve ohne --host) braucht es
    keine Konten.
    """


@users.command()
@click.argument("name")
@click.option("--role", type=role_type, default="reader", show_default=True, help="was das Konto darf")
@stdin_option
@click.pass_obj
def add(settings: Settings, name: str, role: AccountRole, from_stdin: bool) -> None:
    """Legt ein Konto an und fragt nach dem Passwort."""
    accounts = _accounts(settings)
    accounts.add(name, role, _password(from_stdin))
    click.echo(f"Konto {name} angelegt ({role}: {ROLE_WORDS[role]}).", err=True)


@users.command("list")
@json_option
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """Zeigt alle Konten."""
    found = _accounts(settings).accounts()
    if as_json:
        click.echo(json.dumps({"schema": "apl/users/1", "users": [_row(one) for one in found]}, ensure_ascii=False))
        return
    for one in found:
        click.echo(f"{one.name:<24} {one.role:<10} seit {german_moment(one.created_at)}")
    if not found:
        click.echo("Noch kein Konto. Anlegen: archive-pipeline users add NAME --role admin", err=True)


@users.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="ohne Rückfrage")
@click.pass_obj
def remove(settings: Settings, name: str, yes: bool) -> None:
    """Entfernt ein Konto mit seinen Sitzungen und Token; was es entschieden hat, bleibt."""
    accounts = _accounts(settings)
    if not yes and not (sys.stdin.isatty() and click.confirm(f"Konto {name} entfernen?", default=False)):
        raise click.UsageError("Nichts entfernt. Ohne Rückfrage: --yes")
    accounts.remove(name)
    click.echo(f"Konto {name} entfernt.", err=True)


@users.command()
@click.argument("name")
@stdin_option
@click.pass_obj
def password(settings: Settings, name: str, from_stdin: bool) -> None:
    """Setzt ein neues Passwort und beendet alle Sitzungen des Kontos."""
    accounts = _accounts(settings)
    accounts.set_password(name, _password(from_stdin))
    click.echo(f"Neues Passwort für {name}; alle Sitzungen sind beendet.", err=True)


@users.command()
@click.argument("name")
@click.argument("new_role", metavar="ROLLE", type=role_type)
@click.pass_obj
def role(settings: Settings, name: str, new_role: AccountRole) -> None:
    """Gibt einem Konto eine andere Rolle; sie gilt sofort."""
    _accounts(settings).set_role(name, new_role)
    click.echo(f"{name} ist jetzt {new_role}.", err=True)


@users.group()
def token() -> None:
    """Verwaltet Token, mit denen Programme die API benutzen."""


@token.command("add")
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice(["read", "review", "admin"]),
    default="read",
    show_default=True,
    help="lesen wie ein Konto, auch entscheiden, oder alles",
)
@click.option("--label", default="", help="wofür das Token ist")
@click.option("--days", type=click.IntRange(1, 3650), help="so lange gilt es; sonst, bis es zurückgezogen wird")
@json_option
@click.pass_obj
def token_add(settings: Settings, name: str, scope: Scope, label: str, days: int | None, as_json: bool) -> None:
    """Stellt ein Token für ein Konto aus und zeigt es dieses eine Mal."""
    issued = _accounts(settings).issue_token(name, scope, label=label, days=days)
    if as_json:
        click.echo(json.dumps({"schema": "apl/token/1", "id": issued.id, "token": issued.text, "scope": scope}))
        return
    click.echo(issued.text)
    click.echo("Jetzt aufheben: es wird nicht noch einmal gezeigt.", err=True)
    click.echo(f"Zurückziehen: archive-pipeline users token revoke {issued.id}", err=True)


@token.command("list")
@json_option
@click.pass_obj
def token_list(settings: Settings, as_json: bool) -> None:
    """Zeigt alle Token, ohne sie zu verraten."""
    found = _accounts(settings).tokens()
    if as_json:
        click.echo(json.dumps({"schema": "apl/tokens/1", "tokens": [_row(one) for one in found]}, ensure_ascii=False))
        return
    for one in found:
        until = f"bis {german_moment(one.expires_at)}" if one.expires_at else "unbefristet"
        used = f"zuletzt benutzt {german_moment(one.used_at)}" if one.used_at else "nie benutzt"
        click.echo(f"{one.id}  {one.account:<24} {one.scope:<7} {until}, {used}  {one.label}")
    if not found:
        click.echo("Noch kein Token. Ausstellen: archive-pipeline users token add NAME", err=True)


@token.command("revoke")
@click.argument("token_id", metavar="ID")
@click.pass_obj
def token_revoke(settings: Settings, token_id: str) -> None:
    """Zieht ein Token zurück; es gilt sofort nicht mehr."""
    _accounts(settings).revoke_token(token_id)
    click.echo(f"Token {token_id} zurückgezogen.", err=True)


def _accounts(settings: Settings) -> Accounts:
    return Accounts(accounts_file(open_workspace(settings.folder).data))


def _password(from_stdin: bool) -> str:
    """From the terminal, twice; or the first line of the standard input. Never from the command line: others see it."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise ConfigError(
            "Hier kann niemand ein Passwort eingeben", hint="--password-stdin liest es von der Standardeingabe"
        )
    return str(click.prompt("Passwort", hide_input=True, confirmation_prompt="Noch einmal"))


def _row(one: Account | TokenRow) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(one).items()}
