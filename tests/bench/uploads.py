"""Large uploads, one and many at once; the sample from end to end; the analysis on its own."""

import concurrent.futures
import contextlib
import json
import multiprocessing
import os
import pathlib
import re
import subprocess
import time

from measure import (
    BINARY, FORM_TYPE, MB, PARSE, ROOT, SAMPLE, Row, form_ends, median, post_head, quantile,
    running)

FILE_BYTES = 50 * MB
ONE_GROWTH_MB_MAX = 2
TIME_RATIO_MAX = 2
RUNS = 7
MANY = 32
MANY_GROWTH_MB_MAX = 32
WAVES = 8
PROBE_SECONDS = 0.005
LAG_MS_MAX = 10
PARSES = 31
OVERHEAD_MS_MAX = 5
ANALYSIS_MB_MIN = 20
CASES = sorted((ROOT / "tests" / "data" / "cases").rglob("*.txt"))


def upload_file(server, path):
    """Seconds until the answer. It is no PDF, so that the answer is made of nothing but the
    upload: all of it was taken, hashed and spooled, and then refused for how it begins."""
    head, tail = form_ends("noise.pdf")
    size = os.path.getsize(path)
    with server.connect() as client, open(path, "rb") as file:
        begin = time.perf_counter()
        client.sendall(post_head(len(head) + size + len(tail)) + head)
        client.sendfile(file)
        client.sendall(tail)
        answer = client.recv(65536)
        seconds = time.perf_counter() - begin
    if not answer.startswith(b"HTTP/1.1 422"):
        raise SystemExit(f"an upload was answered with {answer[:200]!r}")
    return seconds


def cat_and_hash(path, copy):
    """Seconds for a copy on the same disk, and for the hash."""
    begin = time.perf_counter()
    with open(copy, "wb") as out:
        subprocess.run(["cat", path], stdout=out, check=True)
    copied = time.perf_counter()
    subprocess.run(["openssl", "dgst", "-sha256", path], stdout=subprocess.DEVNULL, check=True)
    hashed = time.perf_counter()
    os.unlink(copy)
    return copied - begin, hashed - copied


def make_noise(folder):
    path = pathlib.Path(folder) / "noise"
    path.write_bytes(os.urandom(FILE_BYTES))
    return path


def memory_in_use(server, path):
    """Resident bytes once a small upload has brought in the code that uploads need. The peak is
    counted from here."""
    small = path.with_name("small")
    small.write_bytes(path.read_bytes()[:1000])
    upload_file(server, small)
    server.reset_peak()
    return server.memory()


def one_upload():
    with running() as server:
        folder = server.read("environ").partition("SPOOL_DIR=")[2].partition("\0")[0]
        path = make_noise(folder)
        before = memory_in_use(server, path)
        times, copies, hashes = [], [], []
        for _ in range(RUNS):
            times.append(upload_file(server, path))
            copied, hashed = cat_and_hash(path, f"{folder}/copy")
            copies.append(copied)
            hashes.append(hashed)
        growth = server.memory("VmHWM") - before
    ours, base = median(times), median(copies) + median(hashes)
    return [
        Row("a 50 MB upload: growth of the resident set", f"{growth / MB:.2f} MB",
            f"<= {ONE_GROWTH_MB_MAX} MB", growth <= ONE_GROWTH_MB_MAX * MB),
        Row(f"a 50 MB upload: time, median of {RUNS}",
            f"{ours * 1000:.0f} ms; cat {median(copies) * 1000:.0f} ms + openssl "
            f"{median(hashes) * 1000:.0f} ms; ratio {ours / base:.2f}",
            f"ratio <= {TIME_RATIO_MAX}", ours <= TIME_RATIO_MAX * base),
    ]


def probe(server, stop, results):
    """GET /health every 5 ms: how late each answer came, and how late we were to ask."""
    with contextlib.suppress(PermissionError):
        os.nice(-10)  # what is measured is the server, not who of its clients gets the processor
    request = b"GET /health HTTP/1.1\r\nHost: bench\r\n\r\n"
    answers, own = [], []
    with server.connect() as client:
        due = time.perf_counter()
        while not stop.is_set():
            due += PROBE_SECONDS
            time.sleep(max(0, due - time.perf_counter()))
            asked = time.perf_counter()
            own.append(asked - due)
            client.sendall(request)
            client.recv(4096)
            answers.append(time.perf_counter() - asked)
            due = max(due, time.perf_counter() - PROBE_SECONDS)
    results.put((answers, own))


