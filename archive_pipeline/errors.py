"""Everything that can go wrong, as one tree.

::

    ArchivePipelineError                 1    500
    ├── ConfigError                      4    500
    │   └── MissingExtraError            4    501
    ├── PluginError                      5    500
    │   ├── PluginLoadError              5    500
    │   ├── PluginConflictError          5    500
    │   └── PluginContractError          5    500
    ├── FetchError                       1    502
    │   ├── TransientFetchError          1    503
    │   ├── TooLargeError                1    413
    │   ├── EmptySelectorError           1    502
    │   ├── NeedsJavaScriptError         1    502
    │   └── RefusedError                 6    403
    ├── CleanError                       1    422
    ├── CodingError                      1    422
    │   └── OutputLimitError             1    413
    ├── ClassifyError                    1    422
    ├── ArchiveError                     1    500
    │   ├── NoArchiveError               10   404
    │   ├── LockedError                  11   423
    │   ├── MigrationNeededError         12   500
    │   ├── UnknownReleaseError          1    404
    │   │   └── WithheldError            1    410
    │   └── FixityError                  20   500
    ├── IndexingError                    13   503
    ├── ThrottledError                   1    429
    └── QueryError                       2    400

The numbers are the exit code of the command line and the HTTP status of the web pages. `Skip` and `Quarantine`
are control flow of cleaners, not errors: they stand outside the tree.

A message says what went wrong, where and why; `hint` is the next command or step.
"""

from dataclasses import dataclass

__all__ = [
    "ArchiveError",
    "ArchivePipelineError",
    "ClassifyError",
    "CleanError",
    "CodingError",
    "ConfigError",
    "ConfigProblem",
    "EmptySelectorError",
    "FetchError",
    "FixityError",
    "IndexingError",
    "LockedError",
    "MigrationNeededError",
    "MissingExtraError",
    "NeedsJavaScriptError",
    "NoArchiveError",
    "OutputLimitError",
    "PluginConflictError",
    "PluginContractError",
    "PluginError",
    "PluginLoadError",
    "Quarantine",
    "QueryError",
    "RefusedError",
    "Skip",
    "ThrottledError",
    "TooLargeError",
    "TransientFetchError",
    "UnknownReleaseError",
    "WithheldError",
]


class ArchivePipelineError(Exception):
    """Root of all errors this package raises on purpose.

    `message` is for people, `hint` names the next step or is empty.
    """

    exit_code: int = 1
    http_status: int = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way back from a worker process with every attribute."""
        return (_restore, (type(self), self.args, self.__dict__))


def _restore(kind: type[ArchivePipelineError], args: tuple[str, ...], state: dict[str, object]) -> Exception:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigProblem:
    """One mistake in a configuration file; `line` and `column` count from 1, 0 means unknown."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}  {self.message}"


class ConfigError(ArchivePipelineError):
    """The configuration can't be used; `problems` lists every mistake found, in file order."""

    exit_code = 4

    def __init__(self, message: str, *, problems: tuple[ConfigProblem, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class MissingExtraError(ConfigError):
    """A command or setting needs a package that is not installed."""

    http_status = 501


class PluginError(ArchivePipelineError):
    """A plugin can't do its work."""

    exit_code = 5


class PluginLoadError(PluginError):
    """A plugin can't be imported or registered."""


class PluginConflictError(PluginError):
    """Two plugins claim one name, or one source."""


class PluginContractError(PluginError):
    """A plugin broke the contract of its kind: a wrong signature, a wrong type, an invalid span."""


class FetchError(ArchivePipelineError):
    """Something could not be fetched; `url` says what (an address, or a path relative to its source)."""

    http_status = 502

    def __init__(self, message: str, *, url: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.url = url


class TransientFetchError(FetchError):
    """The same request may succeed later: a time-out, a 5xx, a 429.

    `retry_after` is for how many seconds the server asked to be left alone, 0 when it didn't ask.
    """

    http_status = 503

    def __init__(self, message: str, *, url: str = "", hint: str = "", retry_after: float = 0.0) -> None:
        super().__init__(message, url=url, hint=hint)
        self.retry_after = retry_after


class TooLargeError(FetchError):
    """The content is larger than the source allows."""

    http_status = 413


class EmptySelectorError(FetchError):
    """A page is there, but a selector of the source finds nothing in it: the site's layout has changed."""


class NeedsJavaScriptError(FetchError):
    """A page is an empty shell that only a browser would fill: `needs_javascript`, never 'nothing new'."""


class RefusedError(FetchError):
    """Fetching is not permitted: robots.txt, a rights reservation, a private address."""

    exit_code = 6
    http_status = 403


class CleanError(ArchivePipelineError):
    """A capture has no readable text: empty, binary, truncated, in an unknown charset."""

    http_status = 422


class CodingError(ArchivePipelineError):
    """Compressed bytes end early or are damaged."""

    http_status = 422


class OutputLimitError(CodingError):
    """Compressed bytes grow beyond the limit given for them."""

    http_status = 413


class ClassifyError(ArchivePipelineError):
    """An article can't be classified."""

    http_status = 422


class ArchiveError(ArchivePipelineError):
    """The archive can't be read or written."""


class NoArchiveError(ArchiveError):
    """There is no archive in this folder."""

    exit_code = 10
    http_status = 404


class LockedError(ArchiveError):
    """Another process is writing to the archive."""

    exit_code = 11
    http_status = 423


class MigrationNeededError(ArchiveError):
    """The archive was written by a newer version of this package."""

    exit_code = 12


class UnknownReleaseError(ArchiveError):
    """No release, version or derivation has this id."""

    http_status = 404


class WithheldError(UnknownReleaseError):
    """The release is hidden or erased by a decision; the message names the case."""

    http_status = 410


class FixityError(ArchiveError):
    """Stored bytes do not have the checksum they were stored with."""

    exit_code = 20


class IndexingError(ArchivePipelineError):
    """The search index is missing, damaged or behind."""

    exit_code = 13
    http_status = 503


class ThrottledError(ArchivePipelineError):
    """Too many failed logins; `seconds` is how long to wait."""

    http_status = 429

    def __init__(self, message: str, *, seconds: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.seconds = seconds


class QueryError(ArchivePipelineError):
    """A query tree can't be answered; `position` is the column (from 0) in the query text, or -1."""

    exit_code = 2
    http_status = 400

    def __init__(self, message: str, *, position: int = -1, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.position = position


class Skip(Exception):  # noqa: N818 - control flow, not an error
    """Raised by a cleaner: this document is not to be archived; `reason` is recorded."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Quarantine(Exception):  # noqa: N818 - control flow, not an error
    """Raised by a cleaner: keep the capture, but a person must look first; `reason` is recorded."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
