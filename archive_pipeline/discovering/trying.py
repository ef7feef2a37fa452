"""Trying a candidate: what it offers, and what becomes of one or two of its items on the whole way.

Everything goes through the fetcher and the cleaners that a run would use, so the figures are those a run would have.
"""

import datetime
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from statistics import median
from time import perf_counter
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from archive_pipeline.discovering.candidates import Candidate
from archive_pipeline.discovering.press import press_weight
from archive_pipeline.discovering.session import Session
from archive_pipeline.discovering.webpage import one_line
from archive_pipeline.errors import ArchivePipelineError, FetchError, PluginContractError, RefusedError
from archive_pipeline.fetch.discovery import plain_text
from archive_pipeline.language.days import parse_iso
from archive_pipeline.model import Capture, Gone, Item, Processed, Refused, Source
from archive_pipeline.plugin_manager import PluginManager
from archive_pipeline.processing.chain import check_item, process
from archive_pipeline.protocols import Fetcher
from archive_pipeline.registry import Entry
from archive_pipeline.sources.choice import validate_options
from archive_pipeline.sources.editing import Setting

__all__ = [
    "MOST_ITEMS",
    "NO_LEAVE",
    "Leave",
    "Sample",
    "Trial",
    "capture_item",
    "discover_items",
    "probe_source",
    "try_candidate",
]

MOST_ITEMS = 300
"""Items that are listed of one candidate; of a sitemap, `MOST_PAGES`, as the whole site may come before the press."""

MOST_PAGES = 3000
SAMPLES = 2
MOST_FOLDERS = 2
TITLE_WITHIN = 5000
"""Bytes of a feed within which its own title stands."""

LIMITS = {
    "max_pages": 2,
    "max_files": 3,
    "max_items": MOST_PAGES,
    "per_page": 20,
    "backfill_pages": 0,
    "attachments": False,
}
"""Settings that keep a trial small, for fetchers that have them; none goes into the table that is proposed."""

ON_PAGE = 0.9
"""How much a date that only the pages state counts, beside one that the list states, too."""

ASKED = 1.6
"""How much more a source counts that lies on the very page a person asked about."""

GOOD_LENGTH = 600
"""Characters of a text from which on it is a whole release."""

KINDS = {"wordpress": 1.0, "feed": 0.97, "listing": 0.92, "sitemap": 0.7, "oparl": 0.6}
"""How well a kind of source serves an archive where all yield the same: the interface of WordPress reaches back to the
beginning, a feed is made for machines, selectors break with the next layout, a sitemap tells of other pages too, and
what councils decide is no press release. Kinds of plugins count as much as a feed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """What the person who looks permits: addresses in their own network, and on what grounds texts are kept, which
    decides whether a reservation of rights stops the look as it would stop a run."""

    allow_private: bool = False
    legal_basis: str | None = None


NO_LEAVE = Leave()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One item on the whole way: its document, cleaned and classified, or why there is none, with the next step.
    `attachments` counts the documents that came with it, `seconds` is what capturing took, waiting included."""

    item: Item
    capture: Capture | None = None
    processed: Processed | None = None
    reason: str = ""
    hint: str = ""
    attachments: int = 0
    seconds: float = 0.0

    @property
    def accepted(self) -> bool:
        """Whether it would be archived as a release."""
        return self.processed is not None and self.processed.status == "accepted"

    @property
    def length(self) -> int:
        """Characters of the text."""
        article = self.processed.article if self.processed else None
        return len(article.text) if article else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a candidate came to. `problem` says why it is no source, or is empty; `score` compares those that are."""

    candidate: Candidate
    items: tuple[Item, ...] = ()
    samples: tuple[Sample, ...] = ()
    problem: str = ""
    score: float = 0.0

    @property
    def days(self) -> tuple[datetime.date, ...]:
        """The days of the items that state one, the newest first."""
        days = (parse_iso(item.published) for item in self.items if item.published)
        found = [day for day in days if day]
        if not found:  # the pages may tell what the list does not
            found = [day for sample in self.samples if (day := _page_day(sample))]
        return tuple(sorted(found, reverse=True))


def _page_day(sample: Sample) -> datetime.date | None:
    article = sample.processed.article if sample.processed else None
    return article.published if article else None


def probe_source(
    fetcher: str,
    url: str,
    settings: Sequence[Setting],
    plugins: PluginManager,
    leave: Leave = NO_LEAVE,
    *,
    limited: bool = False,
) -> Source:
    """The source that a table with these settings would be, with `limited` kept small. Raises ConfigError for an
    unknown fetcher, FetchError for settings it does not take, PluginContractError when its check fails."""
    entry = plugins.fetchers.entry(fetcher)
    kind = entry.obj.options
    values: dict[str, object] = {setting.key: setting.value for setting in settings}
    if limited:
        values = {name: value for name, value in LIMITS.items() if name in kind.model_fields} | values
    if leave.allow_private and "allow_private" in kind.model_fields:
        values["allow_private"] = True
    try:
        options = validate_options(entry, values)
    except ValidationError as error:
        detail = error.errors()[0]
        name = ".".join(str(part) for part in detail["loc"])
        raise FetchError(f"{fetcher}: {name}: {detail['msg']}", url=url) from error
    return Source(id="probe", fetcher=fetcher, url=url, legal_basis=leave.legal_basis, options=options)


def try_candidate(
    candidate: Candidate,
    session: Session,
    plugins: PluginManager,
    *,
    today: datetime.date,
    leave: Leave = NO_LEAVE,
    samples: int = SAMPLES,
) -> Trial:
    """List what a candidate offers, take its newest items the whole way, and judge. Raises nothing: what went wrong
    is the trial's `problem`."""
    try:
        source = probe_source(candidate.fetcher, candidate.url, candidate.settings, plugins, leave, limited=True)
        most = MOST_PAGES if candidate.fetcher == "sitemap" else MOST_ITEMS
        items, failure = discover_items(source, session, plugins, most)
    except ArchivePipelineError as error:
        return Trial(candidate=candidate, problem=error.message)
    readings = [(candidate, items)]
    if candidate.fetcher == "sitemap":
        readings = _of_the_press(candidate, items)
    elif candidate.fetcher == "feed":
        readings = [(_named(candidate, source, session), items)]
    trial = Trial(candidate=candidate, problem=failure.message if failure else _nothing_in(candidate))
    for read, offered in readings:
        trial = _with_samples(read, offered, source, session, plugins, today, samples) or trial
        if not trial.problem:
            break
    return trial


