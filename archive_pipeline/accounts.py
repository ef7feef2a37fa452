"""Accounts, sessions, API tokens and attempts to log in: a small database of its own beside the archive.

It is no part of what `rebuild` makes anew, and only its owner may read the file. Nothing in it can be used as it
stands: passwords are Argon2id hashes, sessions and tokens SHA-256 digests of random words of 256 bits.
"""

import hashlib
import importlib
import ipaddress
import os
import re
import secrets
import sqlite3
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from archive_pipeline.errors import ConfigError, MissingExtraError, ThrottledError
from archive_pipeline.workspace import utc_now

__all__ = [
    "SCOPES",
    "Account",
    "AccountRole",
    "Accounts",
    "IssuedToken",
    "Scope",
    "TokenRow",
    "account_name",
    "accounts_file",
]

AccountRole = Literal["reader", "archivist", "admin"]

Scope = Literal["read", "review", "admin"]
"""What a token may do: read as any account does, decide as an archivist, or all that an admin may."""

SCOPES: dict[Scope, AccountRole] = {"read": "reader", "review": "archivist", "admin": "admin"}
"""The role that a token acts in at most."""

FILE = "users.db"
NAME = re.compile(r"[^\W_][\w.@+-]{0,63}")
LEAST, MOST = 12, 256
"""Characters of a password: at least what makes guessing hopeless, at most what one hash may cost."""

IDLE, LONGEST = timedelta(hours=12), timedelta(days=7)
"""A session ends when it is not used for so long, and at the latest after a week."""

NOTED = timedelta(minutes=5)
"""How exactly the last use of a session or token is noted: not every request needs to write."""

WINDOW = timedelta(minutes=15)
PER_PAIR, PER_ADDRESS, PER_ACCOUNT = 5, 20, 50
"""Failed attempts within the window: on one account from one address, from one address, on one account. The last is
high, or anybody could lock somebody else out."""

HARDNESS = {"time_cost": 3, "memory_cost": 64 * 1024, "parallelism": 4}
"""What one Argon2id hash takes: RFC 9106, 4, the second recommended option (three passes over 64 MiB)."""

