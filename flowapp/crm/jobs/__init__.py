"""What jobs of the CRM do with their next rows: ONE FILE EACH (records.jobs)."""
