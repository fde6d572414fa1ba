"""What steps do with contacts, companies, deals, tasks and notes."""
