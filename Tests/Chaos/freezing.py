# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Freezes the threads of a process's Ceph client, but not the other threads. To the process, the client seems to be in a deadlock.
Connections that the process makes later have threads of their own."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000
# The names of the threads of librados, librbd and their libraries begin with these.
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
    """Freezes the threads until the end of the block. Yields how many. Only the thread that froze them can release them."""
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
                # The thread or the process has ended.
                pass
