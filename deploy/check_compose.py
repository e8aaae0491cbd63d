#!/usr/bin/env python3
"""Checks compose.yaml: check_compose.py PROGRAM, with compose-spec and promtool on PATH.

The validator of the Compose Specification must take it, all that it mounts and builds from must be
there, what is to run must come back by itself, the real program must take each worker's command,
and Prometheus its configuration.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

DEPLOY = Path(__file__).resolve().parent
IMAGE = "copydesk"


def run(*command, **options):
    """Runs a command; its output, or the end of the checks with what it said."""
    done = subprocess.run(command, check=False, text=True, capture_output=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def check_files(services):
    """What is mounted from this machine, and what images are built from, is there."""
    for name, service in services.items():
        sources = [v["source"] for v in service.get("volumes", []) if v["type"] == "bind"]
        if build := service.get("build"):
            sources.append(Path(build["context"]) / build["dockerfile"])
        for source in sources:
            assert Path(source).exists(), f"{name} needs {source}, which is not there"


def check_restarts(services):
    """All services come back after a failure or a restart of the engine, but what is done once."""
    passing = {name for name, service in services.items() if service.get("restart") is None}
    assert passing == {"topics"}, f"these do not come back: {passing - {'topics'}}"


def check_workers(services, program):
    """The program takes what its workers are started with, and has time enough to end."""
    workers = {
        name: service
        for name, service in services.items()
        if service.get("image") == IMAGE and service["command"][0] == "run"
    }
    assert set(workers) == {"enrich", "ner", "classify"}, f"the workers are {list(workers)}"
    for name, service in workers.items():
        assert service["command"] == ["run", name], f"{name} runs {service['command']}"
        lines = run(program, *service["command"], "--check-config", env=service["environment"])
        in_force = dict(re.findall(r"^(\S+) = (\S+)", lines, re.MULTILINE))
        assert in_force["kafka.brokers"] == '"kafka:9092"', f"{name} asks {in_force}"
        stop_s = int(in_force["kafka.stop_timeout_ms"]) / 1000 + 1
        grace_s = float(service["stop_grace_period"].removesuffix("s"))
        assert grace_s > stop_s, f"{name} is killed before its batch in hand may end"


def check_prometheus(model):
    """Prometheus takes the configuration, with the rules beside it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rules.yml").symlink_to(DEPLOY / "prometheus/rules.yml")
        config = Path(folder) / "prometheus.yml"
        config.write_text(model["configs"]["prometheus"]["content"])
        run("promtool", "check", "config", config)


def check_grafana(service):
    """Grafana finds what it is provisioned with, and that finds the dashboards."""
    mounts = {volume["target"]: Path(volume["source"]) for volume in service["volumes"]}
    for kind in ("dashboards", "datasources"):
        files = list((mounts["/etc/grafana/provisioning"] / kind).glob("*.yml"))
        assert files, f"no {kind} are provisioned"
    provider = (mounts["/etc/grafana/provisioning"] / "dashboards/copydesk.yml").read_text()
    [folder] = re.findall(r"^ *path: (\S+)$", provider, re.MULTILINE)
    assert list(mounts[folder].glob("*.json")), f"no dashboards in {folder}"
    home = Path(service["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (mounts[str(home.parent)] / home.name).exists(), f"Grafana's home {home} is not there"


def main():
    """Checks everything, and says how much that was."""
    program = Path(sys.argv[1]).resolve()
    os.chdir(DEPLOY)
    model = json.loads(run("compose-spec", "-format", "json", "compose.yaml"))
    services = model["services"]
    check_files(services)
    check_restarts(services)
    check_workers(services, program)
    check_prometheus(model)
    check_grafana(services["grafana"])
    sys.stdout.write(f"compose.yaml: {len(services)} services\n")


if __name__ == "__main__":
    main()