HASHING = threading.BoundedSemaphore(2)
"""One hash takes 64 MiB and a core: a flood of logins waits instead of taking the machine."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS user (
  key TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL CHECK (role IN ('reader', 'archivist', 'admin')),
  password TEXT NOT NULL, created_at TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS session (
  digest TEXT PRIMARY KEY, user_key TEXT NOT NULL REFERENCES user(key) ON DELETE CASCADE,
  created_at TEXT NOT NULL, seen_at TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS token (
  id TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE, user_key TEXT NOT NULL REFERENCES user(key) ON DELETE CASCADE,
  scope TEXT NOT NULL CHECK (scope IN ('read', 'review', 'admin')), label TEXT NOT NULL, created_at TEXT NOT NULL,
  expires_at TEXT, used_at TEXT) STRICT;
CREATE TABLE IF NOT EXISTS attempt (
  id INTEGER PRIMARY KEY, account TEXT NOT NULL, address TEXT NOT NULL, at TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS attempt_at ON attempt(at);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who may log in."""

    name: str
    role: AccountRole
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """An API token as it is listed; the token itself is nowhere."""

    id: str
    account: str
    scope: Scope
    label: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A new token: `text` is what programs send, and is shown this once."""

    id: str
    text: str


def accounts_file(data: Path) -> Path:
    """The file of the accounts of an archive whose data lie in `data`."""
    return data / FILE


def account_name(text: str) -> str:
    """A name as accounts have it. Raises ConfigError."""
    name = unicodedata.normalize("NFC", text.strip())
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{text!r} ist kein Name für ein Konto",
            hint="ein Buchstabe oder eine Ziffer, dann Buchstaben, Ziffern und . @ + - _, höchstens 64 Zeichen",
        )
    return name


class Accounts:
    """The accounts of one archive. Every method opens the file for itself, so threads and processes may share it."""

    def __init__(self, file: Path, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._file = file
        self._clock = clock
        self._dummy: str | None = None

    def exist(self) -> bool:
        """Whether anybody could log in."""
        return self._file.is_file() and bool(self._rows("SELECT 1 FROM user LIMIT 1"))

    def secret(self) -> str:
        """What cookies and forms are signed with; the same until the file is removed."""
        with self._writing() as db:
            db.execute("INSERT OR IGNORE INTO setting VALUES ('secret', ?)", [secrets.token_urlsafe(48)])
            return str(db.execute("SELECT value FROM setting WHERE name = 'secret'").fetchone()[0])

    def add(self, name: str, role: AccountRole, password: str) -> None:
        """Add an account. Raises ConfigError when the name is taken or the password too short."""
        name, hashed = account_name(name), _hash(_checked(name, password))
        with self._writing() as db:
            try:
                db.execute(
                    "INSERT INTO user VALUES (?, ?, ?, ?, ?)", [_key(name), name, role, hashed, _text(self._clock())]
                )
            except sqlite3.IntegrityError:
                raise ConfigError(
                    f"Das Konto {name} gibt es schon",
                    hint=f"archive-pipeline users password {name} ändert sein Passwort",
                ) from None

    def accounts(self) -> list[Account]:
        """All accounts, by name."""
        rows = self._rows("SELECT name, role, created_at FROM user ORDER BY key") if self._file.is_file() else []
        return [
            Account(name=row["name"], role=row["role"], created_at=datetime.fromisoformat(row["created_at"]))
            for row in rows
        ]

    def remove(self, name: str) -> None:
        """Remove an account with its sessions and tokens. Raises ConfigError when there is none."""
        with self._writing() as db:
            _require(db.execute("DELETE FROM user WHERE key = ?", [_key(name)]), name)

    def set_password(self, name: str, password: str) -> None:
        """Set another password and end the account's sessions; its tokens stay. Raises ConfigError."""
        hashed = _hash(_checked(name, password))
        with self._writing() as db:
            _require(db.execute("UPDATE user SET password = ? WHERE key = ?", [hashed, _key(name)]), name)
            db.execute("DELETE FROM session WHERE user_key = ?", [_key(name)])
            db.execute("DELETE FROM attempt WHERE account = ?", [_key(name)])

    def set_role(self, name: str, role: AccountRole) -> None:
        """Give an account another role, from its next request on. Raises ConfigError."""
        with self._writing() as db:
            _require(db.execute("UPDATE user SET role = ? WHERE key = ?", [role, _key(name)]), name)

    def log_in(self, name: str, password: str, address: str, *, replaces: str | None = None) -> str | None:
        """A new session for somebody who knows the password, None for anybody else. `replaces` is the session that
        the browser had: it ends. Raises ThrottledError.

        The attempt is counted before the password is looked at, so that many at once count as many, and one for an
        account that is not there takes as long as any other.
        """
        key, place, now = _key(name)[:64], _network(address), self._clock()
        with self._writing() as db:
            self._check_attempts(db, key, place, now)
            attempt = db.execute(
                "INSERT INTO attempt (account, address, at) VALUES (?, ?, ?)", [key, place, _text(now)]
            ).lastrowid
            row = db.execute("SELECT password FROM user WHERE key = ?", [key]).fetchone()
        if not _verify(row["password"] if row else self._dummy_hash(), password) or row is None:
            return None
        session = secrets.token_urlsafe(32)
        with self._writing() as db:
            if (
                db.execute("SELECT 1 FROM user WHERE key = ? AND password = ?", [key, row["password"]]).fetchone()
                is None
            ):
                return None  # removed, or given another password, meanwhile
            db.execute("DELETE FROM attempt WHERE id = ? OR account = ? AND address = ?", [attempt, key, place])
            db.execute("DELETE FROM session WHERE digest = ?", [_digest(replaces or "")])
            db.execute("DELETE FROM session WHERE created_at < ?", [_text(now - LONGEST)])
            db.execute("INSERT INTO session VALUES (?, ?, ?, ?)", [_digest(session), key, _text(now), _text(now)])
            if _outdated(row["password"]):
                db.execute("UPDATE user SET password = ? WHERE key = ?", [_hash(password), key])
        return session

    def account_of(self, session: str) -> Account | None:
        """Who a session belongs to, None for one that ended or never was."""
        now = self._clock()
        rows = self._rows(
            """SELECT u.name, u.role, u.created_at, s.seen_at FROM session s JOIN user u ON u.key = s.user_key
               WHERE s.digest = ? AND s.created_at >= ? AND s.seen_at >= ?""",
            [_digest(session), _text(now - LONGEST), _text(now - IDLE)],
        )
        if not rows:
            return None
        if now - datetime.fromisoformat(rows[0]["seen_at"]) > NOTED:
            with self._writing() as db:
                db.execute("UPDATE session SET seen_at = ? WHERE digest = ?", [_text(now), _digest(session)])
        created_at = datetime.fromisoformat(rows[0]["created_at"])
        return Account(name=rows[0]["name"], role=rows[0]["role"], created_at=created_at)

    def log_out(self, session: str, *, everywhere: bool = False) -> None:
        """End a session, or all of its account."""
        with self._writing() as db:
            if everywhere:
                db.execute(
                    "DELETE FROM session WHERE user_key = (SELECT user_key FROM session WHERE digest = ?)",
                    [_digest(session)],
                )
            db.execute("DELETE FROM session WHERE digest = ?", [_digest(session)])

    def issue_token(self, name: str, scope: Scope, *, label: str = "", days: int | None = None) -> IssuedToken:
        """A new token of an account. Raises ConfigError when there is no such account or its role does not reach."""
        now = self._clock()
        issued = IssuedToken(id=secrets.token_hex(4), text=f"apl_{secrets.token_urlsafe(32)}")
        with self._writing() as db:
            row = db.execute("SELECT role FROM user WHERE key = ?", [_key(name)]).fetchone()
            if row is None:
                raise _unknown(name)
            ranks = list(SCOPES.values())
            if ranks.index(SCOPES[scope]) > ranks.index(row["role"]):
                raise ConfigError(
                    f"{name} ist {row['role']} und kann kein Token für {scope} haben",
                    hint=f"archive-pipeline users role {name} {SCOPES[scope]} ändert die Rolle",
                )
            expires = _text(now + timedelta(days=days)) if days is not None else None
            db.execute(
                "INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
                [issued.id, _digest(issued.text), _key(name), scope, label[:100], _text(now), expires],
            )
        return issued

    def tokens(self) -> list[TokenRow]:
        """All tokens, by account and age."""
        rows = (
            self._rows(
                """SELECT t.id, u.name AS account, t.scope, t.label, t.created_at, t.expires_at, t.used_at
                   FROM token t JOIN user u ON u.key = t.user_key ORDER BY u.key, t.created_at"""
            )
            if self._file.is_file()
            else []
        )
        return [
            TokenRow(
                **{
                    **dict(row),
                    **{name: _moment(row[name]) for name in ("created_at", "expires_at", "used_at")},
                }
            )
            for row in rows
        ]

    def revoke_token(self, token_id: str) -> None:
        """Take a token back at once. Raises ConfigError when there is none of this id."""
        with self._writing() as db:
            if not db.execute("DELETE FROM token WHERE id = ?", [token_id]).rowcount:
                raise ConfigError(
                    f"Ein Token {token_id!r} gibt es nicht", hint="archive-pipeline users token list zeigt alle"
                )

    def bearer(self, text: str) -> tuple[str, AccountRole] | None:
        """Name of the account and role that a token acts in: what its scope allows, and no more than its account may.
        None for a token that is unknown or has run out."""
        now = self._clock()
        rows = self._rows(
            """SELECT u.name, u.role, t.scope, t.used_at FROM token t JOIN user u ON u.key = t.user_key
               WHERE t.digest = ? AND (t.expires_at IS NULL OR t.expires_at > ?)""",
            [_digest(text), _text(now)],
        )
        if not rows:
            return None
        row = rows[0]
        if row["used_at"] is None or now - datetime.fromisoformat(row["used_at"]) > NOTED:
            with self._writing() as db:
                db.execute("UPDATE token SET used_at = ? WHERE digest = ?", [_text(now), _digest(text)])
        ranks = list(SCOPES.values())
        role = min(SCOPES[row["scope"]], row["role"], key=ranks.index)
        return row["name"], role

    def _check_attempts(self, db: sqlite3.Connection, key: str, place: str, now: datetime) -> None:
        db.execute("DELETE FROM attempt WHERE at < ?", [_text(now - WINDOW)])
        limits = (
            ("account = ? AND address = ?", [key, place], PER_PAIR),
            ("address = ?", [place], PER_ADDRESS),
            ("account = ?", [key], PER_ACCOUNT),
        )
        for where, values, limit in limits:
            row = db.execute(
                f"SELECT at FROM attempt WHERE {where} ORDER BY at DESC, id DESC LIMIT 1 OFFSET ?", [*values, limit - 1]
            ).fetchone()
            if row is not None:
                wait = datetime.fromisoformat(row["at"]) + WINDOW - now
                seconds = max(1, int(wait.total_seconds()) + 1)
                raise ThrottledError(f"Zu viele Versuche; erst in {seconds} s wieder", seconds=seconds)

    def _dummy_hash(self) -> str:
        if self._dummy is None:
            self._dummy = _hash(secrets.token_urlsafe(16))
        return self._dummy

    def _rows(self, statement: str, values: list[Any] | None = None) -> list[sqlite3.Row]:
        with self._open() as db:
            return db.execute(statement, values or []).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The file, made where it is not there: for its owner alone from its first byte on."""
        if not self._file.is_file():
            self._file.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600))
        db = sqlite3.connect(self._file, timeout=10, isolation_level=None)
        try:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA secure_delete = ON")
            if db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'setting'").fetchone() is None:
                db.executescript(SCHEMA)
            yield db
        except sqlite3.DatabaseError as error:
            raise ConfigError(
                f"{self._file.name} lässt sich nicht lesen oder schreiben: {error}",
                hint="Rechte und freien Platz prüfen; ist die Datei beschädigt, aus einer Sicherung zurückholen",
            ) from error
        finally:
            db.close()


def _key(name: str) -> str:
    """What two spellings of one name have in common."""
    return unicodedata.normalize("NFC", name.strip()).casefold()


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _digest(text: str) -> str:
    """Enough for a random word of 256 bits: there is nothing to guess."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _network(address: str) -> str:
    """The address as attempts are counted by: of IPv6 the /64, which one customer has for himself."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _require(cursor: sqlite3.Cursor, name: str) -> None:
    if not cursor.rowcount:
        raise _unknown(name)


def _unknown(name: str) -> ConfigError:
    return ConfigError(f"Ein Konto {name!r} gibt es nicht", hint="archive-pipeline users list zeigt alle")


def _checked(name: str, password: str) -> str:
    if not LEAST <= len(password) <= MOST:
        raise ConfigError(f"Ein Passwort hat {LEAST} bis {MOST} Zeichen", hint="ein Satz aus vier, fünf Wörtern genügt")
    if _key(password) in (_key(name), _key(name)[::-1]) or len(set(password)) < 5:
        raise ConfigError("Dieses Passwort ist leicht zu erraten", hint="ein Satz aus vier, fünf Wörtern genügt")
    return password


def _argon2() -> ModuleType:
    try:
        return importlib.import_module("argon2")
    except ImportError as error:
        raise MissingExtraError("Für Konten fehlt: pip install 'archive-pipeline[web]'") from error


def _hash(password: str) -> str:
    with HASHING:
        return str(_argon2().PasswordHasher(**HARDNESS).hash(password.encode("utf-8", "replace")))


def _verify(hashed: str, password: str) -> bool:
    argon2 = _argon2()
    with HASHING:
        try:
            given = password.encode("utf-8", "replace")[: 4 * MOST]
            return bool(argon2.PasswordHasher(**HARDNESS).verify(hashed, given))
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False


def _outdated(hashed: str) -> bool:
    return bool(_argon2().PasswordHasher(**HARDNESS).check_needs_rehash(hashed))
