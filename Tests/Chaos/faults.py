# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Faults under load, at random moments that depend on the seed: replicas are killed, stopped and blocklisted, and the OSD is
stopped and slowed down."""

from __future__ import annotations

import heapq
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cluster import Cluster
from daemon import Daemon

OSD = "osd.0"


class Replica(Daemon):
    """A daemon with a short lease, so that replicas often take over from each other."""

    lease = 4.0
    request_timeout = 10
    ceph_timeout = 5

    @property
    def settings(self) -> list[str]:
        timeouts = [f"--{name}-timeout={self.ceph_timeout}" for name in ("ceph-osd", "ceph-mon", "ceph-connect")]
        # No audit log: the history records the thousands of changes a minute already.
        return [f"--request-timeout={self.request_timeout}", *timeouts, f"--operation-lease={self.lease:g}s", "--audit-log=off"]

    def signal(self, number: int) -> None:
        if self.lives:
            os.kill(self.pid, number)


@dataclass(frozen=True)
class Rates:
    """The mean time between two faults of each kind, in seconds, and how long they last."""

    kill: float = 12
    stop: float = 42
    osd_stop: float = 75
    osd_slow: float = 80
    blocklist: float = 55
    longest_osd_stop: float = 12
    # In leases.
    shortest_stop: float = 2
    longest_stop: float = 3

    @property
    def means(self) -> dict[str, float]:
        return {"kill": self.kill, "stop": self.stop, "osd-stop": self.osd_stop, "osd-slow": self.osd_slow,
                "blocklist": self.blocklist}


# So rarely that no fault happens.
CALM_RATES = Rates(*[1e9] * 5)
SHORT_RATES = Rates(kill=7, stop=22, osd_stop=30, osd_slow=35, blocklist=24, longest_osd_stop=7)


class Faults:
    """A queue of actions and their times. One thread starts all daemons, because a daemon dies with the thread that started it."""

    def __init__(self, cluster: Cluster, replicas: list[Replica], rates: Rates, seed: int, out: Any) -> None:
        self.cluster = cluster
        self.replicas = replicas
        self.rates = rates
        # Tells the clients which replicas hang.
        self.out = out
        self.random = {kind: random.Random(f"{seed}/{kind}") for kind in rates.means}
        self.queue: list[tuple[float, int, Callable[[], None]]] = []
        self.serial = 0
        self.busy: set[int] = set()
        self.osd_is_busy = False
        self.counts: Counter[str] = Counter()
        self.events: list[tuple[float, str]] = []
        self.troubles: list[str] = []
        self.threads: list[threading.Thread] = []
        self.is_over = threading.Event()

    def note(self, words: str) -> None:
        self.events.append((time.perf_counter(), words))

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        self.serial += 1
        heapq.heappush(self.queue, (time.perf_counter() + seconds, self.serial, action))

    def begin(self) -> None:
        for kind in self.rates.means:
            self.plan(kind)
        self.watch()

    def watch(self) -> None:
        """Restarts replicas that have ended without being killed. Each one is a finding."""
        for number, replica in enumerate(self.replicas):
            if number not in self.busy and not replica.lives:
                self.troubles.append(f"replica {number} ended by itself with exit code {replica.wait(0)}")
                self.note(self.troubles[-1])
                self.start(number)
        self.later(1, self.watch)

    def plan(self, kind: str) -> None:
        self.later(self.rates.means[kind] * self.random[kind].uniform(0.5, 1.5), lambda: self.strike(kind))

    def strike(self, kind: str) -> None:
        self.plan(kind)
        {"kill": self.kill, "stop": self.stop, "osd-stop": self.stop_osd, "osd-slow": self.slow_osd,
         "blocklist": self.blocklist}[kind](self.random[kind])

    def run(self, until: float) -> None:
        """Runs the actions that are due, until that moment."""
        while (now := time.perf_counter()) < until:
            if self.queue and self.queue[0][0] <= now:
                heapq.heappop(self.queue)[2]()
            else:
                time.sleep(min(until - now, self.queue[0][0] - now if self.queue else 1, 0.2))

    def heal(self) -> None:
        """Ends all faults, and restarts whatever is down."""
        self.is_over.set()
        for thread in self.threads:
            thread.join()
        self.queue.clear()
        self.cluster.resume_all()
        for number, replica in enumerate(self.replicas):
            replica.signal(signal.SIGCONT)
            self.out[number] = 0
            if not replica.lives:
                self.start(number)
        self.note("all faults have ended")

    # Replicas

    def idle(self, chance: random.Random) -> int | None:
        idle = [number for number in range(len(self.replicas)) if number not in self.busy]
        return chance.choice(idle) if idle else None

    def kill(self, chance: random.Random) -> None:
        number = self.idle(chance)
        downtime = chance.uniform(0, 1.5)
        if number is None:
            return self.later(0.5, lambda: self.kill(chance))
        self.busy.add(number)
        self.note(f"replica {number} is killed")
        self.counts["kill"] += 1
        self.replicas[number].kill()
        self.later(downtime, lambda: self.start(number))

    def start(self, number: int) -> None:
        self.note(f"replica {number} is started")
        try:
            self.replicas[number].start(ready=False)
        except RuntimeError as error:
            self.troubles.append(f"replica {number}: {error}")
        self.busy.discard(number)

    def stop(self, chance: random.Random) -> None:
        number = self.idle(chance)
        lasts = Replica.lease * chance.uniform(self.rates.shortest_stop, self.rates.longest_stop)
        is_killed = chance.random() < 0.15
        if number is None:
            return self.later(0.5, lambda: self.stop(chance))
        self.busy.add(number)
        self.note(f"replica {number} is stopped for {lasts:.1f} s" + (" and then killed" if is_killed else ""))
        self.counts["stop"] += 1
        self.replicas[number].signal(signal.SIGSTOP)

        def mark() -> None:
            self.out[number] = 1

        def go_on() -> None:
            self.out[number] = 0
            if is_killed:
                self.busy.discard(number)
                self.replicas[number].kill()
                return self.start(number)
            self.note(f"replica {number} continues")
            self.replicas[number].signal(signal.SIGCONT)
            self.busy.discard(number)
        # A load balancer notices after some time.
        self.later(0.3, mark)
        self.later(lasts, go_on)

    def blocklist(self, chance: random.Random) -> None:
        """Blocklists the Ceph client of one replica. Which replica that is can't be seen from outside."""
        def work() -> None:
            try:
                addresses = sorted(self.cluster.addresses_of_service())
                if addresses:
                    address = chance.choice(addresses)
                    self.cluster.ceph("osd", "blocklist", "add", address, "600")
                    self.note(f"client {address} is blocklisted")
                    self.counts["blocklist"] += 1
            except Exception as error:
                self.troubles.append(f"blocklisting: {error}")
        self.beside(work)

    # The OSD

    def stop_osd(self, chance: random.Random) -> None:
        lasts = chance.uniform(1, self.rates.longest_osd_stop)
        if self.osd_is_busy:
            return self.later(1, lambda: self.stop_osd(chance))
        self.osd_is_busy = True
        self.note(f"the OSD is stopped for {lasts:.1f} s")
        self.counts["osd-stop"] += 1
        self.cluster.suspend(OSD)

        def go_on() -> None:
            self.note("the OSD continues")
            self.cluster.resume(OSD)
            self.osd_is_busy = False
        self.later(lasts, go_on)

    def slow_osd(self, chance: random.Random) -> None:
        """Slows the OSD down: it works for a moment and stops for a longer one, again and again."""
        lasts = chance.uniform(4, 10)
        if self.osd_is_busy:
            return self.later(1, lambda: self.slow_osd(chance))
        self.osd_is_busy = True
        self.note(f"the OSD is slow for {lasts:.1f} s")
        self.counts["osd-slow"] += 1

        def work() -> None:
            end = time.perf_counter() + lasts
            while time.perf_counter() < end and not self.is_over.is_set():
                self.cluster.suspend(OSD)
                time.sleep(chance.uniform(0.03, 0.12))
                self.cluster.resume(OSD)
                time.sleep(chance.uniform(0.01, 0.04))
            self.note("the OSD is fast again")
            self.osd_is_busy = False
        self.beside(work)

    def beside(self, work: Callable[[], None]) -> None:
        self.threads = [thread for thread in self.threads if thread.is_alive()]
        self.threads.append(threading.Thread(target=work))
        self.threads[-1].start()
