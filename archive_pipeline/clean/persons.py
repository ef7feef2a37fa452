"""Names of authors: telling persons from offices, agencies and site accounts."""

import re

from archive_pipeline.clean.text import normalise_line

__all__ = ["AGENCY_MARK", "byline_names", "is_office", "is_person"]

_PARTICLE = r"(?:von|vom|van|de|del|della|der|den|di|da|du|zu|zum|zur|und zu|ten|ter|el|al|bin|ibn|dos|Le|La)"
_WORD = r"(?:[A-ZÄÖÜÉÈÁÀÓÇŠŽŁĐØÅÎİ][\w'’.]*(?:-[A-ZÄÖÜÉa-zäöü][\w'’.]*)*)"
_NAME = re.compile(rf"(?:{_WORD}\s)(?:(?:{_PARTICLE}|{_WORD})\s){{0,4}}{_WORD}")
_OFFICE = re.compile(
    r"redaktion|presse|newsroom|\bteam\b|\b(?:web|wp|site)?-?admin|web-?master|^super ?user$|^administrator"
    r"|verwaltung|kommunikation|öffentlichkeitsarbeit|\bverein\b"
    r"|verband|\w{3,}(?:amt|verein|kreis|schaft|kammer|präsidium|zentrum|hilfswerk)\b"
    r"|\be\.\s?v\b|gmbh|\bag\b|stiftung|ministerium|landkreis|\bkreis\b|\bstadt\b|gemeinde|\bamt\b|fraktion|partei"
    r"|bündnis|bundesamt"
    r"|\b(?:cdu|csu|spd|fdp|grünen?|linke|afd|bsw|volt|fw|piraten|uwg|ödp)\b|wähler|institut|universität|hochschule"
    r"|nachrichten\b|diakonie|caritas|\b(?:deutschland|österreich|schweiz|europa|germany|publisher|herausgeber|theme)\b"
    r"|agentur|online|\.(?:de|at|ch|com|net"
    r"|org)\b"
    r"|www\.|http|@|zeitung|magazin|verlag|medien|blog\b|radio|geschäftsstelle|sekretariat|unbekannt|gast\b|anonym",
    re.I,
)
_LEAD = re.compile(
    r"^(?:(?:(?:ein|artikel|ein\w*)\s+)?(?:(?:beitrag|artikel|text|kommentar|gastbeitrag|bericht"
    r"|interview)\s+)?(?:von|vom)|by"
    r"|autor(?:in)?(?:\s+und\s+fotos?)?"
    r"|text(?:\s+und\s+fotos?)?|verfasst\s+von|geschrieben\s+von|veröffentlicht\s+von|gepostet\s+von|erstellt\s+von"
    r"|written\s+by|posted\s+by|author|redakteur(?:in)?|foto\s+und\s+text|bericht|interview|analyse"
    r"|protokoll)\s*:?\s+|^(?:geschrieben |ein beitrag )?von(?=[A-ZÄÖÜ][a-zäöüß])",
    re.I,
)
_CLUTTER = re.compile(
    r"\s*(?:[|•·]|\bam\s+\d|\bveröffentlicht\b|\baktualisiert\b|\bstand:|\bum\s+\d|\d{1,2}\.\s?(?:\d|[A-ZÄÖÜ])|\(\d"
    r"|<).*$",
    re.I | re.S,
)
_SPLIT = re.compile(r"\s*(?:;|,|(?<=[a-zäöüß])\s*/\s*(?=[A-ZÄÖÜ])|&|\s\+\s|\s(?:und|and|u\.|im Gespräch mit)\s)\s*")
AGENCY_MARK = re.compile(
    r"(?:dpa(?:[-/ ]?(?:lno|lnw|lsw|lby|lhe|lth|infocom|tmn|afxp?))?|ots|afp|epd|kna|sid|apa|rtr|reuters|ddp|dapd"
    r"|red|pm|pi|idw|news aktuell|wor)"
    r"(?:/[a-z]{2,4})*"
)
"""Signs of agencies and desks, lower case: "dpa/lnw", "ots", "red"."""


def is_office(name: str) -> bool:
    """Whether the name is that of a press office, an organisation or a site account."""
    return bool(_OFFICE.search(name))


def is_person(name: str) -> bool:
    """Whether the text reads as one name: two to six words, capitalised but for particles, and no office."""
    return len(name) <= 60 and bool(_NAME.fullmatch(name)) and not is_office(name)


def byline_names(text: str) -> tuple[str, ...]:
    """The names in a byline ("Von Anna Weber und Jan de Vries"), without introduction and date."""
    text = _CLUTTER.sub("", _LEAD.sub("", normalise_line(text)))
    return tuple(dict.fromkeys(name for part in _SPLIT.split(text) if (name := part.strip(" .,:|–-"))))
