"""`sources discover` and `sources add`: what a site offers, as tables for sources.toml."""

import json
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any, get_args

import click

from archive_pipeline.cli.looking import Looking, known_address, looking, require_new
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import german_date, german_number, shorten
from archive_pipeline.discovering.candidates import USUAL
from archive_pipeline.discovering.proposal import Site, propose
from archive_pipeline.discovering.survey import MAX_REQUESTS, MAX_SECONDS, Survey, survey, web_addresses
from archive_pipeline.discovering.trying import MOST_ITEMS, Leave, Trial
from archive_pipeline.errors import ConfigError, FetchError
from archive_pipeline.language.days import BERLIN
from archive_pipeline.sources.editing import NewSource, Setting, in_order, render_source
from archive_pipeline.sources.tables import LegalBasis
from archive_pipeline.workspace import utc_now

__all__ = ["BASIS", "add", "discover"]

SHOWN = 4
"""Proposals shown; the rest says the same of other pages."""

LOOK_BYTES = 10_000_000
"""The largest answer that is looked at: all answers of a look are held in memory."""

WIDTH = 80
KINDS = {
    "feed": "Feed",
    "listing": "Auflistung",
    "sitemap": "Sitemap",
    "wordpress": "WordPress",
    "oparl": "OParl",
}
BASIS = click.Choice(get_args(LegalBasis))
LEGAL_BASIS = (
    "legal_basis fehlt: dann gilt § 44b UrhG, und ein Nutzungsvorbehalt des Herausgebers (TDM) verhindert das "
    "Erfassen. Ihre Grundlage eintragen: 44b, 60d, 60f, consent oder official-work-5."
)


@click.command(short_help="sucht und probiert die Quellen einer Website")
@click.argument("url")
@click.option("--fetcher", help="nur Quellen dieser Art suchen: feed, listing, sitemap, wordpress …")
@click.option("--write", is_flag=True, help="den besten Vorschlag in sources.toml eintragen (wie add --yes)")
@click.option("--legal-basis", type=BASIS, help="Rechtsgrundlage, unter der probiert und eingetragen wird")
@click.option("--allow-private", is_flag=True, help="auch Adressen im eigenen Netz abrufen")
@click.option("--json", "as_json", is_flag=True, help="ein JSON-Objekt")
@click.pass_obj
def discover(
    settings: Settings,
    url: str,
    fetcher: str | None,
    write: bool,
    legal_basis: str | None,
    allow_private: bool,
    as_json: bool,
) -> None:
    """Sucht auf einer Website nach Feeds, Sitemaps, Schnittstellen und Auflistungen und probiert sie aus.

    Was es ausgibt, ist gültiges TOML: der beste Vorschlag als Tabelle, alles Weitere als Kommentar. Höchstens 25
    Abrufe, im Abstand wie bei einem Lauf; gespeichert wird nichts.
    """
    leave = Leave(allow_private=allow_private, legal_basis=legal_basis)
    with looking(settings, max_requests=MAX_REQUESTS, seconds=MAX_SECONDS, max_bytes=LOOK_BYTES) as look:
        started = monotonic()
        found, proposals = _look(url, look, fetcher, leave)
        if as_json:
            click.echo(json.dumps(_as_json(found, proposals, look, monotonic() - started), ensure_ascii=False))
        else:
            _show(found, proposals, look, monotonic() - started)
        if not proposals:
            raise _nothing(found)
        if write:
            _write(settings, look, proposals[0], as_json=as_json, shown=True)


