"""Every part's tables, imported by name: what the newest revision must equal (tested)."""

from __future__ import annotations

import importlib

import sqlalchemy as sa

from dmsops.core.db import metadata

MODULES = (
    "dmsops.core.journal",
    "dmsops.core.people",
    "dmsops.core.outbox",
    "dmsops.workflow.tables",
    "dmsops.receipt.tables",
    "dmsops.engineering.tables",
    "dmsops.archive.tables",
    "dmsops.distribution.tables",
    "dmsops.wfsc.tables",
    "dmsops.procedures.tables",
)


def whole_metadata() -> sa.MetaData:
    """Import all tables and give the metadata they registered on."""
    for module in MODULES:
        importlib.import_module(module)
    return metadata
