"""`topics`: learning topics from decisions, testing models, choosing the one in use."""

import json
from collections.abc import Callable
from dataclasses import asdict

import click

from archive_pipeline.cli.main import Settings
from archive_pipeline.errors import ArchiveError
from archive_pipeline.learn.topic_learning import activate as activate_model
from archive_pipeline.learn.topic_learning import evaluate_topics, is_better, listed_models, train_topics
from archive_pipeline.model import TopicEvaluation, TopicModel
from archive_pipeline.workspace import open_workspace

__all__ = ["topics"]

LEXICON = "lexikon"


@click.group()
def topics() -> None:
    """Lernt Themen aus Entscheidungen, prüft Modelle und wählt das eingesetzte.

    Ohne Modell arbeitet das mitgelieferte Lexikon.
    """


@topics.command()
@click.option("--activate", is_flag=True, help="das neue Modell einsetzen, wenn es besser ist als das Lexikon")
@click.option("--json", "as_json", is_flag=True, help="eine JSON-Zeile")
@click.pass_obj
def train(settings: Settings, activate: bool, as_json: bool) -> None:
    """Lernt ein Modell aus den entschiedenen Themen, prüft es und legt es unter der nächsten Nummer ab."""
    workspace = open_workspace(settings.folder)
    lesson = train_topics(workspace, _progress(settings, as_json=as_json))
    model = lesson.model
    better = is_better(model.evaluation)
    if activate and better:
        activate_model(workspace, model.number)
    if as_json:
        line = {**_as_json(model), "new": lesson.is_new, "better": better, "activated": activate and better}
        click.echo(json.dumps(line, ensure_ascii=False))
    else:
        click.echo("Entschiedene Mitteilungen und sichere Fälle des Lexikons je Thema:")
        for topic in model.topics:
            click.echo(f"  {topic:<24} {model.decided.get(topic, 0):>5} {model.weak.get(topic, 0):>6}")
        _say_evaluation(model.evaluation)
        click.echo(f"{model.name} {'ist neu abgelegt' if lesson.is_new else 'gab es schon: nichts Neues gelernt'}")
        if activate and better:
            _say_active(model)
        elif better:
            click.echo(f"Einsetzen: archive-pipeline topics activate {model.number}")
    if activate and not better:
        raise ArchiveError(
            f"{model.name} ist nicht besser als das Lexikon und wird nicht eingesetzt",
            hint="mehr Themen entscheiden: archive-pipeline review next",
        )


@topics.command()
@click.option("--json", "as_json", is_flag=True, help="eine JSON-Zeile")
@click.pass_obj
def evaluate(settings: Settings, as_json: bool) -> None:
    """Prüft durch Kreuzvalidierung, wie gut ein heute gelerntes Modell wäre; legt nichts ab."""
    workspace = open_workspace(settings.folder)
    evaluation, decided = evaluate_topics(workspace, _progress(settings, as_json=as_json))
    if as_json:
        line = {"schema": "apl/topic-evaluation/1", **asdict(evaluation), "decided": decided}
        click.echo(json.dumps({**line, "better": is_better(evaluation)}, ensure_ascii=False))
        return
    for topic, count in decided.items():
        click.echo(f"  {topic:<24} {count:>5}")
    _say_evaluation(evaluation)


@topics.command("list")
@click.option("--json", "as_json", is_flag=True, help="eine JSON-Zeile je Modell")
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """Zeigt die abgelegten Modelle mit ihren Ergebnissen und das eingesetzte."""
    models = listed_models(open_workspace(settings.folder))
    for one in models:
        model, result = one.model, one.model.evaluation
        if as_json:
            click.echo(json.dumps({**_as_json(model), "active": one.is_active, "fits": one.fits}, ensure_ascii=False))
            continue
        sign = "*" if one.is_active else " "
        click.echo(
            f"{sign} {model.name}  Hauptthema {result.model_primary:.3f} (Lexikon {result.lexicon_primary:.3f})  "
            f"F1 {result.model_f1:.3f} (Lexikon {result.lexicon_f1:.3f})  {result.releases} Mitteilungen"
            + ("" if one.fits else "  (andere Vokabulare: das Lexikon arbeitet)")
        )
    if not as_json and not any(one.is_active for one in models):
        click.echo("Eingesetzt ist das Lexikon.")


@topics.command()
@click.argument("model", metavar=f"NUMMER|{LEXICON}")
@click.pass_obj
def activate(settings: Settings, model: str) -> None:
    """Setzt ein Modell ein, auch ein früheres, oder wieder das Lexikon."""
    if model != LEXICON and not model.isdecimal():
        raise click.UsageError(f"{model!r} ist weder eine Nummer noch {LEXICON!r}; topics list zeigt die Modelle")
    chosen = activate_model(open_workspace(settings.folder), None if model == LEXICON else int(model))
    _say_active(chosen)


def _progress(settings: Settings, *, as_json: bool) -> Callable[[int, int], None]:
    def say(done: int, of: int) -> None:
        if settings.interactive and not as_json:
            click.echo(f"\rPrüfung {done}/{of}", nl=done == of, err=True)

    return say


def _say_active(model: TopicModel | None) -> None:
    click.echo(f"{model.name if model else 'Das Lexikon'} ist eingesetzt. Archiviertes damit verschlagworten:")
    click.echo("  archive-pipeline reprocess --stage classify --dry-run")


def _say_evaluation(result: TopicEvaluation) -> None:
    click.echo(f"Geprüft an {result.releases} entschiedenen Mitteilungen, die das Modell nicht kannte:")
    click.echo(f"  {'':<24} {'Modell':>7} {'Lexikon':>8}")
    click.echo(f"  {'Hauptthema richtig':<24} {result.model_primary:>7.3f} {result.lexicon_primary:>8.3f}")
    click.echo(f"  {'alle Themen, F1':<24} {result.model_f1:>7.3f} {result.lexicon_f1:>8.3f}")
    click.echo("Das Modell ist besser." if is_better(result) else "Das Modell ist nicht besser: das Lexikon bleibt.")


def _as_json(model: TopicModel) -> dict[str, object]:
    return {
        "schema": "apl/topic-model/1",
        "name": model.name,
        "number": model.number,
        "digest": model.digest,
        "decided": dict(model.decided),
        "weak": dict(model.weak),
        **asdict(model.evaluation),
    }
