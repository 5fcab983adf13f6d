"""A private HTCondor pool for one test session: loopback only, in namespaces of its own, gone when the session ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("run", "log", "lock", "spool", "execute")
SECRET_FOLDERS = ("passwords.d", "tokens.d")
PR_SET_PDEATHSIG = 1
READY_SECONDS = 60

CONFIG = """
LOCAL_CONFIG_FILE =
LOCAL_CONFIG_DIR =
RUN = $(LOCAL_DIR)/run
LOG = $(LOCAL_DIR)/log
LOCK = $(LOCAL_DIR)/lock
SPOOL = $(LOCAL_DIR)/spool
EXECUTE = $(LOCAL_DIR)/execute
MASTER_ADDRESS_FILE = $(RUN)/master_address
COLLECTOR_ADDRESS_FILE = $(RUN)/collector_address
SCHEDD_ADDRESS_FILE = $(RUN)/schedd_address
STARTD_ADDRESS_FILE = $(RUN)/startd_address
DAEMON_LIST = MASTER COLLECTOR NEGOTIATOR SCHEDD STARTD

# Nobody outside this machine, no name is looked up, many pools side by side
CONDOR_HOST = 127.0.0.1
COLLECTOR_HOST = 127.0.0.1:0
USE_SHARED_PORT = False
NETWORK_INTERFACE = 127.0.0.1
BIND_ALL_INTERFACES = False
ENABLE_IPV6 = False
NO_DNS = True
DEFAULT_DOMAIN_NAME = pool.test
NETWORK_HOSTNAME = localhost.pool.test
UID_DOMAIN = pool.test
FILESYSTEM_DOMAIN = pool.test
TRUST_UID_DOMAIN = True
TRUST_DOMAIN = pool.test

# One user; clients newer than the pool want the channel bound, which the pool does not know
SEC_DEFAULT_AUTHENTICATION = REQUIRED
SEC_DEFAULT_AUTHENTICATION_METHODS = FS
SEC_FS_ENFORCE_CHANNEL_BINDING = False
SEC_PASSWORD_DIRECTORY = $(LOCAL_DIR)/passwords.d
SEC_TOKEN_SYSTEM_DIRECTORY = $(LOCAL_DIR)/tokens.d
ALLOW_READ = $(POOL_USER)@pool.test
ALLOW_WRITE = $(POOL_USER)@pool.test
ALLOW_DAEMON = $(POOL_USER)@pool.test
ALLOW_ADMINISTRATOR = $(POOL_USER)@pool.test
ALLOW_NEGOTIATOR = $(POOL_USER)@pool.test

# A small machine that takes every job
NUM_CPUS = 4
MEMORY = 4096
NUM_SLOTS_TYPE_1 = 1
SLOT_TYPE_1 = 100%
SLOT_TYPE_1_PARTITIONABLE = True
JOB_DEFAULT_REQUESTMEMORY = 128
JOB_DEFAULT_REQUESTDISK = 1024
START = True
SUSPEND = False
PREEMPT = False
KILL = False
WANT_SUSPEND = False
RUNBENCHMARKS = 0
STARTD_DETECT_GPUS = False
STARTD_CRON_JOBLIST =
SINGULARITY = /bin/false
MOUNT_UNDER_SCRATCH =
CREATE_CORE_FILES = False
# 0 would end the master
PREEN =

