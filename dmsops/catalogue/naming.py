"""How the catalogue calls things: URIs of observations, planes and products, and what an observation's id says.

``caom:<collection>/<observation>/<plane>`` is CAOM's own form; ``mast:JWST/product/<file>`` is MAST's.
"""

from __future__ import annotations

PRODUCTS = "mast:JWST/product"
"""Where products are, in their URIs."""


def product_uri(name: str) -> str:
    """Give the URI of a product."""
    return f"{PRODUCTS}/{name}"


def version_uri(name: str, version: int) -> str:
    """Give what findings call a superseded version of a product: the catalogue has no URI for it."""
    return f"{product_uri(name)} (version {version})"


def is_product(uri: str) -> bool:
    """Say whether a URI is one of a product."""
    return uri.startswith(f"{PRODUCTS}/")


def product_name(uri: str) -> str:
    """Give the file name at the end of a product's URI."""
    return uri.rpartition("/")[2]


def document_name(observation_id: str) -> str:
    """Name the file of an observation's CAOM document."""
    return f"{observation_id}_caom.xml"


def observation_uri(collection: str, observation_id: str) -> str:
    """Give the URI of an observation."""
    return f"caom:{collection}/{observation_id}"


def program_of(observation_id: str) -> str:
    """Give the five digits of the program that an observation's id begins with (``jw02726...``)."""
    return observation_id[2:7]
