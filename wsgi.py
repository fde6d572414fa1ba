"""The WSGI application, for gunicorn and `flask --app wsgi`."""

from flowapp import create_app

app = create_app()
