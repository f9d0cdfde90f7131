"""What the wire tests share: the server as a child process, and clients that can also misbehave.

Nothing here waits for time to pass: a wait is for an event (a line of the log, bytes on a socket,
a condition that holds), and a deadline turns a wait that never ends into a failure.
"""

import contextlib
import dataclasses
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "tests" / "data" / "sample"
PARSE = "/api/parse-pdf/"
PAGE_ORIGIN = "http://localhost:3000"
TEXT = b"""Pell Street Bicycle Works

Dana Whitlock, the owner of Pell Street Bicycle Works, runs the workshop and owes the bank 40,000
dollars. Arturo Benitez, the sales manager of Harbor Components Inc., wants to be paid by Friday.

Dana Whitlock asked Arturo Benitez for another month. Arturo Benitez said no.
"""

# Far beyond what anything takes, also under Valgrind: who gets here has found a hang.
DEADLINE_SECONDS = 60


def binary():
    return pathlib.Path(os.environ.get("PERSONAD", ROOT / "build" / "debug" / "personad")).resolve()


def eventually(check, what, seconds=DEADLINE_SECONDS):
    """The first true value of check(); fails, saying `what`, when there was none in time."""
    pause = threading.Event()
    deadline = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < deadline, f"after {seconds} s still not: {what}"
        pause.wait(0.005)
    return value


def children_of(pid):
    """The processes that `pid` started and that are still there, zombies among them."""
    found = []
    for directory in pathlib.Path("/proc").iterdir():
        if directory.name.isdigit():
            with contextlib.suppress(OSError):  # it ended meanwhile
                stat = (directory / "stat").read_text()
                if int(stat.rpartition(")")[2].split()[1]) == pid:
                    found.append(int(directory.name))
    return found


# Requests


@dataclasses.dataclass
class Part:
    """A part of a form; with a `filename` it is a file. `more` follows in its disposition."""

    name: str
    data: bytes = b""
    filename: str | None = None
    type: str | None = None
    more: str = ""

    def encode(self):
        disposition = f'Content-Disposition: form-data; name="{self.name}"'
        if self.filename is not None:
            disposition += f'; filename="{self.filename}"'
        lines = [disposition + self.more]
        if self.type is not None:
            lines.append(f"Content-Type: {self.type}")
        return "\r\n".join([*lines, "", ""]).encode() + self.data


ANY_TYPE = "application/octet-stream"


def upload(data=TEXT, filename="case.txt", type=ANY_TYPE, name="file"):
    return Part(name, data, filename, type)


BOUNDARY = "----wire-test-boundary"
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def form(*parts):
    """The body of a multipart form; its content type is FORM_TYPE."""
    start = f"--{BOUNDARY}\r\n".encode()
    return b"".join([start + part.encode() + b"\r\n" for part in parts]) + (
        f"--{BOUNDARY}--\r\n".encode())


def request_bytes(method, path, headers=None, body=b""):
    """A request as it goes over the wire, with the headers that make it a correct one."""
    headers = {"Host": "localhost", **(headers or {})}
    if body and "Transfer-Encoding" not in headers:
        headers.setdefault("Content-Length", str(len(body)))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def post_bytes(body, path=PARSE, **headers):
    return request_bytes("POST", path, {"Content-Type": FORM_TYPE, **headers}, body)


