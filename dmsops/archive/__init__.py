"""The archive: products with their versions, and the observation that describes them, kept in step.

Comes in: the finished products of one observation. Goes out: product and observation rows, one event per change,
the observation's CAOM XML. Verbs: ingest. Everything of one observation changes in one transaction.
"""

from dmsops.archive.ingest import Ingested, ingest

__all__ = ["Ingested", "ingest"]
