# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Rehearses outages. dev/chaos runs this, with a cluster of its own and the path of the daemon."""

from __future__ import annotations

import argparse
import dataclasses
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import abuse
import endings
import endurance
import fairness
import history_run
import kept
import lateness
import memory
import outages
import upgrade
from cluster import Cluster
from faults import CALM_RATES
from rehearsal import SHORT, Rehearsal, Scale
from report import Report, explain, markdown, table

SCENARIOS: dict[str, Callable[[Rehearsal], Report]] = {
    "osd-stopped": outages.osd_stopped,
    "monitor-stopped": outages.monitor_stopped,
    "start-without-cluster": outages.start_without_cluster,
    "killed": endings.killed,
    "client-blocklisted": outages.client_blocklisted,
    "client-stuck": outages.client_stuck,
    "late-creates": lateness.late_creates,
    "cancel": endurance.cancel,
    "memory": memory.memory,
    "pool-full": outages.pool_full,
    "slow-callers": abuse.slow_callers,
    "pipelining": abuse.pipelining,
    "greedy": fairness.greedy,
    "stuck-reads": fairness.stuck_reads,
    "malformed-requests": abuse.malformed_requests,
    "open-files": abuse.open_files,
    "terminated": endings.terminated,
}
# This scenario needs a cluster of its own that starts with an older release of Ceph.
UPGRADE = {"upgrade": upgrade.upgrade}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev/chaos")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--cluster", type=Path)
    parser.add_argument("--user")
    parser.add_argument("--keyring", type=Path)
    parser.add_argument("--binary", type=Path)
    parser.add_argument("--cut-off", type=Path)
    parser.add_argument("--logs", type=Path)
    parser.add_argument("--build", default="")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--scenario", action="append", choices=SCENARIOS)
    parser.add_argument("--upgrade", action="store_true")
    parser.add_argument("--previous", type=Path)
    parser.add_argument("--histories", action="store_true")
    parser.add_argument("--check-histories", action="store_true")
    parser.add_argument("--calm", action="store_true")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--replicas", type=int)
    parser.add_argument("--clients", type=int)
    return parser.parse_args()


def rehearse(name: str, rehearsal: Rehearsal) -> Report:
    """Runs one scenario. An error in the rehearsal itself is a failure too, because it has shown nothing."""
    cluster = rehearsal.cluster
    try:
        cluster.await_clean()
        report = (SCENARIOS | UPGRADE)[name](rehearsal)
        report.holds("no wrong answer, no volume lost", f"{len(report.wrong)} wrong, {len(report.lost)} lost",
                     not report.wrong and not report.lost)
    except Exception as error:
        report = Report(name, name.replace("-", " "))
        report.holds("the rehearsal completes", f"{type(error).__name__}: {error}", False)
        say(traceback.format_exc())
    finally:
        cluster.resume_all()
    report.name = name
    log = rehearsal.logs / f"{name}.log"
    if not report.passed and log.exists():
        # The file stays on the machine that ran this. Many readers have only the end of the output.
        report.notes += [f"log: {line[:300]}" for line in log.read_text(errors="replace").splitlines()[-12:]]
    return report


def describe(options: argparse.Namespace, scale: Scale) -> list[str]:
    """The conditions that the figures depend on."""
    deadline = scale.deadline
    form = "short form" if options.short else "full form"
    store = "bluestore" if options.upgrade else "memory"
    return [
        f"dev/chaos, {form}, {options.build or 'another'} build, seed {options.seed}, {os.cpu_count()} cores for clients, "
        f"daemon and cluster (a monitor, a manager, two OSDs in {store}).",
        f"The daemon ran with --request-timeout, --ceph-osd-timeout, --ceph-mon-timeout and --ceph-connect-timeout {deadline}: "
        f"the deadline is {deadline} s. {scale.clients} clients on each pool in scenarios with a load.",
    ]


def rehearse_histories(options: argparse.Namespace, cluster: Cluster) -> int:
    """Checks that the answers of several replicas are consistent, and that the checker itself is reliable."""
    changes = {key: getattr(options, key) for key in ("seconds", "replicas", "clients") if getattr(options, key) is not None}
    form = dataclasses.replace(history_run.SHORT if options.short else history_run.Form(), **changes)
    if options.calm:
        form = dataclasses.replace(form, rates=CALM_RATES)
    seed = options.seed if options.seed is not None else random.randrange(1 << 32)
    passed, failed = kept.check_all()
    say(f"histories: seed {seed}, {form.seconds:.0f} s of load by {form.clients} clients on {form.replicas} replicas …")
    try:
        good, bad = history_run.rehearse(cluster, options.binary, options.logs, form, seed)
    except Exception as error:
        print(f"the rehearsal with seed {seed} did not complete: {type(error).__name__}: {error}")
        say(traceback.format_exc())
        good, bad = 0, 1
    print(f"histories: {passed + good} passed, {failed + bad} failed")
    return 1 if failed + bad else 0


def main() -> int:
    options = arguments()
    if options.check_histories:
        passed, failed = kept.check_all()
        print(f"histories: {passed} passed, {failed} failed")
        return 1 if failed else 0
    if options.list:
        print("\n".join(f"{name:24}{(function.__doc__ or '').strip().splitlines()[0]}" for name, function in SCENARIOS.items()))
        return 0
    # With these handlers, `finally` resumes suspended processes and ends the daemon, even if the caller's shell ignores SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    scale = SHORT if options.short else Scale()
    cluster = Cluster(options.cluster, options.user, options.keyring)
    if options.histories:
        return rehearse_histories(options, cluster)
    # The default seed is fixed, so that every run sends the same malformed requests.
    options.seed = 20160801 if options.seed is None else options.seed
    rehearsal = Rehearsal(cluster, options.binary, options.cut_off, options.logs, scale, options.seed, options.previous)
    reports = []
    for name in UPGRADE if options.upgrade else options.scenario or SCENARIOS:
        began = time.perf_counter()
        say(f"{name} …")
        reports.append(rehearse(name, rehearsal))
        say(f"{explain(reports[-1])}\n  took {time.perf_counter() - began:.0f} s")
    passed = sum(report.passed for report in reports)
    if options.markdown:
        print(markdown(reports, describe(options, scale)))
    else:
        print("\n" + "\n".join(describe(options, scale)) + "\n\n" + table(reports) + "\n")
        # Print the failures again, because many readers only see the end of a long log.
        for report in reports:
            if not report.passed:
                print(explain(report) + "\n")
        print(f"{'upgrade' if options.upgrade else 'chaos'}: {passed} passed, {len(reports) - passed} failed")
    return 0 if passed == len(reports) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
