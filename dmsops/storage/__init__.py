"""Write-once, content-addressed storage: one contract (`base.Store`), several backends.

Comes in: files. Goes out: sha256 names and read-only paths. Verbs: open_store; put, path, has, verify.
A backend is a class that takes the site's settings through the entry-point group ``dmsops.stores``.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, cast

from dmsops.core.errors import BadSetting
from dmsops.storage.base import Store
from dmsops.storage.local import LocalStore

if TYPE_CHECKING:
    from dmsops.core.config import Settings

__all__ = ["LocalStore", "Store", "open_store"]


def open_store(name: str, settings: Settings) -> Store:
    """Open the site's store.

    Parameters
    ----------
    name : str
        ``local``, or the name of an entry point in the group ``dmsops.stores``: a callable that takes the settings.

    Raises
    ------
    BadSetting
        No backend has that name.
    """
    if name == "local":
        return LocalStore(settings.folder("store"))
    found = entry_points(group="dmsops.stores", name=name)
    if not found:
        raise BadSetting(f"site.toml: field 'store': no storage backend is called '{name}'", field="store", store=name)
    return cast("Store", next(iter(found)).load()(settings))
