"""Thousands of clients whose upload has nearly come in, and what is left when they have gone."""

import pathlib
import socket
import struct
import time

from measure import MB, Row, allow_many_files, form_ends, post_head, running

CLIENTS = 5000
LEAVING = 1000
TEXT_BYTES = 20_000
HELD_BACK = 8
KB_EACH_MAX = 48
LEFT_MB_MAX = 4
NOTICED_SECONDS_MAX = 2
AFTER_SECONDS = 60
PATIENCE_SECONDS = 20
SENTENCE = b"Dana Whitlock, the owner of Pell Street Bicycles, met Arturo Benitez of the bank. "


def wait_until(check, what):
    """How long it took, in seconds."""
    begin = time.perf_counter()
    while not check():
        if time.perf_counter() - begin > PATIENCE_SECONDS:
            raise SystemExit(f"after {PATIENCE_SECONDS} s still not: {what}")
        time.sleep(0.002)
    return time.perf_counter() - begin


def unread_bytes(port):
    """(connections established at this port, bytes in them that nobody has read yet)"""
    connections = unread = 0
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port and fields[3] == "01":
            connections += 1
            unread += int(fields[4].rpartition(":")[2], 16)
    return connections, unread


def leave(client, with_reset):
    if with_reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def answered(client):
    """Reads the whole answer; was it a 200?"""
    with client.makefile("rb") as reply:
        status = reply.readline().split()[1]
        length = 0
        while (line := reply.readline().strip()):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return len(reply.read(length)) == length and status == b"200"


def held_clients():
    """All are measured within the ten seconds that a body may take without a minimum rate."""
    allow_many_files()
    head, tail = form_ends("case.txt")
    text = (SENTENCE * (TEXT_BYTES // len(SENTENCE) + 1))[:TEXT_BYTES]
    body = head + text + tail
    request = post_head(len(body)) + body

    with running(QUEUE_LIMIT=CLIENTS + 100) as server:
        sockets_before = server.sockets()
        start = server.memory()
        clients = []
        for _ in range(CLIENTS):
            client = server.connect()
            client.sendall(request[:-HELD_BACK])
            clients.append(client)
        wait_until(lambda: unread_bytes(server.port) == (CLIENTS, 0), "all bytes are read")
        held = server.memory() - start

        leaving, staying = clients[:LEAVING], clients[LEAVING:]
        for number, client in enumerate(leaving):
            leave(client, number % 2 == 0)
        noticed = wait_until(
            lambda: server.sockets() - sockets_before <= len(staying), "they are noticed")

        for client in staying:
            client.sendall(request[-HELD_BACK:])
        good = sum(map(answered, staying))
        for client in staying:
            client.close()
        peak = server.memory("VmHWM") - start
        time.sleep(AFTER_SECONDS)
        left = server.memory() - start

    each = held / CLIENTS / 1024
    return [
        Row(f"{CLIENTS:,} clients holding an upload of {TEXT_BYTES // 1000} KB: resident memory",
            f"{each:.1f} KB each ({start / MB:.1f} MB + {held / MB:.1f} MB)",
            f"<= {KB_EACH_MAX} KB each", each <= KB_EACH_MAX),
        Row(f"{LEAVING:,} of them leave, half of them by reset: noticed after",
            f"{noticed:.2f} s", f"<= {NOTICED_SECONDS_MAX} s", noticed <= NOTICED_SECONDS_MAX),
        Row("the others are answered", f"{good:,} of {len(staying):,} with 200", "all",
            good == len(staying)),
        Row(f"resident memory {AFTER_SECONDS} s after the peak of +{peak / MB:.1f} MB",
            f"{left / MB:+.1f} MB against the start", f"<= +{LEFT_MB_MAX} MB",
            left <= LEFT_MB_MAX * MB),
    ]
