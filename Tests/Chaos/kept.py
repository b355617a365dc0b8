# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Tries the checker itself: histories that are kept with what they must be found to be, and those of a service in a page of
Python."""

from __future__ import annotations

import time
from pathlib import Path

from history import History
from judge import judge, tell
from linearizability import Outcome
from simulation import DEFECTS, simulate

KEPT = Path(__file__).parent / "histories"
SIMULATED = 60
# A defect does not show in every history: in most of them it does not strike, or nobody looks.
LEAST_FOUND = 0.08


def check_kept() -> tuple[int, int]:
    """Returns how many were found to be what they are, and how many were not."""
    passed = failed = 0
    for path in sorted(KEPT.glob("*.json")):
        history = History.load(path)
        judgement = judge(history)
        if judgement.outcome.value == history.expected:
            passed += 1
            continue
        failed += 1
        print(f"{path.name} is {judgement.outcome.value}, and is to be {history.expected}")
        print(tell(history, judgement))
    return passed, failed


def check_simulated() -> tuple[int, int]:
    """Every history of a service without a defect is good, and each defect is found."""
    passed = failed = 0
    for seed in range(SIMULATED):
        history = simulate(seed, unknown=(0, 0.06, 0.12)[seed % 3])
        judgement = judge(history)
        if judgement.outcome is Outcome.LINEARIZABLE:
            passed += 1
        else:
            failed += 1
            print(f"a simulated history is {judgement.outcome.value}, and is to be linearizable")
            print(tell(history, judgement))
    for defect in DEFECTS:
        found = sum(judge(simulate(seed, defect)).is_bad for seed in range(SIMULATED))
        if found >= LEAST_FOUND * SIMULATED:
            passed += 1
        else:
            failed += 1
            print(f"a service with the defect \"{defect}\" was found out in {found} of {SIMULATED} histories only")
    return passed, failed


def check_all() -> tuple[int, int]:
    began = time.perf_counter()
    kept, simulated = check_kept(), check_simulated()
    print(f"{sum(kept)} kept histories, {sum(simulated)} checks of simulated ones, in {time.perf_counter() - began:.1f} s")
    return kept[0] + simulated[0], kept[1] + simulated[1]
