# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Scenarios in which clients misbehave: slow clients, too many clients, and clients that do not send valid HTTP."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

from child import Child, crowd
from daemon import raise_open_files
from load import Ledger, Result, blunder, p99
from malformed import Malformed, generate
from rehearsal import Rehearsal, audit, eventually, list_images, sleep_until, take
from report import Report
from wire import Address, Connection, get, image, once

MOST_GROWTH = 256
TICK = 5.0
# Every answer begins with this. It appears nowhere else in an answer.
START = b"HTTP/1.1 "


@dataclass
class Slow:
    """The number of slow connections, by outcome."""

    connected: int = 0
    refused: int = 0
    closed: int = 0


async def slow_clients(
    stop: asyncio.Event, address: Address, pool: str, headers: int, idle: int, bodies: int
) -> Slow:
    """Keeps this many connections of each kind open. A connection that the server closes is opened again."""
    slow = Slow()
    head = "PUT {} HTTP/1.1\r\nHost: slow\r\nContent-Type: application/json\r\n"

    def clients() -> Iterator[Coroutine[Any, Any, None]]:
        for number in range(headers + idle + bodies):
            if number < headers:
                start, drip = "GET /livez HTTP/1.1\r\nHost: slow\r\nX-Slow: ", b"a"
            elif number < headers + idle:
                start, drip = "", b""
            else:
                start = head.format(image(pool, f"slow-{number}")) + "Content-Length: 60000\r\n\r\n{"
                drip = b" "
            yield slow_client(address, start.encode(), drip, slow)

    await crowd(stop, clients())
    return slow


async def slow_client(address: Address, start: bytes, drip: bytes, slow: Slow) -> None:
    await asyncio.sleep(random.uniform(0, 0.2))
    while True:
        try:
            reader, writer = await asyncio.open_connection(*address)
        except OSError:
            slow.refused += 1
            await asyncio.sleep(TICK)
            continue
        slow.connected += 1
        try:
            writer.write(start)
            while not reader.at_eof():
                try:
                    # The client ignores answers and does not wait for them.
                    if not await asyncio.wait_for(reader.read(4096), TICK * random.uniform(0.8, 1.2)):
                        break
                except asyncio.TimeoutError:
                    writer.write(drip)
        except OSError:
            pass
        finally:
            writer.transport.abort()
        slow.closed += 1
        await asyncio.sleep(TICK)


@dataclass
class Greed:
    """What greedy clients received."""

    answers: int = 0
    broken: int = 0


async def greedy_clients(stop: asyncio.Event, address: Address, clients: int, batch: int, target: str) -> Greed:
    """Each client sends a batch of requests at once, and the next batch as soon as it has read the answers of one. It never pauses."""
    greed = Greed()
    requests = f"GET {target} HTTP/1.1\r\nHost: greedy\r\n\r\n".encode() * batch
    tasks = [asyncio.create_task(greedy_client(address, requests, batch, greed)) for _ in range(clients)]
    await stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return greed


async def greedy_client(address: Address, requests: bytes, batch: int, greed: Greed) -> None:
    while True:
        reader, writer = await asyncio.open_connection(*address)
        try:
            # Two batches are in flight, so that the server always has one to answer.
            writer.write(requests)
            while True:
                writer.write(requests)
                begun, tail = 0, b""
                while begun < batch:
                    data = await reader.read(65536)
                    if not data:
                        raise ConnectionError
                    begun += (tail + data).count(START)
                    # These bytes may be the beginning of the next answer.
                    tail = (tail + data)[1 - len(START):]
                greed.answers += begun
        except OSError:
            greed.broken += 1
        finally:
            writer.transport.abort()


async def modest(address: Address, target: str, seconds: float, report: Report, limit: float) -> list[float]:
    """Sends fifty requests a second on a connection of its own. Returns how long each answer took."""
    connection = Connection(address)
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        answer = await connection.request("GET", target, timeout=limit)
        report.requests += 1
        report.worst = max(report.worst, answer.seconds)
        if answer.status != 200:
            report.wrong.append(f"{answer}: a request of the modest client")
        times.append(answer.seconds)
        await asyncio.sleep(0.02)
    connection.close()
    return times


def pipelining(rehearsal: Rehearsal) -> Report:
    """A client that sends requests without a pause gets only its share, whether or not it waits for answers."""
    scale = rehearsal.scale
    report = Report("pipelining", "clients that send requests without a pause, pipelined or not")
    crowds = [(2, 20, "/livez"), (2, 2, "/readyz"), (2, 20, "/none"), (1, 200, "/livez"), (16, 1, "/livez"), (64, 1, "/livez")]
    with rehearsal.pools(1) as (pool,), rehearsal.daemon(report.name) as daemon:
        eventually(daemon.address, "PUT", image(pool, "one"), {"size": 1 << 20}, {200, 201}, 10, report)
        for clients, batch, target in crowds:
            crowd = Child(greedy_clients, daemon.address, clients, batch, target)
            try:
                time.sleep(1)
                for asked in ("/livez", image(pool, "one")):
                    times = asyncio.run(modest(daemon.address, asked, scale.greedy_time, report, rehearsal.limit))
                    kind = "/livez" if asked == "/livez" else "one image"
                    report.at_most(f"p99 of {kind} beside {clients} × {batch} of {target}", statistics.quantiles(times, n=100)[98], 0.1 * scale.patience)
                greed: Greed = crowd.finish()
            finally:
                crowd.kill()
            report.notes.append(f"{clients} × {batch} of {target}: {greed.answers} answers, {greed.broken} connections broken")
    return report


