"""What the pictures show: a broker, workers and Prometheus, each a real one, on free ports."""

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = ROOT / "target/release/copydesk"
SAMPLES = ROOT / "services/copydesk/samples"
TOPICS = ["articles.raw:4", "articles.enriched:4", "articles.dlq:1"]
SCRAPE_S = 5


def say(text: str) -> None:
    """Tells how far it is; the pictures are the result."""
    print(text, file=sys.stderr)


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(url: str) -> str:
    """What is at an address; empty while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, ConnectionError):
        return ""


def wait_for(what: str, condition: Callable[[], bool], seconds: float) -> None:
    """Waits until a condition holds, or ends the program."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.2)


class Process:
    """A program that runs until it is stopped; what it says is in a file."""

    def __init__(self, log: Path, *command: object, **options: object) -> None:
        with log.open("a") as output:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdout=output, stderr=output, text=True, **options
            )

    def stop(self) -> None:
        """Asks it to stop, and sees to it that it has."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Worker:
    """A worker of the service `enrich` on one core."""

    def __init__(self, number: int, brokers: str, folder: Path) -> None:
        self.name = f"enrich-{number}"
        self.address = f"127.0.0.1:{free_port()}"
        self.log = folder / f"{self.name}.log"
        settings = {"kafka.instance": number, "admin.bind": self.address, "encoder.threads": 1}
        flags = [f"--set={name}={value}" for name, value in settings.items()]
        self.command = [PROGRAM, "run", "--brokers", brokers, *flags]
        self.start()

    def start(self) -> None:
        """Starts it, for the first time or again."""
        self.process = Process(self.log, *self.command)

    def stop(self) -> None:
        """Asks it to stop."""
        self.process.stop()

    def is_ready(self) -> bool:
        """Whether it has partitions to read."""
        return bool(get(f"http://{self.address}/readyz"))

    def done(self) -> float:
        """How many articles it has enriched."""
        metrics = get(f"http://{self.address}/metrics")
        values = re.findall(r"^copydesk_records_enriched_total (\S+)$", metrics, re.MULTILINE)
        return sum(map(float, values))


class Prometheus:
    """Prometheus with the project's rules; it scrapes the workers where there are any."""

    def __init__(self, folder: Path, workers: list[Worker]) -> None:
        folder.mkdir(exist_ok=True)
        self.url = f"http://127.0.0.1:{free_port()}"
        config = folder / "prometheus.yml"
        config.write_text(configured(workers))
        self.process = Process(
            folder / "prometheus.log",
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
        )
        wait_for("Prometheus", lambda: bool(get(f"{self.url}/-/ready")), 60)

    def query_range(self, expression: str, times: range) -> list[dict]:
        """Series of an expression: labels, and values by time."""
        asked = {"query": expression, "start": times[0], "end": times[-1], "step": times.step}
        answer = get(f"{self.url}/api/v1/query_range?{urllib.parse.urlencode(asked)}")
        if not answer:
            sys.exit(f"Prometheus does not take {expression}")
        return json.loads(answer)["data"]["result"]


def configured(workers: list[Worker]) -> str:
    """The project's configuration for these workers, each with the name of its pod."""
    config = (ROOT / "deploy/prometheus/prometheus.yml").read_text()
    head, _ = config.replace("interval: 15s", f"interval: {SCRAPE_S}s").split("static_configs:")
    targets = [
        {"targets": [worker.address], "labels": {"service": "enrich", "instance": worker.name}}
        for worker in workers
    ]
    # JSON is YAML, too.
    rules = ROOT / "deploy/prometheus/rules.yml"
    return head.replace("rules.yml", str(rules)) + f"static_configs: {json.dumps(targets)}\n"


class Pipeline:
    """A broker with its topics, two workers, and a feed; stopped where the `with` ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stack = ExitStack()

    def __enter__(self) -> "Pipeline":
        with self.stack:
            self.start()
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def start(self) -> None:
        """Starts all of it, and waits until the workers are ready."""
        broker, script = self.folder / "broker", ROOT / "deploy/broker.sh"
        self.stack.callback(subprocess.run, [script, "stop", broker], check=True)
        started = subprocess.run(
            [script, "start", broker], check=True, text=True, stdout=subprocess.PIPE
        )
        subprocess.run([script, "topics", broker, *TOPICS], check=True)
        brokers = started.stdout.strip()
        self.workers = [Worker(number, brokers, self.folder) for number in range(2)]
        for worker in self.workers:
            self.stack.callback(worker.stop)
        wait_for("workers", lambda: all(worker.is_ready() for worker in self.workers), 120)
        feed = [PROGRAM, "feed", "--raw", "--brokers", brokers, "-"]
        self.feed = Process(self.folder / "feed.log", *feed, stdin=subprocess.PIPE).process
        self.stack.callback(self.feed.wait)
        self.stack.callback(self.feed.stdin.close)

    def send(self, lines: list[str]) -> None:
        """Feeds articles; they are in the topic a moment later."""
        self.feed.stdin.write("".join(f"{line}\n" for line in lines))
        self.feed.stdin.flush()

    def done(self) -> float:
        """How many articles the workers have enriched since they were started."""
        return sum(worker.done() for worker in self.workers)


def need(*tools: str) -> None:
    """Ends the program where one is not installed."""
    for tool in tools:
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing: apt-get install {tool}")
