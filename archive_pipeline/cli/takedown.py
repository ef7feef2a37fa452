"""`takedown`: cases, from the request to the decision."""

import json

import click
from pydantic import TypeAdapter
from sqlite_utils import Database

from archive_pipeline.archive.rights_forms import TakedownRequest, TakedownStep
from archive_pipeline.archive.takedown import Case, CoveredCapture, find_cases, load_case
from archive_pipeline.cli.deciding import Deciding, by_option
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import counted, german_date, german_moment
from archive_pipeline.decide.hiding import Asked, hide_at_once, open_case, take_step
from archive_pipeline.decide.hiding import decide_case as settle_case
from archive_pipeline.decide.taking_down import ErasurePlan, erase, erasure_of, finish_erasures, plan_erasure
from archive_pipeline.errors import ArchiveError
from archive_pipeline.workspace import Workspace, open_workspace

CASES = TypeAdapter(tuple[Case, ...])

STATES = {"requested": "beantragt", "hidden": "gesperrt", "kept": "bleibt", "erased": "gelöscht"}
STEPS = {"request": "beantragt", "hide": "gesperrt", "keep": "bleibt", "erase": "gelöscht"}

ground_option = click.option("--ground", metavar="TEXT", help="Rechtsgrund, wie er genannt wurde (z. B. Art. 17 DSGVO)")
requester_option = click.option("--requester", metavar="TEXT", help="wer es verlangt")
reason_option = click.option("--reason", metavar="TEXT", help="Begründung; kein Text aus der Mitteilung")


@click.group()
def takedown() -> None:
    """Sperrt und löscht Mitteilungen. Jeder Schritt gehört zu einem Fall, mit Zeit, Person und Begründung."""


@takedown.command()
@click.argument("releases", metavar="ID…", nargs=-1, required=True)
@reason_option
@ground_option
@requester_option
@by_option
@click.pass_obj
def request(
    settings: Settings,
    releases: tuple[str, ...],
    reason: str | None,
    ground: str | None,
    requester: str | None,
    by: str | None,
) -> None:
    """Eröffnet einen Fall. Die Mitteilungen bleiben sichtbar, bis jemand entscheidet."""
    workspace = open_workspace(settings.folder)
    deciding = Deciding.begin(by)
    asked = Asked(names=releases, ground=ground, requester=requester, reason=reason)
    case = open_case(workspace, asked, deciding)
    with workspace.reading() as db:
        _say(load_case(db, case))
    click.echo(f"Sofort sperren: archive-pipeline takedown hide {case}", err=True)


@takedown.command()
@click.argument("names", metavar="ID…|FALL", nargs=-1, required=True)
@reason_option
@ground_option
@requester_option
@by_option
@click.pass_obj
def hide(
    settings: Settings,
    names: tuple[str, ...],
    reason: str | None,
    ground: str | None,
    requester: str | None,
    by: str | None,
) -> None:
    """Sperrt sofort, auch während ein Lauf schreibt: aus Suche, Zählungen, Anzeige, Export und Übernahmen. Die Texte
    bleiben im Archiv; takedown decide FALL keep hebt die Sperre auf."""
    workspace = open_workspace(settings.folder)
    deciding = Deciding.begin(by)

    def decisions(db: Database) -> list[TakedownRequest | TakedownStep]:
        opened: list[TakedownRequest | TakedownStep] = []
        known = {case.id for case in find_cases(db)}
        if len(names) == 1 and names[0] in known:
            case = names[0]
            if load_case(db, case).state == "erased":
                raise ArchiveError(f"Im Fall {case} ist schon gelöscht")
        else:
            asked = Asked(names=names, ground=ground, requester=requester, reason=reason).request(db, deciding)
            opened, case = [asked], asked.case
        return [*opened, take_step(deciding, case, "hide", reason)]

    case = hide_at_once(workspace, decisions)
    with workspace.reading() as db:
        _say(load_case(db, case))
    click.echo(f"Entscheiden: archive-pipeline takedown decide {case} keep|hide|erase", err=True)


