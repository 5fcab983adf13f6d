"""What went wrong, in words: from an exception and the end of a log to a class, a sentence and a procedure.

The patterns are those that the jwst package really shows (its messages seldom name the cause). The first that matches
wins; what none matches is a defect of the code until somebody knows better.
"""

from __future__ import annotations

import re
from typing import Literal

from dmsops.core.errors import DmsError
from dmsops.workflow.steps import Diagnosis, diagnoser

FaultClass = Literal["transient", "data", "config", "resource", "code"]

_REFERENCES = "Restore the reference file or the context with procedure P20, then rescue with P08."
_AGAIN = "Rescue as it is with procedure P08; if it comes back, hold the flow with P09."
_REMAKE = "Make the input again by rescuing the step before it with procedure P08; audit the store with P16 if its sum is wrong."
_HEADER = "Reconcile the visit with procedure P05 (the header comes from plan and status file), then rescue with P08."
_MEMORY = "Rescue with more memory with procedure P08, or run fewer steps at once."
_ASSOCIATION = "Regenerate the association with procedure P13, then rescue with P08."
_SPECIAL = "List the exposure for special processing with procedure P12."
_UNKNOWN = "Open an anomaly with procedure P21 and give the log to the calibration developers."

_PATTERNS: tuple[tuple[str, FaultClass, str, str, str], ...] = (
    (
        r"MemoryError|Unable to allocate|Cannot allocate memory|ArrayMemoryError",
        "resource",
        "memory",
        "the step ran out of memory",
        _MEMORY,
    ),
    (
        r"No space left on device|Errno 28",
        "resource",
        "disk-full",
        "the disk is full",
        "Free space on the work disk, then rescue with procedure P08.",
    ),
    (
        r"SIGKILL|signal 9|[Kk]illed|exit code (?:137|-9)",
        "resource",
        "killed",
        "the step was killed from outside, as the system does when memory runs out",
        _MEMORY,
    ),
    (r"TimeoutError|timed out|step_timeout", "transient", "timeout", "the step took longer than it may", _AGAIN),
    (r"Too many open files|Errno 24", "resource", "open-files", "the process has too many files open", _AGAIN),
    (
        r"Stale file handle|Input/output error|Errno 5\b|Resource temporarily unavailable",
        "transient",
        "io",
        "a disk or network file system failed for a moment",
        _AGAIN,
    ),
    (
        r"Failed caching mapping files|get_mapping_names",
        "config",
        "crds-context-missing",
        "the CRDS context or one of its rules is missing from the cache",
        _REFERENCES,
    ),
    (
        r"ChecksumError|sha1sum mismatch",
        "config",
        "crds-rules-changed",
        "a CRDS rules file was changed by hand: its sum is wrong",
        _REFERENCES,
    ),
    (
        r"Failed downloading cache config|Syncing \d+ files|server-less mode",
        "config",
        "reference-missing",
        "a reference file is missing from the CRDS cache",
        _REFERENCES,
    ),
    (
        r"CRDS server connection and cache load FAILED",
        "config",
        "crds-cache-missing",
        "there is no CRDS cache where the site looks for it",
        _REFERENCES,
    ),
    (
        r"Error determining best reference",
        "config",
        "no-best-reference",
        "CRDS has no reference file for this detector, subarray or date",
        _REFERENCES,
    ),
    (
        r"Unknown reference type",
        "config",
        "crds-type-unknown",
        "the CRDS context does not know a reference type that the pipeline needs",
        _REFERENCES,
    ),
    (
        r"Bad reference file slice|Can't determine science file subarray|reference file .* size",
        "data",
        "subarray",
        "the subarray in the header does not fit the reference file",
        _HEADER,
    ),
    (
        r"cannot reshape array|buffer is too small|mmap length is greater",
        "config",
        "reference-truncated",
        "a reference file is damaged: shorter than its header says",
        _REFERENCES,
    ),
    (r"Missing 'META\.[A-Z_.]+' keyword", "data", "header-incomplete", "the header lacks a keyword that the pipeline needs", _HEADER),
    (
        r"Empty or corrupt FITS file|No SIMPLE card found|Header missing END card",
        "data",
        "fits-corrupt",
        "an input is not a whole FITS file",
        _REMAKE,
    ),
    (
        r"Extension 'ASDF' not found|loading embedded ASDF|Extension .*SCI.* not found",
        "data",
        "fits-extension",
        "an input file has lost an extension: it was cut short",
        _REMAKE,
    ),
    (
        r"operands could not be broadcast|Incompatible sizes for input",
        "data",
        "pair-shapes",
        "the two images of a wavefront pair have different sizes",
        _ASSOCIATION,
    ),
    (r"KeyError: 'products'", "data", "association-broken", "the association names no products", _ASSOCIATION),
    (r"IndexError: list index out of range", "data", "association-members", "the association has too few members", _ASSOCIATION),
    (
        r"has no attribute 'get_transform'",
        "data",
        "no-wcs",
        "an image without world coordinates was given to the wavefront step: a rate instead of a cal",
        _ASSOCIATION,
    ),
    (
        r"'NoneType'(?: object)? and 'int'|unary -: 'NoneType'|RA_REF|V2_REF",
        "data",
        "no-pointing",
        "the pointing of the exposure was never set",
        _SPECIAL,
    ),
    (
        r"UFuncOutputCastingError|Array has wrong number of dimensions",
        "data",
        "wrong-level",
        "a product of another level was given to the pipeline",
        _ASSOCIATION,
    ),
    (r"FileNotFoundError|No such file or directory", "data", "input-missing", "an input file is not there", _REMAKE),
    (
        r"ValidationWarning|ValidationError|is not valid under any of the given schemas",
        "data",
        "schema",
        "a header value is not allowed by the data model",
        _HEADER,
    ),
    (r"TypeError", "data", "header-type", "a keyword that the pipeline computes with is empty or of another type", _HEADER),
)
_COMPILED = tuple((re.compile(pattern), signature) for pattern, _, signature, _, _ in _PATTERNS)
SIGNATURES = {signature: Diagnosis(fault_class=kind, sentence=says, remedy=remedy) for _, kind, signature, says, remedy in _PATTERNS}
"""Every known cause by its signature, for the reference page and the boards."""

