"""The telemetry database (PRDS): what the observatory sends, as data; docs/reference/telemetry.md.

The definition of record is `telemetry.xml`, an XTCE document. `telemetry_database` reads and checks it, `decoded` and
`encoded` turn packets into samples and back.
"""

from dmsops.interfaces.prds.records import Container, Field, Limits, Mnemonic, Series, TelemetryDatabase
from dmsops.interfaces.prds.xtce import telemetry_database

__all__ = ["Container", "Field", "Limits", "Mnemonic", "Series", "TelemetryDatabase", "telemetry_database"]
