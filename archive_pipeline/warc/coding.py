"""Content codings of HTTP bodies (RFC 9110, section 8.4.1): gzip and deflate."""

import zlib

from archive_pipeline.errors import CodingError, OutputLimitError

__all__ = ["decode_body", "inflate", "remove_codings"]

GZIP = 31
"""`wbits` for a gzip stream with header and checksum."""

ZLIB = 15
RAW_DEFLATE = -15
GZIP_MAGIC = b"\x1f\x8b"

FIRST_BLOCK, BLOCK = 512, 65_536
"""Bytes that are handed to zlib at once. What lies behind the end of a member is copied each time, so a stream of a
million empty members would else take time that grows with the square of their number."""


def decode_body(payload: bytes, content_encoding: str, limit: int | None = None) -> tuple[bytes, tuple[str, ...]]:
    """The body that `payload` carries, and the codings that were removed, outermost first.

    A coding that is named but not there (servers that say gzip and send plain text) is left out of the answer, and
    so is everything below a coding this module doesn't know. `limit` caps the size of every step in bytes. Raises
    CodingError, OutputLimitError.
    """
    names = [name.strip().lower() for name in content_encoding.split(",")]
    removed: list[str] = []
    body = payload
    for name in reversed([name for name in names if name not in ("", "identity")]):
        if not body or _window(name, body) is None:
            break
        body = remove_codings(body, (name,), limit)
        removed.append(name)
    return body, tuple(removed)


def remove_codings(payload: bytes, names: tuple[str, ...], limit: int | None = None) -> bytes:
    """The body after exactly these codings were removed, as `decode_body` named them. Raises CodingError,
    OutputLimitError."""
    body = payload
    for name in names:
        wbits = _window(name, body)
        if wbits is None:
            raise CodingError(f"die Daten sind nicht mit {name} komprimiert")
        body = inflate(body, wbits, limit)
    return body


def _window(name: str, body: bytes) -> int | None:
    if name in ("gzip", "x-gzip"):
        return GZIP if body.startswith(GZIP_MAGIC) else None
    if name == "deflate":
        # the standard means zlib, some servers send the bare stream
        zlib_header = len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
        return ZLIB if zlib_header else RAW_DEFLATE
    return None


def inflate(data: bytes, wbits: int = GZIP, limit: int | None = None) -> bytes:
    """Decompress all members of `data`; nothing beyond `limit` bytes is ever produced.

    Bytes after the last gzip member that don't begin another one are ignored, as gzip(1) does. Raises CodingError,
    OutputLimitError.
    """
    parts: list[bytes] = []
    size = at = 0
    while True:
        member = zlib.decompressobj(wbits)
        length = FIRST_BLOCK
        while not member.eof:
            block = data[at : at + length]
            if not block:
                raise CodingError("die komprimierten Daten brechen vorzeitig ab")
            at, length = at + len(block), BLOCK
            try:
                part = member.decompress(block, 0 if limit is None else limit - size + 1)
            except zlib.error as error:
                raise CodingError(f"die komprimierten Daten sind beschädigt ({error})") from error
            parts.append(part)
            size += len(part)
            if limit is not None and size > limit:
                raise OutputLimitError(f"entpackt größer als {limit} Bytes")
        at -= len(member.unused_data)
        if wbits != GZIP or not data.startswith(GZIP_MAGIC, at):
            return b"".join(parts)
