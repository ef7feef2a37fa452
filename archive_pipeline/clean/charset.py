"""From bytes to text: which character set a document is really in.

Order: byte order mark, UTF-8, what the transport declared, what the document declares, Windows-1252. Valid UTF-8
goes before every declaration, because no text in a single-byte set is that by accident; what is read in a
single-byte set must look like the letters and quotation marks of a western European language.
"""

import codecs
import re

from archive_pipeline.errors import CleanError
from archive_pipeline.model import Capture

__all__ = ["decode", "is_binary"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(
    rb"""(?:<meta[^>]{0,300}?charset|<\?xml[^>]{0,100}?encoding)\s*=\s*["']?\s*([\w:.-]{2,30})""", re.I
)
_TEXT_SETS = re.compile(r"utf-8|utf-16(-le|-be)?|iso8859-\d+|cp125\d|cp85\d|cp437|mac-roman|koi8-r|latin-?1|ascii")
_SINGLE_BYTE = re.compile(r"iso8859|cp|mac|koi8|latin|ascii")
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\x1b\x0b")) + b"\x7f"
_DECLARATION_WINDOW = 4096

# letters and signs that German and neighbouring languages write beyond ASCII
_PLAUSIBLE = frozenset("äöüÄÖÜßéèêëàâáçñíóúôîïûùœæåøÉÈÀ„“”‚‘’»«›‹–—…•·§€°²³½¼×©®™ªº´`¨¿¡\xa0\xad¶†")
_ASCII = re.compile(r"[\x00-\x7f]+")
_INSIDE_WORD = re.compile(r"[a-zäöüß][„‚†‡ˆ‰Š‹ŽŸ¤¦¬±¶·¸][a-zäöüß]")
_STRAY = {0xDC00 + byte: bytes([byte]).decode("cp1252", errors="replace") for byte in range(0x80, 0x100)}
TOLERATED = 0.005
"""Share of odd characters that is read as damage of single places, not as a wrong character set."""


def is_binary(body: bytes) -> bool:
    """Whether the bytes are no text in any 8-bit or multi-byte set: control bytes beyond one in 300.

    UTF-16 and UTF-32 are recognised by their byte order mark and count as text.
    """
    if body.startswith(tuple(mark for mark, _ in _MARKS)):
        return False
    window = body[:65536]
    return len(window) - len(window.translate(None, _CONTROL)) > len(window) / 300


def decode(capture: Capture) -> str:
    """The body as text, without byte order mark. Raises CleanError when no character set fits."""
    body = capture.body
    for mark, name in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, errors="replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return _decode_legacy(capture)


def _declared(capture: Capture) -> list[str]:
    """Character sets the transport and the document name, as Python codec names."""
    names = [capture.charset or ""]
    match = _DECLARED.search(capture.body[:_DECLARATION_WINDOW])
    if match:
        names.append(match.group(1).decode("ascii", "replace"))
    known = []
    for name in names:
        try:
            codec = codecs.lookup(name).name if name else ""
        except LookupError:
            continue
        if _TEXT_SETS.fullmatch(codec):
            # the web's rule: everything called Latin-1 is read as its superset
            known.append("cp1252" if codec in {"iso8859-1", "ascii", "latin-1"} else codec)
    return known


def _decode_legacy(capture: Capture) -> str:
    body = capture.body
    declared = _declared(capture)
    for name in declared:
        if _SINGLE_BYTE.match(name) and name != "cp1252" and _plausible(text := body.decode(name, errors="replace")):
            return text
    # bytes that are no UTF-8 read as Windows-1252, one by one: right for both and for pages glued from both
    text = body.decode("utf-8", errors="surrogateescape").translate(_STRAY)
    if _plausible(text):
        return text
    raise CleanError(
        "Zeichensatz nicht erkennbar: weder UTF-8 noch Windows-1252 ergibt lesbaren Text"
        f" (angegeben: {', '.join(declared) or 'keiner'})",
        hint="Quelle prüfen: Die Datei muss in dem Zeichensatz gespeichert sein, den sie angibt",
    )


def _plausible(text: str) -> bool:
    """Whether the characters beyond ASCII are those of western European prose, but for single damaged ones."""
    beyond = _ASCII.sub("", text)
    odd = sum(character not in _PLAUSIBLE for character in beyond) + len(_INSIDE_WORD.findall(text))
    return odd <= max(TOLERATED * len(text), 0.1 * len(beyond))
