"""Looking at a web site for sources of press releases: `survey` looks, `repetition` finds lists in pages, `candidates`
says what might be a source, `trying` tries it, `proposal` writes its table. Nothing here stores anything.
"""