# In seconds what a production pool does in minutes
UPDATE_INTERVAL = 2
SCHEDD_INTERVAL = 2
SCHEDD_MIN_INTERVAL = 0
NEGOTIATOR_INTERVAL = 1
NEGOTIATOR_CYCLE_DELAY = 1
NEGOTIATOR_MIN_INTERVAL = 1
STARTER_UPDATE_INTERVAL = 2
STARTER_INITIAL_UPDATE_INTERVAL = 1
SHADOW_QUEUE_UPDATE_INTERVAL = 2
JOB_START_DELAY = 0
MASTER_BACKOFF_CONSTANT = 1
MASTER_BACKOFF_CEILING = 2
CONDOR_FSYNC = False
DAGMAN_USER_LOG_SCAN_INTERVAL = 1
DAGMAN_MAX_SUBMIT_ATTEMPTS = 1
DAGMAN_QUEUE_UPDATE_INTERVAL = 1
# pytest's folders are under /tmp
DAGMAN_USE_STRICT = 0
SCHEDULER_UNIVERSE_COOL_DOWN_DURATION = 0
"""


class PoolUnavailable(RuntimeError):
    """No pool can be had here; the text says why."""


def find_prefix() -> Path | None:
    """Find unpacked programs: where DMSOPS_CONDOR_PREFIX says, else in the checkout; None means PATH."""
    given = os.environ.get("DMSOPS_CONDOR_PREFIX")
    prefix = Path(given) if given else ROOT / ".condor"
    return prefix if (prefix / "usr/sbin/condor_master").exists() else None


def search_path() -> str:
    """Give the PATH on which the pool's programs are found."""
    prefix = find_prefix()
    own = [str(prefix / "usr/bin"), str(prefix / "usr/sbin")] if prefix else []
    return os.pathsep.join([*own, os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"])


def find_master() -> Path | None:
    """Find condor_master; None when there is none."""
    found = shutil.which("condor_master", path=search_path())
    return Path(found) if found else None


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Pool:
    """A running pool; a context manager.

    Its daemons run in a user namespace, in which root is an ordinary user (HTCondor runs no job of root's), and in a
    process namespace: when its first process ends, nothing of the pool is left, whatever got stuck.
    """

    def __init__(self, folder: Path) -> None:
        master = find_master()
        if master is None:
            raise PoolUnavailable("no condor_master: run `make condor`, or install HTCondor")
        self.folder = folder
        self.master = master
        self.user, mapping = self._user()
        self.inside = ["unshare", "--user", *mapping]
        self.wrap = [*self.inside, "--pid", "--fork", "--kill-child", "--mount-proc"]
        if subprocess.run([*self.wrap, "true"], capture_output=True, check=False).returncode:
            if os.geteuid() == 0:
                raise PoolUnavailable("root cannot make a user namespace here; run the tests as an ordinary user")
            self.inside, self.wrap = [], []

    @staticmethod
    def _user() -> tuple[str, list[str]]:
        if os.geteuid() != 0:
            return pwd.getpwuid(os.geteuid()).pw_name, ["--map-current-user"]
        user = pwd.getpwnam("daemon")  # not nobody: what is not mapped shows as nobody too
        return user.pw_name, [f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}"]

    @property
    def config(self) -> Path:
        return self.folder / "condor_config"

    @property
    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.folder), "PATH": search_path(), "CONDOR_CONFIG": str(self.config), "LANG": "C.UTF-8"}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run one of HTCondor's commands as the pool's user."""
        return subprocess.run([*self.inside, *command], env=self.environment, capture_output=True, text=True, check=False)

    def __enter__(self) -> Self:
        self._write_config()
        self._start()
        begun = time.monotonic()
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() - begun > READY_SECONDS:
                self.stop()
                raise PoolUnavailable(f"the pool did not start: {self.last_words()}")
            time.sleep(0.1)
        return self

    def _write_config(self) -> None:
        for name in FOLDERS:
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for name in SECRET_FOLDERS:
            (self.folder / name).mkdir(exist_ok=True, mode=0o700)
        release = self.master.resolve().parents[1]
        places = {"RELEASE_DIR": release, "BIN": release / "bin", "SBIN": release / "sbin", "LIB": release / "lib/condor"}
        places |= {"LIBEXEC": release / "libexec/condor", "SHARE": release / "share/condor", "LOCAL_DIR": self.folder}
        lines = [f"{name} = {value}" for name, value in {**places, "POOL_USER": self.user}.items()]
        self.config.write_text("\n".join(lines) + CONFIG)

    def _start(self) -> None:
        with (self.folder / "log/master.out").open("wb") as out:
            self.process = subprocess.Popen(
                [*self.wrap, str(self.master), "-f", "-r", "60"],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - the pool must not outlive a killed pytest; no thread runs yet
            )  # fmt: skip

    def _ready(self) -> bool:
        if not (self.folder / "run/schedd_address").exists():
            return False
        return "Unclaimed" in self.run("condor_status", "-af", "State").stdout

    def pids(self, program: str) -> list[int]:
        """Find the running processes of one of this pool's programs, as this machine numbers them."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                ours = str(self.config).encode() in (place / "environ").read_bytes()
                if ours and (place / "exe").readlink().name == program:  # the command line of a DAGMan does not name it
                    found.append(int(place.name))
        return found

    def last_words(self) -> str:
        """Give the end of the master's log."""
        logs = [self.folder / "log" / name for name in ("master.out", "MasterLog")]
        return "".join(p.read_text()[-1500:] for p in logs if p.exists())

    def stop(self) -> None:
        """Stop the pool fast: running jobs are killed."""
        if self.process.poll() is not None:
            return
        for pid in self._masters():
            os.kill(pid, signal.SIGQUIT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _masters(self) -> list[int]:
        if not self.wrap:
            return [self.process.pid]
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def __exit__(self, *_: object) -> None:
        self.stop()