def chunked(body, piece=65536):
    pieces = [body[at:at + piece] for at in range(0, len(body), piece)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


CLOSED = 0  # in place of a status: the server said nothing and hung up


@dataclasses.dataclass
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def __getitem__(self, name):
        """A header's value; None when it is not there. It must not be there twice."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)

    @property
    def detail(self):
        return self.json()["detail"]


class Connection:
    """A socket to the server, on which anything can be sent."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_SECONDS)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def reply(self, method="GET"):
        """The next reply; 100 Continue counts as one, and so does the end of the connection."""
        start = self.file.readline()
        if not start:
            return Reply(CLOSED, [], b"")
        assert start.startswith(b"HTTP/1.1 "), f"no reply but {start!r}"
        headers = []
        while (line := self.file.readline().rstrip(b"\r\n")):
            name, _, value = line.decode("latin-1").partition(":")
            headers.append((name, value.strip()))
        reply = Reply(int(start.split()[1]), headers, b"")
        if method != "HEAD" and reply.status >= 200 and reply.status != 204:
            reply.body = self.file.read(int(reply["Content-Length"]))
        return reply

    def exchange(self, data, method="GET"):
        return self.send(data).reply(method)

    def ended(self):
        """Waits for the server's next bytes, and says whether there are none to come."""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True

    def leave(self):
        """Goes without a farewell: the server gets a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()


class Client:
    """Whoever talks to a server at a port of this machine."""

    def __init__(self, port):
        self.port = port

    def connect(self):
        return Connection(self.port)

    def raw(self, data, method="GET"):
        """The reply to these very bytes, on a connection of their own."""
        with self.connect() as connection:
            return connection.exchange(data, method)

    def request(self, method, path, body=None, **headers):
        """By way of http.client, which writes all of the body before it reads."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)
        with contextlib.closing(connection):
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, names)
            response = connection.getresponse()
            return Reply(response.status, response.getheaders(), response.read())

    def get(self, path, **headers):
        return self.request("GET", path, **headers)

    def post(self, *parts, path=PARSE, **headers):
        return self.request("POST", path, form(*parts), Content_Type=FORM_TYPE, **headers)

    def curl(self, *arguments, path=PARSE):
        """By way of curl: (what curl's %{http_code} is, the body)."""
        done = subprocess.run(
            ["curl", "-sS", "--max-time", str(DEADLINE_SECONDS), "-w", "\n%{http_code}",
             *arguments, f"http://127.0.0.1:{self.port}{path}"],
            stdout=subprocess.PIPE, check=True)
        body, _, status = done.stdout.rpartition(b"\n")
        return Reply(int(status), [], body)


# The server


class Server(Client):
    """personad as a child of ours, on a port of its own, with a folder of its own."""

    def __init__(self, folder, settings, arguments=()):
        self.folder = pathlib.Path(folder)
        self.spool = self.folder / "spool"
        self.spool.mkdir(exist_ok=True)
        environment = {
            name: value for name, value in os.environ.items()
            if name in ("PATH", "HOME", "LD_LIBRARY_PATH") or name.endswith("SAN_OPTIONS")
        }
        environment |= {"PORT": "0", "SPOOL_DIR": str(self.spool)}
        environment |= {name: str(value) for name, value in settings.items()}
        self.process = subprocess.Popen(
            [binary(), *arguments], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.lines = []
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self._read_log, daemon=True)
        self.reader.start()

    def _read_log(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append(line.decode("utf-8", "replace"))
                self.news.notify_all()

    @property
    def output(self):
        with self.news:
            return "".join(self.lines)

    def wait_for_port(self):
        def port():
            return re.search(r'listening.*\bport(?:=|":)(\d+)', "".join(self.lines))

        with self.news:
            heard = self.news.wait_for(
                lambda: port() or self.process.poll() is not None, DEADLINE_SECONDS)
            found = port()
        assert heard and found, f"the server did not start:\n{self.output}"
        super().__init__(int(found[1]))
        return self

    def wait(self):
        """The exit code, once all output is in. That of a crash is never what anyone wants."""
        code = self.process.wait(DEADLINE_SECONDS)
        self.reader.join(DEADLINE_SECONDS)
        crashes = (-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS, -signal.SIGILL)
        assert code not in crashes, f"exit code {code}:\n{self.output[-4000:]}"
        return code

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def idle(self):
        """Nothing is left of any upload: no child, no file, not even an open one."""
        def nothing_left():
            return not children_of(self.process.pid) and not self.open_spool_files()

        eventually(nothing_left, "no child and no spooled file is left")
        assert list(self.spool.iterdir()) == []

    def open_spool_files(self):
        found = []
        for link in pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                if os.readlink(link).startswith(str(self.spool) + "/"):
                    found.append(link)
        return found

    def stop(self):
        """An orderly end, after which there must be nothing to complain about."""
        if self.process.poll() is None:
            self.idle()
            self.signal()
        code = self.wait()
        assert code == 0, f"exit code {code}:\n{self.output[-4000:]}"
        self.check_end()

    def check_end(self):
        report = re.search(r"AddressSanitizer|LeakSanitizer|runtime error:", self.output)
        assert not report, self.output[-4000:]
        assert list(self.spool.iterdir()) == []

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.wait()


@contextlib.contextmanager
def running(**settings):
    """A server with these settings, which is stopped and checked at the end."""
    with tempfile.TemporaryDirectory(prefix="personad-wire-") as folder:
        server = Server(folder, settings)
        try:
            yield server.wait_for_port()
            server.stop()
        finally:
            server.kill()
