# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Long work, which is cancelled or interrupted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from daemon import Daemon
from rehearsal import Rehearsal, count, eventually
from report import Report
from wire import Answer, images, once

# How long cancelled work may take to stop, and a terminated process to end, in seconds.
STOPPED = 2
ENDED = 45
# How long an operation may take to begin, in seconds.
BEGUN = 30

# The request that begins each kind of work on an image, and whether the work can be cancelled.
WORK: dict[str, tuple[str, str, Any, bool]] = {
    "copy": ("POST", "/copy", {"name": "copied"}, True),
    "copy with snapshots": ("POST", "/copy", {"name": "copied", "withSnapshots": True}, True),
    "flatten": ("POST", "/flatten", None, True),
    "sparsify": ("POST", "/sparsify", None, True),
    "purge": ("DELETE", "?purge=true", None, True),
    "shrink": ("PATCH", "", {"size": "1MiB", "allowShrink": True, "confirmSize": "1MiB"}, False),
    "rollback": ("POST", "/snapshots/s/rollback?confirm=s", None, False),
}


def cancel(rehearsal: Rehearsal) -> Report:
    """Work that takes minutes stops when it is cancelled, or the service refuses to cancel it. SIGTERM ends the process in any case."""
    scale = rehearsal.scale
    report = Report("cancel", f"each kind of long work on an image of {scale.long_image}, cancelled, and interrupted by SIGTERM")
    worst = slowest = 0.0
    for kind, (method, path, document, is_cancellable) in WORK.items():
        with rehearsal.pools(1) as (pool,):
            with rehearsal.daemon(f"cancel-{kind.replace(' ', '-')}") as daemon:
                make_long(rehearsal, report, daemon, pool)
                id = begin(report, daemon, pool, method, path, document)
                if id is None:
                    continue
                asked = time.perf_counter()
                answer = ask(report, daemon, "DELETE", f"/v1/operations/{id}")
                if is_cancellable:
                    last = polled(report, daemon, id, 60, lambda now: now.get("finishedAt"))
                    took = time.perf_counter() - asked
                    worst = max(worst, took)
                    report.notes.append(f"{kind}: stopped after {took:.2f} s")
                    if last.get("state") != "cancelled":
                        report.wrong.append(f"{kind}: {last.get('state')} {took:.1f} s after it was cancelled")
                    # Begin the cancelled work again, except for a purge, which has removed part of the image.
                    id = None if kind == "purge" else begin(report, daemon, pool, method, path, document)
                elif answer.code != "operation-not-cancellable":
                    report.wrong.append(f"{kind}: {answer}")
                terminated = time.perf_counter()
                daemon.terminate()
                code = daemon.wait(ENDED + 30)
                slowest = max(slowest, time.perf_counter() - terminated)
                if code != 0:
                    report.wrong.append(f"{kind}: exit code {code} after SIGTERM")
            if id is None:
                continue
            with rehearsal.daemon("cancel-after") as daemon:
                if eventually(daemon.address, "GET", f"/v1/operations/{id}", None, {200}, BEGUN, report) is None:
                    report.lost.append(f"{kind}: the operation is gone")
                elif not goes_on(report, daemon, id):
                    report.wrong.append(f"{kind}: it does not continue after SIGTERM")
    report.at_most("work stops after its cancellation", worst, STOPPED * scale.patience)
    report.at_most("the process ends after SIGTERM", slowest, ENDED)
    return report


def make_long(rehearsal: Rehearsal, report: Report, daemon: Daemon, pool: str) -> None:
    """Makes a clone so large that work on each of its objects takes minutes. It has no object map, and hardly any data."""
    source = {"size": rehearsal.scale.long_image, "features": ["layering"]}
    for method, target, document in [
        ("PUT", f"{images(pool)}/source", source),
        ("POST", f"{images(pool)}/source/snapshots", {"name": "s"}),
        ("PUT", f"{images(pool)}/image", {"source": {"image": "source", "snapshot": "s"}, "features": ["layering"]}),
        ("POST", f"{images(pool)}/image/snapshots", {"name": "s"}),
    ]:
        answer = ask(report, daemon, method, target, document)
        if answer.status not in (200, 201):
            report.wrong.append(f"{answer}")
    rehearsal.cluster.tool(
        "rbd", "bench", "--io-type", "write", "--io-size", "64K", "--io-total", "4M", "--io-pattern", "rand", f"{pool}/source")
    rehearsal.cluster.tool(
        "rbd", "bench", "--io-type", "write", "--io-size", "64K", "--io-total", "4M", "--io-pattern", "rand", f"{pool}/image")


def ask(report: Report, daemon: Daemon, method: str, target: str, document: Any = None) -> Answer:
    return count(report, asyncio.run(once(daemon.address, method, target, document)))


def begin(report: Report, daemon: Daemon, pool: str, method: str, path: str, document: Any) -> str | None:
    """Begins the work, and waits until it is running."""
    if path == "?purge=true":
        # A purge is refused while the image has snapshots.
        ask(report, daemon, "DELETE", f"{images(pool)}/image/snapshots/s")
    answer = ask(report, daemon, method, f"{images(pool)}/image{path}", document)
    if answer.status != 202:
        report.wrong.append(f"{answer}")
        return None
    id = operation_of(answer)
    now = polled(report, daemon, id, BEGUN, lambda now: now.get("state") == "running")
    if now.get("state") == "running":
        time.sleep(0.3)
        return id
    report.wrong.append(f"{method} {path}: the operation does not begin: {now}")
    return None


def operation_of(answer: Answer) -> str:
    """The id of the operation that the answer names or describes."""
    told = answer.document.get("operation") or answer.document
    return str(told if isinstance(told, str) else told["id"])


def polled(report: Report, daemon: Daemon, id: str, seconds: float, is_wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Polls the operation until `is_wanted` or until the time is over. Returns its last state."""
    limit = time.perf_counter() + seconds
    while True:
        now: dict[str, Any] = ask(report, daemon, "GET", f"/v1/operations/{id}").document
        if is_wanted(now) or time.perf_counter() > limit:
            return now
        time.sleep(0.02)


def goes_on(report: Report, daemon: Daemon, id: str) -> bool:
    """Whether a process continues the operation or has completed it."""
    def is_taken_up(now: dict[str, Any]) -> bool:
        return now.get("state") == "succeeded" or (now.get("state") == "running" and now.get("attempts", 0) > 1)
    return is_taken_up(polled(report, daemon, id, BEGUN, is_taken_up))
