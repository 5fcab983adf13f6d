"""Every rule has a sound example that passes and an injected defect that it alone is named for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import caom2
import pytest

from dmsops.catalogue import Product, check, describe, from_xml, to_xml
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


def plane(observation: Any) -> Any:
    return observation.planes["level2"]


def artifact(observation: Any) -> Any:
    return plane(observation).artifacts[URI]


def rename(observation: Any) -> None:
    other = caom2.Artifact(URI.replace("00001", "00002"), caom2.ProductType.THIS, caom2.ReleaseType.DATA)
    other.content_length, other.content_checksum = 1, caom2.ChecksumURI("sha256:" + "0" * 64)
    plane(observation).artifacts.add(other)


def clockwise(observation: Any) -> None:
    plane(observation).position.bounds.points.reverse()


def no_members(observation: Any) -> None:
    observation.members = set()


DEFECTS: dict[str, Callable[[Any], object]] = {
    "C01": lambda o: setattr(artifact(o), "_content_length", "many"),
    "C02": lambda o: o.planes.clear(),
    "C05": lambda o: setattr(artifact(o), "product_type", caom2.ProductType.PREVIEW),
    "C08": no_members,
    "C16": lambda o: setattr(artifact(o), "content_checksum", caom2.ChecksumURI("md5:00")),
    "C18": lambda o: setattr(artifact(o), "content_length", 0),
    "C20": rename,
    "C27": lambda o: setattr(plane(o), "position", None),
    "C28": clockwise,
    "C33": lambda o: setattr(plane(o).time, "exposure", 1e6),
}


def test_every_rule_has_a_defect_and_a_remedy() -> None:
    assert set(DEFECTS) == set(RULES)
    assert all("(P" in rule.remedy and rule.title for rule in RULES.values())


@pytest.mark.parametrize("identity", DEFECTS)
def test_a_rule_finds_its_defect_and_no_other_rule_does(cal: Product, identity: str) -> None:
    observation = describe([cal])
    assert check(observation) == ()
    DEFECTS[identity](observation)
    findings = check(observation)
    assert [f.check for f in findings] == [identity]
    assert findings[0].uri
    assert identity in str(findings[0])


def test_a_plane_without_any_time_is_found(cal: Product) -> None:
    observation = describe([cal])
    plane(observation).time = None
    assert [f.observed for f in check(observation)] == ["no time"]


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
