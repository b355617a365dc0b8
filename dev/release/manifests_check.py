# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""The checks of dev/release/manifests on rendered manifests: one command each, without output if all is well.

same FILE FILE          two renderings have the same objects
schema VERSION,… FILE…  the objects are valid for these versions of Kubernetes
settings FILE…          the daemon's environment has only existing settings
wiring FILE…            ports, paths, labels, volumes and times agree with each other and with the code
rights FILE…            the controller's rights are those of docs/security.md, and nothing else has any
pods FILE…              pods meet Pod Security's `restricted` level, and only they can read their secrets
conditions FILE…        the webhook's matchConditions select the same volumes as the daemon, and never fail
"""

import base64
import itertools
import json
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ROOT / "Sources/RBDService"
NAME = "rbd-rest-api"
# Kinds of other projects, which have no schema here.
FOREIGN = {"cert-manager.io/v1", "monitoring.coreos.com/v1"}
# Secrets that the manifests do not contain: cert-manager or webhook-certificate creates the first, and the operator the
# others.
MADE_ELSEWHERE = {f"{NAME}-webhook-tls", f"{NAME}-metrics-token", f"{NAME}-prehook-token"}

# Kinds whose objects belong to the whole cluster.
WITHOUT_NAMESPACE = {
    "Namespace", "ValidatingWebhookConfiguration", "PersistentVolume", "ClusterRole", "ClusterRoleBinding",
}


class Wrong(Exception):
    pass


def expect(condition, sentence):
    if not condition:
        raise Wrong(sentence)


def objects(path):
    """The objects of a file, including those inside of ConfigMaps."""
    found = [item for item in yaml.safe_load_all(pathlib.Path(path).read_text()) if item]
    for item in list(found):
        if item["kind"] == "ConfigMap":
            for name, text in item["data"].items():
                if name.endswith(".yaml"):
                    found += [inner for inner in yaml.safe_load_all(text) if inner]
    return found


def known(items, kind):
    return [item for item in items if item["kind"] == kind]


def label(item):
    return f"{item['kind']} {item['metadata']['name']}"


# Renderings


def settled(item):
    """Without irrelevant differences: the line breaks of base64, and the order of the environment."""
    item = json.loads(json.dumps(item))
    if item["kind"] == "Secret":
        item["data"] = {name: base64.b64decode(text).hex() for name, text in item.get("data", {}).items()}
    for pod in pod_specs([item]):
        for container in containers(pod):
            variables = container.get("env", [])
            names = [variable["name"] for variable in variables]
            expect(len(set(names)) == len(names), f"{label(item)} sets a variable twice")
            # If one variable used another, their order would matter.
            expect(
                not any("$(" in variable.get("value", "") for variable in variables),
                f"{label(item)} has variables of variables",
            )
            container["env"] = sorted(variables, key=lambda variable: variable["name"])
    return item


def same(first, second):
    renderings = []
    for path in (first, second):
        items = [settled(item) for item in objects(path)]
        keys = [
            (item["apiVersion"], item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"])
            for item in items
        ]
        expect(len(set(keys)) == len(keys), f"{path} has an object twice")
        renderings.append(dict(zip(keys, items)))
    old, new = renderings
    expect(old, "it is empty")
    expect(old.keys() == new.keys(), f"only one of them has {sorted(map(str, old.keys() ^ new.keys()))}")
    for key in old:
        expect(old[key] == new[key], f"{key[1]} {key[3]} differs")


# Schemas


def schema_folder(version):
    import kubernetes_validate

    here = pathlib.Path(kubernetes_validate.__file__).parent
    # dev/release/manifests installs an older version of the package separately.
    folders = [here, *pathlib.Path(sys.prefix).glob("old-*/kubernetes_validate")]
    for folder in folders:
        path = folder / f"kubernetes-json-schema/v{version}.0-local-strict"
        if path.is_dir():
            return path
    raise Wrong(f"there are no schemas of Kubernetes {version}")


def schema(versions, *paths):
    import jsonschema
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT202012

    for version in versions.split(","):
        folder = schema_folder(version)

        def retrieve(uri):
            content = json.loads((folder / uri.rsplit("/", 1)[-1]).read_text())
            return Resource.from_contents(content, default_specification=DRAFT202012)

        registry = Registry(retrieve=retrieve)
        for path in paths:
            for item in objects(path):
                if item["apiVersion"] in FOREIGN:
                    continue
                group, _, revision = item["apiVersion"].rpartition("/")
                group = group.split(".")[0]
                name = "-".join(filter(None, [item["kind"].lower(), group, revision])) + ".json"
                expect(
                    (folder / name).exists(), f"Kubernetes {version} does not know {item['apiVersion']} {item['kind']}"
                )
                validator = jsonschema.Draft202012Validator({"$ref": f"file:///{name}"}, registry=registry)
                for error in validator.iter_errors(item):
                    where = ".".join(str(part) for part in error.absolute_path)
                    raise Wrong(f"Kubernetes {version}: {label(item)}: {where}: {error.message[:300]}")


# Settings


def settings_of_the_code():
    """The names of the settings, and their defaults."""
    text = (SOURCES / "Configuration/Settings.swift").read_text()
    found = {}
    for match in re.finditer(r'Setting\(\s*"([a-z-]+)",[^{]*?(?:default: "([^"]*)"\s*)?\)\s*\{', text):
        found["RBD_REST_API_" + match[1].upper().replace("-", "_")] = match[2]
    expect(len(found) > 30, "Settings.swift has changed its form; adapt dev/release/manifests_check.py")
    return found


def environment(items):
    (deployment,) = [item for item in known(items, "Deployment") if item["metadata"]["name"] == NAME]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {variable["name"]: variable["value"] for variable in container["env"]}


def settings(*paths):
    code = settings_of_the_code()
    page = set(
        re.findall(r"^\| `--[a-z-]+` \| `(RBD_REST_API_[A-Z_]+)`", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)
    )
    expect(set(code) == page, f"docs/settings.md and Settings.swift differ in {sorted(set(code) ^ page)}")
    for path in paths:
        for name in environment(objects(path)):
            expect(name in code, f"there is no setting {name}")
    # Also the settings that the example only mentions.
    for path in (ROOT / "deploy/kubernetes").rglob("*.yaml"):
        for name in re.findall(r"\bRBD_REST_API_[A-Z][A-Z_]*[A-Z]\b", path.read_text()):
            expect(name in code, f"{path.relative_to(ROOT)}: there is no setting {name}")


# Wiring


def constant(file, pattern):
    match = re.search(pattern, (SOURCES / file).read_text())
    expect(match, f"{file} has changed its form; adapt dev/release/manifests_check.py")
    return match[1]


def wiring(*paths):
    for path in paths:
        wire(objects(path))


def wire(items):
    code = settings_of_the_code()
    (deployment,) = known(items, "Deployment")
    template = deployment["spec"]["template"]
    pod, labels = template["spec"], template["metadata"]["labels"]
    (container,) = pod["containers"]
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}

    def value(setting):
        return variables.get(f"RBD_REST_API_{setting}", code[f"RBD_REST_API_{setting}"])

    expect(
        ports == {"http": int(value("PORT")), "health": int(value("HEALTH_PORT")), "webhook": int(value("WEBHOOK_PORT"))},
        f"the ports {ports} are not those of the settings",
    )
    for name in ("PORT", "WEBHOOK_PORT"):
        expect(value(name) == code[f"RBD_REST_API_{name}"], f"{name} is not the daemon's default")
    for name in ("HOST", "WEBHOOK_HOST"):
        expect(value(name) in ("0.0.0.0", "::"), f"{name} is an address that other pods can't reach")

    routes = set(re.findall(r'Endpoint\(\.get, "(/[a-z]+)"', (SOURCES / "Cluster/ClusterController.swift").read_text()))
    for probe, path in {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}.items():
        get = container[probe]["httpGet"]
        expect(get["path"] == path and path in routes, f"{probe} requests {get['path']}")
        expect(get["port"] == "health", f"{probe} uses a port that other clients can keep busy")

    # The time of the shutdown and of Cluster.finishClosing.
    closing = constant("../rbd-rest-api/Daemon.swift", r"finishClosing\(within: \.seconds\((\d+)\)\)")
    needed = int(value("SHUTDOWN_DELAY")) + int(value("SHUTDOWN_TIMEOUT")) + int(closing)
    expect(
        pod["terminationGracePeriodSeconds"] > needed,
        f"the pod is killed before the {needed} s that it may take to end",
    )
    update = deployment["spec"]["strategy"]["rollingUpdate"]
    expect(
        deployment["spec"]["replicas"] == 2 and update["maxUnavailable"] == 0, "an update leaves less than two replicas"
    )
    expect(
        not pod["automountServiceAccountToken"] and not pod["enableServiceLinks"],
        "the pod has a service account token or service links",
    )
    (account,) = known(items, "ServiceAccount")
    expect(account["metadata"]["name"] == pod["serviceAccountName"], "the pod has another service account")
    expect(not account["automountServiceAccountToken"], "the service account has a token")
    expect(re.fullmatch(r".+:\d+\.\d+\.\d+", container["image"]), f"{container['image']} has no version")
    version = constant("../RBDAPI/ProgramVersion.swift", r'let programVersion = "([^"]+)"')
    expect(container["image"].endswith(f":{version}"), f"{container['image']} is not of version {version}")

    # Everything that selects the pods by labels.
    selectors = {"Deployment": deployment["spec"]["selector"]["matchLabels"]}
    (service,) = known(items, "Service")
    selectors["Service"] = service["spec"]["selector"]
    (budget,) = known(items, "PodDisruptionBudget")
    selectors["PodDisruptionBudget"] = budget["spec"]["selector"]["matchLabels"]
    for policy in known(items, "NetworkPolicy"):
        selectors[label(policy)] = policy["spec"]["podSelector"]["matchLabels"]
        for rule in policy["spec"].get("ingress", []):
            for port in rule["ports"]:
                expect(
                    port["port"] in ports.values(),
                    f"{label(policy)} names port {port['port']}, which the pod does not have",
                )
    selectors["spread"] = pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"]
    for who, selector in selectors.items():
        expect(selector.items() <= labels.items(), f"{who} selects other pods")
    expect(budget["spec"]["minAvailable"] < deployment["spec"]["replicas"], "no pod may ever be evicted")
    doors = {port["port"]: port["targetPort"] for port in service["spec"]["ports"]}
    expect(doors == {8080: "http", 443: "webhook"}, f"the Service has the ports {doors}")

    # Files in settings must be mounted, and their source must exist.
    made = {
        item["metadata"]["name"]: item.get("data", {})
        for kind in ("ConfigMap", "Secret")
        for item in known(items, kind)
    }
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    expect(len(mounts) == len(volumes), "a volume is not mounted, or mounted twice")
    # A base without an overlay has none of them.
    is_whole = any(made)
    for name, text in variables.items():
        if not text.startswith("/"):
            continue
        folder, _, file = text.rpartition("/")
        expect(folder in mounts, f"{name} names {text}, where nothing is mounted")
        volume = mounts[folder]
        source = volume["configMap"]["name"] if "configMap" in volume else volume["secret"]["secretName"]
        if source in MADE_ELSEWHERE:
            expect(file in ("tls.crt", "tls.key"), f"{name} names {text}, but a certificate's Secret has no such file")
        elif is_whole:
            expect(file in made.get(source, {}), f"{name} names {text}, but {source} has no such file")

    (configuration,) = known(items, "ValidatingWebhookConfiguration")
    webhook, *others = configuration["webhooks"]
    client = webhook["clientConfig"]["service"]
    expect(
        client["path"] == constant("Kubernetes/AdmissionController.swift", r'Endpoint\(\s*\.post,\s*"([^"]+)"'),
        "the path is another",
    )
    expect(
        (client["name"], client["namespace"]) == (service["metadata"]["name"], service["metadata"]["namespace"]),
        "the webhook calls another Service",
    )
    expect(doors.get(client["port"]) == "webhook", f"the webhook calls port {client['port']}")
    review = constant("Kubernetes/AdmissionReview.swift", r'static let apiVersion = "admission\.k8s\.io/([^"]+)"')
    expect(webhook["admissionReviewVersions"] == [review], "the daemon speaks another version of AdmissionReview")
    rule = {
        "operations": ["CREATE"],
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "resources": ["persistentvolumes"],
        "scope": "Cluster",
    }
    expect(webhook["rules"] == [rule], "the rules are others")
    expect(
        webhook["sideEffects"] == "NoneOnDryRun" and webhook["failurePolicy"] == "Fail",
        "sideEffects or failurePolicy is another",
    )
    # Five seconds leave four to the daemon. A minute is the API server's own limit for a request.
    expect(5 <= webhook["timeoutSeconds"] <= 30, f"timeoutSeconds is {webhook['timeoutSeconds']}")
    # Without conditions, the webhook for changes would be called for each change of each volume.
    expect(len(others) == ("matchConditions" in webhook), f"there are {len(others)} webhooks for changes")
    for other in others:
        for field in ("admissionReviewVersions", "clientConfig", "matchPolicy"):
            expect(other[field] == webhook[field], f"the webhooks differ in {field}")
        expect(other["rules"] == [{**rule, "operations": ["UPDATE"]}], "the rules for changes are others")
        expect(
            other["sideEffects"] == "None" and other["failurePolicy"] == "Ignore" and other["timeoutSeconds"] == 5,
            "a change of a volume depends on the service",
        )

    for item in items:
        namespace = item["metadata"].get("namespace")
        if item["kind"] in WITHOUT_NAMESPACE:
            expect(namespace is None, f"{label(item)} belongs to no namespace")
        else:
            expect(namespace == NAME, f"{label(item)} is in namespace {namespace}")

    for certificate in known(items, "Certificate"):
        if certificate["spec"].get("isCA"):
            continue
        expect(certificate["spec"]["secretName"] in MADE_ELSEWHERE, "the certificate goes into another Secret")
        expect(
            f"{client['name']}.{client['namespace']}.svc" in certificate["spec"]["dnsNames"],
            "API servers call it by another name",
        )
        inject = configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"]
        expect(inject == f"{NAME}/{certificate['metadata']['name']}", f"the caBundle comes from {inject}")
    for monitor in known(items, "ServiceMonitor"):
        expect(
            monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items(),
            "it finds no Service",
        )
        (endpoint,) = monitor["spec"]["endpoints"]
        expect(endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}, "the Service has no such port")
        expect('Endpoint(.get, "/metrics"' in (SOURCES / "Telemetry/MetricsController.swift").read_text(), "there is no such path")
        expect(endpoint["authorization"]["credentials"]["name"] in MADE_ELSEWHERE, "the token's Secret is another")


# Rights


def kinds_of_the_code():
    """The API groups of the resources that the code has types for."""
    found = {}
    for file in (ROOT / "Sources/Kubernetes/Objects").glob("*.swift"):
        for match in re.finditer(r"ResourceKind\(([^)]*plural:[^)]*)\)", file.read_text()):
            arguments = dict(re.findall(r'(\w+): "([^"]*)"', match[1]))
            found[arguments["plural"]] = arguments.get("group", "")
    expect(len(found) > 5, "Sources/Kubernetes/Objects has changed its form; adapt dev/release/manifests_check.py")
    return found


def rights_of_the_page():
    """The table of docs/security.md: whether in the own namespace only, the resource, the verb, the object's name."""
    page = (ROOT / "docs/security.md").read_text()
    table = page.partition("| may | on | for |\n|---|---|---|\n")[2].partition("\n\n")[0]
    found = set()
    for row in table.splitlines():
        may, on, _ = [cell.strip() for cell in row.strip("|").split("|", 2)]
        resources, own, _ = on.partition(" in its own namespace")
        for part in may.split("; "):
            verbs, _, name = part.partition(" of `")
            for verb, resource in itertools.product(re.split(", | and ", verbs), resources.split(", ")):
                right = (bool(own), resource, verb, name.rstrip("`"))
                expect(right not in found, f"docs/security.md has {right} twice")
                found.add(right)
    expect(len(found) > 5, "docs/security.md has no table of rights, or another one; adapt dev/release/manifests_check.py")
    return found


