# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Runs several replicas with conflicting clients and faults. Then it checks that the answers are consistent, and that every object
in the pool belongs to an image."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from accounting import Audit
from child import Child, fork
from cluster import Cluster, within
from collisions import Load, Settings, collide
from daemon import raise_open_files
from episode import GOLDEN, GOLDEN_SIZE, GOLDEN_SNAPSHOT
from faults import CALM_RATES, SHORT_RATES, Faults, Rates, Replica
from history import History
from judge import Judged, judge, judge_all, tell
from report import Report, explain
from wire import get, image, once

POOL = "rbd"
# How long the checker may take after the load has ended, in seconds.
CHECKING = 3600
# The number of bad histories that are printed in full.
MOST_TOLD = 10


@dataclass(frozen=True)
class Form:
    """The size of a run."""

    seconds: float = 3600
    replicas: int = 3
    clients: int = 16
    rates: Rates = field(default_factory=Rates)
    # A run of an hour must have at least this many, so that its outcome means something.
    kills: int = 200
    stops: int = 50
    operations: int = 100_000

    def at_least(self, number: int) -> int:
        """Scales the number down for a run of less than an hour, with some tolerance."""
        if self.rates is CALM_RATES:
            return 0
        return number if self.seconds >= 3600 else int(0.7 * number * self.seconds / 3600)


