"""`sample` and `agreement`: random samples for coding by people, and what the filled sheets say."""

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from sqlite_utils import Database

from archive_pipeline.archive.decision_forms import Coding, Decision, Sample, SampledRelease
from archive_pipeline.archive.decisions import apply_new_decisions, decide
from archive_pipeline.archive.reading import derived_tags, load_releases
from archive_pipeline.archive.samples import StoredSample, coded_cells, load_sample, sample_ids, sampling_frame
from archive_pipeline.classify.vocabulary import MUNICIPALITY
from archive_pipeline.cli.deciding import Change, Deciding, Labels, by_option, new_id
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.sheets import plain_cell
from archive_pipeline.cli.wording import counted
from archive_pipeline.errors import ArchiveError, ConfigError
from archive_pipeline.learn.agreement import Comparison, Estimate, Scores, Unit, alpha, masi, nominal, scores
from archive_pipeline.learn.sampling import (
    COLUMNS,
    NONE,
    VARIABLES,
    Codebook,
    Sheet,
    draw,
    found_values,
    read_sheet,
)
from archive_pipeline.model import Axis, Release, Tag
from archive_pipeline.searching import open_search
from archive_pipeline.workspace import Workspace, open_workspace, utc_now

EXCERPT = 1500
"""Characters of the text in a sheet without --full-text."""

HEAD = ("sample", "id", "permalink", "url", "title", "date", "text")
TAIL = ("coder", "note")

MEASURED: tuple[tuple[str, tuple[str, ...]], ...] = (
    *((column.name, (column.name,)) for column in COLUMNS),
    ("party_any", ("party_issuer", "party_about", "party_mentioned")),
    ("topic_any", ("topic_primary", "topic_secondary")),
)
"""What is reported, and the columns it is made of: only where all of them were coded."""

SINGLE = frozenset({"topic_primary"})
"""Columns with one value at most: nominal categories. The others are sets."""

Cells = Mapping[tuple[str, str], frozenset[str]]


@click.command()
@click.option("--n", "size", type=click.IntRange(1), required=True, help="so viele Mitteilungen")
@click.option("--stratify", default="", help=f"geschichtet nach: {', '.join(VARIABLES)} (mit Komma getrennt)")
@click.option("--seed", required=True, help="Startwert des Zufalls: derselbe zieht dieselbe Stichprobe")
@click.option("--query", help="nur aus Mitteilungen, die diese Suche findet")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Kodierbogen; sonst sample-….csv")
@click.option("--full-text", is_flag=True, help=f"ganzer Text statt der ersten {EXCERPT} Zeichen")
@click.option("--with-tags", is_flag=True, help="zeigt, was die Regeln fanden: dann ist nicht mehr blind kodiert")
@by_option
@click.pass_obj
def sample(
    settings: Settings,
    size: int,
    stratify: str,
    seed: str,
    query: str | None,
    out: Path | None,
    full_text: bool,
    with_tags: bool,
    by: str | None,
) -> None:
    """Zieht eine geschichtete Zufallsstichprobe und schreibt einen Kodierbogen mit Codeliste.

    Schichten und Auswahlwahrscheinlichkeiten bleiben im Archiv; im Bogen verrieten sie, was die Regeln fanden.
    """
    workspace = open_workspace(settings.folder)
    variables = [name.strip() for name in stratify.split(",") if name.strip()]
    if unknown := [name for name in variables if name not in VARIABLES]:
        raise click.UsageError(f"Nach {unknown[0]!r} lässt sich nicht schichten; möglich: {', '.join(VARIABLES)}")
    only = _found(workspace, query)
    deciding = Deciding.begin(by)
    with workspace.writing("sample") as db:
        apply_new_decisions(db, workspace.decisions_file)
        frame = sampling_frame(db, only)
        if not frame:
            raise ArchiveError("Es gibt keine Mitteilung, aus der sich ziehen ließe")
        drawn = draw(frame, size, stratify=variables, seed=seed)
        decision = Sample(
            id=_sample_id(seed, query, drawn),
            batch=deciding.batch,
            decided_by=deciding.decided_by,
            decided_at=deciding.decided_at,
            seed=seed,
            stratify=tuple(variables),
            query=query,
            population=len(frame),
            drawn=drawn,
        )
        path = out or Path(f"{decision.id}.csv")
        if path.exists():
            raise ConfigError(
                f"{path} gibt es schon; ein Kodierbogen wird nicht überschrieben",
                hint="--out nennt einen anderen Namen",
            )
        decide(db, workspace.decisions_file, [decision])
        releases = load_releases(db, sorted(one.release_id for one in drawn))
        tags = derived_tags(db, [release.id for release in releases]) if with_tags else None
    _write_sheet(path, decision.id, releases, tags, full_text=full_text)
    codes = _write_codes(path, _codebook(workspace))
    strata = len({one.stratum for one in drawn})
    click.echo(
        f"{counted(len(drawn), 'Mitteilung', 'Mitteilungen')} aus {len(frame)}, "
        f"{counted(strata, 'Schicht', 'Schichten')} · {decision.id} · {path}, Codes in {codes}"
    )


