"""The public validators on a folder of CAOM documents: reader with schema, the library's own checks, caom2utils.validate.

Run with the peers' Python; prints a JSON object, file name to what was said (null: nothing).
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)


def verdict(path: Path) -> str | None:
    """Give what the first of them says that objects."""
    from caom2.obs_reader_writer import ObservationReader
    from caom2utils.caomvalidator import validate

    try:
        validate(ObservationReader(validate=True).read(str(path)))
    except Exception as error:  # noqa: BLE001 - the validators raise whatever they like
        return f"{type(error).__name__}: {error}"[:200]
    return None


if __name__ == "__main__":
    print(json.dumps({path.name: verdict(path) for path in sorted(Path(sys.argv[1]).glob("*.xml"))}))
