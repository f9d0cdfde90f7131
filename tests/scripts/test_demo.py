"""scripts/demo, as somebody runs it who has just fetched the sources.

It builds build/release where that is not up to date, so this is no part of the wire tests.
"""

import contextlib
import json
import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "wire"))
import wire  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 60  # once it is built: far beyond what anything takes
BUILD_SECONDS = 1200
PICTURE = r"http://127\.0\.0\.1:\d+/static/images/scenes/[0-9a-f]{32}\.webp"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def is_listening(port):
    with contextlib.suppress(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_SECONDS).close()
        return True
    return False


def heed_signals():
    """Whoever runs the tests in the background, or by nohup, has these ignored."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def is_running(pid):
    """A process that nobody has waited for yet is not."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


class Demo:
    """A run of scripts/demo, its temporary files in a folder of their own."""

    def __init__(self, folder, *arguments, port=None):
        self.folder = folder
        self.port = port or free_port()
        self.output = ""
        self.process = subprocess.Popen(
            [ROOT / "scripts" / "demo", *arguments], cwd="/", text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8",
                 "TMPDIR": str(folder), "PORT": str(self.port), "OPENAI_API_KEY": "of-the-caller"},
            preexec_fn=heed_signals)

    def wait(self):
        """Its exit status, with all of its output read."""
        self.output += self.process.stdout.read()  # ends with the last of its processes
        return self.process.wait(DEADLINE_SECONDS)

    def wait_until_up(self):
        for line in self.process.stdout:
            self.output += line
            if "It is up until you press Ctrl-C." in line:
                return self
        raise AssertionError(f"it did not come up:\n{self.output}")

    @property
    def simulator_port(self):
        return int(re.search(r"paid services on http://127\.0\.0\.1:(\d+)", self.output)[1])

    def pictures(self):
        return re.findall(PICTURE, self.output)

    def suggested(self, what):
        """The command that the line which begins with `what` suggests."""
        line = next(line for line in self.output.splitlines() if line.startswith(f"  {what} "))
        return shlex.split(line.removeprefix(f"  {what}"))

    def run_suggested(self, what):
        command = self.suggested(what)
        assert command[0] == "curl"
        done = subprocess.run([*command, "--silent", "--show-error", "--max-time",
                               str(DEADLINE_SECONDS)], cwd=ROOT, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def child(self, name):
        pid = self.process.pid
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == name:
                return int(child)
        raise AssertionError(f"it has no child {name}")

    def nothing_is_left(self):
        assert list(self.folder.iterdir()) == []
        assert not is_listening(self.port)
        if "paid services on" in self.output:
            assert not is_listening(self.simulator_port)

    def kill(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.wait()


@pytest.fixture(scope="session", autouse=True)
def built():
    subprocess.run(["bash", "-c", "source scripts/lib.sh; build release"], cwd=ROOT, check=True,
                   timeout=BUILD_SECONDS)


@pytest.fixture
def demo(tmp_path):
    """demo(*arguments): a run, which is ended with the test."""
    runs = []

    def start(*arguments, **options):
        runs.append(Demo(tmp_path, *arguments, **options))
        return runs[-1]

    yield start
    for run in runs:
        run.kill()


def test_once_without_keys(demo):
    run = demo("--once")
    assert run.wait() == 0, run.output
    assert "Ferrow Pumps Ltd: Selling Uptime" in run.output
    assert "The analysis was made from the text: OPENAI_API_KEY is not set" in run.output
    assert run.pictures() == []
    assert "Used:" not in run.output
    run.nothing_is_left()


@pytest.mark.parametrize("arguments", [("--with-upstreams", "--once"),
                                       ("--once", "--with-upstreams")])
def test_once_with_upstreams(demo, arguments):
    run = demo(*arguments)
    assert run.wait() == 0, run.output
    assert "Ferrow Pumps Ltd: Selling Uptime" in run.output
    assert len(set(run.pictures())) == 4
    assert re.search(r"^Used: \d+ tokens; 0\.\d{6} US dollars\.$", run.output, re.MULTILINE)
    for stage in ("upload", "parse", "analysis", "scenes", "images"):
        assert re.search(rf"^  {stage} +\d+ ms", run.output, re.MULTILINE)
    assert "Degraded" not in run.output
    assert "TRY NEXT" not in run.output
    run.nothing_is_left()


@pytest.mark.parametrize("more", [(), ("--with-upstreams",)])
def test_once_with_a_database(demo, more):
    run = demo("--with-db", "--once", *more)
    assert run.wait() == 0, run.output
    assert "tables were made." in run.output
    assert "scenario 1: " in run.output and "  4 scenes\n" in run.output
    folder = re.search(r"A PostgreSQL of its own runs in (\S+)\. ", run.output)[1]
    assert not pathlib.Path(folder).exists()
    run.nothing_is_left()


def test_a_database_goes_with_the_demo(demo):
    run = demo("--with-db").wait_until_up()
    folder = pathlib.Path(re.search(r"runs in (\S+)\. ", run.output)[1])
    postmaster = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    assert json.loads(run.run_suggested("the scenario"))["id"] == 1
    assert json.loads(run.run_suggested("one more"))["scenario_id"] == 2
    run.process.send_signal(signal.SIGINT)
    assert run.wait() == 0
    assert not folder.exists()
    wire.eventually(lambda: not is_running(postmaster), "its PostgreSQL has ended")
    run.nothing_is_left()


def test_settings_go_to_the_server(demo):
    run = demo("--once", "--with-upstreams", "IMAGES=off", "SCENE_COUNT=2")
    assert run.wait() == 0, run.output
    assert "2. Scene 2" in run.output
    assert "3. Scene 3" not in run.output
    assert not run.pictures()
    assert "Degraded" not in run.output  # nobody asked for pictures
    run.nothing_is_left()


def test_what_it_suggests(demo):
    run = demo("--with-upstreams").wait_until_up()
    with urllib.request.urlopen(run.pictures()[0], timeout=DEADLINE_SECONDS) as reply:
        assert reply.headers["Content-Type"] == "image/webp"
        assert reply.read().startswith(b"RIFF")

    assert json.loads(run.run_suggested("the models fail")) == {"ok": True}
    reply = run.run_suggested("then an upload")
    degraded = re.search(r"X-Degraded: .*", reply)[0].strip()
    assert degraded == "X-Degraded: analysis, scenes"
    assert degraded in run.output
    assert '"warnings":["The analysis was made from the text: openai answered 503' in reply
    checks = json.loads(run.run_suggested("is it well?"))["checks"]
    assert checks["openai"]["breaker"] == "open"
    assert json.loads(run.run_suggested("they are well again")) == {"ok": True}

    run.process.send_signal(signal.SIGINT)
    assert run.wait() == 0
    assert run.output.endswith("\nStopped.\n")
    run.nothing_is_left()


def test_the_limit_on_spending_that_it_suggests(demo, tmp_path):
    first = demo("--with-upstreams").wait_until_up()
    command = first.suggested("a limit on spending")
    assert command[0] == "scripts/demo"
    first.kill()

    run = demo(*command[1:]).wait_until_up()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{run.port}/api/parse-pdf/", b"x",
                               timeout=DEADLINE_SECONDS)
    assert refused.value.code == 503
    assert json.load(refused.value)["code"] == "budget_spent"


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_all_of_it(demo, number, status):
    run = demo("--with-upstreams").wait_until_up()
    run.process.send_signal(number)
    assert run.wait() == status
    run.nothing_is_left()


def test_the_end_of_the_simulator_is_told(demo):
    run = demo("--with-upstreams").wait_until_up()
    os.kill(run.child("upsim"), signal.SIGTERM)
    assert run.wait() == 1
    assert "the simulator ended by itself with status 0" in run.output
    run.nothing_is_left()


def test_a_port_in_use(demo):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        run = demo("--with-upstreams", "--once", port=port)
        assert run.wait() == 1
        assert f"demo: port {port} is in use. Try another one: PORT=" in run.output
    run.nothing_is_left()


def test_a_wrong_setting_is_told(demo):
    run = demo("--with-upstreams", "SCENE_COUNT=99")
    assert run.wait() == 1
    assert 'SCENE_COUNT: "99"' in run.output
    assert "the server did not start; what it said is above" in run.output
    run.nothing_is_left()


@pytest.mark.parametrize("arguments", [("--twice",), ("case.pdf",), ("SCENE_COUNT=2",)])
def test_wrong_arguments(demo, arguments):
    run = demo(*arguments)
    assert run.wait() == 2
    assert run.output.startswith("scripts/demo: builds personad")
    run.nothing_is_left()
