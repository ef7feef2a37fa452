"""What the address of a release says about its district and its party.

Counted on 284 releases with a known answer (right / said): municipal domain 15 / 15, Kreis domain 9 / 9, district name
as a host token 46 / 50, municipality name that exists once 21 / 25, number plate beside a party or body word 12 / 12.
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from urllib.parse import unquote, urlsplit

from archive_pipeline.classify.gazetteer import Gazetteer, fold_host

__all__ = ["district_of_host", "host_tokens", "organisation_of_host", "party_of_host"]

_PARTY_TOKENS = {
    "cdu": "cdu", "csu": "csu", "cducsu": "cdu-csu", "spd": "spd", "fdp": "fdp", "gruene": "gruene",
    "diegruenen": "gruene", "gruenen": "gruene", "linke": "linke", "dielinke": "linke", "linksfraktion": "linke",
    "linkspartei": "linke", "afd": "afd", "bsw": "bsw", "piratenpartei": "piraten", "piraten": "piraten",
    "piratenfraktion": "piraten", "oedp": "oedp", "volt": "volt", "voltdeutschland": "volt", "npd": "npd",
    "ssw": "ssw", "tierschutzpartei": "tierschutz", "bayernpartei": "bp", "diebasis": "basis", "uwg": "uwg",
    "fwg": "fwg", "freiewaehler": "fw", "freie-waehler": "fw", "jusos": "spd", "julis": "fdp", "dkp": "dkp",
    "mlpd": "mlpd", "die-partei": "die-partei", "diepartei": "die-partei", "spdfraktion": "spd",
    "cdufraktion": "cdu", "fdpfraktion": "fdp", "afdbundestag": "afd", "spdnrw": "spd", "familienpartei": "familie",
    "gruenejugend": "gruene", "die-linke": "linke", "die-gruenen": "gruene", "junge-union": "cdu",
    "freie-demokraten": "fdp", "afdkompakt": "afd", "linksjugend": "linke",
}  # fmt: skip
"""Host tokens (or two joined by a hyphen) that name a party."""

_BODY_TOKENS = frozenset(_PARTY_TOKENS) | frozenset(
    {"kv", "kreisverband", "kreistagsfraktion", "ov", "lk", "kreis", "awo", "drk", "caritas", "diakonie",
     "ratsfraktion", "fraktion", "ortsverein", "ksb", "kreissportbund", "feuerwehr", "kfv", "lebenshilfe", "nabu"}
)  # fmt: skip
"""A number plate counts only beside one of these."""

_LARGER_BODIES = frozenset(
    {"erzbistum", "bistum", "uni", "universitaet", "hwk", "ihk", "bezirksregierung", "messe", "flughafen",
     "regierungspraesidium", "rp", "handwerkskammer", "kirchenkreis", "dekanat"}
)  # fmt: skip
"""Bodies whose area is not that of the town they are called by."""

_KREIS_PREFIX = re.compile(r"^(?:kreis|landkreis|lk|lra|landratsamt)$")
_COMPOUND = re.compile(
    r"^(cdu|csu|spd|fdp|gruene|linke|dielinke|afd|uwg|fwg|freiewaehler|piraten|kreis|landkreis|stadt|gemeinde|lra|"
    r"stadtwerke|feuerwehr|drk|awo|caritas|diakonie|nabu|vhs|kv)(.{4,})$"
)
_MIN_NAME = 4


def host_tokens(url: str | None) -> tuple[str, ...]:
    """The parts of a host name without `www` and the top level; empty for no or an unreadable address."""
    if not url:
        return ()
    try:
        host = (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ()
    return tuple(part for part in re.split(r"[.-]", host.rpartition(".")[0]) if part)


def _named(tokens: tuple[str, ...], gazetteer: Gazetteer) -> str | None:
    """The one district whose name, or whose municipality's unique name, stands in the host."""
    for size in (4, 3, 2, 1):
        for start in range(len(tokens) - size + 1):
            name = fold_host("".join(tokens[start : start + size]))
            for candidate in (name, *_COMPOUND.sub(r"\2", name).split()):
                keys = gazetteer.host_names.get(candidate) if len(candidate) >= _MIN_NAME else None
                if keys and len(keys) == 1:
                    return next(iter(keys))
                if keys:
                    rural = {key for key in keys if not gazetteer.districts[key].is_city}
                    city = set(keys) - rural
                    if any(_KREIS_PREFIX.match(token) for token in tokens) and len(rural) == 1:
                        return rural.pop()
                    if len(city) == 1:
                        return city.pop()
    return None


def district_of_host(url: str | None, gazetteer: Gazetteer) -> str | None:
    """The district an address speaks for, or None. By the rules counted above, in that order."""
    tokens = host_tokens(url)
    if not tokens or not url:
        return None
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    parts = host.split(".")
    for start in range(len(parts) - 1):
        known = gazetteer.domains.get(".".join(parts[start:]))
        if known:
            return known
    if _LARGER_BODIES & set(tokens):
        return None
    named = _named(tokens, gazetteer)
    if named:
        return named
    if any(token in _BODY_TOKENS for token in tokens):
        plates = {gazetteer.plates[token] for token in tokens if token in gazetteer.plates}
        if len(plates) == 1:
            return plates.pop()
    return _of_path(url, gazetteer) if party_of_host(url) else None


def _of_path(url: str, gazetteer: Gazetteer) -> str | None:
    """On a party's portal, the branch that the first parts of the path name: `die-partei.net/luebeck/`."""
    for part in re.split(r"[/:]", urlsplit(url).path)[1:4]:
        keys = (
            gazetteer.host_names.get(fold_host(unquote(part)), frozenset()) if len(part) >= _MIN_NAME else frozenset()
        )
        cities = {key for key in keys if gazetteer.districts[key].is_city}
        if len(keys) == 1 or len(cities) == 1:
            return next(iter(cities or keys))
    return None


def organisation_of_host(url: str | None, known: Mapping[str, str]) -> str | None:
    """The organisation whose name or abbreviation is the registered name of a host, or None."""
    tokens = host_tokens(url)
    if not url or not tokens:
        return None
    registered = (urlsplit(url).hostname or "").rpartition(".")[0].rpartition(".")[2]
    return known.get(fold_host(registered))


def party_of_host(url: str | None) -> str | None:
    """The party whose name stands in the host, or None."""
    tokens = host_tokens(url)
    joined = (f"{first}-{second}" for first, second in pairwise(tokens))
    for token in (*joined, *tokens):
        party = _PARTY_TOKENS.get(token)
        if party:
            return party
    for token in tokens:
        for prefix in ("cdu", "csu", "spd", "fdp", "afd", "gruene", "dielinke", "piratenpartei"):
            if token.startswith(prefix) and len(token) > len(prefix) + 2:
                return _PARTY_TOKENS[prefix]
    return None