def slow_callers(rehearsal: Rehearsal) -> Report:
    """Idle and slow connections must cost next to nothing."""
    scale, cluster = rehearsal.scale, rehearsal.cluster
    numbers = (scale.slow_headers, scale.idle, scale.slow_bodies)
    report = Report("slow-callers", "{} slow headers, {} idle connections, {} slow bodies at once".format(*numbers))
    if raise_open_files() < sum(numbers) + 500:
        raise RuntimeError(f"the limit on open files is too low for {sum(numbers)} connections; see ulimit -Hn")
    with rehearsal.pools(2) as pools, rehearsal.daemon(report.name) as daemon:
        with rehearsal.load(daemon, {pool: scale.clients // 2 or 1 for pool in pools}) as load:
            time.sleep(1)
            calm = time.perf_counter()
            sleep_until(calm + scale.calm)
            before = daemon.resident
            began = time.perf_counter()
            crowd = Child(slow_clients, daemon.address, pools[0], *numbers)
            try:
                sleep_until(began + scale.slow_time)
                ended, during = time.perf_counter(), daemon.resident
                slow: Slow = crowd.finish()
            finally:
                crowd.kill()
            time.sleep(2)
            after = daemon.resident
            result: Result = load.finish()
        take(report, result)
        for pool in pools:
            audit(report, cluster, daemon.address, pool, result.ledgers[pool])
        report.holds("the process is alive", daemon.pid, daemon.lives)
    of_load = [sample for sample in result.samples if calm <= sample.ended < ended]
    ratio = p99([s for s in of_load if s.ended >= began]), p99([s for s in of_load if s.ended < began])
    failures = sum(not sample.fine for sample in of_load)
    report.holds("other clients have no failures", f"{failures} of {len(of_load)}", failures == 0)
    report.ratio("p99 of other clients", *ratio, scale.slow_ratio)
    report.holds(f"memory grows by ≤ {MOST_GROWTH} MiB", f"{during - before:.0f} MiB", during - before <= MOST_GROWTH)
    report.notes.append(f"resident memory: {before:.0f} MiB before, {during:.0f} during, {after:.0f} after")
    report.notes.append(f"{slow.connected} slow connections were opened, {slow.refused} refused, {slow.closed} closed by the daemon")
    return report


def open_files(rehearsal: Rehearsal) -> Report:
    """A process that runs out of file descriptors must not end. It must serve again when descriptors are free."""
    scale, cluster = rehearsal.scale, rehearsal.cluster
    report = Report("open-files", f"{scale.connections} connections with an open-file limit of 256")
    with rehearsal.pools(1) as (pool,), rehearsal.daemon(report.name, open_files=256) as daemon:
        pid = daemon.pid
        answered = asyncio.run(crowd_in(daemon.address, scale.connections))
        closed = time.perf_counter()
        live = eventually(daemon.address, "GET", "/livez", None, {200}, 10, report)
        made = eventually(daemon.address, "PUT", image(pool, "after"), {"size": 1 << 20}, {200, 201}, 10, report)
        report.holds("the process is alive", f"{pid}, then {daemon.pid if daemon.lives else 'none'}", daemon.lives)
        report.recovery = None if live is None or made is None else max(live, made) - closed
        report.at_most("serves again after the connections have closed", report.recovery, 5)
        report.notes.append(f"{answered} of the {scale.connections} connections were answered")
        audit(report, cluster, daemon.address, pool, Ledger(present={"after": 1 << 20}) if made else Ledger())
    return report


async def crowd_in(address: Address, number: int) -> int:
    """Opens all connections at once, sends a request on each, and holds them for three seconds."""
    connections = [Connection(address) for _ in range(number)]
    requests = [asyncio.create_task(connection.request("GET", "/livez", timeout=3)) for connection in connections]
    await asyncio.sleep(3)
    answers = await asyncio.gather(*requests)
    for connection in connections:
        connection.close()
    return sum(answer.status == 200 for answer in answers)


# Malformed requests

CANARIES = 8
BATCH = 25
WORKERS = 4


@dataclass
class Barrage:
    """The results of the malformed requests."""

    sent: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    slowest: float = 0
    culprits: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    worst: float = 0


def malformed_requests(rehearsal: Rehearsal) -> Report:
    """Malformed requests must not crash the service or execute a hidden request, and the next good request must be served."""
    scale, cluster, seed = rehearsal.scale, rehearsal.cluster, rehearsal.seed
    report = Report("malformed-requests", f"{scale.malformed} malformed requests")
    report.notes.append(f"seed {seed}")
    with rehearsal.pools(1) as (pool,), rehearsal.daemon(report.name) as daemon:
        pid, before = daemon.pid, daemon.resident
        canaries = {f"canary-{number}": 1 << 20 for number in range(CANARIES)}
        for name, size in canaries.items():
            eventually(daemon.address, "PUT", image(pool, name), {"size": size}, {200, 201}, 10, report)
        requests = generate(seed, scale.malformed, pool, list(canaries))
        barrage = asyncio.run(fire(daemon.address, pool, requests, canaries))
        report.requests += barrage.sent * 2
        report.worst = max(report.worst, barrage.worst)
        report.wrong += barrage.wrong + barrage.culprits
        report.holds("no crash", f"process {pid}, then {daemon.pid if daemon.lives else 'none'}", daemon.lives and daemon.pid == pid)
        report.holds("no smuggled request is executed", len(barrage.culprits), not barrage.culprits)
        report.at_most("the next well-formed request is answered", barrage.slowest, 0.1 * rehearsal.scale.patience, "ms")
        statuses = ", ".join(f"{status}: {number}" for status, number in sorted(barrage.statuses.items()))
        report.notes.append(f"answers: {statuses}")
        report.notes.append(f"resident memory: {before:.0f} MiB before, {daemon.resident:.0f} after")
        audit(report, cluster, daemon.address, pool, Ledger(present=canaries))
    return report


async def fire(address: Address, pool: str, requests: list[Malformed], canaries: dict[str, int]) -> Barrage:
    """Sends the requests, a few at a time. It sends a good request after each one, and checks the canaries after each batch."""
    barrage = Barrage()
    for begin in range(0, len(requests), BATCH):
        batch = iter(requests[begin:begin + BATCH])

        async def worker() -> None:
            for request in batch:
                await fire_one(address, request, barrage)

        await asyncio.gather(*(worker() for _ in range(WORKERS)))
        there, _ = await list_images(address, pool)
        if there != canaries:
            barrage.culprits.append(f"after requests {begin} to {begin + BATCH} the pool holds {sorted(there)}")
            await restore(address, pool, there, canaries)
            barrage.culprits += await find_culprits(address, pool, requests[begin:begin + BATCH], canaries)
    return barrage


async def find_culprits(
    address: Address, pool: str, batch: list[Malformed], canaries: dict[str, int]
) -> list[str]:
    """Sends the smuggling requests of the batch again, one by one, to find the one that was executed."""
    found = []
    for request in batch:
        if request.smuggles:
            await send(address, request)
            await asyncio.sleep(0.3)
            there, _ = await list_images(address, pool)
            if there != canaries:
                found.append(f"{request} was executed")
                await restore(address, pool, there, canaries)
    return found


async def restore(address: Address, pool: str, there: dict[str, int], canaries: dict[str, int]) -> None:
    """Restores the canaries, so that one defect is reported only once."""
    for name in set(there) - set(canaries):
        await once(address, "DELETE", image(pool, name))
    for name in set(canaries) - set(there):
        await once(address, "PUT", image(pool, name), {"size": canaries[name]})


async def fire_one(address: Address, request: Malformed, barrage: Barrage) -> None:
    status = await send(address, request)
    barrage.sent += 1
    barrage.statuses[status] = barrage.statuses.get(status, 0) + 1
    if status.startswith("5") and status != "501" and status != "505":
        barrage.wrong.append(f"{request}: answered {status}")
    answer = await get(address, "/livez", timeout=5)
    barrage.slowest = max(barrage.slowest, answer.seconds)
    barrage.worst = max(barrage.worst, answer.seconds)
    if answer.status != 200 or blunder(answer, 5):
        barrage.wrong.append(f"after {request}: {answer}")


async def send(address: Address, request: Malformed) -> str:
    """Sends the bytes and waits briefly for an answer. Returns the status of the first answer, or a word if there is none."""
    try:
        reader, writer = await asyncio.open_connection(*address)
    except OSError:
        return "refused"
    try:
        for part in request.parts:
            writer.write(part)
            await asyncio.wait_for(writer.drain(), 1)
            if len(request.parts) > 1:
                await asyncio.sleep(0.002)
        received = await asyncio.wait_for(reader.read(65536), request.patience)
        if request.smuggles:
            # This gives a hidden request the time to be executed.
            await asyncio.sleep(0.02)
        return received[9:12].decode("latin-1") if received.startswith(b"HTTP/1.") else ("closed" if not received else "other")
    except asyncio.TimeoutError:
        return "silent"
    except OSError:
        return "reset"
    finally:
        writer.transport.abort()
