# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Scenarios in which parts of the cluster stop answering, or turn the daemon away."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

from child import Child
from cluster import within
from freezing import frozen_client
from load import Ledger, Result, Sample, blunder, p99, recovery, worst
from rehearsal import Rehearsal, audit, count, eventually, sleep_until, take
from report import Report
from wire import Address, Answer, Connection, get, image, images, once

# In seconds: the daemon's default --probe-interval, and the --operation-lease of this scenario.
PROBE_INTERVAL = 5
LEASE = 6


def osd_stopped(rehearsal: Rehearsal) -> Report:
    """If a pool's only OSD hangs, the pool's clients must be answered quickly, and clients of other pools must notice nothing."""
    scale, cluster = rehearsal.scale, rehearsal.cluster
    report = Report("osd-stopped", f"OSD stopped for {scale.outage:g} s under load")
    with rehearsal.pools(2) as (sick, well), rehearsal.daemon(report.name) as daemon:
        with rehearsal.load(daemon, {sick: scale.clients, well: scale.clients}) as load:
            # Skip the first requests, which find cold caches: they belong neither to the calm nor to the outage.
            time.sleep(1)
            calm = time.perf_counter()
            sleep_until(calm + scale.calm)
            stopped = time.perf_counter()
            cluster.suspend("osd.0")
            sleep_until(stopped + scale.outage)
            metrics = asyncio.run(get(daemon.address, "/metrics")).body.decode()
            cluster.resume("osd.0")
            resumed = time.perf_counter()
            sleep_until(resumed + scale.after)
            result: Result = load.finish()
        take(report, result)
        for pool in (sick, well):
            audit(report, cluster, daemon.address, pool, result.ledgers[pool])

    outage = result.of(sick, stopped, resumed)
    opened = next((sample.ended for sample in outage if sample.code == "pool-unavailable"), None)
    report.at_most("every answer", result.worst, rehearsal.limit)
    # Requests in flight when the breaker opened wait for their deadline. With few samples, they would be the p99.
    refused = [sample for sample in outage if opened and sample.began > opened]
    report.at_most("p99 with the breaker open", p99(refused) if opened else None, 0.05 * scale.patience, "ms")
    if opened:
        report.notes.append(f"the breaker opened after {opened - stopped:.1f} s; {len(refused)} requests after that")
    shown = f'rbd_rest_api_breaker_open{{pool="{sick}",scope="pool"}} 1\n' in metrics
    logged = "Ceph does not answer; calls are refused until it does" in daemon.log.read_text(errors="replace")
    report.holds("metrics and log show the breaker", f"{shown}, {logged}", shown and logged)
    healthy = result.of(well, stopped, resumed)
    failures = sum(not sample.fine for sample in healthy)
    report.holds("the healthy pool has no failures", f"{failures} of {len(healthy)}", failures == 0)
    report.ratio("p99 of the healthy pool", p99(healthy), p99(result.of(well, calm, stopped)), scale.healthy_ratio)
    report.recovery = recovery(result.of(sick, resumed) + result.of(well, resumed), resumed)
    report.at_most("no more failures after SIGCONT", report.recovery, 5)
    return report


async def ask_monitors(stop: asyncio.Event, address: Address, limit: float) -> tuple[Result, dict[str, str]]:
    """Sends requests that only the monitors can answer, again and again."""
    result = Result()
    last: dict[str, str] = {}
    questions = {"/v1/pools": 200, "/v1/cluster": 200, images("no-such-pool"): 404}

    async def loop(target: str, wanted: int) -> None:
        connection = Connection(address)
        while not stop.is_set():
            answer = await connection.request("GET", target, timeout=limit + 10)
            key = (answer.status, answer.code)
            fine = answer.status == wanted
            reason = blunder(answer, limit)
            if not fine and not reason and key not in {(504, "deadline-exceeded"), (503, "cluster-unavailable")}:
                reason = "unexpected answer"
            if reason:
                result.wrong.append(f"{answer}: {reason}")
            last[target] = str(answer)
            result.samples.append(Sample("monitors", answer.began, answer.ended, *key, fine))
            await asyncio.sleep(0.1)

    await asyncio.gather(*(loop(target, wanted) for target, wanted in questions.items()))
    return result, last