@click.command(short_help="trägt die beste Quelle einer Website ein")
@click.argument("url")
@click.option("--id", "source_id", help="Kennung der Quelle; sonst aus der Adresse gebildet")
@click.option("--title", help="Name der Quelle; sonst der Name der Website")
@click.option("--fetcher", help="Art der Quelle: feed, listing, sitemap, wordpress …; entscheidet ohne Rückfrage")
@click.option("--schedule", help='Abstand wie "6h" oder Cron-Zeile; sonst nach dem beobachteten Rhythmus')
@click.option("--district", help="fünfstelliger AGS-Schlüssel")
@click.option("--party", help="Kürzel der Partei")
@click.option("--organisation", help="Kürzel der herausgebenden Stelle")
@click.option("--legal-basis", type=BASIS, help="Rechtsgrundlage der Archivierung")
@click.option("--allow-private", is_flag=True, help="auch Adressen im eigenen Netz abrufen")
@click.option("--yes", is_flag=True, help="den besten Vorschlag ohne Rückfrage eintragen")
@click.option("--json", "as_json", is_flag=True, help="ein JSON-Objekt")
@click.pass_obj
def add(
    settings: Settings,
    /,
    url: str,
    fetcher: str | None,
    allow_private: bool,
    yes: bool,
    as_json: bool,
    source_id: str | None,
    **options: str | None,
) -> None:
    """Sucht wie discover und trägt den besten Vorschlag in sources.toml ein; Kommentare dort bleiben."""
    asks = sys.stdin.isatty() and sys.stderr.isatty()
    if not (yes or fetcher or asks):
        raise click.UsageError("Ohne Terminal ist --yes nötig (nimmt den besten Vorschlag) oder --fetcher NAME")
    chosen = {name: value for name, value in {"id": source_id, **options}.items() if value}
    leave = Leave(allow_private=allow_private, legal_basis=chosen.get("legal_basis"))
    with looking(settings, max_requests=MAX_REQUESTS, seconds=MAX_SECONDS, max_bytes=LOOK_BYTES) as look:
        _check_before(look, url, chosen)
        started = monotonic()
        found, proposals = _look(url, look, fetcher, leave)
        number = 1
        if not proposals or not (yes or fetcher):
            _show(found, proposals, look, monotonic() - started)
        if not proposals:
            raise _nothing(found)
        if not (yes or fetcher):
            choice = click.IntRange(0, min(SHOWN, len(proposals)))
            number = click.prompt("Welchen Vorschlag eintragen (0: keinen)?", type=choice, default=1, err=True)
        if number:
            _write(settings, look, _with(proposals[number - 1], chosen), as_json=as_json, shown=False)
        else:
            click.echo("Nichts eingetragen", err=True)


def _check_before(look: Looking, url: str, chosen: Mapping[str, str]) -> None:
    """Say what is wrong with the options, and that the address is there already, before a site is bothered."""
    require_new(look.archive, web_addresses(url)[0])
    settings = [Setting(key=key, value=value) for key, value in chosen.items()]
    if "id" not in chosen:
        settings.append(Setting(key="id", value=f"probe-{len(look.archive.sources)}"))
    stand_in = (Setting(key="fetcher", value="feed"), Setting(key="url", value="https://example.org/"))
    reasons = look.file.refused([NewSource(settings=(*settings, *stand_in))])
    if reasons:
        raise ConfigError(
            f"So lässt sich keine Quelle eintragen: {reasons[0]}", hint="Optionen prüfen: sources add --help"
        )


def _look(url: str, look: Looking, fetcher: str | None, leave: Leave) -> tuple[Survey, list[NewSource]]:
    """The survey, and a table for each source it found."""
    today = utc_now().astimezone(BERLIN).date()
    found = survey(url, look.session, look.plugins, today=today, fetcher=fetcher, leave=leave)
    taken = frozenset(source.id for source in look.config.sources) if look.config else frozenset()
    site = Site(url=found.url, name=found.site_name, taken=taken)
    proposals = [propose(trial, site, look.plugins, allow_private=leave.allow_private) for trial in found.found]
    if leave.legal_basis:
        proposals = [_with(proposal, {"legal_basis": leave.legal_basis}) for proposal in proposals]
    return found, proposals


def _with(proposal: NewSource, chosen: Mapping[str, str]) -> NewSource:
    """The proposal with what the person said in the place of what was guessed."""
    said = (Setting(key=key, value=value) for key, value in chosen.items())
    return replace(proposal, settings=in_order((*proposal.settings, *said)))


def _write(settings: Settings, look: Looking, proposal: NewSource, *, as_json: bool, shown: bool) -> None:
    """Put the table into sources.toml. Raises ConfigError when a source has its address already."""
    require_new(look.archive, str(proposal.value("url")))
    look.file.add([proposal])
    source_id = proposal.value("id")
    if as_json:
        line = {
            "schema": "apl/source-added/1",
            "type": "source_added",
            "id": source_id,
            "toml": render_source(proposal),
        }
        click.echo(json.dumps(line, ensure_ascii=False))
    if settings.quiet:
        return
    click.echo(f'Eingetragen in {look.file.path}: Quelle "{source_id}"', err=True)
    if not (as_json or shown):
        click.echo(render_source(proposal), nl=False)
    if proposal.value("legal_basis") is None and not shown:
        click.echo(textwrap.fill(LEGAL_BASIS, WIDTH), err=True)
    click.echo(f"Weiter: archive-pipeline sources test {source_id}", err=True)


def _nothing(found: Survey) -> FetchError:
    """Why there is no proposal, and what a person can do."""
    if any("needs_javascript" in note for note in found.notes):
        hint = "im Browser nachsehen, woher die Seite ihre Meldungen lädt (Netzwerkanalyse), und diese Adresse nennen"
    elif found.spent:
        hint = "die Adresse der Seite nennen, auf der die Mitteilungen stehen"
    elif not found.others:
        hint = "die Adresse der Seite oder des Feeds nennen; eine eigene Art von Website: archive-pipeline plugins new"
    else:
        hint = "die Gründe oben prüfen; archive-pipeline try ADRESSE --diff zeigt, was aus einer Mitteilung wird"
    return FetchError(f"Auf {found.url} wurde keine Quelle gefunden", url=found.url, hint=hint)


