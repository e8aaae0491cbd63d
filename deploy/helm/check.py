#!/usr/bin/env python3
"""Checks the Helm chart: check.py PROGRAM, with helm and kubeconform on PATH.

Each file of copydesk/ci is rendered. Helm's linter, the schemas of Kubernetes and of the operators
must take what comes out, and the real program the arguments, environment and settings of each pod.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import kubernetes_validate
import yaml

HERE = Path(__file__).resolve().parent
CHART = HERE / "copydesk"
ROOT = HERE.parent.parent
KUBERNETES = "1.31.0"
SCHEMAS = (
    Path(kubernetes_validate.__file__).parent / f"kubernetes-json-schema/v{KUBERNETES}-local-strict"
)
RESOURCES = [
    "configmap-v1",
    "poddisruptionbudget-policy-v1",
    "secret-v1",
    "service-v1",
    "serviceaccount-v1",
    "statefulset-apps-v1",
]
PROMETHEUS = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
MONITORING = "example/prometheus-operator-crd/monitoring.coreos.com"
# Modules that hold the definitions of the operators' resources, and where in them.
OPERATORS = [
    ("github.com/kedacore/keda/v2@v2.21.0", "config/crd/bases/keda.sh_scaledobjects.yaml"),
    (PROMETHEUS, f"{MONITORING}_servicemonitors.yaml"),
    (PROMETHEUS, f"{MONITORING}_prometheusrules.yaml"),
]
SECRETS = "/run/secrets/copydesk"
PROBES = {"startupProbe": "/healthz", "readinessProbe": "/readyz", "livenessProbe": "/healthz"}
COMPONENT = "app.kubernetes.io/component"
# What the release of next-values.yaml puts behind a service's name.
NEXT = "-next"


def run(*command, **options):
    """Runs a command; its output, or the end of the checks with what it said."""
    done = subprocess.run(command, check=False, text=True, capture_output=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def helm(command, *flags):
    """Runs helm on the chart."""
    return run("helm", *command, CHART, "--kube-version", KUBERNETES, *flags)


def strict(schema):
    """A definition's schema that takes no field it does not name."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {name: strict(inner) for name, inner in schema.items()}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    return schema


def write_core_schemas(folder):
    """Writes what kubeconform needs to know of Kubernetes' resources."""
    definitions = json.loads((SCHEMAS / "_definitions.json").read_text())["$defs"]
    for resource in RESOURCES:
        # They refer to the definitions by a path that is that package's own.
        text = (SCHEMAS / f"{resource}.json").read_text().replace("/api/_definitions.json#", "#")
        schema = json.loads(text) | {"$defs": definitions}
        (folder / f"{resource}.json").write_text(json.dumps(schema))


