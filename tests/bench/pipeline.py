"""Whole uploads, with all that is done for them, against the simulator of the services."""

import contextlib
import json
import math
import subprocess
import urllib.request

from measure import BINARY, MB, Process, Row, allow_many_files, median, running

LONG_MS = {"parse-ms": "3000-5000", "analysis-ms": 6000, "scenes-ms": 3000, "image-ms": 2500}
LONG_RUNS = 9
LONG_RATIO_MAX = 1.03
SHORT_MS = 5
SHORT_STEPS = ("upload-ms", "parse-ms", "poll-ms", "analysis-ms", "scenes-ms", "image-ms")
SHORT_RUNS = 31
SHORT_WALL_MS_MAX = 80
CLIENTS = 16
REQUESTS = 600
RUNS = 3
CPU_MS_MAX = 4
RATE_MIN = 300
RAISED = {"MAX_CONCURRENT_LLAMAPARSE": 64, "MAX_CONCURRENT_OPENAI": 64, "MAX_CONCURRENT_IMAGES": 64}
CROWD = 200
CROWD_MS = {"parse-ms": 400, "analysis-ms": 600, "scenes-ms": 300, "image-ms": 250}
LIMITS = {"llamaparse": 3, "openai": 2, "images": 4}
CHAT_SECONDS = 0.9
BUSY_MIN = 0.97
MEDIAN_RATIO_MAX = 1.1
CROWD_PEAK_MB_MAX = 48
LARGE = 8
LARGE_BYTES = 20 * MB
LARGE_PEAK_MB_MAX = 32
LAG_MS_MAX = 50
PICTURES = 4


class Simulator(Process):
    """The services, with no latency until options are set."""

    def __init__(self):
        self.process = subprocess.Popen(
            [BINARY.parent / "upsim", "--port", "0"], stdout=subprocess.PIPE, text=True)
        super().__init__(self.process.pid)
        self.url = "http://" + self.process.stdout.readline().split()[-1]

    def control(self, what, body):
        with urllib.request.urlopen(f"{self.url}/control/{what}", json.dumps(body).encode()):
            pass

    def reset(self):
        self.control("reset", {})

    def stats(self):
        with urllib.request.urlopen(f"{self.url}/control/stats") as answer:
            return json.load(answer)

    def stop(self):
        self.process.terminate()
        self.process.wait()


@contextlib.contextmanager
def served(options, **settings):
    """(simulator, server), warm: what a model refuses is known, and connections are open."""
    allow_many_files()
    simulator = Simulator()
    try:
        with running(OPENAI_API_KEY="any", OPENAI_BASE_URL=f"{simulator.url}/v1",
                     LLAMAPARSE_API_KEY="any", LLAMAPARSE_BASE_URL=simulator.url,
                     **settings) as server:
            upload(server, 1, 2, 1000)
            simulator.control("options", options)
            yield simulator, server
    finally:
        simulator.stop()