def _show(found: Survey, proposals: Sequence[NewSource], look: Looking, seconds: float) -> None:
    """Everything that was found, as TOML: the best table plain, the rest in comments."""
    systems = f" ({', '.join(found.systems)})" if found.systems else ""
    _comment(f"{found.url}{shorten(systems, 60)}")
    spent = ", das Budget ist aufgebraucht" if found.spent else ""
    _comment(f"{len(look.session.requests)} Abrufe in {german_number(seconds)} s{spent}")
    for number, (trial, proposal) in enumerate(zip(found.found[:SHOWN], proposals, strict=False), start=1):
        click.echo()
        _comment(
            f"Vorschlag {number}: {KINDS.get(trial.candidate.fetcher, trial.candidate.fetcher)}, {trial.candidate.how}"
        )
        for line in _yield(trial):
            _comment(line, indent="  ")
        known = known_address(look.config, trial.candidate.url) if look.config else None
        if known is not None:
            _comment(f'schon eingetragen als "{known.id}"', indent="  ")
        table = render_source(proposal)
        click.echo(table if number == 1 and known is None else textwrap.indent(table, "# "), nl=False)
    if proposals and proposals[0].value("legal_basis") is None:
        click.echo()
        _comment(LEGAL_BASIS)
    guessed = [trial for trial in found.others if trial.candidate.how == USUAL and not trial.items]
    reasons = [
        f"{one.candidate.fetcher} {one.candidate.url}: {one.problem}" for one in found.others if one not in guessed
    ]
    if guessed:
        reasons.append(f"{len(guessed)} übliche Adressen (Feeds, Sitemap), unter denen nichts steht")
    for title, lines in (("Verworfen", reasons), ("Hinweise", found.notes)):
        if lines:
            click.echo()
            _comment(f"{title}:")
            for line in lines:
                _comment(shorten(line, 3 * WIDTH), indent="  ")


def _yield(trial: Trial) -> Iterator[str]:
    """What a source would bring, in words."""
    newest = f", der neueste vom {german_date(trial.days[0])}" if trial.days else ", ohne Datum"
    more = " oder mehr" if len(trial.items) >= MOST_ITEMS else ""
    yield f"{len(trial.items)}{more} Einträge{newest}"
    accepted = [sample for sample in trial.samples if sample.accepted]
    lengths = ", ".join(str(sample.length) for sample in accepted)
    yield f"{len(accepted)} von {len(trial.samples)} erfassten Texten angenommen ({lengths} Zeichen)"
    for sample in trial.samples:
        article = sample.processed.article if sample.processed else None
        title = (article.title if article else None) or sample.item.title or sample.item.key
        yield f"„{shorten(title, 70)}“" + ("" if sample.accepted else f": {sample.reason}")


def _comment(text: str, *, indent: str = "") -> None:
    """Lines of a TOML comment that fit a terminal; what can't be wrapped stays whole."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    for line in textwrap.wrap(plain, WIDTH - 2 - len(indent), break_long_words=False, break_on_hyphens=False):
        click.echo(f"# {indent}{line}")


def _as_json(found: Survey, proposals: Sequence[NewSource], look: Looking, seconds: float) -> dict[str, Any]:
    return {
        "schema": "apl/discovery/1",
        "type": "discovery",
        "url": found.url,
        "site_name": found.site_name,
        "systems": list(found.systems),
        "pages": list(found.pages),
        "requests": len(look.session.requests),
        "seconds": round(seconds, 2),
        "spent": found.spent,
        "proposals": [_proposal_json(*pair) for pair in zip(found.found, proposals, strict=True)],
        "rejected": [
            {"fetcher": trial.candidate.fetcher, "url": trial.candidate.url, "reason": trial.problem}
            for trial in found.others
        ],
        "notes": list(found.notes),
    }


def _proposal_json(trial: Trial, proposal: NewSource) -> dict[str, Any]:
    accepted = [sample for sample in trial.samples if sample.accepted]
    return {
        "id": proposal.value("id"),
        "fetcher": trial.candidate.fetcher,
        "url": trial.candidate.url,
        "found_by": trial.candidate.how,
        "score": round(trial.score, 3),
        "items": len(trial.items),
        "dated": sum(item.published is not None for item in trial.items),
        "newest": trial.days[0].isoformat() if trial.days else None,
        "tried": len(trial.samples),
        "accepted": len(accepted),
        "text_lengths": [sample.length for sample in accepted],
        "titles": [item.title for item in trial.items[:3]],
        "schedule": proposal.value("schedule"),
        "toml": render_source(proposal),
    }
