#!/usr/bin/python3
"""A mix of good, bad and abandoned requests, the same on every run, to a server that is up.

    mixed.py --url http://127.0.0.1:8000 --count 200

Exits with 0 when every answer was one of those allowed for its request. It needs no settings of
the server but the defaults, and is meant for runs under Valgrind and the like: nothing is timed.
"""

import argparse
import collections
import concurrent.futures
import pathlib
import random
import sys
import tempfile
import urllib.parse

import make_pdfs
from wire import (
    PAGE_ORIGIN, PARSE, SAMPLE, TEXT, Client, Part, chunked, form, post_bytes, request_bytes,
    upload)

SEED = 20260102
CLIENTS = 4


def some_text(random_source):
    """A text of up to 60 KB, different each time."""
    words = TEXT.decode().split()
    random_source.shuffle(words)
    return " ".join(words * random_source.randint(1, 200)).encode()


def forms(files, random_source):
    """(body of a form, statuses allowed for it)"""
    case = (SAMPLE / "case.pdf").read_bytes()
    note = upload(b"Ingrid Solheim, the auditor.", "note.txt", name="context_files")
    locked = upload(files["encrypted.pdf"], "x.pdf", name="context_files")
    return [
        (form(upload(case, "case.pdf", "application/pdf")), {200}),
        (form(upload(some_text(random_source))), {200}),
        (form(note, upload(), locked), {200}),
        (form(upload(files["good.docx"], "case.docx")), {200}),
        (form(upload(files["owner-locked.pdf"], "case.pdf")), {200}),
        (form(upload(files["legacy.doc"], "case.doc")), {200, 422}),  # no reader installed: 422
        (form(upload(TEXT.decode().encode("utf-16"), "case.md")), {200}),
        (form(upload(files["encrypted.pdf"], "x.pdf")), {422}),
        (form(upload(files["noise.pdf"], "x.pdf")), {422}),
        (form(upload(files["image-only.pdf"], "x.pdf")), {422}),
        (form(upload(files["doctype.docx"], "x.docx")), {422}),
        (form(upload(b"", "x.txt")), {422}),
        (form(upload(b"MZ", "x.exe")), {400}),
        (form(Part("file", b"text")), {422}),
        (form(), {422}),
        (form(*[Part("a", b"x")] * 1001), {400}),
        (form(*[note] * 33, upload()), {400}),
        (form(Part("a", bytes(2 ** 20 + 1))), {400}),
        (b"junk" + form(upload()), {400}),
        (random_source.randbytes(5000), {400}),
        (b"", {422}),
    ]


def plain_requests():
    """(a whole request, statuses allowed for it)"""
    return [
        (request_bytes("GET", "/"), {200}),
        (request_bytes("GET", "/health"), {200}),
        (request_bytes("GET", "/ready/"), {200}),
        (request_bytes("GET", "/api/get-default-personas"), {200}),
        (request_bytes("GET", "/nowhere"), {404}),
        (request_bytes("DELETE", PARSE), {405}),
        (request_bytes("OPTIONS", PARSE, {
            "Origin": PAGE_ORIGIN, "Access-Control-Request-Method": "POST"}), {200}),
        (request_bytes("OPTIONS", PARSE, {
            "Origin": "http://x", "Access-Control-Request-Method": "POST"}), {400}),
        (request_bytes("GET", "/", {"X": "x" * 20000}), {431}),
        (request_bytes("GET", "/", {"X": "x" * 200000}), {431}),
        (request_bytes("POST", PARSE, {"Content-Length": str(10 ** 10)}), {413}),
        (post_bytes(form(upload()), path=PARSE + "?save_to_db=1"), {503}),
        (post_bytes(form(upload()), path=PARSE + "?save_to_db=x"), {422}),
        (b"POST /api/parse-pdf HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n"
         b"\r\nxy", {400}),
        (request_bytes("GET", "/%00"), {400}),
        (b"GET /health HTTP/1.1\r\n\r\n", {400}),
    ]


def as_sent(body, random_source):
    """A form as one of the requests that can carry it."""
    way = random_source.choice(["plain", "plain", "chunked", "alias"])
    if way == "chunked" and body:
        pieces = chunked(body, random_source.choice([100, 5000, 65536]))
        return post_bytes(pieces, **{"Transfer-Encoding": "chunked"})
    return post_bytes(body, path="/api/pdf-processing/parse-pdf" if way == "alias" else PARSE)


def leave(client, data, random_source):
    """Sends some of it, or all, and does not wait for the answer."""
    connection = client.connect()
    try:
        connection.send(data[:random_source.randint(1, len(data))])
    except OSError:
        pass  # the server was quicker: it had refused already
    connection.leave() if random_source.random() < 0.5 else connection.close()


def one_request(client, files, number):
    """(what happened, None or what was wrong with it)"""
    random_source = random.Random(SEED + number)
    if random_source.random() < 0.6:
        body, allowed = random_source.choice(forms(files, random_source))
        data = as_sent(body, random_source)
    else:
        data, allowed = random_source.choice(plain_requests())
    if random_source.random() < 0.15:
        leave(client, data, random_source)
        return "left", None
    try:
        status = client.raw(data).status
    except (OSError, AssertionError) as error:
        return "no answer", f"request {number}: {error}: {data[:200]!r}"
    return status, None if status in allowed else f"request {number}: {status}: {data[:200]!r}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--count", type=int, default=200)
    arguments = parser.parse_args()
    client = Client(urllib.parse.urlsplit(arguments.url).port)

    with tempfile.TemporaryDirectory() as folder:
        files = {name: pathlib.Path(path).read_bytes()
                 for name, path in make_pdfs.write_all(folder).items()}
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
        results = list(clients.map(
            lambda number: one_request(client, files, number), range(arguments.count)))

    counts = collections.Counter(str(outcome) for outcome, _ in results)
    print(", ".join(f"{outcome}: {count}" for outcome, count in sorted(counts.items())))
    faults = [fault for _, fault in results if fault]
    if client.get("/health").status != 200:
        faults.append("the server is not healthy at the end")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