def many_uploads():
    with running() as server:
        folder = server.read("environ").partition("SPOOL_DIR=")[2].partition("\0")[0]
        path = make_noise(folder)
        before = memory_in_use(server, path)

        stop, results = multiprocessing.Event(), multiprocessing.Queue()
        prober = multiprocessing.Process(target=probe, args=(server, stop, results))
        prober.start()
        begin = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(MANY) as clients:
            for _ in range(WAVES):
                list(clients.map(lambda _: upload_file(server, path), range(MANY)))
        seconds = time.perf_counter() - begin
        stop.set()
        answers, own = results.get()
        prober.join()
        lag = json.loads(server.request("GET", "/ready")[1])["checks"]["loop"]
        growth = server.memory("VmHWM") - before
    return [
        Row(f"{MANY} uploads of 50 MB at once: growth of the resident set",
            f"{growth / MB:.1f} MB ({MANY * WAVES * 50 / seconds:,.0f} MB/s in all)",
            f"<= {MANY_GROWTH_MB_MAX} MB", growth <= MANY_GROWTH_MB_MAX * MB),
        Row("meanwhile: how late the loop comes, by its own clock",
            f"p99.9 {lag['lag_p999_ms']:.1f} ms, p50 {lag['lag_p50_ms']:.2f} ms, "
            f"at most {lag['lag_max_ms']:.1f} ms",
            f"p99.9 <= {LAG_MS_MAX} ms", lag["lag_p999_ms"] <= LAG_MS_MAX),
        Row("meanwhile: GET /health on a kept connection, every 5 ms",
            f"p99.9 {quantile(answers, 0.999) * 1000:.1f} ms of {len(answers):,}, "
            f"p50 {median(answers) * 1000:.2f} ms "
            f"(the asking itself was late by {quantile(own, 0.999) * 1000:.1f} ms at p99.9)"),
    ]


def bare_pdftotext(data):
    begin = time.perf_counter()
    done = subprocess.run(
        ["pdftotext", "-q", "-enc", "UTF-8", "-", "-"], input=data, stdout=subprocess.PIPE,
        check=True)
    assert len(done.stdout) > 1000
    return time.perf_counter() - begin


def sample():
    """Each run has bytes of its own, behind the file's end, so that no cache can help."""
    head, tail = form_ends("case.pdf")
    whole, bare = [], []
    with running() as server:
        for number in range(PARSES + 3):
            data = SAMPLE.read_bytes() + b"\n%% run %d\n" % number
            bare.append(bare_pdftotext(data))
            begin = time.perf_counter()
            status, _ = server.request(
                "POST", PARSE, head + data + tail, {"Content-Type": FORM_TYPE})
            whole.append(time.perf_counter() - begin)
            assert status == 200
    ours, theirs = median(whole[3:]) * 1000, median(bare[3:]) * 1000
    return [Row(f"the sample from upload to reply, offline, median of {PARSES}",
                f"{ours:.1f} ms; pdftotext alone {theirs:.1f} ms; overhead {ours - theirs:.1f} ms",
                f"overhead <= {OVERHEAD_MS_MAX} ms", ours - theirs <= OVERHEAD_MS_MAX)]


def analysis():
    program = BINARY.parent / "bench-offline"
    target = f">= {ANALYSIS_MB_MIN} MB/s"
    if not program.exists():
        return [Row("the offline analysis alone", f"{program.name} is not built", target, False)]
    done = subprocess.run([program, *CASES], stdout=subprocess.PIPE, text=True, check=True)
    rate = float(re.search(r"([\d.]+) MB/s", done.stdout)[1])
    return [Row("the offline analysis alone", f"{rate:.1f} MB/s", target, rate >= ANALYSIS_MB_MIN)]
