"""WARC 1.1: the archive's own copy of what was published.

`store` writes and reads captures, `files` keeps the files they lie in, `record` renders and parses single records
(with `foreign` the only modules that know warcio), `coding` undoes gzip and deflate, `model` holds the values.
`foreign` reads the files of other crawlers, `packages` finds them in WACZ packages.
"""

from archive_pipeline.warc.coding import decode_body, inflate
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
    "Description",
    "Exchange",
    "ForeignBlock",
    "ForeignFile",
    "ForeignRecord",
    "Package",
    "Part",
    "Previous",
    "RevisitProfile",
    "StoredCapture",
    "Truncated",
    "WarcStore",
    "decode_body",
    "inflate",
    "is_web_archive",
    "open_package",
    "settings_hash",
    "source_settings",
    "urn",
]
