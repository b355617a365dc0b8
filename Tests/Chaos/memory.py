# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Heavy load in a container with little memory: one kind after the other, and all at once."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from child import Child, crowd
from daemon import Daemon, raise_open_files
from endurance import ask, operation_of
from rehearsal import Rehearsal
from report import Report
from wire import Address, images, once

# The container's memory, and the resident memory that the process may use, in MiB.
LIMIT = 512
MOST_RESIDENT = 400
# The number of connections that create the images and queue the work.
CLIENTS = 16
# More long operations than run at once, so that all other operations of the pool wait.
LONG = 16
# How long creating and queueing may take, in seconds.
QUEUEING = 900
# The controller, the root and the name of the limit: of control groups version 2, and of version 1.
HIERARCHIES = [("", Path("/sys/fs/cgroup"), "memory.max"), ("memory", Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes")]


@dataclass
class Container:
    """A control group with little memory."""

    path: Path

    @property
    def killed(self) -> int:
        """The number of processes in it that the kernel has killed for lack of memory."""
        for name in ("memory.events", "memory.oom_control"):
            file = self.path / name
            if file.exists() and (found := re.search(r"^oom_kill (\d+)", file.read_text(), re.MULTILINE)):
                return int(found[1])
        return 0


@contextmanager
def container(megabytes: int) -> Iterator[Container | None]:
    """Makes a control group inside this process's own. Yields None if that is not allowed."""
    groups = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    for controllers, root, limit in HIERARCHIES:
        for _, names, path in groups:
            if controllers not in names.split(","):
                continue
            made = Container(root / path.strip("/") / f"rbd-chaos-{os.getpid()}")
            try:
                made.path.mkdir()
            except OSError:
                continue
            try:
                # The kernel makes this file if memory can be limited in this control group.
                if not (made.path / limit).exists():
                    continue
                (made.path / limit).write_text(str(megabytes << 20))
                yield made
                return
            finally:
                made.path.rmdir()
    yield None


async def many(stop: asyncio.Event, address: Address, requests: list[tuple[str, str, Any]], statuses: set[int]) -> list[str]:
    """Sends all requests, on some connections. Returns what was wrong."""
    wrong: list[str] = []
    left = iter(requests)

    async def go() -> None:
        for method, target, document in left:
            answer = await once(address, method, target, document)
            if answer.status not in statuses:
                wrong.append(f"{answer}: {answer.body[:300]!r}")

    await asyncio.gather(*(go() for _ in range(CLIENTS)))
    return wrong


async def stalled_readers(stop: asyncio.Event, address: Address, readers: int, target: str) -> int:
    """Readers that request a page and never read the answer. Each one starts again when its connection has closed."""
    asked = 0

    async def read() -> None:
        nonlocal asked
        while True:
            try:
                _, writer = await asyncio.open_connection(*address, limit=1024)
                writer.write(f"GET {target} HTTP/1.1\r\nHost: stalled\r\n\r\n".encode())
                asked += 1
                await asyncio.sleep(20)
                writer.transport.abort()
            except OSError:
                await asyncio.sleep(1)

    await crowd(stop, (read() for _ in range(readers)))
    return asked


async def listeners(stop: asyncio.Event, address: Address, number: int, target: str) -> int:
    """Holds connections open, which receive events or nothing at all. Returns the highest number of open connections."""
    connected = most = 0

    async def listen() -> None:
        nonlocal connected, most
        while True:
            try:
                reader, writer = await asyncio.open_connection(*address)
            except OSError:
                await asyncio.sleep(2)
                continue
            connected += 1
            most = max(most, connected)
            try:
                if target:
                    writer.write(f"GET {target} HTTP/1.1\r\nHost: listener\r\n\r\n".encode())
                while await reader.read(65536):
                    pass
            except OSError:
                pass
            finally:
                connected -= 1
                writer.close()
            await asyncio.sleep(2)

    await crowd(stop, (listen() for _ in range(number)))
    return most


class Load:
    """Makes the kinds of load, and measures the daemon's memory meanwhile."""

    def __init__(self, rehearsal: Rehearsal, report: Report, daemon: Daemon, pools: list[str]) -> None:
        self.scale = rehearsal.scale
        self.report = report
        self.daemon = daemon
        # Two pools, so that queued operations do not delay the copies.
        self.many_images, self.copied = (images(pool) for pool in pools)
        self.names = (f"copy-{number}" for number in itertools.count())
        # The copies that occupy space, each with its operation.
        self.copies: dict[str, str] = {}
        self.prepare(rehearsal, pools[1])

    def ask(self, method: str, target: str, document: Any, *statuses: int) -> Any:
        answer = ask(self.report, self.daemon, method, target, document)
        if answer.status not in statuses:
            self.report.wrong.append(f"{answer}")
        return answer

    def many(self, requests: list[tuple[str, str, Any]], *statuses: int) -> Child:
        return Child(many, self.daemon.address, requests, set(statuses))

    def prepare(self, rehearsal: Rehearsal, pool: str) -> None:
        count = max(self.scale.page, self.scale.queued)
        made = self.many([("PUT", f"{self.many_images}/{number}", {"size": "1MiB"}) for number in range(count)], 201)
        self.report.wrong += made.result(QUEUEING)
        self.ask("PUT", f"{self.copied}/large", {"size": f"{self.scale.large_image}MiB", "objectSize": "32MiB"}, 201)
        rehearsal.cluster.tool(
            "rbd", "bench", "--io-type", "write", "--io-size", "4M", "--io-total", f"{self.scale.large_image}M",
            f"{pool}/large", timeout=300)
        self.operation = self.shrink("long")

    def shrink(self, name: str) -> str:
        """Begins an operation that does not end during the scenario."""
        self.ask("PUT", f"{self.many_images}/{name}", {"size": self.scale.long_image, "features": ["layering"]}, 201)
        shrink = {"size": "1MiB", "allowShrink": True, "confirmSize": "1MiB"}
        return operation_of(self.ask("PATCH", f"{self.many_images}/{name}", shrink, 202))

    # Kinds of load

    def copy(self) -> None:
        """Deletes the copies that are ready, and begins as many new ones as the pool has space for."""
        for name, operation in list(self.copies.items()):
            # Until the operation has begun, no image has the name.
            if self.ask("GET", f"/v1/operations/{operation}", None, 200).document["state"] in ("queued", "running"):
                continue
            answer = self.ask("DELETE", f"{self.copied}/{name}?purge=true", None, 202, 204, 404, 409, 503, 504)
            if answer.status == 404:
                del self.copies[name]
        for _ in range(self.scale.copies - len(self.copies)):
            name = next(self.names)
            # Only one copy at a time can take its snapshot of the image. The others are answered 409.
            answer = self.ask("POST", f"{self.copied}/large/copy", {"name": name}, 202, 409, 503, 504)
            if answer.status == 202:
                self.copies[name] = operation_of(answer)

    def stall(self) -> Child:
        return Child(stalled_readers, self.daemon.address, self.scale.readers, f"{self.many_images}?limit={self.scale.page}")

    def listen(self) -> Child:
        return Child(listeners, self.daemon.address, self.scale.listeners, f"/v1/operations/{self.operation}/events")

    def idle(self, others: int = 0) -> Child:
        return Child(listeners, self.daemon.address, self.scale.open_connections - others, "")

    def queue(self) -> None:
        """Fills all running places with long operations, and then queues as many operations as the scale says."""
        for number in range(LONG):
            self.shrink(f"long-{number}")
        sparsify = [("POST", f"{self.many_images}/{number}/sparsify", None) for number in range(self.scale.queued)]
        self.report.wrong += self.many(sparsify, 202).result(QUEUEING)

    # Measuring

    def watch(self, what: str, seconds: float, *crowds: Child, copies: bool = False) -> None:
        """Reads an image now and then during the load, and measures the daemon's memory."""
        highest, again = 0.0, 0.0
        answers = self.report.requests
        end = time.perf_counter() + seconds
        try:
            while (now := time.perf_counter()) < end and self.daemon.lives:
                if copies and now >= again:
                    self.copy()
                    again = now + min(3, seconds / 4)
                self.ask("GET", f"{self.copied}/large", None, 200)
                highest = max(highest, self.daemon.resident)
                time.sleep(0.1)
            numbers = [child.finish() for child in crowds]
        finally:
            for child in crowds:
                child.kill()
        told = f" ({', '.join(map(str, numbers))} of them)" if numbers else ""
        self.report.holds(
            f"{what}{told}: resident ≤ {MOST_RESIDENT} MiB", f"{highest:.0f} MiB", 0 < highest <= MOST_RESIDENT)
        self.report.notes.append(f"{what}: {self.report.requests - answers} answers during the load")


def memory(rehearsal: Rehearsal) -> Report:
    """Copies of large objects, stalled readers, listeners, queued work and idle connections: one by one, and all together."""
    scale = rehearsal.scale
    report = Report("memory", f"heavy load in a container of {LIMIT} MiB")
    if raise_open_files() < scale.open_connections + 1000:
        raise RuntimeError("the limit on open files is too low; see ulimit -Hn")
    options = ["--connections-per-address", "100000"]
    with rehearsal.pools(2) as pools, container(LIMIT) as group:
        if group is None:
            report.notes.append("no control group could be made; the daemon ran with --memory-limit instead")
            options += ["--memory-limit", f"{LIMIT}MiB"]
        with rehearsal.daemon(report.name, options=options, group=group.path if group else None) as daemon:
            pid = daemon.pid
            load = Load(rehearsal, report, daemon, pools)
            alone = scale.memory_time / 2
            load.watch("copies of 32 MiB objects", alone, copies=True)
            load.watch("stalled readers", alone, load.stall())
            load.watch("listeners", alone, load.listen())
            load.watch("connections", alone, load.idle())
            load.queue()
            load.watch(f"{scale.queued} queued operations", alone)
            load.watch(
                "all together", scale.memory_time, load.stall(), load.listen(), load.idle(scale.readers + scale.listeners), copies=True)
            report.holds("the process is alive", pid, daemon.lives and daemon.pid == pid)
            if group:
                report.holds("processes killed by the kernel", group.killed, group.killed == 0)
            # Kill the daemon, because its long operations do not end in time.
            daemon.kill()
    return report