def upload(server, clients, count, size):
    """([seconds of each upload], seconds of all). All were answered, and in full."""
    done = subprocess.run(
        [BINARY.parent / "bench-upload", *map(str, (server.port, clients, count, size))],
        stdout=subprocess.PIPE, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    bad = [line for line in lines[:-1] if line[2] != "200"]
    if bad:
        raise SystemExit(f"{len(bad)} of {count} uploads failed, such as {bad[0]}")
    return [float(line[1]) for line in lines[:-1]], float(lines[-1][1])


def check_calls(stats, count):
    """Nothing was saved by a cache, and nothing was asked for twice."""
    services, calls = stats["services"], stats["chat"]["calls"]
    made = (stats["jobs"]["created"], stats["uploads"]["count"], calls["analysis"],
            calls["scenes"], services["images"]["calls"] / PICTURES)
    files = {record["sha256"] for record in stats["uploads"]["last"]}
    if set(made) != {count} or len(files) != min(count, 256):
        raise SystemExit(f"{count} uploads made {made} calls, with {len(files)} different files")


def lag(server):
    loop = json.loads(server.request("GET", "/ready")[1])["checks"]["loop"]
    return loop["lag_p999_ms"], loop["lag_max_ms"]


def lag_row(what, lags):
    p999, longest = (max(column) for column in zip(*lags))
    return Row(f"{what}: how late the loop was", f"p99.9 {p999:.1f} ms, at most {longest:.1f} ms",
               f"<= {LAG_MS_MAX} ms", longest <= LAG_MS_MAX)


def long_steps():
    """All at once, each with a place of its own: none waits for another."""
    with served(LONG_MS, MAX_CONCURRENT_LLAMAPARSE=LONG_RUNS, MAX_CONCURRENT_OPENAI=LONG_RUNS,
                MAX_CONCURRENT_IMAGES=LONG_RUNS * PICTURES) as (simulator, server):
        simulator.reset()
        walls, _ = upload(server, LONG_RUNS, LONG_RUNS, 1 * MB)
        stats = simulator.stats()
    check_calls(stats, LONG_RUNS)
    fixed = sum(LONG_MS[f"{step}-ms"] for step in ("analysis", "scenes", "image")) / 1000
    drawn = {record["filename"]: record["parse_ms"] / 1000 for record in stats["uploads"]["last"]}
    sums = [drawn[f"upload-{number}.pdf"] + fixed for number in range(LONG_RUNS)]
    ratios = [wall / steps for wall, steps in zip(walls, sums)]
    return [Row(f"parse 3 to 5 s, analysis 6 s, scenes 3 s, pictures 2.5 s, {LONG_RUNS} side by side",
                f"{median(walls):.2f} s; the steps alone {median(sums):.2f} s; ratio "
                f"{median(ratios):.3f}, at most {max(ratios):.3f}",
                f"ratio <= {LONG_RATIO_MAX}", median(ratios) <= LONG_RATIO_MAX)]


def short_steps():
    with served({step: SHORT_MS for step in SHORT_STEPS}) as (simulator, server):
        simulator.reset()
        walls, _ = upload(server, 1, SHORT_RUNS, 1 * MB)
        check_calls(simulator.stats(), SHORT_RUNS)
    wall = median(walls) * 1000
    return [Row(f"all steps {SHORT_MS} ms, one after the other, median of {SHORT_RUNS}",
                f"{wall:.1f} ms; slowest {max(walls) * 1000:.1f} ms",
                f"<= {SHORT_WALL_MS_MAX} ms", wall <= SHORT_WALL_MS_MAX)]


def many_at_no_latency(what, **settings):
    cpu, theirs, rates, lags = [], [], [], []
    with served({}, **settings) as (simulator, server):
        for _ in range(RUNS):
            simulator.reset()
            before = server.cpu_seconds(), simulator.cpu_seconds()
            _, seconds = upload(server, CLIENTS, REQUESTS, 1 * MB)
            cpu.append((server.cpu_seconds() - before[0]) / REQUESTS * 1000)
            theirs.append((simulator.cpu_seconds() - before[1]) / REQUESTS * 1000)
            rates.append(REQUESTS / seconds)
            check_calls(simulator.stats(), REQUESTS)
            lags.append(lag(server))
    return [
        Row(f"uploads of 1 MB, no latency, {what}: CPU a request",
            f"{median(cpu):.2f} ms; the simulator's {median(theirs):.2f} ms",
            f"<= {CPU_MS_MAX} ms", median(cpu) <= CPU_MS_MAX),
        Row(f"uploads of 1 MB, no latency, {what}: requests a second at {CLIENTS} clients",
            f"{median(rates):.0f}", f">= {RATE_MIN}", median(rates) >= RATE_MIN),
        lag_row(f"uploads of 1 MB, no latency, {what}", lags),
    ]


def no_latency():
    return many_at_no_latency("64 places everywhere", **RAISED)


def no_latency_default_limits():
    return many_at_no_latency("3, 2 and 4 places")


def crowd():
    """The ceiling: two places at the model, each upload in one of them for 0.9 s, the first come
    the first served, and nothing else taking any time."""
    with served(CROWD_MS) as (simulator, server):
        simulator.reset()
        server.reset_peak()
        walls, seconds = upload(server, CROWD, CROWD, 1 * MB)
        peak = server.memory("VmHWM")
        stats, lags = simulator.stats(), [lag(server)]
    check_calls(stats, CROWD)
    most = {name: stats["vendors"][name]["most_in_flight"] for name in LIMITS}
    most["llamaparse"] = max(most["llamaparse"], stats["jobs"]["most_running"])
    places = LIMITS["openai"]
    ceiling = [math.ceil((number + 1) / places) * CHAT_SECONDS for number in range(CROWD)]
    busy, ratio = ceiling[-1] / seconds, median(walls) / median(ceiling)
    what = f"{CROWD} uploads of 1 MB at once"
    return [
        Row(f"{what}: calls in flight", ", ".join(f"{most[name]} {name}" for name in LIMITS),
            "<= 3, 2, 4", all(most[name] <= LIMITS[name] for name in LIMITS)),
        Row(f"{what}: throughput against the model's two places",
            f"{CROWD / seconds:.3f}/s of {places / CHAT_SECONDS:.3f}/s: {busy * 100:.1f} %",
            f">= {BUSY_MIN * 100:.0f} %", busy >= BUSY_MIN),
        Row(f"{what}: median time",
            f"{median(walls):.1f} s; the ceiling's {median(ceiling):.1f} s; ratio {ratio:.3f}",
            f"ratio <= {MEDIAN_RATIO_MAX}", ratio <= MEDIAN_RATIO_MAX),
        Row(f"{what}: peak of the resident set", f"{peak / MB:.1f} MB",
            f"<= {CROWD_PEAK_MB_MAX} MB", peak <= CROWD_PEAK_MB_MAX * MB),
        lag_row(what, lags),
    ]


def large_files():
    with served(CROWD_MS) as (simulator, server):
        simulator.reset()
        server.reset_peak()
        upload(server, LARGE, LARGE, LARGE_BYTES)
        peak, lags = server.memory("VmHWM"), [lag(server)]
        check_calls(simulator.stats(), LARGE)
    what = f"{LARGE} uploads of {LARGE_BYTES // MB} MB at once"
    return [
        Row(f"{what}: peak of the resident set", f"{peak / MB:.1f} MB",
            f"<= {LARGE_PEAK_MB_MAX} MB", peak <= LARGE_PEAK_MB_MAX * MB),
        lag_row(what, lags),
    ]
