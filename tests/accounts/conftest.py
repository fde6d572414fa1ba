from tests.support.rows import engine, project, session

__all__ = ["engine", "project", "session"]
