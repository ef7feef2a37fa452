"""Captions and photo credits: telling them from running text, and one from the other."""

import re

from archive_pipeline.model import Credit

__all__ = ["caption_text", "is_caption", "split_credit"]

MAX_CAPTION = 500
_LABEL = re.compile(
    r"(?:\(\s*)?(?:(?:Fotos?|Bild(?:er|quelle|nachweis|rechte)?|Foto(?:graf(?:in)?|credit|nachweis|quelle)|Quelle"
    r"|Copyright"
    r"|Credits?|Photo(?:s|credit)?|Grafik|Symbolbild)\s*:|©|\(c\))\s*(.{2,150})$",
    re.I,
)
_CAPTION = re.compile(
    r"(?:bild|foto) (?:zur meldung|oben|unten|links|rechts|mitte|\d{1,2})\s*:"
    r"|Abb(?:ildung|\.)\s*\d{1,2}\s*:|\(?v\.\s?l\.\s?(?:n\.\s?r\.)?\s*:?|\(?von links(?: nach rechts)?\s*[:(]|(?:bild"
    r"|foto)(?:unterschrift|text|unterzeile|zeile)\s*:|BU\s*:|Bildtext"
    r"|(?:auf dem (?:foto|bild)|unser (?:bild|foto) zeigt|das (?:foto|bild) zeigt|(?:im|zum) (?:bild|foto)|(?:foto"
    r"|bild)\s*\(v)",
    re.I,
)
_COPYRIGHT_END = re.compile(r"(?:^|[\s(])(?:©|\(c\))\s*[^©\n.!?:]{2,80}\)?$", re.I)
_CAPTION_LABEL = re.compile(r"^(?:(?:bild|foto)(?:unterschrift|text|unterzeile|zeile| zur meldung)|BU)\s*:\s*", re.I)


def is_caption(text: str) -> bool:
    """Whether a line is a caption: by its opening words ("v.l.n.r.:", "Bildunterschrift:", "Unser Bild zeigt",
    "Abbildung 4:"), or because it ends with a photographer behind "©"."""
    if len(text) > MAX_CAPTION:
        return False
    return bool(_CAPTION.match(text)) or (len(text) <= 300 and bool(_COPYRIGHT_END.search(text)))


def caption_text(text: str) -> str:
    """A caption without the word that only says it is one."""
    return _CAPTION_LABEL.sub("", text)


def split_credit(text: str, *, photo: bool) -> tuple[Credit, ...]:
    """A figure's text as caption and photo credit; `photo` says what a text without any label is."""
    match = _LABEL.search(text)
    if not match:
        text = text.strip(" ©")
        return (Credit(kind="photo" if photo else "caption", text=text),) if text else ()
    caption, credit = text[: match.start()].strip(" |(–-/"), match.group(1).strip(" |")
    if credit.endswith(")") and "(" not in credit:
        credit = credit[:-1]
    found = (Credit(kind="caption", text=caption),) if len(caption) >= 5 else ()
    return (*found, Credit(kind="photo", text=credit)) if credit else found