def _with_samples(
    candidate: Candidate,
    offered: Sequence[Item],
    source: Source,
    session: Session,
    plugins: PluginManager,
    today: datetime.date,
    samples: int,
) -> Trial | None:
    """The newest items on the whole way; None when nothing is offered."""
    items = tuple(item for item in offered if not _is_front(item, candidate))[:MOST_ITEMS]
    if not items:
        return None
    try:
        tried = tuple(capture_item(item, source, session, plugins) for item in _newest(items, today)[:samples])
    except PluginContractError as error:
        return Trial(candidate=candidate, items=items, problem=error.message)
    trial = Trial(candidate=candidate, items=items, samples=tried)
    if not any(sample.accepted for sample in tried):
        reasons = "; ".join(dict.fromkeys(sample.reason for sample in tried if sample.reason))
        return replace(trial, problem=f"{len(items)} Einträge, aber keine lesbare Mitteilung: {reasons}")
    return replace(trial, score=_score(trial, today))


def _named(candidate: Candidate, source: Source, session: Session) -> Candidate:
    """A feed under the title it gives itself, where what leads to it says no more than "RSS"."""
    if press_weight(candidate.name):
        return candidate
    try:
        answer = session.context(source, "feed").get(candidate.url)
    except FetchError:
        return candidate
    text = answer.body[:TITLE_WITHIN].decode("utf-8", "replace") if isinstance(answer, Capture) else ""
    stated = re.search(r"<title[^<>]*>(?:<!\[CDATA\[)?([^<\]]*)|\"title\"\s*:\s*\"([^\"\\]*)\"", text)
    title = one_line(plain_text(stated[1] or stated[2] or "")) if stated else ""
    return replace(candidate, name=title or candidate.name)


def discover_items(
    source: Source, session: Session, plugins: PluginManager, most: int
) -> tuple[tuple[Item, ...], FetchError | None]:
    """The first items of a source, and the error that came after them, if any. Raises FetchError and RefusedError when
    nothing was listed before, PluginContractError for what is no item and for a plugin that fails."""
    entry = plugins.fetchers.entry(source.fetcher or "")
    items: list[Item] = []
    try:
        for item in islice(entry.obj.discover(source, session.context(source, entry.name)), most):
            check_item(item, source)
            items.append(item)
    except FetchError as error:
        if not items:
            raise
        return tuple(items), error
    except ArchivePipelineError:
        raise
    except (Exception, SystemExit) as error:
        raise _broken(entry, "discover", error) from error
    return tuple(items), None


def _broken(entry: Entry[Fetcher], call: str, error: BaseException) -> PluginContractError:
    """What a plugin raised that nobody raises on purpose."""
    return PluginContractError(
        f"Fetcher {entry.name} (Plugin {entry.plugin}) scheitert in {call}(): {type(error).__name__}: {error}"
    )


