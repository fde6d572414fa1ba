"""What steps do with records."""
