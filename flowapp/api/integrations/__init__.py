"""Integrations: what can be connected, what is, and what they do."""
