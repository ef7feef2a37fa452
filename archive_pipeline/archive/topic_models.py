"""Topic models learned in this archive: `topic-models/<number>.json`, each written once and never changed.

The file `active` beside them holds the number of the one in use; without it the lexicon works. Models shape the tags of
releases, so they belong to what an archive keeps, beside the WARC files and the decisions.
"""

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from archive_pipeline.durable import replace_durably, sync
from archive_pipeline.errors import ArchiveError
from archive_pipeline.model import TopicModel

__all__ = ["activate_topic_model", "active_number", "keep_topic_model", "read_topic_model", "topic_model_numbers"]

MODEL = TypeAdapter(TopicModel)
ACTIVE = "active"


def topic_model_numbers(folder: Path) -> tuple[int, ...]:
    """The numbers of the models there are, rising."""
    return tuple(sorted(int(file.stem) for file in folder.glob("*.json") if file.stem.isdecimal()))


def active_number(folder: Path) -> int | None:
    """The number of the model in use; None while the lexicon works. Raises ArchiveError when that is unreadable."""
    file = folder / ACTIVE
    if not file.exists():
        return None
    text = file.read_text(encoding="utf-8", errors="replace").strip()
    if not text.isdecimal():
        raise ArchiveError(
            f"{folder.name}/{ACTIVE} nennt kein Modell",
            hint="archive-pipeline topics list zeigt die Modelle, topics activate NUMMER setzt eines ein",
        )
    return int(text)


def read_topic_model(folder: Path, number: int) -> TopicModel:
    """A model by its number. Raises ArchiveError when it is not there or damaged."""
    file = folder / f"{number}.json"
    if not file.exists():
        raise ArchiveError(f"Ein Themenmodell {number} gibt es nicht", hint="archive-pipeline topics list zeigt alle")
    try:
        model = MODEL.validate_json(file.read_bytes())
    except ValidationError as error:
        raise _damaged(file) from error
    if model.number != number:
        raise _damaged(file)
    return model


def _damaged(file: Path) -> ArchiveError:
    return ArchiveError(
        f"{file.parent.name}/{file.name} ist kein lesbares Themenmodell",
        hint="die Datei aus einer Sicherung zurückholen; bis dahin: archive-pipeline topics activate lexikon",
    )


def keep_topic_model(folder: Path, model: TopicModel) -> None:
    """Write a new model, whole or not at all. Call with the writer lock held. Raises ArchiveError when one with its
    number is there."""
    file = folder / f"{model.number}.json"
    if file.exists():
        raise ArchiveError(f"Ein Themenmodell {model.number} gibt es schon", hint=str(file))
    folder.mkdir(parents=True, exist_ok=True)
    _write(file, MODEL.dump_json(model) + b"\n")


def activate_topic_model(folder: Path, number: int | None) -> None:
    """Use the model with this number from now on, None for the lexicon. Call with the writer lock held."""
    if number is not None:
        _write(folder / ACTIVE, f"{number}\n".encode())
    elif folder.exists():
        (folder / ACTIVE).unlink(missing_ok=True)
        sync(folder)


def _write(file: Path, data: bytes) -> None:
    replace_durably(file, data)
    sync(file.parent)
    sync(file.parent.parent)
