"""A REST service of the user's own."""
