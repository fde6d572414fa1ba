"""Jobs that keep things in order: what is old is deleted, what takes space is measured, what was counted is written."""