SHORT = Form(seconds=80, rates=SHORT_RATES)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Run:
    def __init__(self, cluster: Cluster, binary: Path, logs: Path, form: Form, seed: int) -> None:
        self.cluster = cluster
        self.form = form
        self.seed = seed
        self.kept = logs
        self.waiting = logs / "episodes"
        self.waiting.mkdir(parents=True)
        self.replicas = [Replica(binary, cluster, logs / f"replica-{number}.log", 0) for number in range(form.replicas)]
        self.report = Report("histories", f"{form.replicas} replicas, {form.clients} clients, faults for {form.seconds:.0f} s")
        self.findings: list[str] = []
        self.faults: Faults
        self.load: Load
        self.judged: Judged

    def go(self) -> None:
        raise_open_files()
        self.prepare()
        out = fork.Array("b", self.form.replicas)
        count = fork.Value("l", 0)
        self.faults = Faults(self.cluster, self.replicas, self.form.rates, self.seed, out)
        settings = Settings([replica.address for replica in self.replicas], POOL, self.form.clients, self.seed, Replica.lease,
                            self.waiting)
        clients = Child(collide, settings, out, count)
        checker = Child(judge_all, self.waiting, self.kept)
        try:
            self.strike(clients, count)
            say("the faults have ended; the clients complete their episodes …")
            self.load = clients.finish(400)
            self.settle()
            say("checking the remaining episodes …")
            self.judged = checker.finish(CHECKING)
        finally:
            self.faults.is_over.set()
            self.cluster.resume_all()
            clients.kill()
            checker.kill()
            for replica in self.replicas:
                replica.signal(signal.SIGCONT)
                replica.stop()
        self.conclude()

    # Before

    def prepare(self) -> None:
        """Makes the OSD's read lease longer than every stop. An OSD without peers never renews the lease, and would hang forever."""
        self.cluster.ceph("config", "set", "osd", "osd_pool_default_read_lease_ratio", "100")
        # The OSD reads the setting when it gets a new map. This flag makes a new map, and also prevents scrubs.
        self.cluster.ceph("osd", "pool", "set", POOL, "noscrub", "1")
        for replica in self.replicas:
            replica.start()
        asyncio.run(self.make_golden())

    async def make_golden(self) -> None:
        address = self.replicas[0].address
        for name, is_plain in GOLDEN.items():
            features = {"features": ["layering"]} if is_plain else {}
            made = await once(address, "PUT", image(POOL, name), {"size": GOLDEN_SIZE, **features})
            taken = await once(address, "POST", f"{image(POOL, name)}/snapshots", {"name": GOLDEN_SNAPSHOT})
            if made.status not in (200, 201) or taken.status not in (201, 409):
                raise RuntimeError(f"the parents of the clones can't be made: {made}, {taken}")

    # During

    def strike(self, clients: Child, count: object) -> None:
        began = time.perf_counter()
        end = began + self.form.seconds
        self.faults.begin()
        while (now := time.perf_counter()) < end:
            if clients.ended():
                clients.result(1)
                raise RuntimeError("the clients ended by themselves")
            self.faults.run(min(end, now + min(60, self.form.seconds / 4)))
            seconds = time.perf_counter() - began
            done = count.value  # type: ignore[attr-defined]
            bad = len(list(self.kept.glob("e*-shrunk.json")))
            say(f"  {seconds:5.0f} s: {done} operations, {done / seconds:.0f} a second; "
                + ", ".join(f"{number} {kind}" for kind, number in sorted(self.faults.counts.items()))
                + f"; {len(list(self.waiting.glob('e*.json')))} episodes left to check, {bad} bad")
        self.faults.heal()

    # After

    def settle(self) -> None:
        """Once the replicas have had the time to take over interrupted changes, nothing may be left half-made."""
        seconds = 2 * Replica.lease + 2 * Replica.ceph_timeout + 15
        self.unfinished = "unknown"

        def is_finished() -> bool:
            found = asyncio.run(self.operations())
            self.unfinished = "none" if not found else "; ".join(found[:5])
            return found == []

        def is_clean() -> bool:
            self.findings = Audit(self.cluster.conf, POOL).run()
            return not self.findings
        self.report.holds("no operation is left unfinished", self.unfinished if not within(seconds, is_finished, 1) else "none",
                          self.unfinished == "none")
        within(seconds, is_clean, 2)

    async def operations(self) -> list[str]:
        found = []
        for state in ("queued", "running"):
            answer = await get(self.replicas[0].address, f"/v1/operations?pool={POOL}&state={state}&limit=1000", 15)
            if answer.status != 200:
                return [str(answer)]
            found += [f"{item['id']} {item['kind']} of {item['imageId']} is {state}" for item in answer.document["items"]]
        return found

    def conclude(self) -> None:
        report, load, judged, counts, form = self.report, self.load, self.judged, self.faults.counts, self.form
        report.requests = load.operations
        report.worst = load.slowest
        report.holds("operations", load.operations, load.operations >= form.at_least(form.operations))
        report.holds("replicas killed", counts["kill"], counts["kill"] >= form.at_least(form.kills))
        report.holds("replicas stopped past the lease", counts["stop"], counts["stop"] >= form.at_least(form.stops))
        torn = f", of which {judged.torn} only for names and images read at two moments" if judged.torn else ""
        report.holds("histories that are not linearizable", f"{len(judged.bad)}{torn}", not judged.bad)
        report.holds("histories that could not be decided", len(judged.undecided), not judged.undecided)
        report.holds("episodes whose last reads were never answered", len(judged.silent), not judged.silent)
        report.holds("answers without the Retry-After that they need", sum(load.silent.values()), not load.silent)
        report.holds("findings of the audit", len(self.findings), not self.findings)
        report.holds("replicas that ended by themselves", len(self.faults.troubles), not self.faults.troubles)
        report.notes += [
            f"seed {self.seed}; {form.replicas} replicas, {form.clients} clients, lease {Replica.lease:g} s",
            f"{load.operations / load.seconds:.0f} operations a second; the slowest took {load.slowest:.1f} s",
            f"faults: {counts['kill']} kills, {counts['stop']} stops past the lease, {counts['osd-stop']} stops of the OSD, "
            f"{counts['osd-slow']} slow periods of the OSD, {counts['blocklist']} blocklistings",
            f"{load.episodes} episodes; {judged.passed} linearizable; checking took {judged.seconds:.0f} s in all, "
            f"at most {judged.slowest:.2f} s and {judged.most_ways} possible orders for one history",
        ]
        odd = sorted(judged.odd.items(), key=lambda item: -item[1])
        if odd:
            report.notes.append("answers that the model does not know: " + ", ".join(f"{what} × {n}" for what, n in odd[:12]))
        failures = [f"{what} × {n}" for what, n in load.answers.most_common() if what.split(": ")[1].startswith("5")]
        if failures:
            report.notes.append(f"failures: {', '.join(failures[:12])}")
        if load.silent:
            report.notes.append(f"without Retry-After: {', '.join(f'{what} × {n}' for what, n in load.silent.most_common(8))}")
        if load.unswept:
            report.notes.append(f"could not be removed: {len(load.unswept)}, such as {load.unswept[0]}")
        report.notes += self.faults.troubles[:5]
        (self.kept / "answers.json").write_text(json.dumps(dict(load.answers.most_common()), indent=1))
        (self.kept / "faults.txt").write_text("".join(f"{moment:.3f} {words}\n" for moment, words in self.faults.events))
        (self.kept / "audit.txt").write_text("".join(f"{finding}\n" for finding in self.findings))
        self.tell_bad()

    def tell_bad(self) -> None:
        """Prints each bad history with the faults around it, and stores it as a file that can become a test."""
        for number, path in enumerate(sorted(self.judged.bad + self.judged.undecided + self.judged.silent)):
            history = History.load(path)
            self.add_faults(history, path)
            if path in self.judged.bad:
                whole = path.with_name(f"{history.episode}.json")
                self.add_faults(History.load(whole), whole)
            if number < MOST_TOLD and history.unanswered:
                say(f"{history.episode}: never answered: {'; '.join(history.unanswered[:4])}")
            if number < MOST_TOLD and path in self.judged.bad:
                say(tell(history, judge(history)))

    def add_faults(self, history: History, path: Path) -> None:
        history.faults = [(moment, words) for moment, words in self.faults.events
                          if history.began - 3 * Replica.lease < moment < history.ended + 1]
        history.save(path)


def rehearse(cluster: Cluster, binary: Path, logs: Path, form: Form, seed: int) -> tuple[int, int]:
    """Returns the number of good histories, and the number of bad histories and other missed bounds."""
    run = Run(cluster, binary, logs, form, seed)
    run.go()
    judged = run.judged
    print(explain(run.report))
    for finding in run.findings[:20]:
        print(f"  audit: {finding}")
    if len(run.findings) > 20:
        print(f"  … and {len(run.findings) - 20} more")
    histories = len(judged.bad) + len(judged.undecided) + len(judged.silent)
    besides = [bound for bound in run.report.bounds if not bound.met and not bound.promise.startswith(("histories", "episodes"))]
    return judged.passed, histories + len(besides)
