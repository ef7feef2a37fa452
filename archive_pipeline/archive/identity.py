"""Which release a document belongs to: the one of its place, of its address, or of the same text elsewhere.

Two spellings of an address, a site that moved, a page that stands in two sections: only the content tells that they
are one release. What tells it here is the whole text, word for word; texts that are merely alike stay releases of
their own.
"""

import hashlib
import re
import unicodedata
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote_to_bytes, urlsplit

from pydantic import TypeAdapter
from sqlite_utils import Database

from archive_pipeline.address import canonical_url
from archive_pipeline.archive.database import look_up
from archive_pipeline.mail.sameness import same_release
from archive_pipeline.model import Article, Capture, Source

__all__ = ["find_counterpart", "find_identity", "release_identity", "text_digest"]

ID_LENGTH = 16
"""Hex digits of an id: 64 bits, so that a million releases collide with a chance below one in ten million."""

ARTICLE = TypeAdapter(Article)
WORD = re.compile(r"\w+")

TELLING = 25
"""Words that a text must have for its day and itself to tell which release it is: of "Siehe Anlage" there may be two
on one day."""


def release_identity(capture: Capture) -> str:
    """The id of a release that is new: from its first canonical address; of files and mail from source id and relative
    path."""
    name = canonical_url(capture.url) if capture.url else f"{capture.source_id}/{capture.key}"
    return hashlib.sha256(name.encode()).hexdigest()[:ID_LENGTH]


def text_digest(article: Article) -> str:
    """What two articles have in common that read the same: their words, whatever stands between them."""
    words = WORD.findall(unicodedata.normalize("NFKC", f"{article.title or ''}\n{article.text}").casefold())
    return hashlib.sha256(" ".join(words).encode()).hexdigest()


def find_identity(db: Database, capture: Capture, article: Article) -> str:
    """The id of the release that this document is, or is going to be.

    A release that is there is found by the document's place in its source; by its canonical address; or by the same
    words at another place of the same source, where the addresses differ in spelling only, or the dates are the same
    and the words are more than a few.
    """
    place = [capture.source_id, capture.key]
    found = look_up(db, "SELECT release_id FROM location WHERE source_id = ? AND key = ? LIMIT 1", place)
    if found is not None:
        return str(found[0])
    identity = release_identity(capture)
    if look_up(db, "SELECT 1 FROM release WHERE id = ?", [identity]) is not None:
        return identity
    return _same_text(db, capture, article) or identity


MAIL = "message/rfc822"
MAIL_FETCHERS = ("mail", "imap")
DAYS = timedelta(days=7)
"""A mailing and its page on the web are looked for this far from each other."""

COUNTERPARTS = """
SELECT r.id, d.article, d.text FROM release r
JOIN source s ON s.id = r.source_id
JOIN derivation d ON d.release_id = r.id AND d.version_id = r.version_id AND d.number = r.derivation
WHERE (r.published BETWEEN :first AND :last OR r.url = :url)
  AND CASE WHEN :wants_mail THEN s.fetcher IN ('mail', 'imap') ELSE r.url IS NOT NULL END
ORDER BY r.first_captured_at, r.rowid
"""


def find_counterpart(db: Database, capture: Capture, source: Source, article: Article) -> str | None:
    """The release on the web that a mail carries, or the mail that a page on the web was sent as, if the archive has
    it: the same text (`same_release`), at most a week apart. None for everything else."""
    is_mail = source.fetcher in MAIL_FETCHERS or capture.media_type == MAIL
    if not is_mail and (capture.url is None or not _has_mail(db)):
        return None
    day = article.published or capture.captured_at.date()
    rows = db.query(
        COUNTERPARTS,
        {
            "first": (day - DAYS).isoformat(),
            "last": (day + DAYS).isoformat(),
            "url": article.url if is_mail else None,
            "wants_mail": not is_mail,
        },
    )
    for row in rows:
        other = replace(ARTICLE.validate_json(row["article"]), text=row["text"])
        if same_release(article, other):
            return str(row["id"])
    return None


def _has_mail(db: Database) -> bool:
    return look_up(db, "SELECT 1 FROM source WHERE fetcher IN ('mail', 'imap') LIMIT 1", []) is not None


def _same_text(db: Database, capture: Capture, article: Article) -> str | None:
    if capture.url is None:
        return None  # two files of a folder are two documents, whatever they say
    is_telling = article.published is not None and len(WORD.findall(article.text)) >= TELLING
    published = article.published.isoformat() if article.published else None
    for row in db.query(
        """SELECT id, url, published FROM release
           WHERE text_digest = ? AND source_id = ? AND url IS NOT NULL ORDER BY first_captured_at, rowid""",
        [text_digest(article), capture.source_id],
    ):
        if (is_telling and row["published"] == published) or _spelling(row["url"]) == _spelling(capture.url):
            return str(row["id"])
    return None


def _spelling(url: str) -> str:
    """What is left of an address without the ways to write it: scheme, `www.`, case and coding of the host, Unicode
    form and percent-encoding (UTF-8 or Latin-1) of the path, final slash."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    with suppress(UnicodeError):
        host = host.encode("ascii").decode("idna")
    return f"{host.casefold()}{_decoded(parts.path).rstrip('/')}?{_decoded(parts.query)}"


def _decoded(text: str) -> str:
    octets = unquote_to_bytes(text)
    try:
        readable = octets.decode("utf-8")
    except UnicodeDecodeError:
        readable = octets.decode("latin-1")
    return unicodedata.normalize("NFC", readable)
