"""Settings that every source fetched over HTTP understands."""

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["HttpOptions", "NetworkOptions"]


class NetworkOptions(BaseModel):
    """Base of the settings class of a fetcher that uses the network.

    `allow_private` permits addresses that are not public, for a source in one's own network.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow_private: bool = False


class HttpOptions(NetworkOptions):
    """Base of the settings class of a fetcher that uses `FetchContext.get`.

    `interval` is the least time between two requests to one host in seconds; None leaves it to the archive's setting.
    `attachments`: archive the documents (PDF, DOCX, ODT) that a release links to with it.
    """

    interval: float | None = Field(default=None, ge=0, le=86_400)
    attachments: bool = True