@takedown.command(name="decide")
@click.argument("case", metavar="FALL")
@click.argument("verdict", type=click.Choice(["keep", "hide", "erase"]))
@click.option("--reason", metavar="TEXT", required=True, help="Begründung; kein Text aus der Mitteilung")
@click.option("--attachments", is_flag=True, help="beim Löschen: auch die Anlagen")
@click.option("--yes", is_flag=True, help="beim Löschen: ohne Rückfrage")
@by_option
@click.pass_obj
def decide_case(
    settings: Settings, case: str, verdict: str, reason: str, attachments: bool, yes: bool, by: str | None
) -> None:
    """Entscheidet einen Fall: keep zeigt die Mitteilungen wieder, hide sperrt sie auf Dauer, erase löscht ihren Text
    überall; das lässt sich nicht zurücknehmen."""
    if not reason.strip():
        raise click.UsageError("Eine Begründung fehlt: --reason TEXT")
    workspace = open_workspace(settings.folder)
    deciding = Deciding.begin(by)
    if verdict == "erase":
        with workspace.writing("takedown") as db:
            finish_erasures(workspace, db)
            _erase(workspace, db, load_case(db, case), deciding, reason, attachments=attachments, yes=yes)
    else:
        settle_case(workspace, case, "hide" if verdict == "hide" else "keep", reason, deciding)
    with workspace.reading() as db:
        _say(load_case(db, case))


def _erase(
    workspace: Workspace,
    db: Database,
    case: Case,
    deciding: Deciding,
    reason: str,
    *,
    attachments: bool,
    yes: bool,
) -> None:
    plan = plan_erasure(workspace, db, case, attachments=attachments)
    _say_plan(plan)
    if not yes:
        click.confirm("Unwiderruflich löschen?", abort=True, err=True)
    erase(workspace, db, plan, erasure_of(plan, deciding, reason))
    for backup in plan.backups:
        click.echo(f"Enthält den Text noch: {backup}", err=True)


def _say_plan(plan: ErasurePlan) -> None:
    releases = counted(len(plan.release_ids), "Mitteilung", "Mitteilungen")
    click.echo(
        f"Fall {plan.case}: gelöscht werden {releases}, {counted(len(plan.captures), 'Erfassung', 'Erfassungen')}"
    )
    for release_id in plan.release_ids:
        click.echo(f"  d/{release_id}")
    for one in plan.captures:
        click.echo(f"  {_named(one)}")
    for heading, captures in (("Bleibt, enthält aber Sätze daraus", plan.elsewhere), ("Anlage bleibt", plan.kept)):
        for one in captures:
            of = f" (d/{one.release_id})" if one.release_id else ""
            click.echo(f"  {heading}: {_named(one)}{of}")
    for backup in plan.backups:
        click.echo(f"  Bleibt, enthält den Text noch: {backup}")


KINDS = {"document": "Dokument", "attachment": "Anlage", "discovery": "Auflistung"}


def _named(capture: CoveredCapture) -> str:
    return f"{KINDS[capture.kind]} {capture.target} ({capture.source_id}, sha256 {capture.sha256[:12]}…)"


@takedown.command(name="list")
@click.argument("case", metavar="[FALL]", required=False)
@click.option("--open", "only_open", is_flag=True, help="nur, worüber noch niemand entschieden hat")
@click.option("--json", "as_json", is_flag=True, help="als ein JSON-Objekt")
@click.pass_obj
def list_cases(settings: Settings, case: str | None, only_open: bool, as_json: bool) -> None:
    """Zeigt die Fälle: Stand, Frist, Mitteilungen, Schritte."""
    workspace = open_workspace(settings.folder)
    with workspace.reading() as db:
        cases = [load_case(db, case)] if case else find_cases(db)
    if only_open:
        cases = [one for one in cases if one.state == "requested"]
    if as_json:
        answer = {"schema": "apl/takedown-cases/1", "cases": CASES.dump_python(tuple(cases), mode="json")}
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    if not cases:
        click.echo("Kein Fall.")
    for one in cases:
        _say(one)


@takedown.command()
@click.pass_obj
def finish(settings: Settings) -> None:
    """Führt zu Ende, was beim Löschen unterbrochen wurde."""
    workspace = open_workspace(settings.folder)
    with workspace.writing("takedown") as db:
        cases = finish_erasures(workspace, db)
    click.echo(f"Zu Ende geführt: Fall {', '.join(cases)}" if cases else "Es ist nichts zu Ende zu führen.")


def _say(case: Case) -> None:
    due = f", zu beantworten bis {german_date(case.due)}" if case.due else ""
    left = ", LÖSCHEN UNTERBROCHEN: archive-pipeline takedown finish" if case.unfinished else ""
    click.echo(f"Fall {case.id}: {STATES[case.state]}{due}{left}")
    for name, value in (("Rechtsgrund", case.ground), ("Verlangt von", case.requester)):
        if value:
            click.echo(f"  {name}: {value}")
    click.echo(f"  Mitteilungen: {', '.join(f'd/{one}' for one in case.release_ids)}")
    for step in case.steps:
        why = f": {step.note}" if step.note else ""
        click.echo(f"  {german_moment(step.decided_at)}  {STEPS[step.step]} ({step.decided_by}){why}")
