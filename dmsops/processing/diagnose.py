"""What went wrong, in words: from an exception and the end of a log to a class, a sentence and a procedure.

The patterns are those that the jwst package really shows (its messages seldom name the cause). The first that matches
wins; what none matches is a defect of the code until somebody knows better.
"""

from __future__ import annotations

import re
from typing import Literal

from dmsops.core.errors import DmsError, GateFailed
from dmsops.workflow.steps import Diagnosis, diagnoser

FaultClass = Literal["transient", "data", "config", "resource", "code"]

_REFERENCES = "Restore the reference file or the context with procedure P20, then rescue with P08."
_AGAIN = "Rescue as it is with procedure P08; if it comes back, hold the flow with P09."
_REMAKE = "Make the input again by rescuing the step before it with procedure P08; audit the store with P16 if its sum is wrong."
_HEADER = "Reconcile the visit with procedure P05 (the header comes from plan and status file), then rescue with P08."
_MEMORY = "Rescue with more memory with procedure P08, or run fewer steps at once."
_ASSOCIATION = "Regenerate the association with procedure P13, then rescue with P08."
_SPECIAL = "List the exposure for special processing with procedure P12."
_TELEMETRY = "Ask for the missing engineering data with procedure P04, then rescue with P08."
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
    (
        r"database is locked|could not obtain lock|deadlock detected|[Ll]ock timeout|[Tt]imeout.{0,40}\block\b|No locks available",
        "transient",
        "lock",
        "a lock was held too long by somebody else",
        _AGAIN,
    ),
    (
        (
            r"Connection (?:reset|refused|aborted|broken)|Connection\w*Error|Broken ?[pP]ipe|RemoteDisconnected"
            r"|Temporary failure in name resolution|Network is unreachable"
        ),
        "transient",
        "connection",
        "a connection was broken off or refused",
        _AGAIN,
    ),
    (r"TimeoutError|timed out|step_timeout", "transient", "timeout", "the step took longer than it may", _AGAIN),
    (r"Too many open files|Errno 24", "resource", "open-files", "the process has too many files open", _AGAIN),
    (
        r"Stale (?:NFS )?file handle|Input/output error|Errno (?:5|116)\b|Resource temporarily unavailable|Device or resource busy",
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
        r"unrecognized arguments|is not a path to a config file or a Python Step class",
        "config",
        "pipeline-unknown",
        "the installed jwst does not know this pipeline or parameter",
        "Check the installed software with procedure P20, then rescue with P08.",
    ),
    (r"KeyError: '(?:NRC|NRS|NIS|FGS|MIR)[A-Z0-9_]*'", "data", "aperture-unknown", "the aperture in the header is not known", _HEADER),
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
_SILENT: tuple[tuple[str, FaultClass, str, str, str], ...] = (
    (
        r"NoneType returned from ramp_fit",
        "data",
        "all-saturated",
        "every pixel is saturated from the first group on: there is no slope to fit, and no product",
        _SPECIAL,
    ),
    (
        r"Expected to find one matching row in table, found 0",
        "config",
        "no-photometry",
        "the photometry reference has no row for this filter and pupil: the product has no flux units",
        _REFERENCES,
    ),
    (
        r"Cannot apply jump detection when NGROUPS",
        "data",
        "few-groups",
        "the exposure has too few groups to find cosmic rays",
        _SPECIAL,
    ),
    (
        r"Cannot open engineering DB connection",
        "transient",
        "engineering-unreachable",
        "the engineering database did not answer: the pointing was not calculated",
        "Check the engineering database with procedure P07, then rescue with P08.",
    ),
    (
        r"No telemetry exists for mnemonic|Cannot retrieve SA_",
        "data",
        "telemetry-missing",
        "telemetry of the exposure is missing: the pointing was not calculated",
        _TELEMETRY,
    ),
    (r"Bad telemetry values", "data", "telemetry-bad", "the pointing telemetry of the exposure cannot be used", _SPECIAL),
)
"""What the package only logs while it ends without an error: asked when the gate stopped the product."""
_COMPILED = tuple((re.compile(pattern), signature) for pattern, _, signature, _, _ in _PATTERNS)
_COMPILED_SILENT = tuple((re.compile(pattern), signature) for pattern, _, signature, _, _ in _SILENT)
SIGNATURES = {
    signature: Diagnosis(fault_class=kind, sentence=says, remedy=remedy) for _, kind, signature, says, remedy in (*_PATTERNS, *_SILENT)
}
"""Every known cause by its signature, for the reference page and the boards."""

UNKNOWN = Diagnosis(fault_class="code", sentence="the step failed in a way that is not known yet", remedy=_UNKNOWN)
TAIL_CHARACTERS = 20_000


def recognise(text: str) -> str | None:
    """Find the signature of a failure in an exception's text or a log; None when no pattern is in it."""
    return next((signature for pattern, signature in _COMPILED if pattern.search(text)), None)


def recognise_silent(log: str) -> str | None:
    """Find the signature of what the package only logged before it ended as if all were well; None when nothing is in it."""
    return next((signature for pattern, signature in _COMPILED_SILENT if pattern.search(log)), None)


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
        return _ours(error, log_tail)
    text = f"{type(error).__name__}: {error}"
    found = recognise(text) or recognise(log_tail[-TAIL_CHARACTERS:])
    if found is None:
        return None
    known = SIGNATURES[found]
    return Diagnosis(fault_class=known.fault_class, sentence=f"{known.sentence} ({text.splitlines()[0][:200]})", remedy=known.remedy)


def _ours(error: DmsError, log_tail: str) -> Diagnosis | None:
    kind = error.facts.get("failure")
    if kind is not None:
        return Diagnosis(fault_class=kind, sentence=error.message, remedy=error.remedy)
    silent = recognise_silent(log_tail[-TAIL_CHARACTERS:]) if isinstance(error, GateFailed) else None
    if silent is None:
        return None
    known = SIGNATURES[silent]
    return Diagnosis(fault_class=known.fault_class, sentence=f"{known.sentence} ({error.message})", remedy=known.remedy)
