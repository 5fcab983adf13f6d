"""What the machine does to any step has its class, told from the exception itself."""

from __future__ import annotations

import errno
import os

import pytest
import sqlalchemy as sa

from dmsops.core.errors import StoreDamaged
from dmsops.processing.diagnose import diagnose as of_processing
from dmsops.workflow.causes import RESOURCE, TRANSIENT, diagnose


@pytest.mark.parametrize("number", [*RESOURCE, *TRANSIENT])
def test_every_known_system_error_has_its_class_and_its_procedure(number: int) -> None:
    found = diagnose(OSError(number, os.strerror(number)), "")
    assert found is not None
    assert found.fault_class == ("resource" if number in RESOURCE else "transient")
    assert "P08" in found.remedy


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (MemoryError("Unable to allocate 2.1 GiB"), "resource", "out of memory"),
        (TimeoutError("no answer"), "transient", "longer than it may"),
        (ConnectionError("gone"), "transient", "broken off"),
        (sa.exc.OperationalError("UPDATE", {}, Exception("database is locked")), "transient", "locked too long"),
    ],
)
def test_an_exception_says_its_class(error: Exception, kind: str, words: str) -> None:
    found = diagnose(error, "")
    assert found is not None
    assert found.fault_class == kind
    assert words in found.sentence


def test_what_it_was_raised_from_counts_too() -> None:
    error = RuntimeError("could not save")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    found = diagnose(error, "")
    assert found is not None
    assert found.fault_class == "resource"


@pytest.mark.parametrize("error", [KeyError("products"), FileNotFoundError(2, "No such file"), StoreDamaged("a file is damaged")])
def test_other_errors_are_left_to_those_who_know(error: Exception) -> None:
    assert diagnose(error, "MemoryError") is None


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EMFILE, errno.EIO, errno.ESTALE, errno.EAGAIN, errno.ECONNRESET, errno.ECONNREFUSED]
)
def test_calibration_gives_the_same_class(number: int) -> None:
    error = OSError(number, os.strerror(number))
    here, there = diagnose(error, ""), of_processing(error, "")
    assert here is not None
    assert there is not None
    assert here.fault_class == there.fault_class
