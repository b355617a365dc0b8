# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Freezes the threads of a process's Ceph client, but not the other threads. To the process, the client seems to be in a deadlock.
Connections that the process makes later have threads of their own."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PTRACE_DETACH, PTRACE_SYSCALL, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 24, 0x4206, 0x4207
WALL = 0x40000000
# The numbers of the system calls that wait for other threads or for the network. In these, a thread has no lock of the C library.
WAITING = {
    "x86_64": {0: "read", 7: "poll", 45: "recvfrom", 46: "sendmsg", 47: "recvmsg", 202: "futex", 230: "clock_nanosleep",
               232: "epoll_wait", 271: "ppoll", 281: "epoll_pwait"},
    "aarch64": {22: "epoll_pwait", 63: "read", 73: "ppoll", 98: "futex", 115: "clock_nanosleep", 207: "recvfrom", 211: "sendmsg",
                212: "recvmsg"},
}[os.uname().machine]
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
    threads = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        # Other threads end at any time.
        with suppress(FileNotFoundError, ProcessLookupError):
            if (task / "comm").read_text().startswith(CEPH_THREADS):
                threads.append(int(task.name))
    return threads


def waits(pid: int, thread: int) -> bool:
    """Whether a stopped thread is in one of the system calls that wait."""
    call = Path(f"/proc/{pid}/task/{thread}/syscall").read_text().split()[0]
    return int(call) in WAITING


def freeze(pid: int, thread: int) -> None:
    """Stops a thread at the next system call that waits, as a deadlock of librados does.

    In any other place, it may have the lock of malloc, and the whole process would soon wait for that.
    """
    trace(PTRACE_SEIZE, thread)
    trace(PTRACE_INTERRUPT, thread)
    os.waitpid(thread, WALL)
    while not waits(pid, thread):
        # It goes on to the beginning or the end of its next system call.
        trace(PTRACE_SYSCALL, thread)
        os.waitpid(thread, WALL)


@contextmanager
def frozen_client(pid: int) -> Iterator[int]:
    """Freezes the threads until the end of the block. Yields how many. Only the thread that froze them can release them."""
    threads = []
    try:
        for thread in ceph_threads(pid):
            freeze(pid, thread)
            threads.append(thread)
        yield len(threads)
    finally:
        for thread in threads:
            try:
                trace(PTRACE_DETACH, thread)
            except OSError:
                # The thread or the process has ended.
                pass
