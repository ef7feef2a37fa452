"""A configuration file, and fetchers of three kinds to choose from."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from archive_pipeline.model import CaptureResult, Item, Source
from archive_pipeline.protocols import FetchContext, Fetcher
from archive_pipeline.registry import Registry


class NoOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FeedOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=50, ge=1, le=500)
    skip_titles: tuple[str, ...] = ()


class SiteOptions(BaseModel):
    url: str
    start: str = "/"

    @field_validator("start")
    @classmethod
    def begins_with_slash(cls, value: str) -> str:
        if value == "crash":
            raise RuntimeError("validator broke")
        if not value.startswith("/"):
            raise ValueError("muss mit / beginnen")
        return value


class Claiming:
    """A fetcher that claims addresses which contain a word."""

    def __init__(self, options: type[BaseModel], word: str, strength: int) -> None:
        self.options = options
        self.word = word
        self.strength = strength

    def claims(self, url: str) -> int | None:
        if "explode" in url:
            raise KeyError("claims broke")
        return self.strength if self.word in url else None

    def discover(self, source: Source, context: FetchContext) -> Iterable[Item]:
        return ()

    def capture(self, item: Item, source: Source, context: FetchContext) -> Iterable[CaptureResult]:
        return ()


@pytest.fixture
def fetchers() -> Registry[Fetcher]:
    registry: Registry[Fetcher] = Registry("fetcher", "builtin")
    registry.add("folder", Claiming(NoOptions, "file://", 1))
    registry.add("feed", Claiming(FeedOptions, "rss", 50))
    registry.plugin = "sites"
    registry.add("site", Claiming(SiteOptions, "site", 40))
    registry.add("portal", Claiming(NoOptions, "portal", 40))
    return registry


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def to_file(text: str) -> Path:
        path = tmp_path / "sources.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return to_file
