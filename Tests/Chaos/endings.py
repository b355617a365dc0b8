# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Scenarios in which the daemon ends: it is killed in the middle of its work, or terminated by SIGTERM."""

from __future__ import annotations

import asyncio
import ctypes
import random
import time
from dataclasses import dataclass, field
from typing import Any

from child import Child, fork
from daemon import Daemon
from load import CLEARING, Ledger, blunder
from rehearsal import Rehearsal, audit, count
from report import Report
from wire import Address, Answer, Connection, image, images

WRITERS = 16
# A daemon clears a name whose create was interrupted after it has seen the name for twice the OSD timeout.
PATIENCE = 120


@dataclass
class Written:
    """The results of all writers."""

    sizes: dict[str, int] = field(default_factory=dict)
    answers: int = 0
    worst: float = 0
    wrong: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    lost_connections: int = 0
    incomplete: int = 0
    retried: int = 0
    # When the last PUT was acknowledged.
    last: float = 0


async def write_all(
    stop: asyncio.Event, address: Address, pool: str, puts: int, limit: float, progress: Any
) -> Written:
    """Creates `puts` images. Each PUT is repeated after Retry-After until it is acknowledged."""
    written = Written()
    names = iter(range(puts))
    sizes = random.Random(puts)

    async def write() -> None:
        connection = Connection(address)
        for number in names:
            name, size = f"w{number:05}", sizes.randrange(1 << 20, 1 << 30)
            if await put_until_acknowledged(connection, written, pool, name, size, limit):
                written.sizes[name] = size
            else:
                written.given_up.append(name)
            with progress.get_lock():
                progress.value += 1
        connection.close()

    await asyncio.gather(*(write() for _ in range(WRITERS)))
    return written


async def put_until_acknowledged(
    connection: Connection, written: Written, pool: str, name: str, size: int, limit: float
) -> bool:
    deadline = time.perf_counter() + PATIENCE
    attempts = 0
    while time.perf_counter() < deadline:
        answer = await connection.request("PUT", image(pool, name), {"size": size}, timeout=limit + 10)
        attempts += 1
        written.answers += 1
        written.worst = max(written.worst, answer.seconds)
        reason = blunder(answer, limit, may_break=True)
        if answer.status in (200, 201):
            if answer.document.get("sizeBytes") != size:
                reason = f"the size is not {size}"
            if answer.status == 200 and attempts == 1:
                reason = "the image existed already"
        elif answer.status and (answer.status, answer.code) not in CLEARING and answer.status not in (503, 504):
            reason = reason or "unexpected answer"
        if reason:
            written.wrong.append(f"{answer}: {reason}")
        if answer.status in (200, 201):
            written.retried += attempts > 1
            written.last = answer.ended
            return True
        written.lost_connections += answer.status == 0
        written.incomplete += (answer.status, answer.code) in CLEARING
        await asyncio.sleep(answer.retry_after or 0.1)
    return False


