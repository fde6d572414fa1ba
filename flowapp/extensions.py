"""Flask's extensions, made once and bound to the app in create_app()."""

from __future__ import annotations

from typing import Any

import orjson
from flask_babel import Babel
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sock import Sock
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from htmx_flask import Htmx
from sqlalchemy import MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def dump_json(value: Any) -> str:
    """JSON text of a value as it is stored; keys are made texts."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


ENGINE_OPTIONS: dict[str, Any] = {"json_serializer": dump_json, "json_deserializer": orjson.loads}

db = SQLAlchemy(metadata=metadata)
migrate = Migrate(render_as_batch=True, compare_type=True)
htmx = Htmx()
sock = Sock()
csrf = CSRFProtect()
login = LoginManager()
babel = Babel()
limiter = Limiter(get_remote_address, headers_enabled=True, in_memory_fallback_enabled=True)
