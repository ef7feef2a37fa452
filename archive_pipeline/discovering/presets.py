"""Presets of plugins that fit a site: fetchers set up for one content system, or for one publisher.

A preset knows more than selectors found in one page: where the system hides session numbers in addresses, how it turns
pages, and how its releases are to be read. Whether one fits is tried on pages that are here already, and costs a site
nothing.
"""

from collections.abc import Iterator

from archive_pipeline.address import registrable_domain
from archive_pipeline.discovering.candidates import Candidate
from archive_pipeline.discovering.session import Session
from archive_pipeline.discovering.trying import Leave, discover_items, probe_source
from archive_pipeline.discovering.webpage import WebPage
from archive_pipeline.errors import ArchivePipelineError
from archive_pipeline.fetch.preset import PresetFetcher, placeholders
from archive_pipeline.plugin_manager import PluginManager
from archive_pipeline.protocols import Fetcher
from archive_pipeline.registry import Entry
from archive_pipeline.sources.editing import Setting

__all__ = ["feeds_of_systems", "fitting_presets", "presets_of_publisher"]

LEAST_ENTRIES = 3
FIRST_PAGE = (Setting(key="max_pages", value=1),)


def presets_of_publisher(page: WebPage, plugins: PluginManager) -> Iterator[Candidate]:
    """Presets that were made for this very site: their address is fixed and belongs to it."""
    for entry, fetcher in _presets(plugins):
        address = fetcher.preset.address
        if not placeholders(address) and address and registrable_domain(address) == page.domain:
            yield Candidate(
                fetcher=entry.name, url=address, how=f"Vorlage {entry.name} für diese Website", press=1.0, asked=True
            )


def fitting_presets(
    page: WebPage, press: float, session: Session, plugins: PluginManager, leave: Leave
) -> Iterator[Candidate]:
    """Presets whose selectors find entries in a page that was read already."""
    for entry, fetcher in _presets(plugins):
        if fetcher.preset.base != "listing" or fetcher.preset.address != "{url}" or fetcher.preset.parameters:
            continue
        try:
            source = probe_source(entry.name, page.url, FIRST_PAGE, plugins, leave)
            items, _ = discover_items(source, session, plugins, 2 * LEAST_ENTRIES)
        except ArchivePipelineError:
            continue
        if len(items) >= LEAST_ENTRIES:
            yield Candidate(
                fetcher=entry.name, url=page.url, how=f"Vorlage {entry.name} passt", name=page.title, press=press
            )


def feeds_of_systems(
    page: WebPage, press: float, plugins: PluginManager, fitting: frozenset[str]
) -> Iterator[Candidate]:
    """Feeds that the content system of a page offers: of the plugins in `fitting`, and of one that the page names as
    its generator."""
    for entry, fetcher in _presets(plugins):
        named = entry.plugin.lower() in page.generator.lower()
        own = set(placeholders(fetcher.preset.address)) <= {"url", "root"} and placeholders(fetcher.preset.address)
        if fetcher.preset.base == "feed" and own and (entry.plugin in fitting or named):
            yield Candidate(fetcher=entry.name, url=page.url, how=f"Vorlage {entry.name}", name=page.title, press=press)


def _presets(plugins: PluginManager) -> Iterator[tuple[Entry[Fetcher], PresetFetcher]]:
    for entry in plugins.fetchers:
        if isinstance(entry.obj, PresetFetcher):
            yield entry, entry.obj
