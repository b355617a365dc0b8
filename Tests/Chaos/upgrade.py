# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Upgrades a cluster and a service under load."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accounting import Audit
from child import Child, fork
from cluster import POOLS, within
from daemon import Daemon
from load import TROUBLE, Client, Ledger, Result, Sample, blunder, recovery
from rehearsal import Rehearsal, audit, sleep_until, take
from report import Report
from wire import Address, Answer, Connection, get, image, images, once

# The releases that the cluster is upgraded to, in this order. dev/chaos starts it with an older one.
RELEASES = ("18", "20")
COMMAND = Path(__file__).parents[2] / "dev/cluster"
LEASE = 10
# How long running operations may take to finish after the upgrade, in seconds.
SETTLING = 120
# How long the upgrade of all daemons to a release may take, in seconds.
UPGRADING = 600
# The images that are copied again and again. The copy of the long one takes longer than the restart of a daemon.
SOURCES = {"small": "64MiB", "long": "256GiB"}
# One of this many copies stays, and is compared with its source at the end.
KEPT_OF = 4


@dataclass
class Copies:
    """The results of the clients that copy and purge."""

    result: Result = field(default_factory=Result)
    states: Counter[str] = field(default_factory=Counter)
    kept: dict[str, str] = field(default_factory=dict)
    # The highest number of attempts of one operation.
    attempts: int = 0


class Balanced:
    """Sends requests only to replicas that are not being replaced, like a load balancer."""

    def __init__(self, addresses: list[Address], out: Any, first: int) -> None:
        self.connections = [Connection(address) for address in addresses]
        self.out = out
        self.turn = first

    @property
    def connection(self) -> Connection:
        self.turn += 1
        into = [connection for number, connection in enumerate(self.connections) if not self.out[number]]
        return into[self.turn % len(into)]


class BalancedClient(Client):
    def __init__(self, balanced: Balanced, *arguments: Any) -> None:
        super().__init__(balanced.connections[0].address, *arguments)
        self.balanced = balanced

    async def ask(self, method: str, target: str, document: object = None) -> Answer:
        self.connection = self.balanced.connection
        return await super().ask(method, target, document)


class Copier:
    """Copies an image and purges most of the copies again, one operation after the other."""

    def __init__(self, balanced: Balanced, pool: str, source: str, limit: float, copies: Copies) -> None:
        self.balanced = balanced
        self.pool = pool
        self.source = source
        self.limit = limit
        self.copies = copies

    async def run(self, stop: asyncio.Event) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            name = f"{self.source}-{number}"
            answer = await self.ask("POST", f"{image(self.pool, self.source)}/copy", {"name": name})
            if answer.status != 202 or not await self.follow(answer):
                await asyncio.sleep(0.2)
            elif number % KEPT_OF == 1 and self.source != "long":
                self.copies.kept[name] = self.source
            else:
                answer = await self.ask("DELETE", f"{image(self.pool, name)}?purge=true")
                if answer.status == 202:
                    await self.follow(answer)

    async def follow(self, begun: Answer) -> bool:
        """Whether the operation succeeds. It must succeed even if its replica was replaced and it was interrupted several times."""
        told = begun.document.get("operation") or begun.document
        id = told if isinstance(told, str) else told["id"]
        while True:
            answer = await self.ask("GET", f"/v1/operations/{id}")
            if answer.status == 200 and answer.document.get("finishedAt"):
                state = answer.document["state"]
                self.copies.states[f"{answer.document['kind']} {state}"] += 1
                self.copies.attempts = max(self.copies.attempts, answer.document.get("attempts", 0))
                if state != "succeeded":
                    self.copies.result.wrong.append(f"operation {id}: {answer.document}")
                return bool(state == "succeeded")
            await asyncio.sleep(0.1)

    async def ask(self, method: str, target: str, document: object = None) -> Answer:
        answer = await self.balanced.connection.request(method, target, document, timeout=self.limit + 10)
        reason = blunder(answer, self.limit)
        fine = answer.status in (200, 202)
        if not fine and not reason and (answer.status, answer.code) not in TROUBLE:
            reason = "unexpected answer"
        if reason:
            self.copies.result.wrong.append(f"{answer}: {reason}")
        self.copies.result.samples.append(
            Sample(self.pool, answer.began, answer.ended, answer.status, answer.code, fine and not reason))
        return answer