def rights(*paths):
    groups = kinds_of_the_code()
    for path in paths:
        items = objects(path)
        (account,) = known(items, "ServiceAccount")
        subject = {"kind": "ServiceAccount", "namespace": NAME, "name": account["metadata"]["name"]}
        found = set()
        for kind in ("Role", "ClusterRole"):
            roles = {item["metadata"]["name"]: item for item in known(items, kind)}
            bindings = known(items, f"{kind}Binding")
            references = [item["roleRef"] for item in bindings]
            expect(
                sorted(reference["name"] for reference in references) == sorted(roles)
                and all((item["kind"], item["apiGroup"]) == (kind, "rbac.authorization.k8s.io") for item in references),
                f"not each {kind} is bound once",
            )
            for item in bindings:
                expect(item["subjects"] == [subject], f"{label(item)} is for somebody else than the pods")
            for name, item in roles.items():
                # An existing role of this name would be replaced.
                expect(name.startswith(NAME), f"{label(item)} may be somebody else's")
                expect(set(item) <= {"apiVersion", "kind", "metadata", "rules"}, f"{label(item)} has more than rules")
                for rule in item["rules"]:
                    extra = set(rule) - {"apiGroups", "resources", "verbs", "resourceNames"}
                    expect(not extra, f"{label(item)} has a rule about {sorted(extra)}")
                    (group,) = rule["apiGroups"]
                    for resource in rule["resources"]:
                        expect(
                            groups.get(resource.partition("/")[0]) == group,
                            f"{label(item)}: the code has no type for {resource} of the API group \"{group}\"",
                        )
                    names = rule.get("resourceNames", [""])
                    for right in itertools.product([kind == "Role"], rule["resources"], rule["verbs"], names):
                        expect(right not in found, f"{label(item)} gives {right} a second time")
                        found.add(right)
        asks = environment(items).get("RBD_REST_API_KUBERNETES_CONTROLLER") == "true"
        page = rights_of_the_page() if asks else set()
        differences = sorted(found ^ page)
        where = "docs/security.md has other rights" if asks else "there are rights without a controller"
        expect(not differences, f"{where}: {differences}")
        lease = settings_of_the_code()["RBD_REST_API_KUBERNETES_LEASE"]
        for own, resource, _, name in found:
            expect(not name or (own, resource, f"{NAME}/{name}") == (True, "leases", lease), f"the Lease is {lease}")
        (deployment,) = known(items, "Deployment")
        pod = deployment["spec"]["template"]["spec"]
        tokens = [volume for volume in pod["volumes"] if "projected" in volume]
        expect(bool(tokens) == asks, "the pod has a token, or needs one")
        folder = constant(
            "../Kubernetes/Credentials/CredentialSettings+InCluster.swift", r'serviceAccountDirectory = "([^"]+)"'
        )
        for volume in tokens:
            (container,) = pod["containers"]
            mounts = [entry["mountPath"] for entry in container["volumeMounts"] if entry["name"] == volume["name"]]
            expect(mounts == [folder], f"the token is in {mounts}, the daemon reads {folder}")


