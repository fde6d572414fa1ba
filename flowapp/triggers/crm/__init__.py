"""Triggers of the CRM: what becomes of contacts, companies, deals and tasks."""
