# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Freezes the threads of a process's Ceph client, and none of its own: to the process the client looks as one whose threads wait for each
other for ever. Connections that the process makes later have threads of their own."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000
# As librados, librbd and what they are made of call their threads.
CEPH_THREADS = ("msgr-worker", "ms_dispatch", "ms_local", "safe_timer", "io_context_pool", "fn-", "fn_", "taskfin", "log", "service")

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def trace(request: int, thread: int) -> None:
    if libc.ptrace(request, thread, None, None) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def ceph_threads(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    return [int(task.name) for task in tasks.iterdir() if (task / "comm").read_text().startswith(CEPH_THREADS)]


@contextmanager
def frozen_client(pid: int) -> Iterator[int]:
    """Freezes them until the end of the block; yields how many. Only the thread that froze them can let them go."""
    threads = ceph_threads(pid)
    for thread in threads:
        trace(PTRACE_SEIZE, thread)
        trace(PTRACE_INTERRUPT, thread)
        os.waitpid(thread, WALL)
    try:
        yield len(threads)
    finally:
        for thread in threads:
            try:
                trace(PTRACE_DETACH, thread)
            except OSError:
                # It has ended, or the process has.
                pass
