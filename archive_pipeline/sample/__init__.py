"""A small press-release web site of our own writing, for the demo, the first run and the tests.

51 invented German releases by offices of real Kreise, municipalities, parties and associations. The rendered
site lies in ``site/`` as static files (``scripts/build_sample.py`` writes it from ``texts/``): listing pages,
feeds, sitemap and, below ``site/releases/``, nothing but the release documents (HTML in two character sets,
PDF, DOCX, EML, txt, md, one gzip file). A folder source reads that folder, ``server.serve_sample`` serves all.
"""

import datetime
from dataclasses import dataclass
from pathlib import Path

from archive_pipeline.sample.release_text import PACKAGE_FOLDER, load_release_texts

__all__ = ["SAMPLE_FOLDER", "SAMPLE_SITE", "SampleRelease", "sample_truth"]

SAMPLE_SITE: Path = PACKAGE_FOLDER / "site"
"""Root of the static site, as served over HTTP."""

SAMPLE_FOLDER: Path = SAMPLE_SITE / "releases"
"""Folder that holds release documents only: what ``path = "package:sample"`` means to the folder fetcher."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRelease:
    """What is true of one release of the sample."""

    path: str
    """Path below ``SAMPLE_FOLDER`` with forward slashes; its address on the served site is ``/releases/`` + path."""
    title: str
    published: datetime.date | None
    district: str | None
    """Five-digit key (AGS) of the Kreis or kreisfreie Stadt it is about; None for texts of Land and Bund."""
    party: str | None
    """Slug of the issuing party, ``uwg@05370`` for a local voter group; None when no party issued it."""
    topic: str
    """Slug of the primary topic (major topics of the Comparative Agendas Project)."""
    organisations: tuple[str, ...]
    """Canonical names of organisations that must be found; more may be named in the text."""
    office: str
    """Name of the issuing body."""


def sample_truth() -> tuple[SampleRelease, ...]:
    """The truth about every release of the sample, newest first, undated ones last."""
    return tuple(
        SampleRelease(
            path=text.path,
            title=text.title,
            published=text.published,
            district=text.district,
            party=text.party,
            topic=text.topic,
            organisations=text.organisations,
            office=text.office.name,
        )
        for text in load_release_texts()
    )
