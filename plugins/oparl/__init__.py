"""Source plugin `oparl`: papers of councils, from council information systems with an OParl interface.

`url` in sources.toml is the address of the system (`…/oparl/system`, `…/oparl/v1.1/system`) or of one of its bodies.
The first run walks through the whole list of papers, later ones ask for what changed since.
"""

from archive_pipeline import Fetcher, Registry, hookimpl

from .fetcher import OParlFetcher, OParlOptions

__all__ = ["OParlFetcher", "OParlOptions", "archive_pipeline_api"]

archive_pipeline_api = 1


@hookimpl
def register_fetchers(registry: Registry[Fetcher]) -> None:
    """Council information systems."""
    registry.add("oparl", OParlFetcher())
