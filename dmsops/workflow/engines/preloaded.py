"""Imported once by the server that steps are forked from: what each of their processes would else do again."""

from __future__ import annotations

import importlib

from dmsops.core import db
from dmsops.workflow import execute  # noqa: F401 - the entry of every process

importlib.import_module("dmsops.ops")
db.expected_revision()
