"""Keeping an archive sound: audits, backups, rebuilding, cleaning again, re-use."""
