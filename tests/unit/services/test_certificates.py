"""A certificate and its key are looked at before a service listens."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner

from dmsops.cli import main
from dmsops.core.errors import BadInput, DmsError, Refused
from dmsops.ops import Ops
from dmsops.services.certificates import certificate
from tests.certified import certificate_in
from tests.serving import served


def test_without_both_the_service_speaks_no_tls():
    assert certificate(None, None) is None


def test_one_that_fits_its_key_is_taken(tmp_path: Path):
    files = certificate_in(tmp_path)
    assert certificate(files.chain, files.key) == files


def _half(folder: Path) -> tuple[Path | None, Path | None]:
    return certificate_in(folder).chain, None


def _no_certificate(folder: Path) -> tuple[Path | None, Path | None]:
    return None, certificate_in(folder).key


def _gone(folder: Path) -> tuple[Path | None, Path | None]:
    return folder / "none.pem", certificate_in(folder).key


def _folder(folder: Path) -> tuple[Path | None, Path | None]:
    return certificate_in(folder).chain, folder


def _anothers(folder: Path) -> tuple[Path | None, Path | None]:
    return certificate_in(folder / "one").chain, certificate_in(folder / "other").key


def _locked(folder: Path) -> tuple[Path | None, Path | None]:
    files = certificate_in(folder, password=b"a password")
    return files.chain, files.key


def _empty(folder: Path) -> tuple[Path | None, Path | None]:
    files = certificate_in(folder)
    files.chain.write_bytes(b"")
    return files.chain, files.key


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_half, "--key is missing"), (_no_certificate, "--certificate is missing"),
        (_gone, r"certificate .*none.pem cannot be read: No such file"), (_folder, "key .* cannot be read: Is a directory"),
        (_anothers, "cannot be used with the key .*: key values mismatch"), (_locked, "cannot be used with the key"),
        (_empty, "cannot be used with the key"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_with_its_file(tmp_path: Path, make, said: str):
    with pytest.raises(BadInput, match=said) as refused:
        certificate(*make(tmp_path))
    assert "P20" in refused.value.remedy


def test_a_key_that_everybody_can_read_is_refused(tmp_path: Path):
    files = certificate_in(tmp_path)
    files.key.chmod(0o644)
    with pytest.raises(Refused, match="everybody on this machine can read the key") as refused:
        certificate(files.chain, files.key)
    assert isinstance(refused.value, DmsError)
    assert "chmod o-r" in refused.value.remedy


def test_the_verbs_refuse_it_before_they_listen(ops: Ops):
    for service in ("site", "edb"):
        words = ["serve", service, "--site", str(ops.settings.site), "--port", "0", "--certificate", "none.pem"]
        told = CliRunner().invoke(main, words, env={"USER": "lead", "LOGNAME": "lead"})
        assert told.exit_code != 0
        assert "--key is missing" in told.stderr
        assert "Traceback" not in told.output


def test_a_site_with_a_certificate_answers_by_tls_and_by_nothing_else(ops: Ops, tmp_path: Path):
    files = certificate_in(tmp_path / "tls")
    with served(ops, files) as base:
        assert base.startswith("https://")
        trusting = ssl.create_default_context(cafile=str(files.chain))
        assert httpx2.get(f"{base}/", verify=trusting).status_code == 200
        with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx2.get(f"{base}/", verify=ssl.create_default_context())
        with pytest.raises(httpx2.HTTPError):
            httpx2.get(base.replace("https", "http") + "/")