def _found(workspace: Workspace, query: str | None) -> frozenset[str] | None:
    if query is None:
        return None
    workspace.refresh_index()
    with open_search(workspace) as service:
        return frozenset(service.keys(query, today=utc_now().date()))


def _sample_id(seed: str, query: str | None, drawn: Sequence[SampledRelease]) -> str:
    """The same draw has the same name: drawn twice, it is one sample."""
    ranked = sorted((one.release_id, one.stratum, one.probability) for one in drawn)
    return f"sample-{hashlib.sha256(json.dumps([seed, query, ranked]).encode()).hexdigest()[:8]}"


def _write_sheet(
    path: Path,
    sample_id: str,
    releases: Sequence[Release],
    tags: Mapping[str, Sequence[Tag]] | None,
    *,
    full_text: bool,
) -> None:
    names = [column.name for column in COLUMNS]
    extra = [f"found_{name}" for name in names] if tags is not None else []
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow([*HEAD, *names, *TAIL, *extra])
        for release in releases:
            article = release.article
            row = [
                sample_id,
                release.id,
                f"d/{release.id}@{release.version_id}.{release.derivation}",
                release.url or "",
                article.title or "",
                article.published.isoformat() if article.published else "",
                article.text if full_text else article.text[:EXCERPT],
            ]
            own = tags.get(release.id, ()) if tags is not None else ()
            found = ["; ".join(sorted(found_values(own, column))) for column in COLUMNS] if tags is not None else []
            writer.writerow([*map(plain_cell, row), *("" for _ in (*names, *TAIL)), *found])


def _write_codes(path: Path, codebook: Codebook) -> Path:
    codes = path.with_name(f"{path.stem}-codes.csv")
    with codes.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["axis", "code", "name"])
        writer.writerow(["", NONE, "nichts davon trifft zu; eine leere Zelle heißt: nicht kodiert"])
        writer.writerow(["", "a; b", "mehrere Codes trennt ein Semikolon; topic_primary hat höchstens einen"])
        writer.writerow(["organisation", "Name", "der volle Name der Organisation"])
        writer.writerows(codebook.rows())
    return codes


def _codebook(workspace: Workspace) -> Codebook:
    entries = (entry for vocabulary in workspace.plugins.vocabularies for entry in vocabulary.obj.entries)
    return Codebook([entry for entry in entries if entry.kind != MUNICIPALITY])


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the report: who is compared with whom in what, over how many releases."""

    comparison: str
    column: str
    releases: int
    scores: Scores | None
    alpha: Estimate | None


@click.command()
@click.argument("sheets", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="[BOGEN …]")
@click.option("--keep", is_flag=True, help="übernimmt die Codes eines Bogens als Entscheidungen")
@click.option("--json", "as_json", is_flag=True, help="alle Zahlen als JSON")
@by_option
@click.pass_obj
def agreement(settings: Settings, sheets: tuple[Path, ...], keep: bool, as_json: bool, by: str | None) -> None:
    """Vergleicht ausgefüllte Kodierbögen untereinander und mit den Regeln.

    Ohne Bogen: die Güte nach allem, was aus Zufallsstichproben übernommen wurde. Nur daraus werden Zahlen
    veröffentlicht. Intervalle sind 95-%-Intervalle.
    """
    workspace = open_workspace(settings.folder)
    if keep and len(sheets) != 1:
        raise click.UsageError("--keep übernimmt genau einen Bogen: den, der gelten soll")
    read = [read_sheet(path, _codebook(workspace)) for path in sheets]
    if len({sheet.sample for sheet in read}) > 1:
        raise ConfigError(
            "Die Bögen gehören zu verschiedenen Stichproben", hint="nur Bögen einer Stichprobe vergleichen"
        )
    if keep:
        _keep(workspace, read[0], Deciding.begin(by))
    with workspace.reading() as db:
        if read:
            chosen = load_sample(db, read[0].sample)
            report = {chosen.id: (chosen, _compare(db, chosen, {_name(read, one): one.cells for one in read}))}
        else:
            report = {}
            for sample_id in sample_ids(db):
                chosen = load_sample(db, sample_id)
                cells = {(one.release_id, one.column): frozenset(one.values) for one in coded_cells(db, sample_id)}
                report[sample_id] = (chosen, _compare(db, chosen, {"übernommen": cells}))
    if as_json:
        listed = [_report_json(chosen, rows) for chosen, rows in report.values()]
        click.echo(json.dumps({"schema": "apl/agreement/1", "samples": listed}, ensure_ascii=False))
        return
    if not report:
        click.echo("Noch keine übernommenen Kodierungen: archive-pipeline sample, dann agreement BOGEN --keep")
    for chosen, rows in report.values():
        _show(chosen, rows)


def _name(read: Sequence[Sheet], sheet: Sheet) -> str:
    """The coder's name, with a number where two sheets have the same."""
    same = [one for one in read if one.coder == sheet.coder]
    return sheet.coder if len(same) == 1 else f"{sheet.coder} ({same.index(sheet) + 1})"


