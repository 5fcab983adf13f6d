"""The certificate and key of a service that speaks TLS itself, looked at before anything listens."""

from __future__ import annotations

import ssl
import stat
from dataclasses import dataclass
from pathlib import Path

from dmsops.core.errors import BadInput, Refused

REMEDY = "Give the certificate with those that signed it, and its key, both as PEM (procedure P20)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Files, in PEM: the certificate with those that signed it, and its key without a password."""

    chain: Path
    key: Path


def certificate(chain: Path | None, key: Path | None) -> Certificate | None:
    """Give a certificate that fits its key; None where neither is named.

    Raises
    ------
    BadInput
        Only one of both is named, one cannot be read, or they do not fit.
    Refused
        Everybody on this machine can read the key.
    """
    if chain is None and key is None:
        return None
    if chain is None or key is None:
        lacks = "key" if key is None else "certificate"
        raise BadInput(f"a certificate and its key go together: --{lacks} is missing", field=lacks, remedy=REMEDY)
    _need_readable(chain, "certificate")
    _need_readable(key, "key")
    if key.stat().st_mode & stat.S_IROTH:
        raise Refused(f"everybody on this machine can read the key {key}", remedy=f"chmod o-r {key}", file=str(key))
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key, password="")
    except (ssl.SSLError, ValueError) as error:
        why = getattr(error, "reason", None) or str(error)
        said = f"the certificate {chain} cannot be used with the key {key}: {str(why).lower().replace('_', ' ')}"
        raise BadInput(said, file=str(chain), remedy=REMEDY) from None
    return Certificate(chain=chain, key=key)


def _need_readable(path: Path, field: str) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        raise BadInput(f"the {field} {path} cannot be read: {error.strerror}", field=field, file=str(path), remedy=REMEDY) from None
