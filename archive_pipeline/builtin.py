"""The core's own parts, registered through the same hooks as everybody's; plugins add theirs under other names.
Cleaners, vocabularies and classifiers are in `processing.builtin`, which workers load alone.
"""

import sqlite3
import unicodedata

from archive_pipeline.export.citations import BibTeX, CslJson, Ris
from archive_pipeline.export.jsonl import JsonLines
from archive_pipeline.export.table import CommaSeparated
from archive_pipeline.fetch.feed import FeedFetcher
from archive_pipeline.fetch.folder import FolderFetcher
from archive_pipeline.fetch.imap import ImapFetcher
from archive_pipeline.fetch.listing import ListingFetcher
from archive_pipeline.fetch.mail import MailFetcher
from archive_pipeline.fetch.sitemap import SitemapFetcher
from archive_pipeline.fetch.web_archive import WebArchiveFetcher
from archive_pipeline.hookspecs import hookimpl
from archive_pipeline.index.tantivy_engine import TantivyEngine
from archive_pipeline.index.whoosh_engine import WhooshEngine
from archive_pipeline.processing.builtin import register_classifiers, register_cleaners, register_vocabularies
from archive_pipeline.protocols import Exporter, Fetcher, IndexEngine
from archive_pipeline.registry import Registry

__all__ = ["archive_pipeline_api", "register_classifiers", "register_cleaners", "register_vocabularies"]

archive_pipeline_api = 1


@hookimpl
def register_fetchers(registry: Registry[Fetcher]) -> None:
    """Folders, feeds, sitemaps, listing pages, mail in files and on servers, web archives."""
    registry.add("folder", FolderFetcher())
    registry.add("feed", FeedFetcher())
    registry.add("sitemap", SitemapFetcher())
    registry.add("listing", ListingFetcher())
    registry.add("mail", MailFetcher())
    registry.add("imap", ImapFetcher())
    registry.add("warc", WebArchiveFetcher())


@hookimpl
def register_index_engines(registry: Registry[IndexEngine]) -> None:
    """Whoosh, and Tantivy, which needs its extra."""
    registry.add("whoosh", WhooshEngine())
    registry.add("tantivy", TantivyEngine())


@hookimpl
def register_exporters(registry: Registry[Exporter]) -> None:
    """JSON Lines, CSV, citations; what needs more than a stream of releases is in `exchange.exporting`."""
    registry.add("jsonl", JsonLines())
    registry.add("csv", CommaSeparated())
    registry.add("bibtex", BibTeX())
    registry.add("ris", Ris())
    registry.add("csl-json", CslJson())


@hookimpl
def prepare_connection(connection: sqlite3.Connection) -> None:
    """The collation `german`: ä sorts with a, ß with ss, case after that."""
    connection.create_collation("german", _compare)


def _compare(left: str, right: str) -> int:
    first, second = _sort_key(left), _sort_key(right)
    return (first > second) - (first < second)


def _sort_key(text: str) -> tuple[str, str]:
    """DIN 5007-1: umlauts like their base letters; the text itself decides between equals."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in folded if not unicodedata.combining(char)), text