def _compare(db: Database, chosen: StoredSample, coders: Mapping[str, Cells]) -> list[Row]:
    """Coders among each other, then each of them with the rules, column by column."""
    weights = {one.release_id: 1 / one.probability for one in chosen.drawn}
    for name, cells in coders.items():
        strangers = sorted({release_id for release_id, _ in cells} - weights.keys())
        if strangers:
            raise ConfigError(f"{name}: {strangers[0]} gehört nicht zur Stichprobe {chosen.id}")
    tags = derived_tags(db, list(weights))
    found = {
        (release_id, column.name): found_values(tags.get(release_id, ()), column)
        for release_id in weights
        for column in COLUMNS
    }
    rows = []
    for name, parts in MEASURED:
        by_coder = {coder: _joined(cells, parts) for coder, cells in coders.items()}
        if len(coders) > 1:
            rows.append(_among(name, list(by_coder.values()), weights))
        rows += [_with_rules(coder, name, cells, _joined(found, parts), weights) for coder, cells in by_coder.items()]
    return [row for row in rows if row.releases]


def _joined(cells: Cells, parts: Sequence[str]) -> dict[str, frozenset[str]]:
    """The values of several columns together, by release, where all of them were coded."""
    ids = {release_id for release_id, _ in cells}
    return {
        release_id: frozenset().union(*(cells[release_id, part] for part in parts))
        for release_id in sorted(ids)
        if all((release_id, part) in cells for part in parts)
    }


def _among(name: str, coders: Sequence[Mapping[str, frozenset[str]]], weights: Mapping[str, float]) -> Row:
    units = [
        Unit(values=tuple(coder[release_id] for coder in coders if release_id in coder), weight=weight)
        for release_id, weight in weights.items()
    ]
    units = [unit for unit in units if len(unit.values) > 1]
    return Row(
        comparison="untereinander",
        column=name,
        releases=len(units),
        scores=None,
        alpha=alpha(units, nominal if name in SINGLE else masi),
    )


def _with_rules(
    coder: str, name: str, coded: Mapping[str, frozenset[str]], found: Mapping[str, frozenset[str]],
    weights: Mapping[str, float],
) -> Row:  # fmt: skip
    pairs = [(coded[release_id], found[release_id], weights[release_id]) for release_id in coded]
    units = [Unit(values=(one, other), weight=weight) for one, other, weight in pairs]
    return Row(
        comparison=f"{coder} – Regeln",
        column=name,
        releases=len(pairs),
        scores=scores([Comparison(coded=one, found=other, weight=weight) for one, other, weight in pairs]),
        alpha=alpha(units, nominal if name in SINGLE else masi),
    )


