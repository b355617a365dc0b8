# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""The rehearsal's own cluster: its tools, its daemons and the real contents of its pools."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

# dev/cluster pins them to osd.0 and osd.1.
POOLS = ["rbd", "rbd-1"]


class Cluster:
    """A cluster of dev/cluster with two OSDs. The rehearsal owns it, and may stop, fill and empty it."""

    def __init__(self, directory: Path, user: str, keyring: Path) -> None:
        self.directory = directory
        self.conf = directory / "ceph.conf"
        # The daemon's Ceph user and keyring, with only the capabilities that docs/security.md asks for.
        self.user = user
        self.keyring = keyring
        self.suspended: set[str] = set()

    # Tools

    def tool(self, name: str, *arguments: str, timeout: float = 60, lenient: bool = False) -> str:
        command = [name, "-c", str(self.conf), *arguments]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
        if result.returncode != 0 and not (lenient and result.stdout):
            raise RuntimeError(f"{' '.join(command)}: exit code {result.returncode}: {result.stderr.strip()[-500:]}")
        return result.stdout

    def ceph(self, *arguments: str, timeout: float = 60) -> str:
        return self.tool("ceph", "--connect-timeout", "20", *arguments, timeout=timeout)

    def ceph_json(self, *arguments: str) -> Any:
        return json.loads(self.ceph(*arguments, "--format", "json"))

    # Pools

    def empty(self, pool: str) -> None:
        """Removes every object except rbd_info, which marks the pool for RBD. This is faster than creating a new pool."""
        objects = [name for name in self.tool("rados", "-p", pool, "ls").split("\n") if name and name != "rbd_info"]
        for begin in range(0, len(objects), 1000):
            self.tool("rados", "-p", pool, "--force-full", "rm", *objects[begin:begin + 1000], timeout=300)

    def claims(self, pool: str) -> list[str]:
        """The keys of the claims that replicas hold in a pool."""
        records = "rbd_rest_api.operations"
        if records not in self.tool("rados", "-p", pool, "ls").split("\n"):
            return []
        return [key for key in self.tool("rados", "-p", pool, "listomapkeys", records).split("\n") if key.startswith("held.")]

    def await_clean(self) -> None:
        """Waits until every placement group is active and clean, so that one scenario does not affect the next."""
        def is_clean() -> bool:
            state = self.ceph_json("-s")
            states = {entry["state_name"] for entry in state["pgmap"].get("pgs_by_state", [])}
            return state["osdmap"]["num_up_osds"] == 2 and states == {"active+clean"}
        if not within(60, is_clean):
            raise RuntimeError(f"the cluster did not become clean: {self.ceph('health', 'detail')}")

    def flags(self, pool: str) -> set[str]:
        details = self.ceph_json("osd", "pool", "ls", "detail")
        return next(set(entry["flags_names"].split(",")) for entry in details if entry["pool_name"] == pool)

    def knows_the_map(self) -> bool:
        """Whether all OSDs have the current OSD map. The monitors tell one OSD; the others learn of it with a heartbeat."""
        present = self.ceph_json("osd", "dump")
        running = [osd["osd"] for osd in present["osds"] if osd["up"]]
        return all(self.ceph_json("tell", f"osd.{osd}", "status")["newest_map"] >= present["epoch"] for osd in running)

    # Daemons

    def suspend(self, *daemons: str) -> None:
        """Sends SIGSTOP. The process keeps its connections and answers nothing, like a machine that hangs."""
        for daemon in daemons:
            self.suspended.add(daemon)
            os.kill(self.pid(daemon), signal.SIGSTOP)

    def resume(self, *daemons: str) -> None:
        for daemon in daemons:
            os.kill(self.pid(daemon), signal.SIGCONT)
            self.suspended.discard(daemon)

    def resume_all(self) -> None:
        self.resume(*self.suspended.copy())

    def pid(self, daemon: str) -> int:
        """Returns the daemon's process id. Raises if that process was not started with this cluster's configuration."""
        pid = int((self.directory / "run" / f"{daemon}.pid").read_text())
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if str(self.conf).encode() not in arguments or f"ceph-{daemon.partition('.')[0]}".encode() not in arguments[0]:
            raise RuntimeError(f"process {pid} is not {daemon} of {self.directory}")
        return pid

    # Clients

    def addresses_of_service(self) -> set[str]:
        """The addresses of the service's connections to the monitor, in the form that `ceph osd blocklist` takes."""
        sessions = json.loads(self.ceph("tell", "mon.a", "sessions"))
        return {
            f"{address['addr']}/{address['nonce']}"
            for session in sessions if session["entity_name"] == self.user and session.get("open", True)
            for address in session["addrs"]["addrvec"]
        }

    # The contents of a pool

    def image_names(self, pool: str) -> list[str]:
        return json.loads(self.tool("rbd", "ls", "--format", "json", pool))

    def image_sizes(self, pool: str) -> dict[str, int]:
        """Returns the sizes by name. It opens every image, and leaves out images that can't be opened."""
        listed = json.loads(self.tool("rbd", "ls", "--long", "--format", "json", pool, timeout=300, lenient=True))
        return {image["image"]: image["size"] for image in listed}

    def inconsistencies(self, pool: str) -> list[str]:
        """Returns a finding for each object that an image of the directory lacks, and for each object that is left over."""
        objects = self.tool("rados", "-p", pool, "ls").split("\n")
        if "rbd_directory" not in objects:
            return []
        entries = parse_omap(self.tool("rados", "-p", pool, "listomapvals", "rbd_directory"))
        names = {key.removeprefix("name_"): text(value) for key, value in entries.items() if key.startswith("name_")}
        ids = {key.removeprefix("id_"): text(value) for key, value in entries.items() if key.startswith("id_")}
        found = [f"the directory has {name} with id {id}, but that id has {ids.get(id)}"
                 for name, id in names.items() if ids.get(id) != name]
        found += [f"the directory has id {id} for {name}, but not that name" for id, name in ids.items() if name not in names]
        for prefix, wanted in (("rbd_id.", names), ("rbd_header.", ids), ("rbd_object_map.", ids)):
            there = {name.removeprefix(prefix) for name in objects if name.startswith(prefix)}
            found += [f"{prefix}{name} belongs to no image" for name in sorted(there - set(wanted))]
            found += [f"{prefix}{name} is missing" for name in sorted(set(wanted) - there)]
        found += [f"{name} is listed {count} times" for name, count in Counter(objects).items() if count > 1]
        return found


def parse_omap(dump: str) -> dict[str, bytes]:
    """Parses the output of `rados listomapvals`: a key, `value (N bytes) :`, and a hex dump of the value."""
    values: dict[str, bytes] = {}
    lines = iter(dump.split("\n"))
    for line in lines:
        key, data = line, bytearray()
        for line in lines:
            if not line:
                break
            if not line.startswith("value ("):
                data += bytes.fromhex(line[8:60])
        if key:
            values[key] = bytes(data)
    return values


def text(value: bytes) -> str:
    """Decodes a string of Ceph's encoding: its length in four bytes, then its bytes."""
    return value[4:].decode(errors="replace")


def within(seconds: float, condition: Callable[[], bool], pause: float = 0.2) -> bool:
    """Waits for the condition. Returns false if it did not become true in time."""
    deadline = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > deadline:
            return False
        time.sleep(pause)
    return True
