"""Failures in words: every message that the jwst package really shows finds its class and its procedure."""

from __future__ import annotations

import re

import pytest

from dmsops.core.errors import BadDelivery, StepFailed
from dmsops.processing.diagnose import SIGNATURES, UNKNOWN, diagnose, explain, recognise

SEEN = [
    ("OSError: Empty or corrupt FITS file", "fits-corrupt"),
    ("OSError: No SIMPLE card found, this file does not appear to be a valid FITS file.", "fits-corrupt"),
    ("KeyError: \"Extension 'ASDF' not found.\"", "fits-extension"),
    ("KeyError: 'ERROR loading embedded ASDF: \"Extension (\\'SCI\\', 1) not found.\"'", "fits-extension"),
    ("FileNotFoundError: [Errno 2] No such file or directory: 'x_rate.fits'", "input-missing"),
    ("CrdsError: Missing 'META.INSTRUMENT.NAME' keyword in header", "header-incomplete"),
    ("CrdsLookupError: Error determining best reference for 'gain' = parameter='META.INSTRUMENT.DETECTOR'", "no-best-reference"),
    ("TypeError: unsupported operand type(s) for *: 'int' and 'NoneType'", "header-type"),
    ("ValueError: Can't determine science file subarray properties", "subarray"),
    ("ValueError: Bad reference file slice indexes", "subarray"),
    ("CrdsNetworkError: Failed downloading cache config from: https://x: Configured for server-less mode.", "reference-missing"),
    ("ValueError: cannot reshape array of size 12 into shape (4,4)", "reference-truncated"),
    ("CrdsDownloadError: Failed caching mapping files: 'get_mapping_names'", "crds-context-missing"),
    ("ChecksumError: sha1sum mismatch in 'jwst_nircam_gain_0001.rmap'", "crds-rules-changed"),
    ("CRDS - ERROR - (FATAL) CRDS server connection and cache load FAILED", "crds-cache-missing"),
    ("TypeError: unsupported operand type(s) for /: 'NoneType' and 'int'", "no-pointing"),
    ("TypeError: bad operand type for unary -: 'NoneType'", "no-pointing"),
    ("IndexError: list index out of range", "association-members"),
    ("KeyError: 'products'", "association-broken"),
    ("ValueError: operands could not be broadcast together with shapes (8,8) (4,4)", "pair-shapes"),
    ("AttributeError: 'NoneType' object has no attribute 'get_transform'", "no-wcs"),
    ("_UFuncOutputCastingError: Cannot cast ufunc 'subtract' output", "wrong-level"),
    ("ValueError: Array has wrong number of dimensions. Expected 4, got 2", "wrong-level"),
    ("MemoryError: Unable to allocate 2.1 GiB", "memory"),
    ("the process ended with signal 9", "killed"),
    ("OSError: [Errno 28] No space left on device", "disk-full"),
    ("TimeoutError: step_timeout", "timeout"),
    ("ValidationWarning: 'F999W' is not one of", "schema"),
]


@pytest.mark.parametrize(("text", "signature"), SEEN)
def test_what_the_package_shows_is_recognised(text, signature):
    assert recognise(text) == signature


def test_every_signature_was_seen_or_is_of_the_machine():
    machine = {"open-files", "io", "crds-type-unknown"}
    assert set(SIGNATURES) == {signature for _, signature in SEEN} | machine


@pytest.mark.parametrize("signature", sorted(SIGNATURES))
def test_every_cause_has_a_class_a_sentence_and_a_procedure(signature):
    known = SIGNATURES[signature]
    assert known.fault_class in {"transient", "data", "config", "resource", "code"}
    assert not known.sentence.endswith(".")
    assert re.search(r"procedure P\d\d|run fewer", known.remedy)


def test_the_log_speaks_when_the_error_does_not():
    assert explain("SystemExit: 1", "...\nMemoryError: Unable to allocate 3 GiB").fault_class == "resource"


def test_the_error_comes_before_the_log():
    assert explain("KeyError: 'products'", "MemoryError").fault_class == "data"


def test_what_nobody_knows_is_a_defect_of_the_code():
    assert explain("ZeroDivisionError: division by zero", "") == UNKNOWN
    assert diagnose(ZeroDivisionError("division by zero"), "") is None


def test_our_own_step_failures_keep_their_words_and_bring_their_class():
    found = diagnose(StepFailed("reference file x.fits is missing", remedy="P20", failure="config"), "MemoryError")
    assert (found.fault_class, found.sentence, found.remedy) == ("config", "reference file x.fits is missing", "P20")


def test_errors_of_other_parts_are_left_to_their_own_words():
    assert diagnose(BadDelivery("S0000 is cut short"), "") is None
