"""The catalogue's words: products become observations of the Common Archive Observation Model (CAOM 2.4).

Comes in: product files (FITS) of one observation. Goes out: an observation, its XML, and what is wrong with it.
Verbs: describe, to_xml, from_xml, check. Nothing is stored here; the archive does that.
"""

from dmsops.catalogue.describe import Product, describe
from dmsops.catalogue.rules import Finding, check
from dmsops.catalogue.xml import from_xml, to_xml

__all__ = ["Finding", "Product", "check", "describe", "from_xml", "to_xml"]