def _keep(workspace: Workspace, sheet: Sheet, deciding: Deciding) -> None:
    """Write the codes down, as codings of the sample and as decisions about the tags."""
    with workspace.writing("agreement") as db:
        apply_new_decisions(db, workspace.decisions_file)
        members = {one.release_id for one in load_sample(db, sheet.sample).drawn}
        tags = derived_tags(db, sorted(members))
        decisions: list[Decision] = []
        labels = Labels(workspace)
        for release_id in sorted(members & {release_id for release_id, _ in sheet.cells}):
            decisions += _codings(sheet, release_id, deciding)
            decisions += _tag_decisions(labels, sheet, release_id, tags.get(release_id, ()), deciding)
        decide(db, workspace.decisions_file, decisions)
        workspace.update_index(db)
    click.echo(
        f"{len(decisions)} Entscheidungen übernommen · zurücknehmen: archive-pipeline tag undo {deciding.batch}",
        err=True,
    )


def _codings(sheet: Sheet, release_id: str, deciding: Deciding) -> list[Decision]:
    return [
        Coding(
            id=new_id(),
            batch=deciding.batch,
            note=sheet.coder,
            decided_by=deciding.decided_by,
            decided_at=deciding.decided_at,
            sample=sheet.sample,
            release_id=release_id,
            column=column.name,
            values=tuple(sorted(sheet.cells[release_id, column.name])),
        )
        for column in COLUMNS
        if (release_id, column.name) in sheet.cells
    ]


def _tag_decisions(
    labels: Labels, sheet: Sheet, release_id: str, tags: Sequence[Tag], deciding: Deciding
) -> list[Decision]:
    """Coded values are added; what the rules found in a coded column and the coder did not is removed."""
    coded = [column for column in COLUMNS if (release_id, column.name) in sheet.cells]
    changes: dict[tuple[Axis, str], Change] = {}
    for column in coded:
        for value in sorted(sheet.cells[release_id, column.name]):
            found = next((tag.role for tag in tags if (tag.axis, tag.value) == (column.axis, value)), None)
            role = found if found in column.roles else column.roles[0]
            wanted = Change(action="add", axis=column.axis, value=value, role=role)
            changes.setdefault((column.axis, value), wanted)
    for tag in tags:
        if tag.score >= 0.5 and any(tag.axis == column.axis and tag.role in column.roles for column in coded):
            unwanted = Change(action="remove", axis=tag.axis, value=tag.value, role=tag.role)
            changes.setdefault((tag.axis, tag.value), unwanted)
    note = f"kodiert von {sheet.coder}"
    return [
        deciding.tag(
            release_id,
            change,
            labels.of(axis, value, tags, written=sheet.names.get(value)),
            tags,
            note=note,
            sample=sheet.sample,
        )
        for (axis, value), change in changes.items()
    ]


def _report_json(chosen: StoredSample, rows: Sequence[Row]) -> dict[str, object]:
    return {
        "sample": chosen.id,
        "seed": chosen.seed,
        "stratify": list(chosen.stratify),
        "query": chosen.query,
        "population": chosen.population,
        "drawn": len(chosen.drawn),
        "rows": [
            {
                "comparison": row.comparison,
                "column": row.column,
                "releases": row.releases,
                "precision": _estimate_json(row.scores.precision if row.scores else None),
                "recall": _estimate_json(row.scores.recall if row.scores else None),
                "f1": _estimate_json(row.scores.f1 if row.scores else None),
                "alpha": _estimate_json(row.alpha),
                "alpha_difference": "nominal" if row.column in SINGLE else "masi",
            }
            for row in rows
        ],
    }


def _estimate_json(estimate: Estimate | None) -> dict[str, float] | None:
    if estimate is None:
        return None
    return {"value": round(estimate.value, 4), "low": round(estimate.low, 4), "high": round(estimate.high, 4)}


def _show(chosen: StoredSample, rows: Sequence[Row]) -> None:
    within = f" · Suche {chosen.query!r}" if chosen.query else ""
    click.echo(f"{chosen.id} · {len(chosen.drawn)} von {chosen.population} Mitteilungen{within}")
    width = max([len(row.comparison) for row in rows], default=0)
    for row in rows:
        figures = [("α", row.alpha)]
        if row.scores is not None:
            figures = [("P", row.scores.precision), ("R", row.scores.recall), ("F1", row.scores.f1), *figures]
        told = "  ".join(f"{name} {_said(estimate)}" for name, estimate in figures)
        click.echo(f"{row.comparison:<{width}}  {row.column:<16} n={row.releases:<4} {told}")


def _said(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{estimate.value:.2f} [{estimate.low:.2f}; {estimate.high:.2f}]"
