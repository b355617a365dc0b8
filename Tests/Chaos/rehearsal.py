# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""What all scenarios share: their scale, a daemon, pools, a load, and the audit at the end."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from child import Child
from cluster import POOLS, Cluster
from daemon import Daemon
from load import Ledger, Result, mixed_load
from report import Report
from wire import Address, Answer, get, images, once


@dataclass(frozen=True)
class Scale:
    """The duration and the size of the scenarios.

    The short form finds defects in every test run, on any machine. Its ratios rest on fewer samples, and its times depend on the
    load of the machine, so both have looser bounds.
    """

    deadline: int = 5
    calm: float = 60
    outage: float = 60
    after: float = 12
    clients: int = 4
    pause: float = 0.02
    kills: int = 20
    puts: int = 2000
    # How many seconds an answer may come after the deadline, and the factor for bounds in milliseconds.
    grace: float = 1
    patience: float = 1
    healthy_ratio: float = 2
    slow_ratio: float = 3
    slow_headers: int = 2000
    idle: int = 2000
    slow_bodies: int = 200
    slow_time: float = 30
    greedy_time: float = 8
    greedy_clients: int = 64
    greedy_rounds: int = 2
    # The minimum number of samples of slow requests.
    greedy_least: int = 20
    stuck_reads: int = 66
    # The largest image whose usage the service computes without fast-diff, by reading all its objects.
    read_image: str = "256GiB"
    malformed: int = 10_000
    connections: int = 1000
    full_requests: int = 300
    rounds: int = 5
    # The OSD stops before the changes with these numbers.
    late_clones: tuple[int, ...] = tuple(range(1, 13))
    late_copies: tuple[int, ...] = tuple(range(1, 17))
    long_image: str = "4TiB"
    # The number of images in a page; the size of an image with large objects, in MiB; the number of copies of it at once.
    page: int = 8000
    large_image: int = 768
    copies: int = 6
    readers: int = 60
    listeners: int = 2000
    # The number of all connections, including listeners and readers, and the number of operations that wait at once.
    open_connections: int = 8000
    queued: int = 10_000
    memory_time: float = 60


SHORT = Scale(
    deadline=2, calm=4, outage=6, after=3, clients=3, kills=3, puts=200, grace=3, patience=5, healthy_ratio=6,
    slow_ratio=10, slow_headers=300,
    idle=300, slow_bodies=50, slow_time=4,
    # This gives about 200 reads and creates. With fewer samples, the p99 is the maximum, and one hiccup of the machine decides.
    greedy_time=5, greedy_clients=24, greedy_rounds=1, greedy_least=20, stuck_reads=66, malformed=500, full_requests=30, rounds=1,
    late_clones=(3, 4), late_copies=(),
    long_image="1TiB", page=400, large_image=192, copies=2, readers=20, listeners=100, open_connections=300, queued=200, memory_time=8,
)


class Rehearsal:
    """One run. Its scenarios share the cluster, the binary and the directory for logs."""

    def __init__(self, cluster: Cluster, binary: Path, cut_off: Path | None, logs: Path, scale: Scale, seed: int,
                 previous: Path | None = None) -> None:
        self.cluster = cluster
        self.binary = binary
        # Another version of the daemon, which `binary` replaces.
        self.previous = previous
        # The library that is built from Tests/CutOff.
        self.cut_off = cut_off
        self.logs = logs
        self.scale = scale
        self.seed = seed

    @property
    def limit(self) -> float:
        """The time limit of every answer, in seconds: the deadline, and some time for a busy machine."""
        return self.scale.deadline + self.scale.grace

    @contextmanager
    def daemon(
        self, name: str, ready: bool = True, open_files: int = 0, lease: float = 0, environment: dict[str, str] | None = None,
        options: list[str] | None = None, deadline: int = 0, group: Path | None = None,
    ) -> Iterator[Daemon]:
        """Runs a new daemon. Afterwards, it is stopped and the cluster's daemons are resumed."""
        log = self.logs / f"{name}.log"
        daemon = Daemon(
            self.binary, self.cluster, log, deadline or self.scale.deadline, open_files, lease, environment, options or [], group)
        try:
            daemon.start(ready)
            yield daemon
        finally:
            self.cluster.resume_all()
            daemon.stop()

    @contextmanager
    def pools(self, number: int) -> Iterator[list[str]]:
        """Yields that many empty pools. The first is only on osd.0, the second only on osd.1."""
        try:
            yield POOLS[:number]
        finally:
            self.cluster.resume_all()
            for pool in POOLS[:number]:
                self.cluster.empty(pool)

    @contextmanager
    def load(self, daemon: Daemon, clients: dict[str, int], claims_stay: bool = False) -> Iterator[Child]:
        child = Child(mixed_load, daemon.address, clients, self.limit, self.scale.pause, claims_stay)
        try:
            yield child
        finally:
            child.kill()


