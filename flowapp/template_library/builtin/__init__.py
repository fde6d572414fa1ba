"""Workflows to begin with. They need no credentials; what they need to know is asked for by a form."""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)
