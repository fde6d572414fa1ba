"""Mailboxes by IMAP (RFC 3501): new mail as a trigger, and what steps do with mails."""
