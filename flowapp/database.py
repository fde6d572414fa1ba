"""What Flask's database extension and the models share, without the weight of either."""

from __future__ import annotations

from typing import Any

from sqlalchemy import MetaData

from flowapp import exact_json

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


ENGINE_OPTIONS: dict[str, Any] = {"json_serializer": exact_json.dump_json, "json_deserializer": exact_json.loads}
