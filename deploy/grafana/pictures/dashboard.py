"""A dashboard as it is in its file, and what Prometheus has for each of its panels."""

import json
import re
from pathlib import Path

from pipeline import SCRAPE_S, Prometheus

# As Grafana counts it: at least four scrapes.
RATE_INTERVAL = f"{4 * SCRAPE_S}s"


def filled(path: Path, prometheus: Prometheus, times: range, instance: str) -> dict:
    """All that is needed to draw a dashboard: its panels, and the series of each."""
    dashboard = json.loads(path.read_text())
    variables = {"service": ".*", "instance": instance}
    shown = {"service": "All", "instance": instance}
    return {
        "title": dashboard["title"],
        "description": dashboard["description"],
        "variables": {
            variable["label"]: shown[variable["name"]]
            for variable in dashboard["templating"]["list"]
        },
        "times": list(times),
        "panels": [
            panel | {"series": series(panel, prometheus, times, variables)}
            for panel in dashboard["panels"]
        ],
    }


def series(panel: dict, prometheus: Prometheus, times: range, variables: dict) -> list[dict]:
    """The series of a panel: a name, and a value or none for each time."""
    if panel["type"] != "timeseries":
        raise NotImplementedError(f"{panel['title']}: a {panel['type']} cannot be drawn yet")
    found = [
        {"name": named(target["legendFormat"], result["metric"]), "values": values(result, times)}
        for target in panel["targets"]
        for result in prometheus.query_range(fill(target["expr"], variables), times)
    ]
    if not found:
        raise ValueError(f"{panel['title']}: Prometheus has nothing for it")
    return found


def fill(expression: str, variables: dict) -> str:
    """An expression with the values of the dashboard's variables in it."""
    for name, value in variables.items():
        expression = expression.replace(f"${name}", value)
    return expression.replace("$__rate_interval", RATE_INTERVAL)


def named(legend: str, labels: dict) -> str:
    """The name of a series by the panel's pattern, such as `{{service}} in`."""
    return re.sub(r"{{\s*(\w+)\s*}}", lambda match: labels.get(match[1], ""), legend).strip()


def values(result: dict, times: range) -> list[float | None]:
    """The values of a series on the grid of times; none where there is no number."""
    at = {int(time): float(value) for time, value in result["values"]}
    numbers = (at.get(time) for time in times)
    return [None if number is None or number != number else number for number in numbers]
