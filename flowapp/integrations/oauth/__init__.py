"""Signing in by OAuth2: a person is sent to the service and comes back (grants), tokens are renewed in time (tokens)."""
