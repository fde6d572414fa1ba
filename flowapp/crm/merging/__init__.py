"""Two contacts, or two companies, become one."""
