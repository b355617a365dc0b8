# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""Creates what some requests need to succeed: a snapshot, an image in the trash, a clone, an operation, a client."""

import atexit
import collections
import itertools
import json
import os
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

POOL = "rbd"
SIZE = 4 << 20
serial = itertools.count(1)

# How often each operation gets the object that its path names. Later, it only exists if other operations have created
# it.
MOST_PREPARATIONS = 6
prepared = collections.Counter()


def call(method, path, body=None):
    """Sends a request. A failure here shows as an operation that never succeeded."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    if os.environ["RBD_CONTRACT_TOKEN"]:
        headers["Authorization"] = "Bearer " + os.environ["RBD_CONTRACT_TOKEN"]
    request = urllib.request.Request(os.environ["RBD_CONTRACT_URL"] + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
            return json.loads(text) if text else {}
    except urllib.error.HTTPError:
        return {}


def image(**properties):
    name = f"fixture-{next(serial)}"
    call("PUT", f"/v1/pools/{POOL}/images/{name}", {"size": "1MiB", **properties})
    return name


def clone():
    """A clone with its parent."""
    parent, name = image(size=SIZE), f"fixture-{next(serial)}"
    call("POST", f"/v1/pools/{POOL}/images/{parent}/snapshots", {"name": "base"})
    call("POST", f"/v1/pools/{POOL}/images", {"name": name, "source": {"pool": POOL, "image": parent, "snapshot": "base"}})
    return name


def adopted():
    """An image that was made a volume of Kubernetes."""
    name = image()
    call("PUT", f"/v1/pools/{POOL}/images/{name}/volume", {"claimNamespace": "shop", "claimName": name})
    return name


def trashed():
    """The id of an image in the trash."""
    return call("DELETE", f"/v1/pools/{POOL}/images/{image()}").get("id", "none")


def image_id():
    """The id of an image."""
    return call("GET", f"/v1/pools/{POOL}/images/{image()}").get("id", "none")


def operation():
    """The id of an operation that has ended."""
    purge = call("DELETE", f"/v1/pools/{POOL}/images/{image()}?purge=true")
    return call("GET", f"/v1/operations/{purge.get('id', 'none')}?wait=20s").get("id", "none")


def long_operation():
    """The id of an operation that takes a while."""
    name = image(size="1TiB", features=["layering"])
    return call("DELETE", f"/v1/pools/{POOL}/images/{name}?purge=true").get("id", "none")


def rbd(*arguments):
    """Runs Ceph's own tool, which can lock images and keep them open. The service never does that."""
    return subprocess.run(["rbd", *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)


def lock():
    """An image, and the client that has a lock on it."""
    name = image()
    rbd("lock", "add", f"{POOL}/{name}", "cookie")
    return name, holder(f"/v1/pools/{POOL}/images/{name}/locks")


def watcher():
    """An image, and the client that has it open."""
    name = image()
    process = subprocess.Popen(  # pylint: disable=consider-using-with
        ["rbd", "watch", f"{POOL}/{name}"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    atexit.register(process.kill)
    return name, holder(f"/v1/pools/{POOL}/images/{name}/watchers")


def holder(path):
    """The first client of a list, as soon as there is one."""
    for _ in range(100):
        items = call("GET", path).get("items")
        if items:
            return items[0]["client"]
        time.sleep(0.05)
    return "client.0"


def hold(case, path, query, make):
    """An eviction takes about a second, and adds a client to the cluster's blocklist. So only some are made."""
    prepared[make.__name__] += 1
    if prepared[make.__name__] > MOST_PREPARATIONS:
        return
    in_default_namespace(path, query)
    path["image"], path["client"] = make()
    case.query = {**(query or {}), "confirm": path["client"]}
    case.query.pop("cookie", None)


def prepare(name, case):
    """Creates the object of a valid request."""
    path, query = case.path_parameters or {}, case.query
    if path.get("pool") == POOL and prepared[name] < MOST_PREPARATIONS:
        prepared[name] += 1
        make_what_is_named(case.operation.path, path, query)
    if name in ("getTrashEntry", "purgeImage", "restoreImage"):
        in_default_namespace(path, query)
        path["id"] = trashed()
    if name in ("getImageByID", "renameImageByID", "deleteImageByID"):
        in_default_namespace(path, query)
        path["id"] = image_id()
    if name == "purgeImage" and query is not None:
        query["force"] = "true"
    if name in ("getOperation", "watchOperation"):
        path["operation"] = operation()
    if name == "cancelOperation":
        path["operation"] = long_operation()
    if name in ("updateImage", "copyImage", "sparsifyImage", "rebuildObjectMap"):
        in_default_namespace(path, query)
        path["image"] = image()
    if name == "flattenImage":
        in_default_namespace(path, query)
        path["image"] = clone()
    if name == "updateImage" and isinstance(case.body, dict):
        change_here(case.body)
    if name == "breakImageLock":
        hold(case, path, query, lock)
    if name == "evictImageWatcher":
        hold(case, path, query, watcher)
    if name == "sparsifyImage" and query and "blockSize" in query:
        query["blockSize"] = "64KiB"
    if name == "copyImage" and isinstance(case.body, dict):
        copy_here(case.body)
    if name == "ensureVolume" and isinstance(case.body, dict) and next(serial) % 2:
        want_image(case.body)
    if name in ("getVolume", "releaseImage") and next(serial) % 2:
        in_default_namespace(path, query)
        path["image"] = adopted()
        for term in ("claimNamespace", "claimName", "clusterId", "driver", "storageClass", "nodeStageSecret",
                     "controllerExpandSecret", "fsType", "volumeMode", "accessModes"):
            (query or {}).pop(term, None)
    if name == "adoptImage" and isinstance(case.body, dict) and next(serial) % 2:
        in_default_namespace(path, query)
        path["image"] = image()
        adopt_here(case.body)
    if name == "restoreImage" and isinstance(case.body, dict) and isinstance(case.body.get("name"), str):
        case.body["name"] = f"{case.body['name'][:80]}-{next(serial)}"


def make_what_is_named(template, path, query):
    """Ignores refusals, such as of an invalid name: only the test's own request counts."""
    base = f"/v1/pools/{POOL}"
    if "namespace" in path:
        call("POST", f"{base}/namespaces", {"name": path["namespace"]})
    if template.endswith("/groups/{group}"):
        call("POST", f"{base}/groups", {"name": path["group"]})
    if "/images/{image}/" in template or "/groups/{group}/images/{image}" in template:
        in_default_namespace(path, query)
        image_base = f"{base}/images/{quoted(path['image'])}"
        call("PUT", image_base, {"size": SIZE})
        if "snapshot" in path:
            call("POST", f"{image_base}/snapshots", {"name": path["snapshot"]})
    if "group" in path and "image" in path:
        call("POST", f"{base}/groups", {"name": path["group"]})
        call("PUT", f"{base}/groups/{quoted(path['group'])}/images/{quoted(path['image'])}")


def quoted(name):
    return urllib.parse.quote(str(name), safe="")


def in_default_namespace(path, query):
    path["pool"] = POOL
    if query and "namespace" in query:
        query["namespace"] = ""


def change_here(body):
    """Another name, and properties that a small image can have."""
    if isinstance(body.get("name"), str):
        body["name"] = f"{body['name'][:80]}-{next(serial)}"
    if body.get("size") is not None:
        body["size"] = SIZE
    if isinstance(body.get("metadata"), dict):
        body["metadata"] = {key: value for key, value in body["metadata"].items() if not key.startswith("conf_")}


def adopt_here(body):
    """A claim that has no volume yet, and nothing that this cluster does not have."""
    body["claimName"] = f"claim-{next(serial)}"
    for field in ("claimUid", "clusterId", "encryptionType", "encryptionKmsId", "accessModes"):
        body.pop(field, None)


def want_image(volume):
    """The other volumes need what no pool here has, or nothing."""
    volume["metadata"].pop("annotations", None)
    volume["spec"] = {"capacity": {"storage": "4Mi"}, "rbd": {"image": f"volume-{next(serial)}", "pool": POOL}}


def copy_here(body):
    body["name"] = f"{body.get('name', 'copy')[:80]}-{next(serial)}"
    for member in ("pool", "namespace", "snapshot"):
        body.pop(member, None)
