"""What authors of plugins work with: new plugins, recordings, trials, checks."""
