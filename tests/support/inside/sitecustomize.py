"""In the processes of the browser tests: outgoing calls of a vendor's origin go to a double on this machine.

Python imports a file of this name by itself where its folder is on PYTHONPATH; the product knows nothing of it. Which origins lead
where stands in the file that FLOWAPP_TEST_REROUTES names, as JSON; tests write it while the processes run (tests/e2e/conftest.py).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

CLIENT = "flowapp.security.egress.client"


class ChangedLoader(Loader):
    """Loads the client of outgoing calls, and changes where its calls go."""

    def __init__(self, loader: Loader, origins: Path) -> None:
        self.loader, self.origins = loader, origins

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        real, origins = module.SafeHttp.request, self.origins

        def request(self: Any, method: str, url: str, **how: Any) -> Any:
            known = json.loads(origins.read_text(encoding="utf-8")) if origins.exists() else {}
            origin = next((one for one in known if url.startswith(f"{one}/")), "")
            return real(self, method, known.get(origin, "") + url.removeprefix(origin), **how)

        module.SafeHttp.request = request


class Finder(MetaPathFinder):
    """Waits for the import of the client, so that processes which call nobody start as fast as ever."""

    def __init__(self, origins: Path) -> None:
        self.origins = origins

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname != CLIENT:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = ChangedLoader(spec.loader, self.origins)
        return spec


if named := os.environ.get("FLOWAPP_TEST_REROUTES"):
    sys.meta_path.insert(0, Finder(Path(named)))