UNKNOWN = Diagnosis(fault_class="code", sentence="the step failed in a way that is not known yet", remedy=_UNKNOWN)
TAIL_CHARACTERS = 20_000


def recognise(text: str) -> str | None:
    """Find the signature of a failure in an exception's text or a log; None when no pattern is in it."""
    return next((signature for pattern, signature in _COMPILED if pattern.search(text)), None)


def explain(error: str, log_tail: str = "") -> Diagnosis:
    """Put a failure into words.

    Parameters
    ----------
    error : str
        ``TypeName: message`` of the exception, or what is known of how the process ended.
    log_tail : str
        The end of the log: only looked at when the exception itself says nothing.
    """
    found = recognise(error) or recognise(log_tail[-TAIL_CHARACTERS:])
    return SIGNATURES[found] if found else UNKNOWN


@diagnoser
def diagnose(error: BaseException, log_tail: str) -> Diagnosis | None:
    """Put a step's failure into words for the workflow layer; None leaves our own errors of other parts their own words."""
    if isinstance(error, DmsError):
        kind = error.facts.get("failure")
        return None if kind is None else Diagnosis(fault_class=kind, sentence=error.message, remedy=error.remedy)
    text = f"{type(error).__name__}: {error}"
    found = recognise(text) or recognise(log_tail[-TAIL_CHARACTERS:])
    if found is None:
        return None
    known = SIGNATURES[found]
    return Diagnosis(fault_class=known.fault_class, sentence=f"{known.sentence} ({text.splitlines()[0][:200]})", remedy=known.remedy)
