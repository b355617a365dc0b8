# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""The daemon under rehearsal: starts it, watches it and ends it."""

from __future__ import annotations

import http.client
import os
import random
import re
import resource
import signal
import socket
import subprocess
from pathlib import Path

from child import die_with_parent
from cluster import Cluster, within
from wire import Address

# Below the range from which the kernel takes the ports of clients. Otherwise, a connection may take the port of a daemon
# that is down: a client that tries to connect to it can even be connected to itself.
PORTS = range(20000, 32000)
LISTENING = re.compile(r"rbd-rest-api listening on http://([0-9.]+):([0-9]+)")


def free_port() -> int:
    """A port that nothing on this machine listens on."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


class Daemon:
    """One process of rbd-rest-api. It keeps its address when it is restarted."""

    # In seconds. 0 is the daemon's own default.
    lease = 0.0

    def __init__(self, binary: Path, cluster: Cluster, log: Path, deadline: int, open_files: int = 0, lease: float = 0,
                 environment: dict[str, str] | None = None, options: list[str] | None = None, group: Path | None = None) -> None:
        self.binary = binary
        self.cluster = cluster
        self.log = log
        self.deadline = deadline
        self.open_files = open_files
        self.environment = environment
        self.options = options or []
        # The control group that the daemon runs in. None is that of this process.
        self.group = group
        if lease:
            self.lease = lease
        self.address: Address = ("127.0.0.1", free_port())
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> list[str]:
        """The daemon's options. All timeouts are the same, so that there is one deadline to measure against."""
        names = ("request-timeout", "ceph-osd-timeout", "ceph-mon-timeout", "ceph-connect-timeout")
        return [f"--{name}={self.deadline}" for name in names] + ([f"--operation-lease={self.lease:g}s"] if self.lease else [])

    def start(self, ready: bool = True) -> None:
        """Starts the daemon and waits until it listens and, unless `ready` is false, until it is ready."""
        host, port = self.address
        command = [
            str(self.binary), "--host", host, "--port", str(port), "--ceph-conf", str(self.cluster.conf),
            "--ceph-user", self.cluster.user, "--ceph-keyring", str(self.cluster.keyring), *self.settings, *self.options,
        ]
        with self.log.open("ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=self.prepare,
                env=None if self.environment is None else os.environ | self.environment)
        if not within(20, lambda: self.listens(begin) or not self.lives, 0.01) or not self.lives:
            raise RuntimeError(f"the daemon did not listen; its log is {self.log} and ends so: {self.last_words(begin)}")
        if ready and not within(30, self.is_ready, 0.05):
            raise RuntimeError(f"the daemon did not become ready; its log is {self.log}")

    def prepare(self) -> None:
        die_with_parent()
        if self.group:
            (self.group / "cgroup.procs").write_text(str(os.getpid()))
        if self.open_files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.open_files, self.open_files))

    def listens(self, begin: int) -> bool:
        with self.log.open("rb") as log:
            log.seek(begin)
            found = LISTENING.search(log.read().decode(errors="replace"))
        if found:
            self.address = (found[1], int(found[2]))
        return bool(found)

    def last_words(self, begin: int) -> str:
        with self.log.open("rb") as log:
            log.seek(begin)
            return log.read().decode(errors="replace")[-300:].strip() or "nothing"

    def is_ready(self) -> bool:
        return self.status("/readyz") == 200

    def status(self, target: str, timeout: float = 5) -> int:
        """The status of a GET, or 0 if there is no answer."""
        connection = http.client.HTTPConnection(*self.address, timeout=timeout)
        try:
            connection.request("GET", target)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    @property
    def resident(self) -> float:
        """The resident memory, in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def kill(self) -> None:
        """Kills the process with SIGKILL, as the kernel does when memory runs out."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def terminate(self) -> None:
        if self.process and self.lives:
            self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> int | None:
        """Returns the exit code, or None if the process has not ended in time."""
        try:
            return self.process.wait(seconds) if self.process else None
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """Ends the process, whatever its state."""
        self.terminate()
        if self.wait(15) is None:
            self.kill()


def raise_open_files() -> int:
    """Raises the limit on open files to the hard limit. The daemon inherits it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
