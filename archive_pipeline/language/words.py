"""Word lists of the analysis that are small enough to be read here."""

__all__ = ["CONNECTORS", "MONTHS", "PREFIXES", "STOP_WORDS", "VERBS"]

_STOP_WORDS = """
    aber alle allem allen aller alles als also am an auch auf aus bei beim bin bis bist da dabei dafuer daher damit
    dann daran darauf darin das dass davon dazu dem den denn der deren des dessen dich die dies diese diesem diesen
    dieser dieses dir doch dort du durch ein eine einem einen einer eines er es etwa etwas fuer gegen haben habe hat
    hatte hatten hier ich ihm ihn ihnen ihr ihre ihrem ihren ihrer ihres im in ist ja je jede jedem jeden jeder jedes
    jedoch kann koennen koennte man mehr mein mich mir mit nach nicht noch nun nur ob oder ohne sehr sei sein seine
    seinem seinen seiner seines seit sich sie sind so sollen sollte sondern soweit sowie ueber um und uns unser unsere
    unserem unseren unserer unter viel viele vom von vor wann war waren warum was weil welche welchem welchen welcher
    welches wem wen wenn wer werde werden wie wieder will wir wird wo woher wohin wurde wurden zu zum zur zwischen
"""

STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Folded words that carry no subject. They keep their positions; only free word search leaves them out."""

CONNECTORS = frozenset(("und", "oder", "bzw", "beziehungsweise", "sowie", "wie", "als", "auch", "bis", "u", "noch"))
"""Folded words that may stand between a truncated compound and the one that completes it."""

PREFIXES = ("ab", "an", "auf", "aus", "be", "bei", "durch", "ein", "ent", "her", "hin", "mit", "nach", "rueck", "ueber",
            "um", "unter", "ver", "vor", "weiter", "wieder", "zu")  # fmt: skip
"""Folded prefixes that are truncated like compounds (An- und Abreise)."""

MONTHS = (
    "januar",
    "februar",
    "maerz",
    "april",
    "mai",
    "juni",
    "juli",
    "august",
    "september",
    "oktober",
    "november",
    "dezember",
)
"""Folded names of the months, January first."""

VERBS = frozenset(("kreisen", "kreist", "kreiste", "kreisten"))
"""Verbs that share their stem with a noun (Kreis); in lower case they keep their own form."""