# Pods


def pod_specs(items):
    for item in items:
        if item["kind"] == "Pod":
            yield item["spec"]
        elif item["kind"] in ("Deployment", "Job"):
            yield item["spec"]["template"]["spec"]


def containers(pod):
    return pod.get("initContainers", []) + pod["containers"]


def pods(*paths):
    for path in paths:
        for pod in pod_specs(objects(path)):
            context = pod["securityContext"]
            expect(context.get("runAsNonRoot") is True and context.get("runAsUser", 0) > 0, "it may be root")
            expect(context["seccompProfile"] == {"type": "RuntimeDefault"}, "it has no seccomp profile")
            for name in ("hostNetwork", "hostPID", "hostIPC"):
                expect(not pod.get(name), f"it has {name}")
            allowed = {"configMap", "secret", "persistentVolumeClaim", "emptyDir", "projected"}
            for volume in pod["volumes"]:
                expect(set(volume) - {"name"} <= allowed, f"volume {volume['name']} is of a kind that is not allowed")
                if "secret" in volume:
                    expect(
                        volume["secret"].get("defaultMode") == 0o400,
                        f"Secret {volume['name']} is readable by more users than necessary",
                    )
                    expect(context.get("fsGroup"), f"Secret {volume['name']} is readable only by root")
            for container in containers(pod):
                name, own = container["name"], container["securityContext"]
                expect(own.get("allowPrivilegeEscalation") is False, f"{name} may gain privileges")
                expect(own.get("capabilities") == {"drop": ["ALL"]}, f"{name} has capabilities")
                expect(own.get("readOnlyRootFilesystem") is True, f"{name} can write to its image")
                expect(not own.get("privileged"), f"{name} is privileged")
                expect(
                    "requests" in container["resources"] and "memory" in container["resources"]["limits"],
                    f"{name} has no limits",
                )
                expect(re.search(r":[0-9.]+$", container["image"]), f"{name} has an image without a version")
                for mount in container.get("volumeMounts", []):
                    expect(
                        "subPath" not in mount,
                        f"{name} mounts {mount['mountPath']} by a subPath, which is never updated",
                    )


