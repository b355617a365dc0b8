# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""What all scenarios need: how much of everything, a daemon, pools, a load, and the comparison with the truth at the end."""

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
    """How long and how much.

    The short form finds what is broken, in every test run and on whatever machine: its ratios rest on fewer samples, and its
    bounds in milliseconds would measure the machine's mood, so both are looser.
    """

    deadline: int = 5
    calm: float = 60
    outage: float = 60
    after: float = 12
    clients: int = 4
    pause: float = 0.02
    kills: int = 20
    puts: int = 2000
    # Seconds past the deadline by which every answer must be there, and what milliseconds are multiplied by.
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
    # Samples, where they take long.
    greedy_least: int = 20
    stuck_reads: int = 66
    # The largest whose usage is found by going through it, without fast-diff.
    read_image: str = "256GiB"
    malformed: int = 10_000
    connections: int = 1000
    full_requests: int = 300
    rounds: int = 5
    # The numbers of the changes before which the OSD stops.
    late_clones: tuple[int, ...] = tuple(range(1, 13))
    late_copies: tuple[int, ...] = tuple(range(1, 17))
    long_image: str = "4TiB"
    # Images in a page, and its size; an image of large objects, in MiB, and how many copies of it are asked for at once.
    page: int = 8000
    large_image: int = 768
    copies: int = 6
    readers: int = 60
    listeners: int = 2000
    # All clients, listeners and readers among them; and how many operations wait at once.
    open_connections: int = 8000
    queued: int = 10_000
    memory_time: float = 60


SHORT = Scale(
    deadline=2, calm=4, outage=6, after=3, clients=3, kills=3, puts=200, grace=3, patience=5, healthy_ratio=6,
    slow_ratio=10, slow_headers=300,
    idle=300, slow_bodies=50, slow_time=4,
    # Some 200 reads and creates: of fewer, a p99 is the worst of all, and one hiccup of the machine decides.
    greedy_time=5, greedy_clients=24, greedy_rounds=1, greedy_least=20, stuck_reads=66, malformed=500, full_requests=30, rounds=1,
    late_clones=(3, 4), late_copies=(),
    long_image="1TiB", page=400, large_image=192, copies=2, readers=20, listeners=100, open_connections=300, queued=200, memory_time=8,
)


class Rehearsal:
    """One run: the cluster, the binary and the place for logs that all its scenarios share."""

    def __init__(self, cluster: Cluster, binary: Path, cut_off: Path | None, logs: Path, scale: Scale, seed: int,
                 previous: Path | None = None) -> None:
        self.cluster = cluster
        self.binary = binary
        # Another version of the daemon, which this one takes the place of.
        self.previous = previous
        # The library that Tests/CutOff makes.
        self.cut_off = cut_off
        self.logs = logs
        self.scale = scale
        self.seed = seed

    @property
    def limit(self) -> float:
        """By when every answer must be there: the deadline, and some time for a busy machine."""
        return self.scale.deadline + self.scale.grace

    @contextmanager
    def daemon(
        self, name: str, ready: bool = True, open_files: int = 0, lease: float = 0, environment: dict[str, str] | None = None,
        options: list[str] | None = None, deadline: int = 0, group: Path | None = None,
    ) -> Iterator[Daemon]:
        """A fresh daemon, which is gone afterwards; and a cluster that goes on afterwards."""
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
        """That many empty pools: the first is on osd.0 and nowhere else, the second on osd.1."""
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
    """Enters what a load has found."""
    report.requests += len(result.samples)
    report.wrong += result.wrong
    report.worst = max(report.worst, result.worst)


def count(report: Report, answer: Answer) -> Answer:
    """Enters a single answer."""
    report.requests += 1
    report.worst = max(report.worst, answer.seconds)
    return answer


async def list_images(address: Address, pool: str) -> tuple[dict[str, int], Counter[str]]:
    """All images of a pool as the API lists them, page by page: those that are whole, and what removals have left."""
    entries: list[tuple[str, int]] = []
    removing: Counter[str] = Counter()
    cursor = ""
    for page in itertools.count():
        answer = await get(address, f"{images(pool)}?limit=1000{cursor}")
        if answer.status != 200:
            raise RuntimeError(f"the images can't be listed at the end: {answer}")
        for entry in answer.document["items"]:
            # Nobody was told that those are there which are half-made.
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
    """Compares what was acknowledged with what the API lists and with what the cluster has."""
    try:
        listed, removing = asyncio.run(list_images(address, pool))
    except RuntimeError as error:
        report.wrong.append(str(error))
        return
    # rbd does not say which of its names are half removed.
    names = Counter(cluster.image_names(pool)) - removing
    sizes = cluster.image_sizes(pool)
    for name, size in ledger.present.items():
        if listed.get(name) != size or sizes.get(name) != size or names[name] != 1:
            report.lost.append(f"{pool}/{name} was acknowledged with {size} bytes: the API lists {listed.get(name)}, "
                               f"rbd has {sizes.get(name)}, and the name {names[name]} times")
    for where, found in (("the API", set(listed)), ("rbd", set(names))):
        surplus = found - set(ledger.present) - set(ledger.unknown)
        report.wrong += [f"{where} lists {pool}/{name}, which was deleted or never made" for name in sorted(surplus)]
    if objects:
        report.wrong += [f"in pool {pool}: {finding}" for finding in cluster.inconsistencies(pool)]


def eventually(
    address: Address, method: str, target: str, document: object, wanted: set[int], seconds: float, report: Report
) -> float | None:
    """Repeats a request until it is answered as wanted; returns when that was."""
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        answer = count(report, asyncio.run(once(address, method, target, document)))
        if answer.status in wanted:
            return answer.ended
        time.sleep(0.05)
    return None
