"""sources.toml: settings of the archive and one table per source, validated; secrets from elsewhere."""

from archive_pipeline.sources.config import load_config
from archive_pipeline.sources.secrets import secret
from archive_pipeline.sources.template import new_sources_toml
from archive_pipeline.sources.values import ArchiveSettings, BrokenSource, Config, QuarantinedPlugin

__all__ = [
    "ArchiveSettings",
    "BrokenSource",
    "Config",
    "QuarantinedPlugin",
    "load_config",
    "new_sources_toml",
    "secret",
]
