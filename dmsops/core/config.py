"""Settings: one sentence per field; default < site.toml < ``DMSOPS_*``. The only reader of the environment."""

from __future__ import annotations

import os
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from dmsops.core.errors import BadSetting, NotFound
from dmsops.core.outward import OutwardSettings
from dmsops.core.private import private_keys, private_text
from dmsops.core.thresholds import ThresholdSettings

SITE_FILE = "site.toml"
DEFAULT_SITE = "~/dmsops-site"
RUN_VARIABLE = "DMSOPS_RUN"
"""Tells a runbook's kernel which recorded run it belongs to."""
TOKEN_VARIABLE = "DMSOPS_TOKEN"  # noqa: S105 - the variable's name
"""Holds the acting person's token."""
ARCHIVE_TOKEN_VARIABLES = ("DMSOPS_ARCHIVE_TOKEN", "MAST_API_TOKEN")
"""Hold the token that an archive's site knows us by."""


class Settings(ThresholdSettings, OutwardSettings):
    """What one site is and how it works."""

    model_config = SettingsConfigDict(env_prefix="DMSOPS_", frozen=True, extra="forbid")

    site: Path = Field(description="Folder of the site: database, store, inbox and logs live below it.")
    name: str = Field("DMSOps", description="Name of the site, shown on every board.")
    mode: Literal["live", "rehearsal"] = Field("live", description="LIVE, or REHEARSAL: shown on every board, written into products.")
    stand_at: datetime | None = Field(
        None,
        description="Rehearsal sites only: the site's clock stands still at this UTC time, so that what runbooks show can be compared.",
    )
    database: str = Field("", description="SQLAlchemy address of the database; empty means SQLite in the site's folder.")
    store: str = Field("local", description="Storage backend: local, s3, or an entry point's name.")
    store_bucket: str = Field("", description="Store s3 only: the bucket; it must be there.")
    store_prefix: str = Field("", description="Store s3 only: what every key in the bucket begins with.")
    store_endpoint: str = Field("", description="Store s3 only: address of the S3 server; empty means Amazon's.")
    store_region: str = Field("us-east-1", description="Store s3 only: region of the bucket.")
    store_key_file: Path | None = Field(
        None, description="Store s3 only: 0600 file with the keys, as ~/.aws/credentials; AWS_ACCESS_KEY_ID wins."
    )
    store_cache_gigabytes: float = Field(50.0, gt=0, description="Store s3 only: bound of the local copies; the oldest in use go first.")
    store_seconds: float = Field(60.0, gt=0, description="Store s3 only: how long a server that does not answer is asked again.")
    workers: int = Field(2, ge=1, le=256, description="Steps that may run at once.")
    engine: str = Field("local", description="Engine that runs the steps: local, htcondor, or an entry point's name.")
    reconcile_seconds: float = Field(60.0, gt=0, description="How often the HTCondor engine compares the site with the pool's queue.")
    step_modules: tuple[str, ...] = Field(
        (
            "dmsops.engineering.steps",
            "dmsops.processing.steps",
            "dmsops.processing.refresh",
            "dmsops.archive.steps",
            "dmsops.wfsc.steps",
            "dmsops.flows.steps",
            "dmsops.flows.level1b",
        ),
        description="Python modules that register processing steps; a site with steps of its own adds to them.",
    )
    preload: str = Field(
        "dmsops.processing.preload", description="Module that the local engine loads once, before it forks a process for each step."
    )
    kept_slots: int = Field(
        1, ge=0, description="Workers that only wavefront work may take; at least one worker is always left to the rest."
    )
    auto_retries: int = Field(2, ge=0, description="How often a step that failed for a passing reason is tried again by itself.")
    memory_floor_mb: int = Field(
        1000, ge=1, description="Memory that every step is granted, whatever its kind declares: the loaded libraries."
    )
    memory_factor: float = Field(2.0, ge=1, description="A step is stopped when it takes so many times the memory that its kind declares.")
    database_patience_seconds: float = Field(
        600.0, ge=0, description="How long an engine waits for a database that does not answer, before it gives up."
    )
    lease_seconds: float = Field(60.0, gt=1, description="A running step whose engine shows no sign of life for this long is lost.")
    step_timeout_seconds: float = Field(3600.0, gt=0, description="A step that runs longer than this is stopped and fails.")
    wfsc_limit_minutes: float = Field(90.0, gt=0, description="Limit from receipt of a wavefront visit to its delivery to WSS.")
    segment_bytes: int = Field(
        2_000_000_000, ge=1, description="An exposure whose stage-2 product of one detector would be larger is made in segments."
    )
    crds_path: Path | None = Field(None, description="CRDS cache; empty means crds/ in the site's folder.")
    crds_server: str = Field(
        "https://jwst-serverless-mode.stsci.edu", description="CRDS server; an address with 'serverless' is never contacted."
    )
    crds_context: str = Field("jwst_0001.pmap", description="CRDS context to calibrate with.")
    rerequest_minutes: float = Field(60.0, gt=0, description="When a missing file that was asked for again counts as overdue.")
    rerequest_times: int = Field(3, ge=1, description="How often a missing file is asked for by itself; after that a person decides.")
    sweep_grace_hours: float = Field(24.0, gt=0, description="An object that no row names is swept when it was last stored this long ago.")
    watch_seconds: float = Field(60.0, gt=0, description="How often the inbox is looked through when nothing changes in it.")
    status_file_minutes: float = Field(
        60.0, gt=0, description="When a visit that has ended, and has no Observatory Status File, counts as overdue."
    )
    gaps_least_percent: float = Field(
        50.0, gt=0, le=100, description="An exposure with packets missing may be used when at least so many per cent of them are there."
    )
    use_gaps_after_minutes: float = Field(
        0.0,
        ge=0,
        description="Minutes after missing packets were asked for when an exposure is used without them, by itself; 0 leaves it to a person."
        " Wavefront visits have 90 minutes in all.",
    )
    token_file: Path | None = Field(
        None, description="File with the acting person's token, readable by its owner only; DMSOPS_TOKEN wins over it."
    )
    board_secret: SecretStr | None = Field(None, description="Key that signs board sessions; made at start when empty.")
    fixity_days: float = Field(90.0, gt=0, description="Archived bytes that were not read again for so many days are overdue (ours).")
    fixity_mb_s: float = Field(
        50.0, gt=0, description="Megabytes a second that reading archived bytes again may take from the store (ours)."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the site file (which arrives as init values)."""
        return env_settings, init_settings

    @property
    def database_url(self) -> str:
        """Address of the database."""
        return self.database or f"sqlite:///{self.site / 'dmsops.db'}"

    @property
    def crds_cache(self) -> Path:
        """Folder of the CRDS cache."""
        return self.crds_path or self.site / "crds"

    def folder(self, name: str) -> Path:
        """Give one of the site's folders: inbox, store, work, quarantine, outbox, logs, runs, visits."""
        return self.site / name


FOLDERS = ("inbox", "store", "work", "quarantine", "outbox", "logs", "runs", "visits")


def site_folder(given: str | Path | None = None) -> Path:
    """Find the site: what was given, else ``DMSOPS_SITE``, else the default folder."""
    return Path(given or os.environ.get("DMSOPS_SITE") or DEFAULT_SITE).expanduser().resolve()


def current_run() -> int | None:
    """Give the recorded run that this process carries out; None when it was not started for one."""
    text = os.environ.get(RUN_VARIABLE, "")
    return int(text) if text.isdigit() else None


def token(settings: Settings) -> str:
    """Give the acting person's token: from the environment, else from the file that the settings name; empty without either.

    Raises
    ------
    BadSetting
        The file is not there, empty, or others may read it.
    """
    given = os.environ.get(TOKEN_VARIABLE, "").strip()
    if given or settings.token_file is None:
        return given
    return private_text(settings.token_file.expanduser(), "token_file")


def archive_token(file: Path | None = None) -> str:
    """Give the token that an archive's site knows us by: from a file, else ``DMSOPS_ARCHIVE_TOKEN``, else astronomers' ``MAST_API_TOKEN``.

    Raises
    ------
    BadSetting
        The file is not there, empty, or others may read it.
    """
    if file is not None:
        return private_text(file.expanduser(), "token file")
    return next((text for name in ARCHIVE_TOKEN_VARIABLES if (text := os.environ.get(name, "").strip())), "")


def store_keys(settings: Settings) -> dict[str, str]:
    """Give the keys of the S3 store: from the environment (``AWS_*``), else from the file that the settings name.

    Raises
    ------
    BadSetting
        There are none, or the file cannot be used.
    """
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    given = {name: os.environ.get(name.upper(), "") for name in names}
    if not given["aws_access_key_id"] and settings.store_key_file is not None:
        given = private_keys(settings.store_key_file.expanduser(), "store_key_file", names)
    if not (given[names[0]] and given[names[1]]):
        raise BadSetting(
            "no keys for the S3 store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or 'store_key_file'", field="store_key_file"
        )
    return {name: value for name, value in given.items() if value}


def load(site: Path, **overrides: Any) -> Settings:
    """Read a site's settings.

    Parameters
    ----------
    site : Path
        The site's folder; must hold ``site.toml``.
    **overrides
        Settings that win over the file (tests, rehearsals).

    Raises
    ------
    NotFound
        There is no site there.
    BadSetting
        The file cannot be read, or a value does not fit; the message names file and field.
    """
    path = site / SITE_FILE
    if not path.is_file():
        raise NotFound(
            f"no site at {site}: {SITE_FILE} is missing", remedy=f"Make one with `dmsops site init --site {site}`.", site=str(site)
        )
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"{path}: {error}", file=str(path)) from None
    merged = {**values, **overrides, "site": site}
    try:
        return Settings(**merged).model_copy(update={"site": site})  # DMSOPS_SITE finds a site; it does not rename one that was named
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "?"
        raise BadSetting(f"{path}: field '{field}': {first['msg']}", file=str(path), field=field) from None


