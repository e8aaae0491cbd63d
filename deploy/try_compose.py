#!/usr/bin/env python3
"""Runs compose.yaml with each profile, and looks at every service: try_compose.py [--no-build].

It needs Docker, with the registry of its images or these images already there, and the ports of
compose.yaml. Containers, networks and volumes are of a project of their own, and gone at the end.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from functools import partial
from pathlib import Path

DEPLOY = Path(__file__).resolve().parent
COMPOSE = f"docker compose --project-name copydesk-try --file {DEPLOY}/compose.yaml".split()
PROMETHEUS = "http://localhost:9090/api/v1"
GRAFANA = "http://localhost:3000/api"
PROFILES = {"enrich": ["enrich"], "halves": ["ner", "classify"]}
# Also on a machine that has other things to do.
PATIENCE_S = 180


def compose(profile, *words):
    """What a command of Compose prints on stdout; the end of the program if it fails."""
    environment = os.environ | {"COMPOSE_PROFILES": profile}
    done = subprocess.run(
        [*COMPOSE, *words], check=False, text=True, stdout=subprocess.PIPE, env=environment
    )
    if done.returncode:
        sys.exit(f"docker compose {' '.join(words)} has failed: its message is above")
    return done.stdout


def ask(url, **query):
    """The JSON at an address; none while it cannot be had."""
    try:
        with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
            return json.load(answer)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def containers(profile):
    """All containers of the project, as Compose describes them."""
    lines = compose(profile, "ps", "--all", "--format", "json").splitlines()
    return [json.loads(line) for line in lines]


def wait_for(what, profile, condition):
    """Waits until a condition holds, or ends the program with what the services said last."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            sys.stderr.write(compose(profile, "ps", "--all") + compose(profile, "logs", "--tail=9"))
            sys.exit(f"{profile}: waited {PATIENCE_S} s until {what}; what there is stands above")
        time.sleep(1)


def are_healthy(profile, names):
    """Whether the health check of each of these services passes."""
    states = {container["Service"]: container["Health"] for container in containers(profile)}
    return all(states.get(name) == "healthy" for name in names)


def articles_come_out(profile):
    """Whether the log of `tail` shows an article with what was found in it."""
    return "entities ·" in compose(profile, "logs", "tail")


def are_scraped(names):
    """Whether Prometheus has found the workers and no other, each by the name of its service."""
    answer = ask(f"{PROMETHEUS}/query", query='count by (service) (up{job="copydesk"} == 1)')
    found = {series["metric"]["service"] for series in answer["data"]["result"]} if answer else {}
    return set(names) == found


def rules_are_evaluated():
    """Whether each rule was, without an error, and each that records something has done so."""
    answer = ask(f"{PROMETHEUS}/rules")
    groups = answer["data"]["groups"] if answer else []
    rules = [rule for group in groups for rule in group["rules"]]
    recorded = {rule["name"] for rule in rules if rule["type"] == "recording"}
    answer = ask(f"{PROMETHEUS}/query", query='count by (__name__) ({__name__=~"service.*:.*"})')
    found = {series["metric"]["__name__"] for series in answer["data"]["result"]} if answer else {}
    return bool(rules) and {rule["health"] for rule in rules} == {"ok"} and recorded == set(found)


def dashboards_are_there():
    """Whether Grafana has all dashboards without a login, and one of them as its home."""
    boards = [json.loads(path.read_text()) for path in DEPLOY.glob("grafana/dashboards/*.json")]
    titles = {board["title"] for board in boards}
    found = {board["title"] for board in ask(f"{GRAFANA}/search", type="dash-db") or []}
    home = ask(f"{GRAFANA}/dashboards/home") or {}
    return titles == found and home.get("dashboard", {}).get("title") in titles


def grafana_has_numbers():
    """Whether Grafana gets an answer from Prometheus for who looks at a panel."""
    url = f"{GRAFANA}/datasources/proxy/uid/prometheus/api/v1/query"
    answer = ask(url, query="sum(copydesk_records_enriched_total) > 0")
    return bool(answer and answer["data"]["result"])


def stop(profile):
    """Stops all services, none of which has to be killed for it."""
    compose(profile, "stop")
    killed = [c["Service"] for c in containers(profile) if c["ExitCode"] == 137]
    if killed:
        sys.exit(f"{profile}: {killed} did not stop as asked")


def attempt(profile, flags):
    """Brings everything up, looks at it, and stops it."""
    workers = PROFILES[profile]
    compose(profile, "up", "--detach", *flags)
    wait = partial(wait_for, profile=profile)
    wait(
        "the broker and workers are healthy",
        condition=lambda: are_healthy(profile, ["kafka", *workers]),
    )
    wait("articles come out", condition=lambda: articles_come_out(profile))
    wait("Prometheus scrapes the workers", condition=lambda: are_scraped(workers))
    wait("rules are evaluated", condition=rules_are_evaluated)
    wait("Grafana has the dashboards", condition=dashboards_are_there)
    wait("Grafana has numbers", condition=grafana_has_numbers)
    stop(profile)
    sys.stdout.write(f"compose.yaml, profile {profile}: all is well\n")


def main():
    """Tries each profile, and leaves nothing behind."""
    flags = sys.argv[1:] or ["--build"]
    for profile in PROFILES:
        try:
            attempt(profile, flags)
        finally:
            compose("*", "down", "--volumes", "--timeout", "30")


if __name__ == "__main__":
    main()
