"""Both grounds of the archive."""

from tests.grounds import archive, ground
from tests.s3 import s3_server

__all__ = ["archive", "ground", "s3_server"]
