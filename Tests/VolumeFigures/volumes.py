# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Static volumes, their claims and their images."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from server import Server

ANNOTATION = "rbd-rest-api.io/reclaim"
VOLUMES = "/api/v1/persistentvolumes"
CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"


def within(seconds: float, condition: Callable[[], bool], trouble: str, pause: float) -> None:
    """Waits for a condition. Otherwise, the trouble is raised."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"{trouble} ({seconds:g} s)")
        time.sleep(pause)


class Volumes:
    """The names of a volume, its claim and its image are the same."""

    def __init__(self, server: Server, conf: Path, pool: str) -> None:
        self.server = server
        self.conf = conf
        self.pool = pool
        self.fsid = self.tool("ceph", "fsid").strip()

    def tool(self, name: str, *arguments: str) -> str:
        command = [name, "-c", str(self.conf), *arguments]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        if result.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: exit code {result.returncode}: {result.stderr.strip()[-500:]}")
        return result.stdout

    # Objects

    def create(self, name: str) -> None:
        """Creates a volume. The webhook creates its image. Verdicts that are for a moment only are asked for again."""
        volume = {
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
            "spec": {
                "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "",
                "persistentVolumeReclaimPolicy": "Retain", "claimRef": {"namespace": "default", "name": name},
                "csi": {
                    "driver": "rbd.csi.ceph.com", "volumeHandle": name, "fsType": "ext4",
                    "volumeAttributes": {
                        "clusterID": self.fsid, "pool": self.pool, "staticVolume": "true", "imageFeatures": "layering"},
                    "nodeStageSecretRef": {"namespace": "default", "name": "csi-rbd-secret"},
                },
            },
        }
        end = time.monotonic() + 60
        while True:
            status, answer = self.server.ask("POST", VOLUMES, volume)
            if status == 201:
                return
            # The API server may first use its connections to the replicas of an earlier test.
            is_unreached = "failed calling webhook" in answer.get("message", "")
            if time.monotonic() > end or not (is_unreached or answer.get("reason") in ("Timeout", "ServiceUnavailable")):
                raise RuntimeError(f"{name} was refused: {status}: {json.dumps(answer)[:1000]}")
            time.sleep(0.5)

    def claim(self, name: str) -> None:
        self.server.call("POST", CLAIMS, {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"namespace": "default", "name": name},
            "spec": {
                "accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeName": name,
                "resources": {"requests": {"storage": "1Gi"}}},
        })

    def is_bound(self, name: str) -> bool:
        return self.server.call("GET", f"{CLAIMS}/{name}")["status"].get("phase") == "Bound"

    def set_capacity(self, name: str, storage: str) -> None:
        self.server.merge(f"{VOLUMES}/{name}", {"spec": {"capacity": {"storage": storage}}})

    def conditions(self, name: str) -> list[str]:
        claim = self.server.call("GET", f"{CLAIMS}/{name}")
        return [condition["type"] for condition in claim["status"].get("conditions", [])]

    def hold(self, name: str) -> None:
        """Lets the image go to the trash with its volume, and waits until the controller holds the volume."""
        path = f"{VOLUMES}/{name}"
        self.server.merge(path, {"metadata": {"annotations": {ANNOTATION: "trash"}}})
        within(30, lambda: ANNOTATION in self.server.call("GET", path)["metadata"]["finalizers"], f"{name} is not held", 0.1)

    def delete(self, name: str) -> None:
        self.server.call("DELETE", f"{CLAIMS}/{name}")
        self.server.call("DELETE", f"{VOLUMES}/{name}")

    def exists(self, name: str) -> bool:
        status, answer = self.server.ask("GET", f"{VOLUMES}/{name}")
        if status not in (200, 404):
            raise RuntimeError(f"{name} can't be read: {status}: {json.dumps(answer)[:500]}")
        return status == 200

    def has_event(self, name: str, reason: str) -> bool:
        fields = f"involvedObject.name={name},reason={reason}"
        return bool(self.server.call("GET", f"/api/v1/namespaces/default/events?fieldSelector={fields}")["items"])

    def wait_until_settled(self, seconds: float) -> None:
        """Waits until Kubernetes' own controllers have looked at all volumes."""
        def is_settled() -> bool:
            return all(volume["status"].get("phase") != "Pending" for volume in self.server.call("GET", VOLUMES)["items"])
        within(seconds, is_settled, "volumes stay Pending", 2)

    # Images

    def rbd_bytes(self, name: str) -> int:
        return int(json.loads(self.tool("rbd", "info", "--format", "json", f"{self.pool}/{name}"))["size"])

    def is_in_trash(self, name: str) -> bool:
        names = [entry["name"] for entry in json.loads(self.tool("rbd", "trash", "ls", "--format", "json", self.pool))]
        return names.count(name) == 1

    def open_client(self, name: str) -> subprocess.Popen[bytes]:
        """Starts a client that has an image open until its input ends."""
        spec = f"{self.pool}/{name}"
        client = subprocess.Popen(
            ["rbd", "-c", str(self.conf), "watch", spec], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        within(30, lambda: "watcher=" in self.tool("rbd", "status", spec), f"{name} has no client", 0.05)
        return client
