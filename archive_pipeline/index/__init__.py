"""Search engines behind the protocol `IndexEngine`, and what they share."""
