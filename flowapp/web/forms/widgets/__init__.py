"""One file for each kind of control."""