# Conditions


def words(name):
    text = constant("Kubernetes/VolumeDemand.swift", rf"{name}: Set<String> = \[([^\]]+)\]")
    return re.findall(r'"([^"]+)"', text)


def includes(drivers, name):
    """Whether a driver is one of the setting kubernetes-drivers (VolumeRules.includes)."""
    return name is not None and any(
        name.endswith(entry[1:]) if entry.startswith("*.") else name == entry for entry in drivers
    )


def is_ours(volume, drivers):
    """The rule of the daemon: VolumeRules.demand, and the warnings about volumes that it skips."""
    spec, annotations = volume.get("spec") or {}, (volume.get("metadata") or {}).get("annotations") or {}
    if annotations.get("rbd-rest-api.io/ensure") == "false":
        return False
    csi = spec.get("csi")
    if csi and includes(drivers, csi.get("driver")):
        attributes = csi.get("volumeAttributes") or {}
        if "staticVolume" in attributes and attributes["staticVolume"] not in words("falsehoods"):
            return True
    provisioner = constant("Kubernetes/VolumeDemand.swift", r'static let provisioner = "([^"]+)"')
    return "rbd" in spec and (provisioner not in annotations or annotations.get("rbd-rest-api.io/ensure") == "true")


def made_up_volumes():
    """Every combination of fields that are set, missing, empty, or different."""
    absent = object()

    def build(**members):
        return {name: member for name, member in members.items() if member is not absent}

    values = words("truths") + words("falsehoods") + ["yes", "on", "tRUE", " true", "true ", ""]
    attributes = [absent, {}, {"pool": "rbd"}] + [{"pool": "rbd", "staticVolume": value} for value in values]
    sources = [absent, {}] + [
        build(driver=driver, volumeHandle="a", volumeAttributes=attribute)
        for driver in (
            absent,
            "",
            "rbd.csi.ceph.com",
            "RBD.csi.ceph.com",
            "cephfs.csi.ceph.com",
            "a.rbd.csi.ceph.com",
            "a.b.rbd.csi.ceph.com",
            ".rbd.csi.ceph.com",
            "arbd.csi.ceph.com",
            "a.rbd.csi.ceph.com.a",
        )
        for attribute in attributes
    ]
    provisioned = {"pv.kubernetes.io/provisioned-by": "kubernetes.io/rbd"}
    ensure = [{"rbd-rest-api.io/ensure": word} for word in ("true", "false", "", "maybe")]
    annotations = [absent, {}, {"a": "b"}, provisioned, *ensure, *({**provisioned, **word} for word in ensure)]
    in_tree = [{}, {"image": "a"}, {"image": "a", "monitors": ["192.0.2.1"]}]
    # A volume has one source. Otherwise the API server refuses it before it calls a webhook.
    specs = [{}, {"nfs": {"server": "192.0.2.1", "path": "/"}}]
    specs += [{"rbd": source} for source in in_tree] + [build(csi=source) for source in sources]
    for spec, notes in itertools.product(specs, annotations):
        metadata = build(name="a", annotations=notes)
        yield {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec}
    yield {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "a"}}
    yield {"apiVersion": "v1", "kind": "PersistentVolume"}


