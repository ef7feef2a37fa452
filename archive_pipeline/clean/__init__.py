"""Cleaning: from a capture to the text and fields of a press release.

Each step is a small object with one method (`protocols.Cleaner`), called by the pipeline in the order of its slot.
All of them are pure: the same capture and source give the same article, in every process and on every day.
"""

from archive_pipeline.clean.boilerplate import Boilerplate
from archive_pipeline.clean.dateline import Dateline
from archive_pipeline.clean.dates import Dates
from archive_pipeline.clean.extract import Extraction
from archive_pipeline.clean.facts import EarlyFacts
from archive_pipeline.clean.gate import Gate
from archive_pipeline.clean.guard import Guard
from archive_pipeline.clean.headlines import Headlines
from archive_pipeline.clean.language import LanguageIdentification
from archive_pipeline.clean.learned import LearnedBoilerplate
from archive_pipeline.clean.page import CapturePage
from archive_pipeline.clean.press import PressFields
from archive_pipeline.clean.rescue import LeadRescue
from archive_pipeline.clean.text import TextNormalisation
from archive_pipeline.protocols import Cleaner

__all__ = ["CapturePage", "cleaners"]


def cleaners() -> tuple[tuple[str, Cleaner, int], ...]:
    """The built-in steps as (name, cleaner, order slot)."""
    return (
        ("guard", Guard(), 50),
        ("facts", EarlyFacts(), 150),
        ("extract", Extraction(), 200),
        ("headlines", Headlines(), 250),
        ("lead", LeadRescue(), 251),
        ("boilerplate", Boilerplate(), 300),
        ("press", PressFields(), 400),
        ("dates", Dates(), 600),
        ("dateline", Dateline(), 601),
        ("learned", LearnedBoilerplate(), 650),
        ("text", TextNormalisation(), 700),
        ("language", LanguageIdentification(), 900),
        ("gate", Gate(), 950),
    )