def write_operator_schemas(folder):
    """Writes what kubeconform needs to know of the operators' resources."""
    for module, path in OPERATORS:
        source = Path(json.loads(run("go", "mod", "download", "-json", module))["Dir"])
        definition = yaml.safe_load((source / path).read_text())["spec"]
        kind = definition["names"]["kind"].lower()
        for version in definition["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            # The object's own fields are Kubernetes', which the definition leaves open.
            schema["properties"]["metadata"] = {"type": "object"}
            group = definition["group"].split(".")[0]
            (folder / f"{kind}-{group}-{version['name']}.json").write_text(json.dumps(schema))


def conforms(manifests, schemas):
    """Whether the schemas take all manifests, with no field that they do not know."""
    place = f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    run("kubeconform", "-strict", "-schema-location", place, input=manifests)


def accepts(program, workload, settings, folder):
    """Has the program read a pod's arguments, environment and settings; what is in force then."""
    pod = workload["spec"]["template"]["spec"]
    container = pod["containers"][0]
    secrets = folder / "secrets"
    secrets.mkdir()
    for line in settings.splitlines():
        for word in line.split('"'):
            if word.startswith(SECRETS):
                (secrets / Path(word).name).write_text("a password\n")
    file = folder / "copydesk.toml"
    file.write_text(settings.replace(SECRETS, str(secrets)))
    fields = {"metadata.namespace": "news", "metadata.name": f"{workload['metadata']['name']}-0"}
    # As the image has it, unless the pod says otherwise.
    environment = {"COPYDESK__ADMIN__BIND": "127.0.0.1:1"}
    for variable in container["env"]:
        value = variable.get("value")
        if value is None:
            field = variable["valueFrom"].get("fieldRef", {}).get("fieldPath")
            value = fields[field] if field else "a secret"
        for name, earlier in environment.items():
            value = value.replace(f"$({name})", earlier)
        environment[variable["name"]] = value
    arguments = [
        str(file) if argument == "/etc/copydesk/copydesk.toml" else argument
        for argument in container["args"]
    ]
    lines = run(program, *arguments, "--check-config", env=environment).splitlines()
    return dict(line.split("  # ")[0].split(" = ", 1) for line in lines)


def check_pod(workload, in_force):
    """What must hold between a pod and its settings."""
    pod = workload["spec"]["template"]["spec"]
    container = pod["containers"][0]
    port = container["ports"][0]["containerPort"]
    # The program abandons a batch a second after its time is over.
    stop_s = int(in_force["kafka.stop_timeout_ms"]) / 1000 + 1
    assert pod["terminationGracePeriodSeconds"] > stop_s, "killed before the batch in hand may end"
    assert in_force["admin.bind"] == f'"0.0.0.0:{port}"', "the probes ask another port"
    instance = f'"news.{workload["metadata"]["name"]}-0"'
    assert in_force["kafka.instance"] == instance, "workers would share a transactional id"
    for name in ("kafka.transactional_id", "kafka.group_instance_id"):
        assert "{instance}" in in_force[name], f"workers would share {name} = {in_force[name]}"
    asked = {name: container[name]["httpGet"] for name in PROBES}
    expected = {name: {"path": path, "port": "admin"} for name, path in PROBES.items()}
    assert asked == expected, f"the probes ask {asked}"


def selects(selector, labels):
    """Whether a selector takes what has these labels."""
    return selector.items() <= labels.items()


def check_selectors(objects, workloads):
    """What selects pods takes those of one workload and no others."""
    pods = {
        workload["metadata"]["name"]: workload["spec"]["template"]["metadata"]["labels"]
        for workload in workloads
    }
    services = {item["metadata"]["name"]: item for item in objects if item["kind"] == "Service"}
    selectors = [
        (item["metadata"]["name"], item["kind"], selector.get("matchLabels", selector))
        for item in objects
        if (selector := item.get("spec", {}).get("selector"))
        and item["kind"] in ("StatefulSet", "Service", "PodDisruptionBudget")
    ]
    assert {kind for _, kind, _ in selectors} == {"StatefulSet", "Service", "PodDisruptionBudget"}
    for name, kind, selector in selectors:
        taken = [pod for pod, labels in pods.items() if selects(selector, labels)]
        assert taken == [name], f"{kind} {name} selects the pods of {taken}"
    for workload in workloads:
        assert workload["spec"]["serviceName"] in services, "the pods would have no names"


def check_monitor(objects, workloads, suffix):
    """Each pod is scraped, and has its service's name with the release's suffix."""
    services = [item for item in objects if item["kind"] == "Service"]
    for monitor in (item["spec"] for item in objects if item["kind"] == "ServiceMonitor"):
        [endpoint] = monitor["endpoints"]
        [relabeling] = endpoint["relabelings"]
        label = relabeling.get("replacement", "${1}")
        source = f"__meta_kubernetes_pod_label_{re.sub(r'[^a-z]', '_', COMPONENT)}"
        assert relabeling["sourceLabels"] == [source], f"{relabeling} reads another label"
        for service in services:
            assert selects(monitor["selector"]["matchLabels"], service["metadata"]["labels"])
            assert [port["name"] for port in service["spec"]["ports"]] == [endpoint["port"]]
        for workload in workloads:
            name = workload["spec"]["template"]["metadata"]["labels"][COMPONENT]
            shown = label.replace("${1}", name)
            assert shown == name + suffix, f"{name} is shown as {shown}"


def check_scaling(objects, settings, program):
    """KEDA asks for the lag of the group and topic that the workers read."""
    for scaled in (item["spec"] for item in objects if item["kind"] == "ScaledObject"):
        service, in_force = settings[scaled["scaleTargetRef"]["name"]]
        [asked] = [trigger["metadata"] for trigger in scaled["triggers"]]
        group = json.loads(in_force["kafka.group"]).replace("{service}", service)
        topic = json.loads(in_force[f"topics.{reads(program)[service]}"])
        assert (asked["consumerGroup"], asked["topic"]) == (group, topic), f"KEDA asks {asked}"
        assert asked["bootstrapServers"] == json.loads(in_force["kafka.brokers"])


def check_object_names(objects):
    """The names of Services and of pods' hosts are labels of DNS (RFC 1035)."""
    for name in (item["metadata"]["name"] for item in objects):
        assert re.fullmatch(r"[a-z]([-a-z0-9]{0,50}[a-z0-9])?", name), f"{name} is no label of DNS"


def check_file(file, program, schemas, *more, release="news"):
    """Renders the chart with a values file and more flags, and checks all that comes out."""
    flags = ["--values", file, *more]
    helm(["lint", "--strict", "--quiet"], *flags)
    manifests = helm(["template", release, "--namespace", "news"], *flags)
    conforms(manifests, schemas)
    objects = [item for item in yaml.safe_load_all(manifests) if item]
    maps = {item["metadata"]["name"]: item for item in objects if item["kind"] == "ConfigMap"}
    workloads = [item for item in objects if item["kind"] == "StatefulSet"]
    assert workloads, f"{file.name} runs nothing"
    check_object_names(objects)
    settings = {}
    for workload in workloads:
        name, labels = workload["metadata"]["name"], workload["metadata"]["labels"]
        with tempfile.TemporaryDirectory() as folder:
            text = maps[name]["data"]["copydesk.toml"]
            in_force = accepts(program, workload, text, Path(folder))
        check_pod(workload, in_force)
        settings[name] = labels[COMPONENT], in_force
    check_scaling(objects, settings, program)
    check_selectors(objects, workloads)
    check_monitor(objects, workloads, NEXT if file.name == "next-values.yaml" else "")
    return objects


def check_rules(program, schemas):
    """The project's own rules come out of the chart as they went in."""
    file = ROOT / "deploy/prometheus/rules.yml"
    flags = ["--set", "prometheusRule.enabled=true", "--set-file", f"prometheusRule.rules={file}"]
    objects = check_file(CHART / "ci/enrich-values.yaml", program, schemas, *flags)
    [rules] = [item["spec"] for item in objects if item["kind"] == "PrometheusRule"]
    assert rules == yaml.safe_load(file.read_text()), "the chart changes the rules"


def reads(program):
    """Each service of the program, and which topic it reads: raw or tagged."""
    table = run(program, "run", "--help").split("Services:\n")[1].split("\n\n")[0]
    rows = [row.split()[:2] for row in table.splitlines()]
    return {name: topic.removeprefix("articles.") for name, topic in rows}


def check_names(program):
    """The chart's services are those of the program, its settings those of default.toml."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    services = schema["properties"]["services"]["properties"]
    assert list(services) == list(reads(program)), "services differ"
    defaults = tomllib.loads((ROOT / "services/copydesk/default.toml").read_text())
    # kafka.instance is the pod's name.
    del defaults["kafka"]["instance"]
    known = schema["$defs"]["settings"]["properties"]
    expected = {table: sorted(settings) for table, settings in defaults.items()}
    assert {table: sorted(known[table]["properties"]) for table in known} == expected, (
        "values.schema.json and default.toml have other settings"
    )


def check_refusals():
    """Values that cannot work are refused, by name."""
    cases = {
        "services.enrich.replica=2": "replica",
        "settings.kafka.instance=a": "instance",
        "settings.kafka.broker=a": "broker",
        "services.tagger.enabled=true": "tagger",
        "settings.admin.bind=0.0.0.0:0": "bind",
        "image.digest=latest": "digest",
        "serviceMonitor.serviceSuffix=$1": "serviceSuffix",
        "fullnameOverride=news.v2": "fullnameOverride",
        "extraEnv[0].name=COPYDESK__KAFKA__INSTANCE": "extraEnv",
    }
    for value, name in cases.items():
        flags = ["--kube-version", KUBERNETES, "--set", value]
        command = ["helm", "template", CHART, *flags]
        done = subprocess.run(command, check=False, text=True, capture_output=True)
        assert done.returncode and name in done.stderr, f"{value} is taken: {done.stderr}"


def main():
    """Checks everything, and says how much that was."""
    program = Path(sys.argv[1]).resolve()
    os.environ["HELM_CACHE_HOME"] = str(ROOT / ".cache/helm")
    check_names(program)
    check_refusals()
    files = sorted((CHART / "ci").glob("*-values.yaml"))
    with tempfile.TemporaryDirectory() as schemas:
        write_core_schemas(Path(schemas))
        write_operator_schemas(Path(schemas))
        count = sum(len(check_file(file, program, schemas)) for file in files)
        check_rules(program, schemas)
        check_file(files[0], program, schemas, release="news.of-the-world.v2.longer-than-forty")
    sys.stdout.write(f"{len(files)} values files, {count} objects\n")


if __name__ == "__main__":
    main()
