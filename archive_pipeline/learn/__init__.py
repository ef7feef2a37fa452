"""What an archive learns of its releases, and how well its tags agree with people."""
