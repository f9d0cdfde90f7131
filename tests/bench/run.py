#!/usr/bin/python3
"""Measures the release build, and prints a table of what was measured against what is wanted.

    run.py                 everything: about six minutes
    run.py --only a,c      some of it, by letter
    run.py --record        writes the table to README.md beside this file, too

a: small requests against nginx; b: thousands of held clients; c: large uploads; d: the sample from
end to end; e: the offline analysis; f: the start. With the services simulated: g: an upload against
its steps alone; h: uploads without latency; i: a crowd of them; j: large ones. k: the database. l: what
many want at once, and what comes again.

PERSONAD names another binary; the other programs are taken from beside it. All load stays on this
machine, and all figures of a run are from that run: ratios never mix two machines.
"""

import argparse
import datetime
import os
import pathlib
import platform
import subprocess
import sys

import held_clients
import pipeline
import sharing
import small_requests
import store
import uploads
from measure import BINARY

BENCHMARKS = {
    "a": [small_requests.default_personas],
    "b": [held_clients.held_clients],
    "c": [uploads.one_upload, uploads.many_uploads],
    "d": [uploads.sample],
    "e": [uploads.analysis],
    "f": [small_requests.start],
    "g": [pipeline.long_steps, pipeline.short_steps],
    "h": [pipeline.no_latency, pipeline.no_latency_default_limits],
    "i": [pipeline.crowd],
    "j": [pipeline.large_files],
    "k": [store.store],
    "l": [sharing.same_at_once, sharing.hits, sharing.cache],
}

METHOD = """\
## How it is measured

- personad runs with its defaults and its log in `/dev/null`; nginx logs no requests. CPU is user
  and system time of the one process (nginx: of its one worker) over a run of wrk with 64
  connections, from `/proc/PID/stat`. The two take turns, five runs each; figures are medians.
- Held clients have sent all but the last 8 bytes of their upload, and the server has read it all
  (no socket has unread bytes). `QUEUE_LIMIT` is raised to let so many in. Memory is `VmRSS`,
  against that after the very first answer; one who left is noticed when the server has closed its
  socket.
- Large uploads are 50 MB of noise named `.pdf`: taken, hashed and spooled in full, then refused for
  what they are. `cat` copies the same file on the same disk; nothing is synced to it by either. The
  resident set is that after one upload of 1 KB, against its peak since then.
- How late the loop comes while 32 uploads run is measured twice. By itself: a timer every 10 ms, and
  how late it is, as `/ready` tells (`include/io/loop_lag.h`). From outside: what a client sees that
  asks for `/health` every 5 ms on a kept connection, in a process of its own with a higher
  priority; how late that process was itself is in brackets, and is not subtracted. The 32 clients
  and both share the machine's processors with the server.
- The bare `pdftotext` is started from Python on the same bytes, in turns with the uploads; each run
  uploads other bytes (a comment behind the end of the PDF).
- The start is from before the process is made to the end of the first answer to `/health`.
- From here on `tests/upsim` plays the paid services, with the latencies that are stated, and takes
  its share of the same processors; `upload_client.c` sends the uploads, each with bytes of its own,
  so that each has a text of its own. That every upload made one parse, one analysis, one call for
  scenes and four pictures is checked by the simulator's count. The first two uploads, which find
  out what the model takes, are not measured.
- The steps alone are what the simulator drew for this upload's parse, and the latencies of the
  others. All run side by side, with as many places as they need.
- With no latency a request's CPU is user and system time of all threads of the server: medians of
  three runs of 600 uploads.
- The ceiling of a crowd is that of two places at the model, in one of which each upload is for
  0.9 s, first come, first served.
- The peak of the resident set is `VmHWM`, reset after the first two uploads. How late the loop was
  is its own measure, as above, of its last one to two minutes.
- The database is a PostgreSQL of its own on the same machine, over a Unix socket, with `fsync`. The
  ways to save take turns, and so do those to list (`store.c`). pgbench runs the very statement that
  personad sends, as the server's log has it.
- What is shared is the sample PDF with another comment at its end for each test. A hit's time is
  what its `Server-Timing` says: the total without the upload. The cache alone is `cache.c`: values
  of 200 bytes for the operations, of up to 20 KB for the memory.
"""


def machine():
    model = "an unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2 ** 30
    return f"{model}, {os.cpu_count()} processors, {memory:.0f} GB, Linux {platform.release()}"


def table(rows):
    lines = ["| What | Measured | Target | Result |", "|---|---|---|---|"]
    for row in rows:
        result = {True: "pass", False: "FAIL", None: ""}[row.ok]
        lines.append(f"| {row.what} | {row.measured} | {row.target} | {result} |")
    return "\n".join(lines)


def record(rows, load):
    version = subprocess.run([BINARY, "--version"], stdout=subprocess.PIPE, text=True, check=True)
    text = f"""# Benchmarks

Made by `scripts/bench --record` on {datetime.date.today().isoformat()}: {version.stdout.strip()},
{machine()}; load average {load:.2f} before the run.

{table(rows)}

{METHOD}"""
    (pathlib.Path(__file__).parent / "README.md").write_text(text)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="LETTERS", help="comma-separated, such as a,c")
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    letters = arguments.only.split(",") if arguments.only else list(BENCHMARKS)
    if unknown := [letter for letter in letters if letter not in BENCHMARKS]:
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    if arguments.record and set(letters) != set(BENCHMARKS):
        parser.error("--record is for all of them")

    load = os.getloadavg()[0]
    rows = []
    for letter in letters:
        for benchmark in BENCHMARKS[letter]:
            print(f"{letter}: {benchmark.__name__} ...", file=sys.stderr)
            rows += benchmark()
    print(table(rows))
    if arguments.record:
        record(rows, load)
    return 0 if all(row.ok is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
