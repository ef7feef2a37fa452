"""What a run is made of: sources visited side by side, captures archived batch by batch, schedules."""
