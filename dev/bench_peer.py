# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""python3-rbd as a contestant of dev/bench: a simple script with Ceph's Python bindings and a given number of threads.

Connects once, then reads commands, one JSON array per line, and answers each with one JSON array per line: the milliseconds
that each attempt took. So neither the start of the interpreter nor the connection is counted. If something fails, it ends
with Python's message on stderr.

    ["list", POOL, THREADS]                  opens each image and reads what a list shows; one value
    ["get", POOL, [NAME, …]]                 opens these images one after another; a value for each
    ["create", POOL, PREFIX, COUNT, THREADS] creates COUNT images of 1 GiB; one value
"""

import json
import os
import sys
import threading
import time

import rados
import rbd


class Peer:
    def __init__(self):
        self.cluster = rados.Rados(conffile=os.environ["CEPH_CONF"])
        self.cluster.connect()
        self.contexts = {}

    def context(self, pool):
        if pool not in self.contexts:
            self.contexts[pool] = self.cluster.open_ioctx(pool)
        return self.contexts[pool]

    def list(self, pool, threads):
        context = self.context(pool)
        start = time.perf_counter()
        names = [image["name"] for image in rbd.RBD().list2(context)]
        in_threads(threads, names, lambda name: details(context, name))
        return [elapsed(start)]

    def get(self, pool, names):
        context = self.context(pool)
        times = []
        for name in names:
            start = time.perf_counter()
            details(context, name)
            times.append(elapsed(start))
        return times

    def create(self, pool, prefix, count, threads):
        context = self.context(pool)
        names = [f"{prefix}-{number}" for number in range(count)]
        start = time.perf_counter()
        in_threads(threads, names, lambda name: rbd.RBD().create(context, name, 1 << 30, old_format=False))
        return [elapsed(start)]


def details(context, name):
    """Opens an image for reading and reads what the service's list shows. Only opening costs round trips."""
    with rbd.Image(context, name, read_only=True) as image:
        found = image.stat()
        found["id"] = image.id()
        found["features"] = image.features()
        found["flags"] = image.flags()
        found["snapshots"] = len(list(image.list_snaps()))
        found["created"] = image.create_timestamp()
        found["stripes"] = image.stripe_unit(), image.stripe_count()
        found["data_pool"] = image.data_pool_id()
        return found


def in_threads(threads, names, work):
    """The threads take the names one by one, so that no thread gets all the slow ones."""
    names = iter(names)
    lock = threading.Lock()
    failures = []

    def run():
        try:
            while True:
                with lock:
                    name = next(names, None)
                if name is None or failures:
                    return
                work(name)
        except Exception as failure:
            failures.append(failure)

    crowd = [threading.Thread(target=run) for _ in range(threads)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    if failures:
        raise failures[0]


def elapsed(start):
    return (time.perf_counter() - start) * 1000


def main():
    peer = Peer()
    commands = {"list": peer.list, "get": peer.get, "create": peer.create}
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        print(json.dumps(commands[command](*arguments)), flush=True)


main()
