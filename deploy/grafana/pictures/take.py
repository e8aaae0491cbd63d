#!/usr/bin/env python3
"""Takes pictures of the Grafana dashboards, without Grafana: take.py LIBRARIES [--again].

Runs the pipeline for ten minutes under a load that comes and goes, asks Prometheus for what each
panel asks for, and has Chromium draw it with uPlot, as Grafana does: deploy/grafana/*.png.
LIBRARIES is the folder in which npm has installed package.json. What it takes the pictures of stays
in .cache/pictures/run; with --again they are drawn once more from there.
"""

import argparse
import base64
import json
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from dashboard import filled
from load import PHASES, Articles, Phase, ticks
from pipeline import ROOT, SAMPLES, SCRAPE_S, Pipeline, Prometheus, need, say, wait_for

HERE = Path(__file__).resolve().parent
GRAFANA = HERE.parent
RUN = ROOT / ".cache/pictures/run"
WARM_UP = 400
# At the beginning, rates are still those of the warm-up.
OMITTED_S = 30
WIDTH = 1440
# A row of the grid and what is between two, as in Grafana; what stands above the panels.
ROW, HEADER = 38, 76


def main() -> None:
    """Takes a picture of each dashboard."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("libraries", type=Path, help="where uPlot and the font are")
    arguments.add_argument("--again", action="store_true", help="draw the last run again")
    arguments = arguments.parse_args()
    need("chromium", "pngquant", "prometheus")
    if not arguments.again:
        shutil.rmtree(RUN, ignore_errors=True)
        RUN.mkdir(parents=True)
        run()
    begin, end = json.loads((RUN / "times.json").read_text())
    prometheus = Prometheus(RUN / "prometheus", [])
    try:
        for path in sorted((GRAFANA / "dashboards").glob("*.json")):
            times = range(begin, end + 1, SCRAPE_S)
            data = filled(path, prometheus, times, "enrich-0")
            draw(data, arguments.libraries, GRAFANA / f"{path.stem}.png")
    finally:
        prometheus.process.stop()


def run() -> None:
    """Runs the pipeline through all phases, and notes from when to when that was."""
    articles = Articles(SAMPLES)
    with Pipeline(RUN) as pipeline:
        prometheus = Prometheus(RUN / "prometheus", pipeline.workers)
        try:
            rate = capacity(pipeline, articles)
            begin = int(time.time()) + OMITTED_S
            for phase in PHASES:
                say(f"{phase.seconds:.0f} s with {phase.load * rate:.1f} articles a second")
                feed(pipeline, articles, phase, phase.load * rate)
            times = [begin, int(time.time())]
        finally:
            prometheus.process.stop()
    (RUN / "times.json").write_text(json.dumps(times))


def capacity(pipeline: Pipeline, articles: Articles) -> float:
    """How many articles a second the workers manage, once they are warm."""
    for count in (WARM_UP, 2 * WARM_UP):
        begin = time.monotonic()
        pipeline.send([articles.line(Phase(0, 0)) for _ in range(WARM_UP)])
        wait_for("the first articles", lambda count=count: pipeline.done() >= count, 600)
    return WARM_UP / (time.monotonic() - begin)


def feed(pipeline: Pipeline, articles: Articles, phase: Phase, rate: float) -> None:
    """Sends articles for as long as a phase lasts; the second worker restarts meanwhile."""
    restarting = threading.Thread(target=restart, args=[pipeline.workers[1]], daemon=True)
    if phase.restart:
        restarting.start()
    for due in ticks(phase.seconds, rate):
        pipeline.send([articles.line(phase) for _ in range(due)])
    if phase.restart:
        # Else it could start a worker when all are to be stopped.
        restarting.join()


def restart(worker) -> None:
    """Stops a worker, and starts it as late as a new pod would be there."""
    worker.stop()
    time.sleep(15)
    worker.start()


def draw(data: dict, libraries: Path, picture: Path) -> None:
    """Draws a dashboard, and takes a picture of it."""
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in data["panels"])
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(html(data, libraries))
        flags = [
            "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars",
            "--disable-background-networking --disable-component-update --disable-sync",
            f"--user-data-dir={folder}/profile --window-size={WIDTH},{HEADER + rows * ROW}",
            # Fonts are there before it is over.
            "--virtual-time-budget=5000",
        ]
        command = ["chromium", *" ".join(flags).split(), f"--screenshot={picture}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    # A third of the size: a drawing has few colours.
    subprocess.run(["pngquant", "--force", "--strip", "--ext=.png", picture], check=True)
    say(f"{picture.relative_to(ROOT)}: {picture.stat().st_size // 1000} kB")


def html(data: dict, libraries: Path) -> str:
    """A page that needs nothing beside it."""
    modules = libraries / "node_modules"
    font = (modules / "@fontsource/inter/files/inter-latin-400-normal.woff2").read_bytes()
    parts = {
        "FONT": base64.b64encode(font).decode(),
        "STYLE": (modules / "uplot/dist/uPlot.min.css").read_text(),
        "UPLOT": (modules / "uplot/dist/uPlot.iife.min.js").read_text(),
        "UNITS": (HERE / "units.js").read_text(),
        "DRAW": (HERE / "draw.js").read_text(),
        "DATA": json.dumps(data).replace("</", "<\\/"),
    }
    page = (HERE / "page.html").read_text()
    for name, text in parts.items():
        page = page.replace(f"%{name}%", text)
    return page


if __name__ == "__main__":
    main()
