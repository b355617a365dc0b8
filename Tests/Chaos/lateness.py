# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""An OSD that executes a change late: after the client has given up and undone the rest."""

from __future__ import annotations

import asyncio
import time

from accounting import Audit
from cluster import Cluster
from daemon import Daemon
from rehearsal import Rehearsal, count, eventually
from report import Report
from wire import Answer, images, once

# How long the OSD is stopped, in deadlines. librbd gives up on the change, and on each of the changes that undo the rest.
SLEEP = 3
# How long cleaning up may take, in seconds: the claim is released, and the search for headers runs.
CLEARED = 60


def late_creates(rehearsal: Rehearsal) -> Report:
    """The OSD stops right before one change of a clone or a copy, and executes it after librbd has given up and undone the rest."""
    scale, cluster = rehearsal.scale, rehearsal.cluster
    rounds = [("clone", change) for change in scale.late_clones] + [("copy", change) for change in scale.late_copies]
    report = Report("late-creates", f"OSD stopped right before one of the changes of a clone or a copy, {len(rounds)} times")
    findings: list[str] = []
    whole = 0
    with rehearsal.pools(1) as (pool,):
        with rehearsal.daemon(report.name) as daemon:
            ask(report, daemon, "PUT", f"{images(pool)}/source", {"size": "64MiB"})
            ask(report, daemon, "POST", f"{images(pool)}/source/snapshots", {"name": "of-clones"})
        for kind, change in rounds:
            name = f"{kind}-{change}"
            with stopping(rehearsal, name, change) as daemon:
                began = time.perf_counter()
                if kind == "clone":
                    document: object = {"source": {"image": "source", "snapshot": "of-clones"}}
                    answer = ask(report, daemon, "PUT", f"{images(pool)}/{name}", document)
                else:
                    answer = ask(report, daemon, "POST", f"{images(pool)}/source/copy", {"name": name})
                time.sleep(max(0, began + SLEEP * scale.deadline - time.perf_counter()))
                cluster.resume("osd.0")
                if answer.status not in (200, 201, 202, 503, 504):
                    report.wrong.append(f"{name}: {answer}")
                left = until_cleared(cluster, pool)
                findings += [f"{name}: {finding}" for finding in left]
                target = f"{images(pool)}/{name}"
                if eventually(daemon.address, "GET", target, None, {200, 404}, CLEARED, report) is None:
                    findings.append(f"{name}: it is not known whether the image exists")
                elif name in cluster.image_names(pool):
                    whole += 1
                    if eventually(daemon.address, "DELETE", f"{target}?purge=true", None, {202, 204, 404}, CLEARED, report) is None:
                        findings.append(f"{name}: the image can't be deleted")
    report.notes.append(f"{whole} of {len(rounds)} images were created nevertheless")
    report.holds("no object is left over or missing", len(findings), not findings)
    report.wrong += findings
    return report


def stopping(rehearsal: Rehearsal, name: str, change: int):  # type: ignore[no-untyped-def]
    """Runs a daemon that stops the OSD right before the daemon's change of that number."""
    cluster = rehearsal.cluster
    environment = {
        "LD_PRELOAD": str(rehearsal.cut_off), "CUT_OFF_AT": str(change), "CUT_OFF_SIGNAL": "19",
        "CUT_OFF_PID": str(cluster.pid("osd.0")),
    }
    # This makes sure that the OSD is resumed, whatever happens.
    cluster.suspended.add("osd.0")
    return rehearsal.daemon(f"late-{name}", environment=environment)


def ask(report: Report, daemon: Daemon, method: str, target: str, document: object) -> Answer:
    return count(report, asyncio.run(once(daemon.address, method, target, document)))


def until_cleared(cluster: Cluster, pool: str) -> list[str]:
    """Returns the findings of the audit: objects that are left over or missing after the time for cleaning up."""
    limit = time.perf_counter() + CLEARED
    while True:
        findings = Audit(cluster.conf, pool).run()
        if not findings or time.perf_counter() > limit:
            return findings
        time.sleep(0.5)
