"""Settings that every source fetched over HTTP understands."""

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["HttpOptions"]


class HttpOptions(BaseModel):
    """Base of the settings class of a fetcher that uses `FetchContext.get`.

    `allow_private` permits addresses that are not public, for a source in one's own network. `interval` is the least
    time between two requests to one host in seconds; None leaves it to the archive's setting.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow_private: bool = False
    interval: float | None = Field(default=None, ge=0, le=86_400)
