"""The toy steps, under the name that the tests' sites know them by."""

from dmsops.testing import toys

__all__ = ["toys"]
