"""A server together with the simulator of the services that it calls, and a client that asks many
things of it at once: one thread, on asyncio, as most of the time is waiting.

    async with pair(IMAGES="off") as both:
        await both.fault("chat", "overloaded", times=3)
        replies = await both.burst(100, word_file)
        stats = await both.stats()

At the end of the block both are stopped, and there must be nothing to complain about.
"""

import asyncio
import contextlib
import json
import os
import pathlib
import tempfile

import make_pdfs
import wire
from simulator import Upsim

LLAMAPARSE_KEY = "llx-0123456789abcdefghijklmnopqrstuvwxyz"
OPENAI_KEY = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz"

# Few long events rather than one a token: what is tested here is not how fast they are read.
UPSIM_ARGUMENTS = ("--event-tokens", "64")

# Files come again and again, and each time the services are to be called.
SETTINGS = {"CACHE_BYTES": "0"}

# Dozens of servers at once have no room for what each of them has freed lately.
SANITIZER = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4:malloc_context_size=6"

CAST = (b"Dana Whitlock, the owner of Pell Street Bicycle Works, owes the bank 40,000 dollars. "
        b"Arturo Benitez, the sales manager of Harbor Components Inc., wants to be paid.")


# Files, each with a text of its own


def text_file(mark):
    return wire.upload(b"%s. %s\n" % (mark.encode(), CAST), "case.txt", "text/plain")


def word_file(mark):
    """What Word opens, and what the simulator takes for text: it is read as it stands."""
    return wire.upload(b"{\\rtf1\\ansi %s. %s\\par}" % (mark.encode(), CAST), "case.doc",
                       "application/msword")


def pdf_file(mark):
    pages = (mark, *CAST.decode().split(". "))
    return wire.upload(make_pdfs.text_pdf(pages), "case.pdf", "application/pdf")


# Requests


async def read_reply(reader):
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return wire.Reply(wire.CLOSED, [], b"")
    start, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
    reply = wire.Reply(int(start.split()[1]), headers, b"")
    reply.body = await reader.readexactly(int(reply["Content-Length"]))
    return reply


@contextlib.asynccontextmanager
async def sent(port, data):
    """(reader, writer) of a connection on which these bytes have been sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        yield reader, writer
    finally:
        writer.transport.abort()


async def exchange(port, data, seconds=wire.DEADLINE_SECONDS):
    """The reply to these bytes; whoever waits longer than any deadline has found a hang."""
    async with asyncio.timeout(seconds), sent(port, data) as (reader, _):
        return await read_reply(reader)


async def until(check, what, seconds=wire.DEADLINE_SECONDS):
    """The first true value that `await check()` has; fails, saying `what`, if there is none."""
    try:
        async with asyncio.timeout(seconds):
            while not (value := await check()):
                await asyncio.sleep(0.01)
            return value
    except TimeoutError:
        raise AssertionError(f"after {seconds} s still not: {what}") from None


class Pair:
    """A running server and a running simulator, by their ports."""

    def __init__(self, server, upsim):
        self.server, self.upsim = server, upsim
        self.pid = server.process.pid

    # The simulator

    async def control(self, path, body=None):
        method, data = ("GET", b"") if body is None else ("POST", json.dumps(body).encode())
        reply = await exchange(self.upsim.port, wire.request_bytes(
            method, path, {"Content-Length": str(len(data))} if body is not None else {}, data))
        assert reply.status == 200, reply.body
        return reply.json() if reply.body else None

    async def fault(self, service, name, **options):
        await self.control("/control", {"service": service, "fault": name, **options})

    async def options(self, **options):
        await self.control("/control/options",
                           {name.replace("_", "-"): str(value) for name, value in options.items()})

    async def stats(self):
        return await self.control("/control/stats")

    async def reset(self):
        """No faults any more, nothing counted yet; the options stay."""
        await self.control("/control/reset", {})

    async def seen(self, check, what):
        """The statistics, once check(them) holds."""
        async def look():
            stats = await self.stats()
            return stats if check(stats) else None

        return await until(look, what)

    # The server

    async def get(self, path):
        return await exchange(self.server.port, wire.request_bytes("GET", path))

    def post_bytes(self, *files, request_id=None):
        headers = {"X-Request-ID": request_id} if request_id else {}
        return wire.post_bytes(wire.form(*files), **headers)

    async def post(self, *files, request_id=None):
        return await exchange(self.server.port, self.post_bytes(*files, request_id=request_id))

    async def burst(self, count, make, together=16, name="case"):
        """`count` requests, at most so many `together`; each has a file make(mark) of its own. The
        mark is its request id, too."""
        places = asyncio.Semaphore(together)

        async def one(number):
            mark = f"{name}-{number}"
            async with places:
                return await self.post(make(mark), request_id=mark)

        return await asyncio.gather(*(one(number) for number in range(count)))

    async def checks(self):
        """What /ready says of each service."""
        return (await self.get("/ready")).json()["checks"]

    async def idle(self):
        """No request at work, no place taken, no child, no spooled file."""
        async def nothing_left():
            checks = await self.checks()
            gates = [checks[name] for name in ("llamaparse", "openai", "images")]
            return (checks["queue"]["working"] == 0
                    and not any(gate.get("in_flight") or gate.get("waiting") for gate in gates)
                    and not wire.children_of(self.pid) and not self.server.open_spool_files())

        await until(nothing_left, "all places are free, and no child and no spooled file is left")

    def descriptors(self):
        return len(list(pathlib.Path(f"/proc/{self.pid}/fd").iterdir()))

    def log_lines(self, *words):
        return [line for line in self.server.output.splitlines()
                if all(word in line for word in words)]


def keys(port, llamaparse=True, openai=True):
    """The settings that lead to a simulator."""
    settings = {}
    if llamaparse:
        settings |= {"LLAMAPARSE_API_KEY": LLAMAPARSE_KEY,
                     "LLAMAPARSE_BASE_URL": f"http://127.0.0.1:{port}"}
    if openai:
        settings |= {"OPENAI_API_KEY": OPENAI_KEY,
                     "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1"}
    return settings


@contextlib.contextmanager
def simulator(*arguments):
    upsim = Upsim(*UPSIM_ARGUMENTS, *arguments)
    try:
        yield upsim
        upsim.stop()
    finally:
        if upsim.process.poll() is None:
            upsim.process.kill()
            upsim.process.communicate()


@contextlib.asynccontextmanager
async def pair(llamaparse=True, openai=True, arguments=(), stop=True, **settings):
    """A Pair with these settings. `stop`: whoever does not end the server has it ended here."""
    with tempfile.TemporaryDirectory(prefix="personad-flow-") as folder, \
            simulator(*arguments) as upsim:
        environment = (keys(upsim.port, llamaparse, openai) | SETTINGS
                       | {"ASAN_OPTIONS": SANITIZER} | settings)
        server = wire.Server(folder, environment)
        try:
            await asyncio.to_thread(server.wait_for_port)
            both = Pair(server, upsim)
            yield both
            if stop:
                await both.idle()
                await asyncio.to_thread(server.stop)
        finally:
            await asyncio.to_thread(server.kill)