def monitor_stopped(rehearsal: Rehearsal) -> Report:
    """Requests for pools that the daemon knows need no monitor. Requests that need the monitor must not hang."""
    scale, cluster = rehearsal.scale, rehearsal.cluster
    report = Report("monitor-stopped", f"monitor stopped for {scale.outage:g} s under load")
    with rehearsal.pools(2) as pools, rehearsal.daemon(report.name) as daemon:
        with rehearsal.load(daemon, {pool: scale.clients // 2 or 1 for pool in pools}) as load:
            asking = Child(ask_monitors, daemon.address, rehearsal.limit)
            try:
                time.sleep(3)
                stopped = time.perf_counter()
                cluster.suspend("mon")
                sleep_until(stopped + scale.outage)
                cluster.resume("mon")
                resumed = time.perf_counter()
                sleep_until(resumed + scale.after)
                asked, _ = asking.finish()
            finally:
                asking.kill()
            result: Result = load.finish()
        for found in (result, asked):
            take(report, found)
        for pool in pools:
            audit(report, cluster, daemon.address, pool, result.ledgers[pool])

    known = [sample for pool in pools for sample in result.of(pool, stopped, resumed)]
    failures = sum(not sample.fine for sample in known)
    report.holds("known pools have no failures", f"{failures} of {len(known)}", failures == 0 and len(known) > 0)
    needing = asked.of("monitors", stopped, resumed)
    failed = [sample for sample in needing if not sample.fine]
    report.holds("requests that need the monitors fail", f"{len(failed)} of {len(needing)} answers", len(failed) > 0)
    report.at_most("requests that need the monitors are answered within their deadline", worst(needing), rehearsal.limit)
    report.recovery = recovery(asked.of("monitors", resumed) + [s for p in pools for s in result.of(p, resumed)], resumed)
    report.at_most("no more failures after SIGCONT", report.recovery, 5)
    return report


def start_without_cluster(rehearsal: Rehearsal) -> Report:
    """A daemon may start before its cluster does."""
    scale, cluster = rehearsal.scale, rehearsal.cluster
    report = Report("start-without-cluster", "monitor and OSDs stopped when the daemon starts")
    away = min(scale.outage, 15)
    with rehearsal.pools(2) as pools:
        cluster.suspend("mon", "osd.0", "osd.1")
        began = time.perf_counter()
        with rehearsal.daemon(report.name, ready=False) as daemon:
            report.at_most("the daemon listens", time.perf_counter() - began, 5)
            live, ready, asked = asyncio.run(watch_probes(daemon.address, images(pools[0]), away))
            cluster.resume_all()
            resumed = time.perf_counter()
            back = eventually(daemon.address, "GET", "/readyz", None, {200}, 10, report)
            made = [
                eventually(daemon.address, "PUT", image(pool, "first"), {"size": 1 << 20}, {200, 201}, 10, report)
                for pool in pools
            ]
            for pool in pools:
                audit(report, cluster, daemon.address, pool, Ledger(present={"first": 1 << 20}))
    for answer in live + ready + asked:
        count(report, answer)
        reason = blunder(answer, rehearsal.limit)
        report.wrong += [f"{answer}: {reason}"] if reason else []
    alive = sum(answer.status == 200 for answer in live)
    report.holds("/livez answers 200", f"{alive} of {len(live)}", alive == len(live))
    reasons = {str(answer.document.get("detail") or answer.document.get("reason") or "") for answer in ready}
    unready = sum(answer.status == 503 for answer in ready)
    report.holds("/readyz answers 503 with a reason", f"{unready} of {len(ready)}", unready == len(ready) and "" not in reasons)
    report.notes += [f"/readyz: {reason}" for reason in sorted(reasons)]
    # Take the last of these moments, when everything is served.
    moments = [back, *made]
    report.recovery = None if None in moments else max(moments) - resumed  # type: ignore[type-var, operator]
    report.at_most("serves after the cluster's return", report.recovery, 5)
    return report


async def watch_probes(address: Address, target: str, seconds: float) -> tuple[list[Answer], list[Answer], list[Answer]]:
    live: list[Answer] = []
    ready: list[Answer] = []
    asked: list[Answer] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        live.append(await get(address, "/livez"))
        ready.append(await get(address, "/readyz"))
        asked.append(await get(address, target))
        await asyncio.sleep(0.2)
    return live, ready, asked


def client_blocklisted(rehearsal: Rehearsal) -> Report:
    """A blocklisted client stays blocklisted, and only a new connection works. The daemon must make one without a restart."""
    scale, cluster = rehearsal.scale, rehearsal.cluster
    report = Report("client-blocklisted", "the daemon's Ceph client blocklisted under load")
    with rehearsal.pools(2) as pools, rehearsal.daemon(report.name) as daemon:
        pid = daemon.pid
        with rehearsal.load(daemon, {pool: 1 for pool in pools}, claims_stay=True) as load:
            time.sleep(2)
            addresses = cluster.addresses_of_service()
            listed = time.perf_counter()
            for address in addresses:
                cluster.ceph("osd", "blocklist", "add", address)
            time.sleep(scale.after)
            after = cluster.addresses_of_service()
            result: Result = load.finish()
        take(report, result)
        report.notes.append(f"blocklisted {', '.join(sorted(addresses))}; then {', '.join(sorted(after))}")
        report.holds("the same process", f"{pid}, then {daemon.pid if daemon.lives else 'none'}", daemon.lives and daemon.pid == pid)
        for pool in pools:
            audit(report, cluster, daemon.address, pool, result.ledgers[pool])
        for address in addresses:
            cluster.ceph("osd", "blocklist", "rm", address)
    samples = [sample for sample in result.samples if sample.ended >= listed]
    errors = sorted((sample for sample in samples if not sample.fine), key=lambda sample: sample.ended)
    report.notes.append(f"{len(errors)} of {len(samples)} answers were errors")
    # If there was no error, the daemon reconnected before a request failed.
    report.at_most("the first error is answered", errors[0].seconds if errors else 0, 1)
    report.holds("the cluster sees a new client", len(after - addresses), bool(after - addresses) and bool(addresses))
    report.recovery = recovery(samples, listed)
    report.at_most("serves again", report.recovery, 5)
    return report


def client_stuck(rehearsal: Rehearsal) -> Report:
    """If librados hangs in a deadlock, so that not even its timeouts work, the service must continue with another client.

    The new client blocklists the first one. When the first one continues, it must do no harm.
    """
    scale, cluster = rehearsal.scale, rehearsal.cluster
    report = Report("client-stuck", "the threads of the daemon's Ceph client stand still under load")
    # A probe every 5 s notices it when a call has lasted twice the client's own timeout.
    noticed = PROBE_INTERVAL + 2 * scale.deadline
    # In the short form, a busy machine may take longer to notice an expired lease.
    taken_over = noticed + 2 * LEASE * min(scale.patience, 2)
    with rehearsal.pools(2) as pools, rehearsal.daemon(report.name, lease=LEASE) as daemon:
        pid = daemon.pid
        # So many clients that some are in the middle of a change.
        with rehearsal.load(daemon, {pool: 6 for pool in pools}) as load:
            time.sleep(2)
            before = cluster.addresses_of_service()
            threads = 0
            while not threads:
                with frozen_client(pid) as found:
                    # Without a claim, the first client could do no harm, and nobody would blocklist it.
                    if not any(cluster.claims(pool) for pool in pools):
                        continue
                    threads, frozen = found, time.perf_counter()
                    # The claims of the first client are taken over after a lease.
                    time.sleep(taken_over + scale.after)
                    after = cluster.addresses_of_service()
                    result: Result = load.finish()
            time.sleep(scale.after)
        take(report, result)
        report.notes.append(
            f"{threads} threads were frozen; the client was {', '.join(sorted(before))}, then {', '.join(sorted(after - before))}")
        report.holds("the same process", f"{pid}, then {daemon.pid if daemon.lives else 'none'}", daemon.lives and daemon.pid == pid)
        shut_out = cluster.ceph("osd", "blocklist", "ls")
        exiles = sum(address in shut_out for address in before)
        report.holds("the first client is blocklisted", exiles, exiles > 0)
        for pool in pools:
            audit(report, cluster, daemon.address, pool, result.ledgers[pool])
    samples = [sample for sample in result.samples if sample.ended >= frozen]
    held = [sample.ended - frozen for sample in samples if sample.code == "change-in-progress"]
    report.at_most("images and names that the first client had claimed can be changed again", max(held, default=0), taken_over)
    report.recovery = recovery(samples, frozen)
    report.at_most("serves again", report.recovery, noticed + scale.deadline)
    return report


def pool_full(rehearsal: Rehearsal) -> Report:
    """Ceph lets writes to a full pool wait forever. The service refuses them, and says how to make space."""
    scale, cluster = rehearsal.scale, rehearsal.cluster
    report = Report("pool-full", "pool over its quota")
    with rehearsal.pools(1) as (pool,), quota_lifted(rehearsal, pool), rehearsal.daemon(report.name) as daemon:
        address, ledger = daemon.address, Ledger()
        for number in range(4):
            answer = count(report, asyncio.run(once(address, "PUT", image(pool, f"kept-{number}"), {"size": 1 << 24})))
            if answer.status == 201:
                ledger.settle(f"kept-{number}", 1 << 24)
        filling = rehearsal.logs / "filling"
        filling.write_bytes(random.Random(1).randbytes(8 << 20))
        cluster.tool("rados", "-p", pool, "put", "filling", str(filling))
        cluster.ceph("osd", "pool", "set-quota", pool, "max_bytes", str(4 << 20))
        await_flag(rehearsal, pool, True)
        # The daemon learns of the flag a moment later.
        time.sleep(2)
        answers = asyncio.run(use_full_pool(address, pool, scale.full_requests, rehearsal.limit))
        judge_full(report, pool, answers, 0.1 * scale.patience)
        cluster.ceph("osd", "pool", "set-quota", pool, "max_bytes", str(1 << 30))
        await_flag(rehearsal, pool, False)
        raised = time.perf_counter()
        moment = eventually(address, "PUT", image(pool, "after"), {"size": 1 << 20}, {200, 201}, 10, report)
        if moment is not None:
            ledger.settle("after", 1 << 20)
        gone = eventually(address, "DELETE", image(pool, "kept-0"), None, {200}, 10, report)
        if gone is not None:
            ledger.settle("kept-0", None)
        report.recovery = None if moment is None or gone is None else max(moment, gone) - raised
        report.at_most("writes work again once the flag is gone", report.recovery, 5)
        audit(report, cluster, address, pool, ledger)
    return report


@contextmanager
def quota_lifted(rehearsal: Rehearsal, pool: str) -> Iterator[None]:
    """Removes the quota at the end, whatever happens, because a full pool can't even be emptied."""
    try:
        yield
    finally:
        rehearsal.cluster.ceph("osd", "pool", "set-quota", pool, "max_bytes", "0")
        await_flag(rehearsal, pool, False)


def await_flag(rehearsal: Rehearsal, pool: str, full: bool) -> None:
    """Waits until Ceph flags the pool as full, or no longer as full. That takes some seconds."""
    if not within(40, lambda: ("full" in rehearsal.cluster.flags(pool)) == full):
        raise RuntimeError(f"the pool was {'not ' if full else ''}flagged full within 40 s")
    if not within(40, rehearsal.cluster.knows_the_map):
        raise RuntimeError("the OSDs did not get the map with the flag within 40 s")


async def use_full_pool(address: Address, pool: str, rounds: int, limit: float) -> list[Answer]:
    """Sends each kind of request to a full pool, in turns."""
    connection = Connection(address)
    answers = []
    for number in range(rounds):
        document = {"size": 1 << 20}
        for method, target, body in (
            ("PUT", image(pool, f"new-{number}"), document),
            ("POST", images(pool), {"name": f"newer-{number}", **document}),
            ("DELETE", image(pool, f"kept-{number % 4}"), None),
            ("GET", image(pool, f"kept-{number % 4}"), None),
            ("GET", images(pool), None),
        ):
            answers.append(await connection.request(method, target, body, timeout=limit + 10))
    connection.close()
    return answers


def judge_full(report: Report, pool: str, answers: list[Answer], limit: float) -> None:
    writes = [count(report, answer) for answer in answers if answer.method != "GET"]
    reads = [count(report, answer) for answer in answers if answer.method == "GET"]
    refused = [answer for answer in writes if (answer.status, answer.code) == (507, "pool-full")]
    report.holds("writes are answered 507 pool-full", f"{len(refused)} of {len(writes)}", len(refused) == len(writes))
    report.at_most("every write", max(answer.seconds for answer in writes), limit, "ms")
    telling = [
        answer for answer in refused
        if any(character.isdigit() for character in answer.document.get("detail", "").replace(pool, ""))
        and "set-quota" in answer.document.get("hint", "") and pool in answer.document.get("hint", "")
    ]
    report.holds("refusals have the numbers and a command that helps", f"{len(telling)} of {len(writes)}", len(telling) == len(writes))
    report.notes += [f"{refused[0].document.get('detail')}; hint: {refused[0].document.get('hint')}"] if refused else []
    served = sum(answer.status == 200 for answer in reads)
    report.holds("reads are served", f"{served} of {len(reads)}", served == len(reads))
    for answer in answers:
        reason = blunder(answer, float("inf"))
        wanted = 200 if answer.method == "GET" else 507
        if reason or answer.status != wanted:
            report.wrong.append(f"{answer}: {reason or f'expected {wanted}'}")
