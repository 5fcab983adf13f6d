"""States of an archived observation."""

from __future__ import annotations

ARCHIVED = "archived"
"""It has current products, and is found."""
WITHDRAWN = "withdrawn"
"""A person took it out: none of its products is current, all bytes are kept, and it can be restored."""
