"""What was deleted, for thirty days: looked at, restored, erased."""
