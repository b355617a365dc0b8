# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Tests the checker itself, with stored histories whose outcome is known, and with histories of a small simulated service."""

from __future__ import annotations

import time
from pathlib import Path

from history import History
from judge import judge, tell
from linearizability import Outcome
from simulation import DEFECTS, simulate

KEPT = Path(__file__).parent / "histories"
SIMULATED = 60
# A defect does not show in every history: often it does not strike, or no request notices it.
LEAST_FOUND = 0.08


def check_kept() -> tuple[int, int]:
    """Returns the number of stored histories with the expected outcome, and the number of those without."""
    passed = failed = 0
    for path in sorted(KEPT.glob("*.json")):
        history = History.load(path)
        judgement = judge(history)
        if judgement.outcome.value == history.expected:
            passed += 1
            continue
        failed += 1
        print(f"{path.name} is {judgement.outcome.value}, but should be {history.expected}")
        print(tell(history, judgement))
    return passed, failed


def check_simulated() -> tuple[int, int]:
    """Checks that every history of a service without a defect is good, and that each defect is found."""
    passed = failed = 0
    for seed in range(SIMULATED):
        history = simulate(seed, unknown=(0, 0.06, 0.12)[seed % 3])
        judgement = judge(history)
        if judgement.outcome is Outcome.LINEARIZABLE:
            passed += 1
        else:
            failed += 1
            print(f"a simulated history is {judgement.outcome.value}, but should be linearizable")
            print(tell(history, judgement))
    for defect in DEFECTS:
        found = sum(judge(simulate(seed, defect)).is_bad for seed in range(SIMULATED))
        if found >= LEAST_FOUND * SIMULATED:
            passed += 1
        else:
            failed += 1
            print(f"the defect \"{defect}\" was found in only {found} of {SIMULATED} histories")
    return passed, failed


def check_all() -> tuple[int, int]:
    began = time.perf_counter()
    kept, simulated = check_kept(), check_simulated()
    print(f"{sum(kept)} stored histories, {sum(simulated)} checks of simulated ones, in {time.perf_counter() - began:.1f} s")
    return kept[0] + simulated[0], kept[1] + simulated[1]
