"""What people decide: tags and notes, what is followed, frozen sets, what is hidden or taken down."""
