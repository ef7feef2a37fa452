"""Recorded or hand-made pages of a source, with what is expected of them: `fixtures/NAME.expected.json`.

    {
      "source": {"id": "auental", "fetcher": "auental", "url": "https://www.kreis-auental.example/presse/"},
      "answers": {"https://www.kreis-auental.example/presse/": "liste.html", …},
      "items": [{"url": …, "title": …, "published": …}],
      "articles": {"https://www.kreis-auental.example/presse/1": {"title": …, "text": …}}
    }

`answers` names files beside it; without it they come from `NAME.warc.gz`. Of an article only the fields that are
written down are compared.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from archive_pipeline.clean import CapturePage
from archive_pipeline.errors import FetchError
from archive_pipeline.model import Article, Capture, Item, Processed, Source
from archive_pipeline.plugin_manager import PluginManager
from archive_pipeline.processing.chain import process
from archive_pipeline.protocols import Fetcher
from archive_pipeline.testing.material import MOMENT, Answer, Reply
from archive_pipeline.testing.replaying import ReplayContext, recorded_answers, replay

__all__ = ["SUFFIX", "Expectation", "SourceFixture", "fixtures_of"]

SUFFIX = ".expected.json"
COMMON = {field.name for field in fields(Source)} - {"options"}


class ExpectedItem(BaseModel):
    """What the list says about one release."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    title: str | None = None
    published: str | None = None


class ExpectedArticle(BaseModel):
    """What becomes of one page: fields of an article, and how cleaning ends."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: str = "accepted"
    title: str | None = None
    subtitle: str | None = None
    published: date | None = None
    author: str | None = None
    contact: str | None = None
    credits: tuple[str, ...] = ()
    text: str = ""


class Expectation(BaseModel):
    """The content of an expected.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: dict[str, Any]
    captured: date | None = None
    answers: dict[str, str] = {}
    items: tuple[ExpectedItem, ...] | None = None
    articles: dict[str, ExpectedArticle] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFixture:
    """One expected.json and the pages that belong to it."""

    path: Path
    expected: Expectation

    @classmethod
    def load(cls, path: Path) -> "SourceFixture":
        """Raises FetchError naming the file and what is wrong with it."""
        try:
            return cls(path=path, expected=Expectation.model_validate_json(path.read_bytes()))
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"])) or "JSON"
            raise FetchError(f"{path}: {where}: {problem['msg']}", hint="Aufbau der Datei: docs/plugins.md") from error

    @property
    def warc(self) -> Path:
        """The recorded answers, where there are no `answers`."""
        return self.path.with_name(self.path.name.removesuffix(SUFFIX) + ".warc.gz")

    def answers(self) -> Mapping[str, Answer]:
        """The pages by address."""
        if not self.expected.answers:
            return recorded_answers(self.warc)
        day = self.expected.captured
        moment = datetime.combine(day, time(12), UTC) if day else MOMENT
        return {url: _reply(self.path.with_name(name), moment) for url, name in self.expected.answers.items()}

    def context(self) -> ReplayContext:
        """A fetch context that answers with the pages."""
        return replay(self.answers(), base=self.path.parent)

    def source(self, plugins: PluginManager) -> Source:
        """The source, with the options of its fetcher. Raises FetchError when its table is not valid."""
        table = self.expected.source
        fetcher = plugins.fetchers[str(table.get("fetcher"))]
        settings = {key: value for key, value in table.items() if key not in COMMON}
        try:
            options = fetcher.options.model_validate(settings)
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(["source", *map(str, problem["loc"])])
            raise FetchError(
                f"{self.path}: {where}: {problem['msg']}", hint="Aufbau der Datei: docs/plugins.md"
            ) from error
        return Source(**{key: value for key, value in table.items() if key in COMMON}, options=options)

    def observed(self, plugins: PluginManager) -> Expectation:
        """What the source gives now: as many items as were recorded (all, of hand-made pages), and every article that
        is expected. Raises FetchError."""
        source = self.source(plugins)
        fetcher, context = plugins.fetchers[source.fetcher or ""], self.context()
        most = None if self.expected.answers else len(self.expected.items or ())
        items = list(islice(fetcher.discover(source, context), most)) if self.expected.items is not None else []
        by_url = {item.url or item.key: item for item in items}
        articles = {
            url: _expected(process(_document(fetcher, by_url.get(url), url, source, context), source, plugins))
            for url in self.expected.articles
        }
        found = tuple(
            ExpectedItem(url=item.url or item.key, title=item.title, published=item.published) for item in items
        )
        update = {"items": found if self.expected.items is not None else None, "articles": articles}
        return self.expected.model_copy(update=update)

    def pages(self, plugins: PluginManager) -> list[CapturePage]:
        """The pages of the articles, as cleaners see them."""
        source, context = self.source(plugins), self.context()
        fetcher = plugins.fetchers[source.fetcher or ""]
        return [CapturePage(_document(fetcher, None, url, source, context)) for url in self.expected.articles]

    def write(self, expected: Expectation) -> None:
        """Replace what is expected."""
        content = expected.model_dump(mode="json", exclude_defaults=True)
        self.path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def fixtures_of(folder: Path) -> list[SourceFixture]:
    """Every fixture in a plugin's folder. Raises FetchError for one that can't be read."""
    return [SourceFixture.load(path) for path in sorted((folder / "fixtures").glob(f"*{SUFFIX}"))]


def _reply(path: Path, moment: datetime) -> Reply:
    kinds = {
        ".html": "text/html",
        ".xml": "application/rss+xml",
        ".json": "application/json",
        ".pdf": "application/pdf",
    }
    if not path.is_file():
        raise FetchError(f"{path} fehlt", hint="answers nennt Dateien, die neben der expected.json liegen")
    return Reply(body=path.read_bytes(), media_type=kinds.get(path.suffix, "text/html"), captured_at=moment)


def _document(fetcher: Fetcher, item: Item | None, url: str, source: Source, context: ReplayContext) -> Capture:
    wanted = item or Item(source_id=source.id, key=url, url=url)
    for result in fetcher.capture(wanted, source, context):
        if isinstance(result, Capture) and result.kind == "document":
            return result
    raise FetchError(f"{url} ist nicht in den Aufzeichnungen", url=url)


def _expected(processed: Processed) -> ExpectedArticle:
    article = processed.article or Article()
    return ExpectedArticle(
        status=processed.status,
        title=article.title,
        subtitle=article.subtitle,
        published=article.published,
        author=article.author,
        contact=article.contact,
        credits=tuple(f"{credit.kind}: {credit.text}" for credit in article.credits),
        text=article.text,
    )
