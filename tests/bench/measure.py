"""What all benchmarks share: a server under measurement, and what the kernel says about it."""

import contextlib
import dataclasses
import http.client
import os
import pathlib
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("PERSONAD", ROOT / "build" / "release" / "personad")).resolve()
SAMPLE = ROOT / "tests" / "data" / "sample" / "case.pdf"
PARSE = "/api/parse-pdf/"
PERSONAS = "/api/get-default-personas/"
FORM_TYPE = "multipart/form-data; boundary=bench"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
OPEN_FILES = 65536
START_SECONDS = 10
MB = 2 ** 20


@dataclasses.dataclass
class Row:
    """A line of the table. `ok` is None for a figure that has no target."""

    what: str
    measured: str
    target: str = ""
    ok: bool | None = None


def median(values):
    return statistics.median(values)


def quantile(values, share):
    """The smallest value that this share of all is not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def allow_many_files():
    """For this process and those it starts: each client of the server needs one, on both sides."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def form_ends(filename):
    """What comes before and after the bytes of the only file of a form."""
    disposition = f'Content-Disposition: form-data; name="file"; filename="{filename}"'
    return f"--bench\r\n{disposition}\r\n\r\n".encode(), b"\r\n--bench--\r\n"


def post_head(length):
    return (f"POST {PARSE} HTTP/1.1\r\nHost: bench\r\nContent-Type: {FORM_TYPE}\r\n"
            f"Content-Length: {length}\r\n\r\n").encode()


class Process:
    """A process as /proc shows it."""

    def __init__(self, pid):
        self.pid = pid

    def read(self, name):
        return pathlib.Path(f"/proc/{self.pid}/{name}").read_text()

    def cpu_seconds(self):
        fields = self.read("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def memory(self, name="VmRSS"):
        """Bytes; VmHWM is the peak of VmRSS since it was last reset."""
        line = next(line for line in self.read("status").splitlines() if line.startswith(name))
        return int(line.split()[1]) * 1024

    def reset_peak(self):
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def sockets(self):
        count = 0
        for name in os.listdir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(OSError):  # closed meanwhile
                count += os.readlink(f"/proc/{self.pid}/fd/{name}").startswith("socket:")
        return count


class Server(Process):
    """personad with its defaults, but for these settings; its log goes to /dev/null."""

    def __init__(self, folder, **settings):
        self.port = free_port()
        environment = {"PATH": os.environ["PATH"], "PORT": str(self.port), "SPOOL_DIR": folder}
        environment |= {name: str(value) for name, value in settings.items()}
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [BINARY], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        super().__init__(self.process.pid)
        self.seconds_to_first_answer = self._first_answer() - self.started

    def _first_answer(self):
        """When the first GET /health was answered; asked again as soon as it is refused."""
        request = b"GET /health HTTP/1.1\r\nHost: bench\r\n\r\n"
        deadline = time.perf_counter() + START_SECONDS
        while time.perf_counter() < deadline:
            with contextlib.suppress(ConnectionError), self.connect() as client:
                client.sendall(request)
                if client.recv(4096).startswith(b"HTTP/1.1 200"):
                    return time.perf_counter()
            if self.process.poll() is not None:
                break
        raise SystemExit(f"{BINARY} does not answer")

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def request(self, method, path, body=None, headers=None):
        """(status, body)"""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(client):
            client.request(method, path, body, headers or {})
            response = client.getresponse()
            return response.status, response.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def scratch():
    folder = tempfile.mkdtemp(prefix="personad-bench-")
    os.chmod(folder, 0o755)  # nginx's worker is another user
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def running(**settings):
    with scratch() as folder:
        server = Server(folder, **settings)
        try:
            yield server
        finally:
            server.stop()
