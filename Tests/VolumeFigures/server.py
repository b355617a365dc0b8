# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""The API server of dev/release/apiserver, as its administrator."""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# The number of requests at a time.
WIDTH = 16
# The API server closes connections that were idle for 90 seconds.
IDLE_SECONDS = 30


def in_parallel(names: list[str], body: Callable[[str], None]) -> None:
    with ThreadPoolExecutor(WIDTH) as pool:
        for _ in pool.map(body, names):
            pass


class Server:
    """Each thread has a connection of its own, which stays open."""

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "admin.kubeconfig").read_text())
        self.cluster = config["clusters"][0]["cluster"]
        user = config["users"][0]["user"]
        self.tls = ssl.create_default_context(cafile=self.cluster["certificate-authority"])
        self.tls.load_cert_chain(user["client-certificate"], user["client-key"])
        self.local = threading.local()

    def connection(self) -> http.client.HTTPSConnection:
        if not hasattr(self.local, "connection"):
            url = urlsplit(self.cluster["server"])
            self.local.connection = http.client.HTTPSConnection(url.hostname or "", url.port, context=self.tls, timeout=120)
        elif time.monotonic() - self.local.used > IDLE_SECONDS:
            # It opens again by itself.
            self.local.connection.close()
        self.local.used = time.monotonic()
        return self.local.connection

    def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> tuple[int, Any]:
        """Sends a request. Returns the status and the object of the answer."""
        connection = self.connection()
        try:
            connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": kind})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        except (OSError, http.client.HTTPException):
            connection.close()
            raise

    def call(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """Like ask, but every status that is no success is an error."""
        status, answer = self.ask(method, path, body, kind)
        if not 200 <= status < 300:
            raise RuntimeError(f"{method} {path}: {status}: {json.dumps(answer)[:500]}")
        return answer

    def merge(self, path: str, change: Any) -> Any:
        return self.call("PATCH", path, change, "application/merge-patch+json")

    def mount_webhook_certificate(self, work: Path) -> Path:
        """Writes the files of the webhook's Secret, as the kubelet does. Returns their folder."""
        folder = work / "figures-certificate"
        folder.mkdir()
        secret = self.call("GET", "/api/v1/namespaces/rbd-rest-api/secrets/rbd-rest-api-webhook-tls")
        for name, data in secret["data"].items():
            write_private(folder / name, base64.b64decode(data))
        return folder

    def make_controller_kubeconfig(self, work: Path) -> Path:
        """Writes a kubeconfig with a token of the pods' service account."""
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}}
        account = "/api/v1/namespaces/rbd-rest-api/serviceaccounts/rbd-rest-api/token"
        token = self.call("POST", account, request)["status"]["token"]
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "controller",
            "clusters": [{"name": "test", "cluster": self.cluster}],
            "users": [{"name": "controller", "user": {"token": token}}],
            "contexts": [{"name": "controller", "context": {"cluster": "test", "user": "controller"}}],
        }
        path = work / "figures.kubeconfig"
        write_private(path, json.dumps(config).encode())
        return path


def write_private(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
