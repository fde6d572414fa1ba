"""Workflows as files: what they are made of and what they use, from one installation to another or back to the same."""

from __future__ import annotations

from flowapp.workflows.exports.dump import exported
from flowapp.workflows.exports.file import File, Mode, read_file
from flowapp.workflows.exports.read import Import, Outcome, import_file, present

__all__ = ["File", "Import", "Mode", "Outcome", "exported", "import_file", "present", "read_file"]
