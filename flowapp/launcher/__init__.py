"""`python -m flowapp.launcher`: one process group out of broker, web, worker and scheduler.

It lives as long as the application does, so it imports nothing but the standard library and stays in one thread.
"""
