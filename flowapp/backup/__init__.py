"""Backups: all rows of an installation in one file, of either database, to be read into either."""
