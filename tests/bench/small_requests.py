"""Small requests, against nginx; and how soon after the start the first is answered."""

import contextlib
import pathlib
import re
import subprocess
import time

from measure import PERSONAS, Process, Row, Server, free_port, median, running, scratch

CPU_RATIO_MAX = 1.6
P99_MS_MAX = 10
START_MS_MAX = 50
CLIENTS = 64
RUNS = 5
RUN_SECONDS = 4
STARTS = 21
UNITS_MS = {"us": 0.001, "ms": 1, "s": 1000}


@contextlib.contextmanager
def nginx(body):
    """(its port, its one worker), serving `body` from disk."""
    with scratch() as folder:
        here = pathlib.Path(folder)
        root = here / "root" / PERSONAS.strip("/")
        root.mkdir(parents=True)
        (root / "personas.json").write_bytes(body)
        port = free_port()
        template = (pathlib.Path(__file__).parent / "nginx.conf").read_text()
        (here / "nginx.conf").write_text(
            template.replace("@FOLDER@", folder).replace("@PORT@", str(port)))
        master = subprocess.Popen(["nginx", "-p", folder, "-c", here / "nginx.conf"])
        try:
            yield port, worker_of(master)
        finally:
            master.terminate()
            master.wait()


def worker_of(master):
    children = pathlib.Path(f"/proc/{master.pid}/task/{master.pid}/children")
    for _ in range(1000):
        if pids := children.read_text().split():
            return Process(int(pids[0]))
        time.sleep(0.005)
    raise SystemExit("nginx does not start")


def wrk(port):
    """(requests, requests a second, p99 in ms)"""
    done = subprocess.run(
        ["wrk", "-t1", f"-c{CLIENTS}", f"-d{RUN_SECONDS}s", "--latency",
         f"http://127.0.0.1:{port}{PERSONAS}"], stdout=subprocess.PIPE, text=True, check=True)
    bad = re.search(r"Non-2xx.*|Socket errors.*", done.stdout)
    if bad:
        raise SystemExit(f"wrk: {bad[0]}")
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    return (int(re.search(r"(\d+) requests in", done.stdout)[1]),
            float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1]),
            float(p99[1]) * UNITS_MS[p99[2]])


def load(process, port):
    """(CPU microseconds a request, requests a second, p99 in ms) of one run"""
    before = process.cpu_seconds()
    requests, per_second, p99 = wrk(port)
    return (process.cpu_seconds() - before) / requests * 1e6, per_second, p99


def default_personas():
    with running() as server:
        status, body = server.request("GET", PERSONAS)
        assert status == 200
        with nginx(body) as (nginx_port, worker):
            ours, theirs = [], []
            for _ in range(RUNS):
                theirs.append(load(worker, nginx_port))
                ours.append(load(server, server.port))
    (our_cpu, our_rate, our_p99), (their_cpu, their_rate, their_p99) = (
        [median(column) for column in zip(*runs)] for runs in (ours, theirs))
    ratio = our_cpu / their_cpu
    return [
        Row(f"default personas, {len(body)} bytes: CPU a request",
            f"{our_cpu:.2f} us; nginx {their_cpu:.2f} us; ratio {ratio:.2f}",
            f"ratio <= {CPU_RATIO_MAX}", ratio <= CPU_RATIO_MAX),
        Row("default personas: requests a second", f"{our_rate:,.0f}; nginx {their_rate:,.0f}"),
        Row(f"default personas: p99 at {CLIENTS} clients",
            f"{our_p99:.2f} ms; nginx {their_p99:.2f} ms",
            f"<= {P99_MS_MAX} ms", our_p99 <= P99_MS_MAX),
    ]


def start():
    seconds = []
    with scratch() as folder:
        for _ in range(STARTS):
            server = Server(folder)
            seconds.append(server.seconds_to_first_answer)
            server.stop()
    ms = median(seconds) * 1000
    return [Row(f"start to first answer, median of {STARTS}",
                f"{ms:.1f} ms; slowest {max(seconds) * 1000:.1f} ms",
                f"<= {START_MS_MAX} ms", ms <= START_MS_MAX)]
