"""WARC 1.1: the archive's own copy of what was published.

`store` writes and reads captures, `derivations` what was made of them, `files` keeps the files both lie in, `record`
renders and parses single records (with `foreign` the only modules that know warcio), `coding` undoes gzip and deflate,
`model` holds the values, `erasing` takes records out. `foreign` reads files of other crawlers, `packages` finds them
in WACZ packages, `cdxj` and `surt` list our own for replay tools.
"""

from archive_pipeline.warc.cdxj import cdxj_file, cdxj_lines, read_cdxj, update_cdxj
from archive_pipeline.warc.coding import decode_body, inflate
from archive_pipeline.warc.derivations import DerivationLog, Derived
from archive_pipeline.warc.erasing import Span, erase_spans, record_spans
from archive_pipeline.warc.files import Cut
from archive_pipeline.warc.foreign import Damage, ForeignBlock, ForeignFile, ForeignRecord
from archive_pipeline.warc.model import (
    Description,
    Exchange,
    Previous,
    RevisitProfile,
    StoredCapture,
    Truncated,
    settings_hash,
    source_settings,
    urn,
)
from archive_pipeline.warc.packages import Package, Part, is_web_archive, open_package
from archive_pipeline.warc.store import WarcStore

__all__ = [
    "Cut",
    "Damage",
    "DerivationLog",
    "Derived",
    "Description",
    "Exchange",
    "ForeignBlock",
    "ForeignFile",
    "ForeignRecord",
    "Package",
    "Part",
    "Previous",
    "RevisitProfile",
    "Span",
    "StoredCapture",
    "Truncated",
    "WarcStore",
    "cdxj_file",
    "cdxj_lines",
    "decode_body",
    "erase_spans",
    "inflate",
    "is_web_archive",
    "open_package",
    "read_cdxj",
    "record_spans",
    "settings_hash",
    "source_settings",
    "update_cdxj",
    "urn",
]
