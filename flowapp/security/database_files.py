"""The SQLite files that steps may open: those in one folder, which whoever runs the installation chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flowapp.errors import StepError
from flowapp.texts import say


@dataclass(frozen=True, slots=True)
class DatabaseFiles:
    """Files that lie in `folder` itself; where it is empty there are none. `own`: files of Flowapp's, which are none of them."""

    folder: str = ""
    own: Sequence[str] = ()

    def path(self, name: str) -> str:
        """The real path of the file of that name. StepError (permanent) where it may not be opened, or is not there."""
        if not self.folder:
            raise _refused(say("This installation offers your organization no SQLite files. Whoever runs it can name a folder of them in FLOWAPP_SQLITE_FOLDER."))  # fmt: skip
        if not name or name.startswith(".") or any(mark in name for mark in "/\\\0"):
            raise _refused(say("Enter the name of a SQLite file alone, such as shop.db, without a folder."))
        try:
            folder = Path(self.folder).resolve()
            file = (folder / name).resolve()
            if file.is_file() and (file.parent != folder or self._is_own(file)):
                raise _refused(say("The file “%(name)s” lies outside the folder of SQLite files.", name=name[:200]))
            if file.is_file():
                return str(file)
        except (OSError, RuntimeError, ValueError):  # a name that is too long, a link to itself, half a surrogate pair
            pass
        raise _refused(say("There is no SQLite file “%(name)s” in the folder that this installation offers.", name=name[:200]))  # fmt: skip

    def _is_own(self, file: Path) -> bool:
        return any(Path(one).exists() and file.samefile(one) for one in self.own)


def _refused(message: str) -> StepError:
    return StepError(message, permanent=True)
