"""Secrets in files: read only when nobody but the owner may."""

from __future__ import annotations

import configparser
from collections.abc import Sequence
from pathlib import Path

from dmsops.core.errors import BadSetting


def private_text(path: Path, field: str) -> str:
    """Read a file that holds a secret; ``field`` is the setting that names it.

    Raises
    ------
    BadSetting
        It cannot be read, is empty, or others may read it.
    """
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise BadSetting(f"field '{field}': {path} cannot be read: {why}", file=str(path), field=field) from None
    if mode & 0o077:
        raise BadSetting(f"field '{field}': others may read {path}; make it 0600", file=str(path), field=field)
    if not text:
        raise BadSetting(f"field '{field}': {path} is empty", file=str(path), field=field)
    return text


def private_keys(path: Path, field: str, names: Sequence[str]) -> dict[str, str]:
    """Read named values of the section ``[default]``, as ``~/.aws/credentials`` has them; absent ones are empty."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(private_text(path, field))
    except configparser.Error:
        raise BadSetting(f"field '{field}': {path} is not written as ~/.aws/credentials", file=str(path), field=field) from None
    return {name: parser.get("default", name, fallback="") for name in names}
