"""What leaves an archive and comes back: exports, bags, imports."""
