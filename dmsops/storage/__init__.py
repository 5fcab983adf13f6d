"""Write-once, content-addressed storage: one contract (`base.Store`), several backends.

Comes in: files. Goes out: sha256 names and read-only paths. Verbs: open_store; put, path, has, size, verify, restore, set_aside.
A backend is a class that takes the site's settings through the entry-point group ``dmsops.stores``.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from importlib.util import find_spec
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
        ``local``, ``s3``, or the name of an entry point in the group ``dmsops.stores``: a callable that takes the settings.

    Raises
    ------
    BadSetting
        No backend has that name, or its settings cannot be used.
    """
    if name == "local":
        return LocalStore(settings.folder("store"))
    if name == "s3":
        from dmsops.storage.s3 import S3Store

        if find_spec("obstore") is None:
            raise BadSetting(
                'site.toml: field \'store\': "s3" needs the package obstore: pip install "dmsops[s3]"', field="store", store=name
            )
        return S3Store(settings)
    found = entry_points(group="dmsops.stores", name=name)
    if not found:
        raise BadSetting(f"site.toml: field 'store': no storage backend is called '{name}'", field="store", store=name)
    return cast("Store", next(iter(found)).load()(settings))