def killed(rehearsal: Rehearsal) -> Report:
    """A process may die between any two steps of a create. A client that repeats the PUT must get one whole image."""
    scale, cluster = rehearsal.scale, rehearsal.cluster
    report = Report("killed", f"daemon killed (SIGKILL) {scale.kills} times during {scale.puts} PUTs by {WRITERS} clients")
    progress = fork.Value(ctypes.c_int, 0)
    with rehearsal.pools(1) as (pool,), rehearsal.daemon(report.name) as daemon:
        writers = Child(write_all, daemon.address, pool, scale.puts, rehearsal.limit, progress)
        try:
            for number in range(1, scale.kills + 1):
                await_progress(writers, progress, number * scale.puts // (scale.kills + 1))
                daemon.kill()
                restarted = time.perf_counter()
                daemon.start(ready=False)
            written: Written = writers.result(PATIENCE * 2)
        finally:
            writers.kill()
        report.requests += written.answers
        report.worst = written.worst
        report.wrong += written.wrong
        report.recovery = written.last - restarted
        audit(report, cluster, daemon.address, pool, Ledger(present=written.sizes), objects=True)
    report.notes.append(
        f"{written.lost_connections} requests lost their connection, {written.incomplete} were told that an interrupted change is still being cleaned up; "
        f"{written.retried} volumes took more than one request")
    report.holds("every volume is acknowledged in the end", f"{len(written.sizes)} of {scale.puts}", not written.given_up)
    report.holds("each volume exists once, with its size", f"{len(report.lost)} do not", not report.lost)
    leftovers = [finding for finding in report.wrong if finding.startswith("in pool ")]
    report.holds("no object is left over or missing", len(leftovers), not leftovers)
    return report


def await_progress(writers: Child, progress: Any, wanted: int) -> None:
    deadline = time.perf_counter() + PATIENCE
    while progress.value < wanted:
        if writers.ended() or time.perf_counter() > deadline:
            raise RuntimeError(f"only {progress.value} of {wanted} PUTs were done")
        time.sleep(0.002)


def terminated(rehearsal: Rehearsal) -> Report:
    """On SIGTERM, the service answers the requests in flight and ends. The OSD is stopped, so that all requests are in flight."""
    scale, cluster = rehearsal.scale, rehearsal.cluster
    report = Report("terminated", f"SIGTERM with {WRITERS} creates in flight")
    codes: list[int | None] = []
    created: list[Answer] = []
    seconds = 0.0
    ledger = Ledger()
    with rehearsal.pools(1) as (pool,):
        for number in range(scale.rounds):
            with rehearsal.daemon(report.name) as daemon:
                answers, code, lasted = asyncio.run(end_in_flight(rehearsal, daemon, pool, f"t{number}"))
            created += answers
            codes.append(code)
            seconds = max(seconds, lasted)
        for answer in created:
            count(report, answer)
            reason = blunder(answer, rehearsal.limit)
            if reason or answer.status != 201:
                report.wrong.append(f"{answer}: {reason or 'the request was in flight'}")
            name = answer.target.rpartition("/")[2]
            (ledger.present if answer.status == 201 else ledger.unknown)[name] = 1 << 20
        with rehearsal.daemon(f"{report.name}-after") as daemon:
            audit(report, cluster, daemon.address, pool, ledger, objects=True)
    answered = sum(answer.status == 201 for answer in created)
    report.holds("all requests in flight are answered 201", f"{answered} of {len(created)}", answered == len(created))
    report.holds("the exit code is 0", ", ".join(map(str, codes)), set(codes) == {0})
    report.at_most("the process ends after SIGTERM", seconds if None not in codes else None, rehearsal.limit)
    stray = [finding for finding in report.wrong if finding.startswith("in pool ")]
    report.holds("nothing is half-made", len(stray), not stray)
    return report


async def end_in_flight(
    rehearsal: Rehearsal, daemon: Daemon, pool: str, prefix: str
) -> tuple[list[Answer], int | None, float]:
    connections = [Connection(daemon.address) for _ in range(WRITERS)]
    for connection in connections:
        await connection.open()
        # Before the OSD stops, the daemon must know the pool and serve the connection.
        await connection.request("GET", images(pool))
    rehearsal.cluster.suspend("osd.0")
    creates = [
        asyncio.create_task(
            connection.request("PUT", image(pool, f"{prefix}-{number}"), {"size": 1 << 20}, timeout=rehearsal.limit + 10))
        for number, connection in enumerate(connections)
    ]
    await asyncio.sleep(0.5)
    daemon.terminate()
    terminated_at = time.perf_counter()
    await asyncio.sleep(0.5)
    rehearsal.cluster.resume("osd.0")
    answers = list(await asyncio.gather(*creates))
    for connection in connections:
        connection.close()
    code = await asyncio.to_thread(daemon.wait, rehearsal.limit + 20)
    return answers, code, time.perf_counter() - terminated_at
