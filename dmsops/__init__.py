"""DMSOps: the operations system for a space observatory's data.

>>> from dmsops import connect
>>> ops = connect("my-site")  # doctest: +SKIP
"""

from __future__ import annotations

from dmsops.core.errors import DmsError
from dmsops.ops import Ops, connect

__all__ = ["DmsError", "Ops", "connect"]
__version__ = "0.1.0"