def sleep_until(moment: float) -> None:
    time.sleep(max(0, moment - time.perf_counter()))


def take(report: Report, result: Result) -> None:
    """Adds the results of a load to the report."""
    report.requests += len(result.samples)
    report.wrong += result.wrong
    report.worst = max(report.worst, result.worst)


def count(report: Report, answer: Answer) -> Answer:
    """Adds a single answer to the report."""
    report.requests += 1
    report.worst = max(report.worst, answer.seconds)
    return answer


async def list_images(address: Address, pool: str) -> tuple[dict[str, int], Counter[str]]:
    """Lists a pool with the API, page by page. Returns the whole images, and the names of interrupted removals and creates."""
    entries: list[tuple[str, int]] = []
    removing: Counter[str] = Counter()
    cursor = ""
    for page in itertools.count():
        answer = await get(address, f"{images(pool)}?limit=1000{cursor}")
        if answer.status != 200:
            raise RuntimeError(f"the images can't be listed at the end: {answer}")
        for entry in answer.document["items"]:
            # Half-made images were never acknowledged.
            if entry["state"] in ("removing", "incomplete"):
                removing[entry["name"]] += 1
            else:
                entries.append((entry["name"], entry.get("sizeBytes")))
        if not answer.document["nextCursor"]:
            break
        cursor = f"&cursor={answer.document['nextCursor']}"
    twice = [name for name, number in Counter(name for name, _ in entries).items() if number > 1]
    if twice:
        raise RuntimeError(f"the API lists images twice: {twice}")
    return dict(entries), removing


def audit(report: Report, cluster: Cluster, address: Address, pool: str, ledger: Ledger, objects: bool = False) -> None:
    """Compares the acknowledged images with the API's list and with the cluster."""
    try:
        listed, removing = asyncio.run(list_images(address, pool))
    except RuntimeError as error:
        report.wrong.append(str(error))
        return
    # `rbd ls` also lists half-removed images, and does not mark them.
    names = Counter(cluster.image_names(pool)) - removing
    sizes = cluster.image_sizes(pool)
    for name, size in ledger.present.items():
        if listed.get(name) != size or sizes.get(name) != size or names[name] != 1:
            report.lost.append(f"{pool}/{name} was acknowledged with {size} bytes: the API lists {listed.get(name)}, "
                               f"rbd has {sizes.get(name)}, and lists the name {names[name]} times")
    for where, found in (("the API", set(listed)), ("rbd", set(names))):
        surplus = found - set(ledger.present) - set(ledger.unknown)
        report.wrong += [f"{where} lists {pool}/{name}, which was deleted or never made" for name in sorted(surplus)]
    if objects:
        report.wrong += [f"in pool {pool}: {finding}" for finding in cluster.inconsistencies(pool)]


def eventually(
    address: Address, method: str, target: str, document: object, wanted: set[int], seconds: float, report: Report
) -> float | None:
    """Repeats a request until the status is one of `wanted`. Returns when that was, or None if it was never."""
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        answer = count(report, asyncio.run(once(address, method, target, document)))
        if answer.status in wanted:
            return answer.ended
        time.sleep(0.05)
    return None
