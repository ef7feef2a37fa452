"""Learning from a source's releases which lines it sets around every text, as a new numbered profile."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from archive_pipeline.archive.database import write_tx
from archive_pipeline.archive.events import record_event
from archive_pipeline.archive.profiles import keep_profile, learnable_captures, read_profiles, record_profiles
from archive_pipeline.archive.runs import source_status
from archive_pipeline.clean.learned import learn
from archive_pipeline.errors import ConfigError, FixityError
from archive_pipeline.model import Article, LearnedLine, LearnedProfile
from archive_pipeline.processing.chain import clean
from archive_pipeline.sources.problems import did_you_mean
from archive_pipeline.upkeep.reprocessing import source_of
from archive_pipeline.workspace import SOFTWARE, Workspace, utc_now

__all__ = ["LEAST", "Lesson", "learn_source", "unlearned"]

LEAST = 10
"""Different texts below which nothing is learned: what recurs in five may still be chance."""
WORTHWHILE = 2 * LEAST
"""Releases from which on learning is suggested: some of them may read the same, and some be held back."""
NEWEST = 500
"""Releases that are looked at; older ones look as the site no longer does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What was learned: `profile` is the profile in force from now on, None while there is none; one without lines says
    that nothing recurs. `is_new` tells whether it differs from the one `before`. `texts` is how many different texts
    were looked at, `damaged` names records that can't be read."""

    profile: LearnedProfile | None
    before: LearnedProfile | None
    is_new: bool
    texts: int
    damaged: tuple[str, ...] = ()


def learn_source(
    workspace: Workspace, source_id: str, *, without: Sequence[str] | None = None, dry_run: bool = False
) -> Lesson:
    """Clean the newest releases of a source again without a profile, learn from them, and keep what is new.

    The same releases, software and `without` (lines with one of these texts stay where they are; None: those that stay
    by the profile before) give the same lines. Cleaning uses them from now on; what is archived stays until it is
    reprocessed. `dry_run` writes nothing. Raises NoArchiveError, ConfigError for a source nobody knows, LockedError,
    ArchiveError.
    """
    with workspace.reading() as db:
        _require_known(workspace, db, source_id)
    with workspace.reading() if dry_run else workspace.writing("sources learn") as db:
        profiles = read_profiles(workspace.profiles_folder)
        before = next((profile for profile in reversed(profiles) if profile.source_id == source_id), None)
        articles, damaged = _articles(workspace, db, source_id)
        lines, texts = learn(articles, stays=_wish(without, before))
        if texts < LEAST or (before is not None and _read(before.lines) == _read(lines)):
            return Lesson(profile=before, before=before, is_new=False, texts=texts, damaged=damaged)
        profile = LearnedProfile(
            source_id=source_id,
            number=before.number + 1 if before else 1,
            lines=lines,
            releases=texts,
            software=SOFTWARE,
        )
        if not dry_run:
            _keep(workspace, db, profile)
        return Lesson(profile=profile, before=before, is_new=True, texts=texts, damaged=damaged)


def unlearned(workspace: Workspace, releases: Mapping[str, int]) -> list[str]:
    """Which of these sources, given with the number of their releases, have enough to learn from and no profile."""
    folder = workspace.profiles_folder
    return [
        source_id for source_id, count in releases.items() if count >= WORTHWHILE and not (folder / source_id).is_dir()
    ]


def _read(lines: Sequence[LearnedLine]) -> set[tuple[str, str, bool]]:
    """What profiles have in common that do the same."""
    return {(line.place, line.text, line.stays) for line in lines}


def _wish(without: Sequence[str] | None, before: LearnedProfile | None) -> Callable[[str], bool]:
    """Which lines a person wants to keep."""
    if without is not None:
        parts = [part.casefold() for part in without]
        return lambda text: any(part in text.casefold() for part in parts)
    kept = {line.text for line in before.lines if line.stays} if before else set()
    return lambda text: text in kept


def _require_known(workspace: Workspace, db: Database, source_id: str) -> None:
    known = {source.id for source in workspace.config.sources} | {status.source_id for status in source_status(db)}
    if source_id not in known:
        raise ConfigError(
            f'Eine Quelle "{source_id}" gibt es nicht{did_you_mean(source_id, sorted(known))}',
            hint="archive-pipeline sources list zeigt alle",
        )


def _articles(workspace: Workspace, db: Database, source_id: str) -> tuple[list[Article], tuple[str, ...]]:
    """The newest releases as they read without a profile, the newest first, and what could not be read."""
    store = workspace.warc_store()
    source = source_of(workspace, db, source_id)
    articles: list[Article] = []
    damaged: list[str] = []
    for row in learnable_captures(db, source_id, NEWEST):
        try:
            capture = store.read(row.warc_file, row.warc_offset)
        except FixityError as error:
            damaged.append(error.message)
            continue
        done = clean(capture, source, workspace.plugins)
        if done.status == "accepted" and done.article is not None:
            articles.append(done.article)
    return articles, tuple(damaged)


def _keep(workspace: Workspace, db: Database, profile: LearnedProfile) -> None:
    """The file first: what the database says of it can be made again."""
    keep_profile(workspace.profiles_folder, profile)
    with write_tx(db):
        record_profiles(db, read_profiles(workspace.profiles_folder))
        record_event(
            db,
            "metadata modification",
            at=utc_now(),
            agent=SOFTWARE,
            subject=profile.source_id,
            detail=f"Profil {profile.number}: {len(profile.lines)} Zeilen, gelernt aus {profile.releases} Texten",
        )
