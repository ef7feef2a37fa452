"""The table of sources.toml for a source that was tried: its names, its schedule, and what its address tells."""

import datetime
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, count
from urllib.parse import urlsplit

from archive_pipeline.classify.gazetteer import builtin_gazetteer
from archive_pipeline.classify.hosts import district_of_host, organisation_of_host, party_of_host
from archive_pipeline.classify.names import lexicon_of
from archive_pipeline.discovering.trying import Trial
from archive_pipeline.discovering.webpage import one_line
from archive_pipeline.plugin_manager import PluginManager
from archive_pipeline.sources.editing import NewSource, Setting
from archive_pipeline.sources.tables import slug

__all__ = ["Site", "free_id", "guesses", "propose", "schedule_for"]

LONGEST_ID = 40
LOCAL_GROUP = "local_group_type"
"""The kind of a party that is another group in every district."""

GENERIC = re.compile(
    r"/|(rss|atom|feed|newsfeed|start|home|index|willkommen|herzlich)\b|(rss|news)-?feed|startseite", re.I
)
"""Names that tell no list from another."""

GUESSED = "aus der Adresse geschlossen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a site is called: its address, the name it gives itself (or an empty text), and the ids that are taken in
    sources.toml."""

    url: str
    name: str = ""
    taken: frozenset[str] = frozenset()


def propose(trial: Trial, site: Site, plugins: PluginManager, *, allow_private: bool = False) -> NewSource:
    """The table, ready to be written. What is only a guess says so in a comment."""
    candidate = trial.candidate
    settings = [
        Setting(key="id", value=free_id(site, candidate.name, candidate.url)),
        Setting(key="title", value=_title(site, candidate.name)),
        Setting(key="fetcher", value=candidate.fetcher),
        Setting(key="url", value=candidate.url),
        Setting(key="schedule", value=schedule_for(trial.days, len(trial.items))),
        *guesses(candidate.url, plugins),
        *candidate.settings,
    ]
    if allow_private:
        settings.append(Setting(key="allow_private", value=True))
    return NewSource(settings=tuple(settings))


def schedule_for(days: Collection[datetime.date], items: int) -> str:
    """How often to ask, by the rhythm of what is there: daily, every six hours from one release a day on, hourly where
    a short list would lose some between two visits."""
    ordered = sorted(days, reverse=True)
    if len(ordered) < 3:
        return "1d"
    span = max(1, (ordered[0] - ordered[-1]).days)
    a_day = (len(ordered) - 1) / span
    if a_day * 2 > items:
        return "1h"
    return "6h" if a_day >= 1 else "1d"


def guesses(url: str, plugins: PluginManager) -> tuple[Setting, ...]:
    """District, party and organisation as far as the address tells and the vocabularies know them."""
    gazetteer = builtin_gazetteer()
    vocabularies = tuple(entry.obj for entry in plugins.vocabularies)
    lexicon = lexicon_of(vocabularies)
    district, party = district_of_host(url, gazetteer), party_of_host(url)
    organisation = organisation_of_host(url, lexicon.host_organisations)
    found = []
    if district and district in gazetteer.districts:
        label = gazetteer.label(district)
        found.append(Setting(key="district", value=district, comment=f"{label}, {GUESSED}"))
    if party and party in lexicon.parties:
        bound = lexicon.parties[party].kind == LOCAL_GROUP and district
        found.append(Setting(key="party", value=f"{party}@{district}" if bound else party, comment=GUESSED))
    if organisation and organisation in lexicon.organisations:
        label = lexicon.organisations[organisation].label
        found.append(Setting(key="organisation", value=organisation, comment=f"{label}, {GUESSED}"))
    return tuple(found)


def free_id(site: Site, name: str, url: str) -> str:
    """An id that no source has yet: the name of the host, then with a word for what it is, then with a number."""
    host = _host_name(site.url) or "quelle"
    words = [word for word in (_word(name), _word(urlsplit(url).path.strip("/").rpartition("/")[2])) if word]
    numbered = (f"{host[: LONGEST_ID - 8]}-{number}" for number in count(2))
    proposals = chain([host], (f"{host}-{word}" for word in words), numbered)
    ids = (slug(proposal)[:LONGEST_ID].strip("-") for proposal in proposals)
    return next(one for one in ids if one and one not in site.taken)


def _host_name(url: str) -> str:
    """The host without `www.` and top level domain, each label a word; an IP address as it is."""
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    with suppress(UnicodeError):
        host = host.encode("ascii").decode("idna")
    labels = host.split(".")
    if len(labels) > 1 and not re.fullmatch(r"[0-9.]+", host):
        labels = labels[:-1]
    return slug("-".join(reversed(labels)) if len(labels) == 2 else "-".join(labels))


def _word(text: str) -> str:
    """A word that tells a list from others of its site."""
    return slug(text.rpartition(".")[0] if re.search(r"\.\w{2,5}$", text) else text)[:24].strip("-")


def _title(site: Site, name: str) -> str:
    """The name of the site and of the list, each once."""
    name = one_line(name)[:80]
    own = one_line(site.name)[:80] or (urlsplit(site.url).hostname or "").removeprefix("www.")
    if not name or GENERIC.match(name) or name.lower() in own.lower():
        return own
    return name if own.lower() in name.lower() else f"{own}: {name}"
