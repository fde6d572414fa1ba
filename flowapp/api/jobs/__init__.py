"""Jobs, and the end points that answer with one."""
