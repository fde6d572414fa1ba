"""Job X: connectors under load, against doubles of their services."""