def capture_item(item: Item, source: Source, session: Session, plugins: PluginManager) -> Sample:
    """One item, captured, cleaned and classified; of several documents of one item the first. Raises
    PluginContractError when the plugin fails."""
    entry = plugins.fetchers.entry(source.fetcher or "")
    started = perf_counter()
    try:
        results = list(entry.obj.capture(item, source, session.context(source, entry.name)))
    except RefusedError as error:
        return Sample(item=item, reason=f"abgelehnt: {error.message}", hint=error.hint)
    except ArchivePipelineError as error:
        return Sample(item=item, reason=error.message, hint=error.hint)
    except (Exception, SystemExit) as error:
        raise _broken(entry, "capture", error) from error
    sample = Sample(
        item=item,
        attachments=sum(isinstance(result, Capture) and result.kind == "attachment" for result in results),
        seconds=perf_counter() - started,
    )
    for result in results:
        if isinstance(result, Capture) and result.kind == "document":
            processed = process(result, source, plugins)
            return replace(sample, capture=result, processed=processed, reason=processed.reason or "")
        if isinstance(result, Refused | Gone):
            return replace(sample, reason=result.reason)
    return replace(sample, reason="nichts erfasst")


def _is_front(item: Item, candidate: Candidate) -> bool:
    """Whether an entry leads to the list itself, or to the front page of its site."""
    path = urlsplit(item.url or item.key).path.strip("/")
    return not path and not urlsplit(item.url or item.key).query and candidate.fetcher in ("sitemap", "listing")


def _newest(items: Sequence[Item], today: datetime.date) -> list[Item]:
    """The items that were published last, announced ones not counted; without dates the first ones."""
    limit = today.isoformat()
    dated = [item for item in items if item.published and item.published <= limit]
    return sorted(dated, key=lambda item: item.published or "", reverse=True) or list(items)


def _nothing_in(candidate: Candidate) -> str:
    if candidate.fetcher == "sitemap":
        return "keine Seite, deren Adresse nach Pressemitteilungen klingt"
    return "kein Eintrag"


def _of_the_press(candidate: Candidate, items: Sequence[Item]) -> list[tuple[Candidate, tuple[Item, ...]]]:
    """A sitemap with the part of the site where releases may be, the likeliest part first: `include = ["/presse/*"]`.
    A sitemap of news, which states titles and days, stays whole."""
    if sum(item.published is not None for item in items) * 2 > len(items):
        return [(replace(candidate, press=max(candidate.press, 0.5)), tuple(items))]
    readings = []
    for prefix in _press_folders((item.url or item.key for item in items), asked=candidate.asked):
        chosen = tuple(item for item in items if unquote(urlsplit(item.url or item.key).path).startswith(prefix))
        include = Setting(key="include", value=(f"{prefix}*",))
        press = max(press_weight("", prefix), 0.3)
        found = replace(candidate, settings=(*candidate.settings, include), press=press, name=_last(prefix))
        readings.append((found, chosen))
    return readings


def _press_folders(urls: Iterable[str], *, asked: bool) -> list[str]:
    """The folders with some pages whose names sound like releases, best first; for a sitemap that a person asked
    about, also the one with most pages."""
    counts: dict[str, int] = defaultdict(int)
    for url in urls:
        folders = [part for part in unquote(urlsplit(url).path).rstrip("/").split("/")[1:-1] if part]
        for depth in range(1, len(folders) + 1):
            counts["/" + "/".join(folders[:depth]) + "/"] += 1
    usable = {prefix: count for prefix, count in counts.items() if count >= 3 and not re.search(r"[*?\[]", prefix)}
    weights = {prefix: press_weight(_last(prefix)) for prefix in usable}
    sounding = [prefix for prefix in usable if weights[prefix] >= 0.4]
    sounding.sort(key=lambda prefix: (-weights[prefix], -usable[prefix]))
    largest = sorted(usable, key=lambda prefix: (-usable[prefix], -len(prefix)))
    return list(dict.fromkeys([*sounding[:MOST_FOLDERS], *(largest[:1] if asked else [])]))


def _last(prefix: str) -> str:
    return prefix.rstrip("/").rpartition("/")[2].replace("-", " ")


def _score(trial: Trial, today: datetime.date) -> float:
    """From 0 to about 1: how many items, dated and recent ones, how much text, and whether it sounds like releases."""
    count = len(trial.items)
    accepted = [sample for sample in trial.samples if sample.accepted]
    listed = sum(item.published is not None for item in trial.items) / count
    on_page = sum(_page_day(sample) is not None for sample in accepted) / len(accepted)
    dated = max(listed, ON_PAGE * on_page)
    length = min(1.0, median(sample.length for sample in accepted) / GOOD_LENGTH)
    score = KINDS.get(trial.candidate.fetcher, KINDS["feed"])
    score *= count / (count + 2)
    score *= 0.6 + 0.4 * dated
    score *= 0.3 + 0.7 * len(accepted) / len(trial.samples)
    score *= 0.3 + 0.7 * length
    score *= 0.4 + 0.6 * trial.candidate.press
    score *= ASKED if trial.candidate.asked else 1.0
    days = trial.days
    if days and (today - days[0]).days > 400:
        score *= 0.5  # nothing new for a year
    if sum(day > today for day in days) * 2 > len(days):
        score *= 0.1  # events
    return score
