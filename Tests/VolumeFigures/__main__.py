# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Measures the controller for volumes, with a real API server and a real Ceph cluster. dev/kubernetes --figures runs it.

Each line of the output has a figure, its bound, and whether the bound is met. Everything else goes to standard error."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

from replica import Replica
from server import Server, in_parallel
from volumes import Volumes, within

GIBIBYTE = 1 << 30
# How many volumes grow, and how many are deleted, one after the other.
GROWN = 20
DELETED = 5
# The bounds of the project.
GROWTH_SECONDS = 2.0
END_SECONDS = 5.0
START_SECONDS = 5.0
RESIDENT_MIB = 150.0
IDLE_PERCENT = 1.0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def figure(name: str, value: float, unit: str, bound: float, details: str = "") -> None:
    verdict = "met" if value <= bound else "missed"
    print(f"{name}: {value:.2f} {unit}{details}, bound {bound:g} {unit}: {verdict}", flush=True)


def growth(volumes: Volumes, api: Replica, names: list[str]) -> None:
    """From the patch of a volume to an exact image and the claim's final status."""
    times = []
    for name in names:
        begin = time.monotonic()
        volumes.set_capacity(name, "2Gi")
        within(30, lambda: api.image_bytes(name) == 2 * GIBIBYTE, f"the image {name} does not grow", 0.005)
        within(30, lambda: volumes.conditions(name) == ["FileSystemResizePending"], f"the claim {name} does not say so", 0.005)
        times.append(time.monotonic() - begin)
    for name in names:
        if volumes.rbd_bytes(name) != 2 * GIBIBYTE:
            raise RuntimeError(f"the image {name} is not exact")
    figure("growth of a volume, worst", max(times), "s", GROWTH_SECONDS, f" of {len(times)}, median {statistics.median(times):.2f} s")


def ends(volumes: Volumes, names: list[str]) -> None:
    """From the end of the client of a deleted volume to the volume's end."""
    times = []
    for number, name in enumerate(names):
        volumes.hold(name)
        client = volumes.open_client(name)
        volumes.delete(name)
        within(30, lambda: volumes.has_event(name, "ImageInUse"), f"no Event says that {name} is in use", 0.1)
        # The controller looks every two seconds. Each round begins at another moment of those.
        time.sleep(2 * number / len(names))
        client.stdin.close()
        client.wait(30)
        begin = time.monotonic()
        within(60, lambda: not volumes.exists(name), f"the volume {name} stays", 0.01)
        times.append(time.monotonic() - begin)
        if not volumes.is_in_trash(name):
            raise RuntimeError(f"the image {name} is not in the trash")
    figure("end of a volume after its client's, worst", max(times), "s", END_SECONDS,
           f" of {len(times)}, median {statistics.median(times):.2f} s")


def many(volumes: Volumes, controller: Replica, count: int) -> None:
    """The start, the memory and the idle CPU with many volumes."""
    say(f"the controller sees {count} volumes for the first time")
    begin = time.monotonic()
    controller.start()
    controller.wait_until_volumes_are_known(600)
    controller.wait_until_idle(1200)
    say(f"after {time.monotonic() - begin:.0f} s, each of them says which image it has")
    volumes.wait_until_settled(600)
    times = []
    for _ in range(3):
        controller.stop()
        begin = time.monotonic()
        controller.start()
        controller.wait_until_volumes_are_known(120)
        times.append(time.monotonic() - begin)
    figure(f"list and start with {count} volumes, worst", max(times), "s", START_SECONDS, f" of {len(times)}")
    controller.wait_until_idle(120)
    time.sleep(20)
    begin, before = time.monotonic(), controller.cpu_seconds()
    time.sleep(60)
    percent = 100 * (controller.cpu_seconds() - before) / (time.monotonic() - begin)
    resident, peak = controller.resident_mib()
    figure(f"resident memory with {count} volumes", resident, "MiB", RESIDENT_MIB, f" (peak {peak:.0f} MiB)")
    figure(f"idle CPU over 60 s with {count} volumes", percent, "%", IDLE_PERCENT)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--apiserver", type=Path, required=True, help="the folder of dev/release/apiserver")
    parser.add_argument("--daemon", type=Path, required=True)
    parser.add_argument("--conf", type=Path, required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--keyring", type=Path, required=True)
    parser.add_argument("--ports", required=True, help="the two ports behind the webhook's Service")
    parser.add_argument("--work", type=Path, required=True, help="a folder for certificates and logs")
    parser.add_argument("--watched", type=int, default=500)
    parser.add_argument("--volumes", type=int, default=10_000)
    arguments = parser.parse_args()

    server = Server(arguments.apiserver)
    volumes = Volumes(server, arguments.conf, "rbd")
    certificate = server.mount_webhook_certificate(arguments.work)
    kubeconfig = server.make_controller_kubeconfig(arguments.work)
    common = [
        str(arguments.daemon), "--host", "127.0.0.1", "--port", "0", "--ceph-conf", str(arguments.conf), "--ceph-user", arguments.user,
        "--ceph-keyring", str(arguments.keyring), "--kubernetes-pools", "rbd", "--audit-log", "off", "--trash-delay", "1h",
        "--webhook-tls-certificate", str(certificate / "tls.crt"), "--webhook-tls-key", str(certificate / "tls.key"),
    ]
    ports = arguments.ports.split(",")
    # The webhook makes the images, also while no controller runs.
    webhook = Replica([*common, "--webhook-port", ports[0]], arguments.work / "webhook.log")
    controller = Replica(
        [*common, "--webhook-port", ports[1], "--kubernetes-controller", "true", "--kubernetes-kubeconfig", str(kubeconfig)],
        arguments.work / "controller.log")
    try:
        webhook.start()
        names = [f"figure-{number:05}" for number in range(arguments.volumes + DELETED)]
        watched, grown, deleted = names[:arguments.watched], names[:GROWN], names[GROWN:GROWN + DELETED]
        bound = grown + deleted
        say(f"creating {len(watched)} volumes through the webhook")
        in_parallel(watched, volumes.create)
        in_parallel(bound, volumes.claim)
        within(120, lambda: all(volumes.is_bound(name) for name in bound), "claims are not bound", 0.5)
        controller.start()
        controller.wait_until_volumes_are_known(120)
        controller.wait_until_idle(300)
        volumes.wait_until_settled(300)
        say(f"with {len(watched)} volumes that are watched:")
        growth(volumes, webhook, grown)
        ends(volumes, deleted)
        controller.stop()
        say(f"creating {len(names) - len(watched)} more volumes through the webhook")
        in_parallel(names[arguments.watched:], volumes.create)
        many(volumes, controller, arguments.volumes)
    finally:
        controller.end()
        webhook.end()


main()