def runtime_environment(settings: Settings) -> dict[str, str]:
    """Give the environment that the calibration pipeline needs: CRDS, threads, no calls outside.

    Without a real CRDS server nothing may leave the machine: HTTPS leads to a closed port, so that a library that
    asks the network (pysiaf does at import, without a time limit) is refused at once.
    """
    serverless = "serverless" in settings.crds_server
    return {
        "CRDS_PATH": str(settings.crds_cache),
        "CRDS_SERVER_URL": settings.crds_server,
        "CRDS_CONTEXT": settings.crds_context,
        "CRDS_OBSERVATORY": "jwst",
        "CRDS_READONLY_CACHE": "1" if serverless else "0",
        "CRDS_CLIENT_RETRY_COUNT": "1",
        "CRDS_CLIENT_RETRY_DELAY_SECONDS": "0",
        # What the client would write into the environment itself when it is imported, and fails without.
        **dict.fromkeys(("CRDS_CONFIG_URI", "CRDS_MAPPING_URI", "CRDS_REFERENCE_URI", "CRDS_PICKLE_URI"), "none"),
        "NO_PROXY": ",".join(["127.0.0.1", "localhost", *_store_host(settings)]),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        **({"HTTPS_PROXY": "http://127.0.0.1:9"} if serverless else {}),
    }


def _store_host(settings: Settings) -> list[str]:
    """Give the host of the S3 store: steps reach it whatever else is closed to them."""
    return [urlsplit(settings.store_endpoint).hostname or ".amazonaws.com"] if settings.store == "s3" else []


def enter_runtime(settings: Settings) -> None:
    """Put `runtime_environment` into this process; call before jwst, crds or pysiaf is imported."""
    os.environ.update(runtime_environment(settings))
