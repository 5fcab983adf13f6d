"""What every rule says of itself, and documents that are no CAOM."""

from __future__ import annotations

import pytest

from dmsops.catalogue import Product, describe, from_xml, to_xml
from dmsops.catalogue.rules import RULES
from dmsops.core.errors import BadInput
from dmsops.core.files import sha256_of
from dmsops.testing.products import write_product

ROOT = "jw02726402001_03104_00001_nrca3"
URI = f"mast:JWST/product/{ROOT}_cal.fits"


@pytest.fixture(scope="module")
def cal(tmp_path_factory: pytest.TempPathFactory) -> Product:
    path = write_product(tmp_path_factory.mktemp("products") / f"{ROOT}_cal.fits")
    return Product(name=path.name, sha256=sha256_of(path), path=path)


def test_every_rule_has_a_title_a_source_and_a_procedure() -> None:
    assert all("(P" in rule.remedy and rule.title and rule.source for rule in RULES.values())


@pytest.mark.parametrize(
    "document",
    [b"", b"<a/>", b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", b"\xff\xfe"],
)
def test_a_document_that_is_no_caom_is_refused(document: bytes) -> None:
    with pytest.raises(BadInput, match=r"observation\.xml"):
        from_xml(document)


def test_a_document_that_leaves_the_schema_is_refused_with_the_line(cal: Product) -> None:
    document = to_xml(describe([cal])).replace(b"calibrationLevel>2<", b"calibrationLevel>two<")
    with pytest.raises(BadInput, match=r"line \d+"):
        from_xml(document)
