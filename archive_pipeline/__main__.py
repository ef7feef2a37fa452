"""`python -m archive_pipeline`: the command line without its script, as timers call it."""

from archive_pipeline.cli.main import main

if __name__ == "__main__":
    main()
