# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""A replica of the service, which is measured from outside."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from volumes import within

LISTENING = re.compile(r"^rbd-rest-api listening on http://([0-9.]+):([0-9]+)$", re.MULTILINE)
KNOWN = "the controller knows all volumes"


class Replica:
    def __init__(self, command: list[str], log: Path) -> None:
        self.command = command
        self.path = log
        self.begin = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the process. It is ready a moment later."""
        with self.path.open("ab") as log:
            self.begin = log.tell()
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        within(30, lambda: self.address() is not None, f"the daemon does not listen; see {self.path}", 0.01)
        within(60, lambda: self.get("/readyz")[0] == 200, f"the daemon is not ready; see {self.path}", 0.01)

    def stop(self) -> None:
        """Ends the process as Kubernetes does. A leader gives its Lease to others."""
        process = self.running()
        process.send_signal(signal.SIGTERM)
        if process.wait(60) != 0:
            raise RuntimeError(f"the daemon ended with exit code {process.returncode}; see {self.path}")
        self.process = None

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def running(self) -> subprocess.Popen[bytes]:
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError(f"the daemon does not run; see {self.path}")
        return self.process

    def log(self) -> str:
        """What the process has written since its start."""
        with self.path.open("rb") as file:
            file.seek(self.begin)
            return file.read().decode(errors="replace")

    # Over HTTP

    def address(self) -> tuple[str, int] | None:
        self.running()
        found = LISTENING.search(self.log())
        return (found[1], int(found[2])) if found else None

    def get(self, path: str) -> tuple[int, bytes]:
        address = self.address()
        if address is None:
            raise RuntimeError(f"the daemon does not listen; see {self.path}")
        connection = http.client.HTTPConnection(*address, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def image_bytes(self, name: str) -> int:
        status, body = self.get(f"/v1/pools/rbd/images/{name}")
        if status != 200:
            raise RuntimeError(f"the image {name} can't be read: {status}: {body.decode()[:500]}")
        return int(json.loads(body)["sizeBytes"])

    def metric(self, name: str) -> float:
        """The value of a metric with its labels."""
        text = self.get("/metrics")[1].decode()
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0

    # The controller

    def wait_until_volumes_are_known(self, seconds: float) -> None:
        within(seconds, lambda: KNOWN in self.log(), f"the controller does not know all volumes; see {self.path}", 0.01)

    def wait_until_idle(self, seconds: float) -> None:
        """Waits until the controller has had nothing to do for two seconds."""
        end, idle_since = time.monotonic() + seconds, time.monotonic()
        while time.monotonic() - idle_since < 2:
            if any(self.metric(f'rbd_rest_api_kubernetes_queue_length{{state="{state}"}}') for state in ("ready", "running", "delayed")):
                idle_since = time.monotonic()
            if time.monotonic() > end:
                raise RuntimeError(f"the controller does not come to rest; see {self.path}")
            time.sleep(0.2)

    # The process

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.running().pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mib(self) -> tuple[float, float]:
        """The resident memory now, and its peak."""
        status = dict(line.split(":", 1) for line in Path(f"/proc/{self.running().pid}/status").read_text().splitlines())
        return int(status["VmRSS"].split()[0]) / 1024, int(status["VmHWM"].split()[0]) / 1024
