"""WARC 1.1: the archive's own copy of what was published.

`store` writes and reads captures, `files` keeps the files they lie in, `record` renders and parses single records
(the only module that knows warcio), `coding` undoes gzip and deflate, `model` holds the values.
"""

from archive_pipeline.warc.coding import decode_body, inflate
from archive_pipeline.warc.files import Cut
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
from archive_pipeline.warc.store import WarcStore

__all__ = [
    "Cut",
    "Description",
    "Exchange",
    "Previous",
    "RevisitProfile",
    "StoredCapture",
    "Truncated",
    "WarcStore",
    "decode_body",
    "inflate",
    "settings_hash",
    "source_settings",
    "urn",
]