async def load(
    stop: asyncio.Event, addresses: list[Address], out: Any, clients: int, limit: float, pause: float
) -> tuple[Result, Copies]:
    """Runs clients on both pools, and copying clients on the first pool."""
    result, copies = Result(), Copies()
    tasks = [BalancedClient(Balanced(addresses, out, number), pool, f"v{number}", limit, pause, result).run(stop)
             for pool in POOLS for number in range(clients)]
    tasks += [Copier(Balanced(addresses, out, 0), POOLS[0], source, limit, copies).run(stop) for source in SOURCES]
    await asyncio.gather(*tasks)
    return result, copies


class Upgrade:
    def __init__(self, rehearsal: Rehearsal, previous: Path) -> None:
        self.rehearsal = rehearsal
        self.cluster = rehearsal.cluster
        self.replicas = [
            Daemon(previous, self.cluster, rehearsal.logs / f"upgrade-{number}.log", rehearsal.scale.deadline, lease=LEASE)
            for number in range(2)
        ]
        self.out = fork.Array("b", 2)
        self.report = Report("upgrade", f"upgrade to another version of the service, and to Ceph {', then '.join(RELEASES)}, under load")
        self.moments: list[tuple[str, float]] = []

    def go(self) -> Report:
        report, scale = self.report, self.rehearsal.scale
        with self.rehearsal.pools(2):
            try:
                for replica in self.replicas:
                    replica.start()
                digests = self.make_sources()
                addresses = [replica.address for replica in self.replicas]
                child = Child(load, addresses, self.out, scale.clients, self.rehearsal.limit, scale.pause)
                try:
                    self.upgrade_all()
                    well = time.perf_counter()
                    sleep_until(well + scale.after)
                    result, copies = child.finish(SETTLING + 60)
                finally:
                    child.kill()
                self.judge(result, copies, digests, well)
            finally:
                for replica in self.replicas:
                    replica.stop()
        return report

    def make_sources(self) -> dict[str, str]:
        """Makes the images to copy, with data. The long one has no object map, so that a copy reads each of its objects."""
        digests = {}
        for name, size in SOURCES.items():
            features = {} if name == "small" else {"features": ["layering"]}
            answer = asyncio.run(once(self.replicas[0].address, "PUT", image(POOLS[0], name), {"size": size, **features}))
            if answer.status != 201:
                raise RuntimeError(f"the images to copy can't be made: {answer}")
            self.cluster.tool("rbd", "bench", "--io-type", "write", "--io-size", "64K", "--io-total", "8M", "--io-pattern", "rand",
                              f"{POOLS[0]}/{name}")
            if name == "small":
                digests[name] = self.digest(name)
        return digests

    def digest(self, name: str) -> str:
        command = ["rbd", "-c", str(self.cluster.conf), "export", "--no-progress", f"{POOLS[0]}/{name}", "-"]
        return hashlib.sha256(subprocess.run(command, capture_output=True, check=True, timeout=120).stdout).hexdigest()

    def upgrade_all(self) -> None:
        calm = self.rehearsal.scale.calm
        self.mark("load begins")
        time.sleep(calm)
        for number in range(len(self.replicas)):
            self.replace(number)
            # Both versions serve side by side for this time.
            time.sleep(calm)
        for release in RELEASES:
            self.mark(f"upgrade to {release}")
            subprocess.run([str(COMMAND), "upgrade", "--ceph", release, str(self.cluster.directory)],
                           stdin=subprocess.DEVNULL, check=True, timeout=UPGRADING)
            self.mark(f"all daemons are of {release}")
            time.sleep(calm)

    def replace(self, number: int) -> None:
        """Replaces a replica as a Deployment does: it gets no further requests, it ends, and another process takes its place."""
        replica = self.replicas[number]
        self.out[number] = 1
        time.sleep(1)
        began = time.perf_counter()
        replica.terminate()
        code = replica.wait(45)
        took = f"exit code {code} after {time.perf_counter() - began:.1f} s"
        self.report.holds(f"replica {number} ends after SIGTERM ≤ 45 s", took, code == 0)
        replica.binary = self.rehearsal.binary
        replica.start()
        self.out[number] = 0
        self.mark(f"replica {number} is of the new version")

    def mark(self, what: str) -> None:
        self.moments.append((what, time.perf_counter()))

    # Judging

    def judge(self, result: Result, copies: Copies, digests: dict[str, str], well: float) -> None:
        report, address = self.report, self.replicas[0].address
        for found in (result, copies.result):
            take(report, found)
        report.at_most("every answer", report.worst, self.rehearsal.limit)
        samples = result.samples + copies.result.samples
        failures = Counter(f"{sample.status} {sample.code}" for sample in samples if not sample.fine)
        report.notes.append(f"{sum(failures.values())} of {len(samples)} requests failed: "
                            + (", ".join(f"{number} × {what}" for what, number in failures.most_common()) or "none"))
        first = next(moment for what, moment in self.moments if what.startswith("upgrade"))
        early = sum(not sample.fine for sample in samples if sample.ended < first)
        report.holds("no request fails while replicas are replaced", early, early == 0)
        ended = ", ".join(f"{number} × {what}" for what, number in sorted(copies.states.items()))
        report.holds("operations have ended", ended or "none", sum(copies.states.values()) >= 20)
        report.notes.append(f"no operation took more than {copies.attempts} attempts")
        report.recovery = recovery(samples, well)
        report.at_most("no more failures after the upgrade", report.recovery, 5)
        living = sum(replica.lives for replica in self.replicas)
        report.holds("all replicas are alive", f"{living} of {len(self.replicas)}", living == len(self.replicas))
        unfinished: list[str] = ["unknown"]

        def is_finished() -> bool:
            answers = [asyncio.run(get(address, f"/v1/operations?state={state}&limit=1000")) for state in ("queued", "running")]
            unfinished[:] = [str(answer) for answer in answers if answer.status != 200]
            unfinished.extend(f"{item['id']} {item['kind']}" for answer in answers for item in answer.document.get("items", []))
            return not unfinished
        within(SETTLING, is_finished, 1)
        report.holds("no operation is left unfinished", "; ".join(unfinished[:3]) or 0, not unfinished)
        findings: list[str] = ["unknown"]

        def is_clean() -> bool:
            findings[:] = [finding for pool in POOLS for finding in Audit(self.cluster.conf, pool).run()]
            return not findings
        within(SETTLING, is_clean, 2)
        report.holds("findings of the audit of all objects", "; ".join(findings[:3]) or 0, not findings)
        self.compare(copies, digests)
        for pool in POOLS:
            audit(report, self.cluster, address, pool, result.ledgers.get(pool, Ledger()))
        report.notes += [f"{what}: {moment - self.moments[0][1]:.0f} s" for what, moment in self.moments]

    def compare(self, copies: Copies, digests: dict[str, str]) -> None:
        """Checks that every acknowledged copy exists and has the data of its source. Then removes the copies and the sources, so that
        only the images of the other clients are left."""
        names = set(self.cluster.image_names(POOLS[0]))
        for name, source in copies.kept.items():
            if name not in names:
                self.report.lost.append(f"the copy {name} is gone")
            elif self.digest(name) != digests[source]:
                self.report.lost.append(f"the copy {name} has other data than {source}")
        self.report.notes.append(f"{len(copies.kept)} copies were compared with their source")
        for name in names:
            if name.startswith(tuple(SOURCES)):
                self.cluster.tool("rbd", "rm", "--no-progress", f"{POOLS[0]}/{name}", timeout=300)


def upgrade(rehearsal: Rehearsal) -> Report:
    """Upgrading the service and the cluster, one daemon after the other, must harm no client."""
    return Upgrade(rehearsal, rehearsal.previous or rehearsal.binary).go()
