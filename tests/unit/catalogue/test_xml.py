"""A document is read as the library reads it, each part of it, though its children are looked through once."""

from __future__ import annotations

import io
from itertools import islice
from typing import Any

import caom2
import pytest
from caom2.obs_reader_writer import ObservationParsingException, ObservationReader
from lxml import etree

from dmsops.catalogue.xml import _reader, from_xml, to_xml
from dmsops.core.errors import BadInput
from dmsops.testing.axes import chunk_with
from dmsops.testing.changes import artifact
from dmsops.testing.observations import clean


def by_the_library(document: bytes) -> Any:
    return ObservationReader(validate=False).read(io.BytesIO(document))


@pytest.fixture(scope="module")
def documents() -> list[bytes]:
    several = list(islice(clean(60), 30, 60))
    part = caom2.Part("0")
    part.chunks.append(chunk_with())
    artifact(next(o for o in several if len(o.planes) == 2)).parts.add(part)
    return [to_xml(one) for one in several]


def test_what_is_read_is_what_the_library_reads(documents: list[bytes]) -> None:
    for document in documents:
        assert to_xml(from_xml(document)) == to_xml(by_the_library(document)) == document


def test_remarks_between_the_parts_are_passed_over(documents: list[bytes]) -> None:
    for document in documents[:5]:
        root = etree.fromstring(document)
        for element in list(root.iter("{*}plane", "{*}observationID", "{*}artifact")):
            element.addprevious(etree.Comment("a remark"))
        assert to_xml(from_xml(etree.tostring(root))) == document


def test_the_first_of_two_of_a_name_counts_as_it_does_in_the_library(documents: list[bytes]) -> None:
    root = etree.fromstring(documents[0])
    name = root.find("{*}observationID")
    assert name is not None
    again = etree.fromstring(etree.tostring(name))
    again.text = "jw09999001001_02101_00001_nrca1"
    name.addnext(again)
    twice = etree.tostring(root)
    found = _reader()(validate=False).read(io.BytesIO(twice))
    assert found.observation_id == by_the_library(twice).observation_id != again.text


def test_what_lacks_a_part_is_refused_in_the_librarys_words(documents: list[bytes]) -> None:
    root = etree.fromstring(documents[0])
    name = root.find("{*}observationID")
    assert name is not None
    root.remove(name)
    with pytest.raises(ObservationParsingException, match="observationID element not found"):
        _reader()(validate=False).read(io.BytesIO(etree.tostring(root)))
    with pytest.raises(BadInput, match="observationID"):
        from_xml(etree.tostring(root), source="x.xml")
