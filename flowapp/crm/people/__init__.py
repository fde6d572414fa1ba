"""What only contacts have: several addresses, and others that may be the same person."""
