"""What is asked for by many at once, and what comes again; and the cache behind it."""

import asyncio
import subprocess
import time

from measure import BINARY, SAMPLE, Row, form_ends, median, post_head
from pipeline import PICTURES, served

STEPS_MS = {"parse-ms": 2000, "analysis-ms": 3000, "scenes-ms": 1500, "image-ms": 1250}
TOGETHER = 100
TOGETHER_RATIO_MAX = 1.1
HITS = 51
HIT_MS_MAX = 5
OPERATIONS_MIN = 1e6
MEMORY_SHARE_MAX = 1.05


def request(mark):
    """An upload of the sample; each mark makes another file of it."""
    start, end = form_ends("case.pdf")
    body = start + SAMPLE.read_bytes() + f"\n% {mark}\n".encode() + end
    return post_head(len(body)) + body


async def send(port, data):
    """The reply's headers, by their names in lower case."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    if head[0].split()[1] != "200":
        raise SystemExit(f"an upload was answered with {head[0]}")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    await reader.readexactly(int(headers["content-length"]))
    writer.close()
    return headers


async def together(port, data, count):
    start = time.perf_counter()
    await asyncio.gather(*(send(port, data) for _ in range(count)))
    return time.perf_counter() - start


def calls(stats):
    made = stats["chat"]["calls"]
    return (stats["jobs"]["created"], made["analysis"], made["scenes"],
            stats["services"]["images"]["calls"])


def same_at_once():
    with served(STEPS_MS) as (simulator, server):
        one = asyncio.run(together(server.port, request("one"), 1))
        simulator.reset()
        hundred = asyncio.run(together(server.port, request("many"), TOGETHER))
        made = calls(simulator.stats())
    ratio = hundred / one
    return [
        Row(f"one PDF {TOGETHER} times at once: parses, analyses, scene calls, pictures",
            ", ".join(map(str, made)), f"1, 1, 1, {PICTURES}", made == (1, 1, 1, PICTURES)),
        Row(f"one PDF {TOGETHER} times at once, against once",
            f"{hundred:.2f} s; {one:.2f} s; ratio {ratio:.3f}",
            f"ratio <= {TOGETHER_RATIO_MAX}", ratio <= TOGETHER_RATIO_MAX),
    ]


def milliseconds(timing, name):
    return next(float(part.split("dur=")[1]) for part in timing.split(", ")
                if part.startswith(f"{name};"))


def hits():
    with served({}) as (_, server):
        replies = [asyncio.run(send(server.port, request("again"))) for _ in range(HITS + 1)]
    kept = [reply["server-timing"] for reply in replies if reply["x-cache"] == "hit"]
    if len(kept) != HITS:
        raise SystemExit(f"{len(kept)} of {HITS} uploads were hits")
    beyond = [milliseconds(each, "total") - milliseconds(each, "upload") for each in kept]
    return [Row("an upload that comes again, beyond its reading, by Server-Timing",
                f"{median(beyond):.2f} ms; slowest {max(beyond):.2f} ms",
                f"<= {HIT_MS_MAX} ms", median(beyond) <= HIT_MS_MAX)]


def cache():
    done = subprocess.run([BINARY.parent / "bench-cache"], check=True, capture_output=True,
                          text=True)
    found = {name: float(value) for name, value in map(str.split, done.stdout.splitlines())}
    operations, share = found["operations_per_s"], found["memory_share"]
    return [
        Row("a million answers looked up, kept and evicted", f"{operations / 1e6:.1f} million/s",
            ">= 1 million/s", operations >= OPERATIONS_MIN),
        Row("the resident set of 64 MB of answers, against these",
            f"{share:.3f}", f"<= {MEMORY_SHARE_MAX}", share <= MEMORY_SHARE_MAX),
    ]
