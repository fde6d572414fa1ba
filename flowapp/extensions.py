"""Flask's extensions, made once and bound to the app in create_app()."""

from __future__ import annotations

from flask_babel import Babel
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_sock import Sock
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from htmx_flask import Htmx

from flowapp.database import metadata

db = SQLAlchemy(metadata=metadata)
htmx = Htmx()
sock = Sock()
csrf = CSRFProtect()
login = LoginManager()
babel = Babel()
limiter = Limiter(get_remote_address, headers_enabled=True, in_memory_fallback_enabled=True)
