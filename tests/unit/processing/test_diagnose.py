"""Failures in words: every message that the jwst package really shows finds its class and its procedure."""

from __future__ import annotations

import re

import pytest

from dmsops.core.errors import BadDelivery, GateFailed, StepFailed
from dmsops.processing.diagnose import SIGNATURES, UNKNOWN, diagnose, explain, recognise, recognise_silent

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
    ("OSError: [Errno 5] Input/output error", "io"),
    ("OSError: [Errno 116] Stale file handle", "io"),
    ("OSError: [Errno 24] Too many open files", "open-files"),
    ("ConnectionResetError: [Errno 104] Connection reset by peer", "connection"),
    ("URLError: <urlopen error [Errno -3] Temporary failure in name resolution>", "connection"),
    ("Timeout: The file lock '/crds/config/lock' could not be acquired: lock timeout", "lock"),
    ("sqlite3.OperationalError: database is locked", "lock"),
    ("CrdsError: Unknown reference type 'sirskernel'", "crds-type-unknown"),
    ("strun: error: unrecognized arguments: --steps.jumpp.skip=true", "pipeline-unknown"),
    ("ValueError: 'calwebb_x' is not a path to a config file or a Python Step class", "pipeline-unknown"),
    ("KeyError: 'NRCA3_SUB999'", "aperture-unknown"),
]
SILENT = [
    ("NoneType returned from ramp_fit.  Gain Scale step skipped.", "all-saturated", "data"),
    ("Expected to find one matching row in table, found 0.", "no-photometry", "config"),
    ("Cannot apply jump detection when NGROUPS<=2;", "few-groups", "data"),
    ("Cannot determine pointing information: Cannot open engineering DB connection", "engineering-unreachable", "transient"),
    ("No telemetry exists for mnemonic SA_ZATTEST1 within 59915.1 and 59915.2", "telemetry-missing", "data"),
    ("Cannot determine pointing information: Bad telemetry values", "telemetry-bad", "data"),
]


@pytest.mark.parametrize(("text", "signature"), SEEN)
def test_what_the_package_shows_is_recognised(text, signature):
    assert recognise(text) == signature


def test_every_signature_was_seen():
    assert set(SIGNATURES) == {signature for _, signature in SEEN} | {signature for _, signature, _ in SILENT}


@pytest.mark.parametrize(("line", "signature", "kind"), SILENT)
def test_what_the_package_only_logs_explains_a_product_that_the_gate_stopped(line, signature, kind):
    log = f"2026-01-01 - stpipe - INFO - {line}\nResults used jwst version: 3.0.0"
    assert recognise_silent(log) == signature
    found = diagnose(GateFailed("the step ended without making x_rate.fits"), log)
    assert (found.fault_class, found.remedy) == (kind, SIGNATURES[signature].remedy)
    assert "x_rate.fits" in found.sentence
    assert recognise(log) is None  # a warning on the way says nothing about another failure


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