def conditions(*paths):
    from cel_expr_python import cel

    for path in paths:
        items = objects(path)
        drivers = environment(items)["RBD_REST_API_KUBERNETES_DRIVERS"].split(",")
        default = settings_of_the_code()["RBD_REST_API_KUBERNETES_DRIVERS"].split(",")
        expect(set(default) <= set(drivers), f"the drivers are {drivers}, the daemon's default are {default}")
        # The conditions admit all drivers of Ceph, whatever the setting chooses among them.
        of_ceph = [name for driver in default for name in (driver, f"*.{driver}")]
        (configuration,) = known(items, "ValidatingWebhookConfiguration")
        webhook, changes = configuration["webhooks"]
        *same_conditions, capacity = changes["matchConditions"]
        expect(same_conditions == webhook["matchConditions"], "changes have other conditions than new volumes")
        # Google's CEL, as strict as the API server's: reading below a missing field is an error, even in has().
        environment_of_cel = cel.NewEnv(variables={"object": cel.Type.DYN, "oldObject": cel.Type.DYN})
        programs = {
            entry["name"]: environment_of_cel.compile(entry["expression"]) for entry in changes["matchConditions"]
        }
        expression = webhook["matchConditions"][0]["expression"]
        lists = [re.findall(r"'([^']*)'", text) for text in re.findall(r" in \[([^\]]*)\]", expression)]
        daemon = [words("falsehoods")]
        expect(lists == daemon, f"the conditions list {lists}, the daemon {daemon}")

        def holds(condition, volume, old):
            result = programs[condition["name"]].eval(data={"object": volume, "oldObject": old})
            expect(
                result.type() == cel.Type.BOOL,
                f"condition {condition['name']} comes to {result.value()} for {json.dumps([old, volume])}",
            )
            return result.value()

        def matches(volume):
            # All of them are evaluated, because none may fail.
            return all([holds(condition, volume, volume) for condition in webhook["matchConditions"]])

        count = 0
        for volume in made_up_volumes():
            expect(
                matches(volume) == is_ours(volume, of_ceph), f"conditions and daemon differ over {json.dumps(volume)}"
            )
            expect(
                matches(volume) or not is_ours(volume, drivers),
                f"the conditions keep {json.dumps(volume)} from the daemon, whose drivers are {drivers}",
            )
            count += 1
        expect(count > 1000, "too few volumes were made up")
        specs = [None, {}, {"capacity": {}}, *({"capacity": {"storage": size}} for size in ("1Gi", "2Gi", "2048Mi"))]
        for old, new in itertools.product(specs, repeat=2):
            old, new = ({} if spec is None else {"spec": spec} for spec in (old, new))
            was, wanted = (item.get("spec", {}).get("capacity", {}).get("storage") for item in (old, new))
            expect(
                holds(capacity, new, old) == (wanted is not None and wanted != was),
                f"the condition for changes is wrong about {json.dumps([old, new])}",
            )

        reviews = {
            file.name: json.loads(file.read_text())["request"]
            for file in (ROOT / "Tests/Fixtures/admission").glob("*.json")
        }
        created = {name: request["object"] for name, request in reviews.items() if request["operation"] == "CREATE"}
        expect(len(created) > 5, "there are too few recorded reviews")
        for name, volume in created.items():
            wanted = "dynamic" not in name
            expect(matches(volume) == wanted, f"{name} is {'not ' if wanted else ''}let through")
        # And the examples that people copy.
        for file in (ROOT / "deploy/kubernetes/examples").glob("*.yaml"):
            for volume in known(objects(file), "PersistentVolume"):
                expect(matches(volume), f"{file.name}: {label(volume)} would not get an image")


COMMANDS = {
    "same": same,
    "schema": schema,
    "settings": settings,
    "wiring": wiring,
    "rights": rights,
    "pods": pods,
    "conditions": conditions,
}

if __name__ == "__main__":
    try:
        COMMANDS[sys.argv[1]](*sys.argv[2:])
    except Wrong as wrong:
        sys.exit(f"{wrong}")
