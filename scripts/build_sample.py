"""Render the sample site from its texts into ``archive_pipeline/sample/site``.

Run ``.venv/bin/python scripts/build_sample.py`` after a change of texts, offices, templates or assets, and commit
the result; a test compares the committed files with a fresh rendering.
"""

from archive_pipeline.sample import SAMPLE_SITE
from archive_pipeline.sample.site_builder import write_site

if __name__ == "__main__":
    print(f"{write_site(SAMPLE_SITE)} files in {SAMPLE_SITE}")
