"""From the command line to the exit code: settings, start, drain."""

import contextlib
import re
import signal
import socket

import pytest

import wire
from wire import eventually, form, post_bytes, request_bytes, upload

WHOLE = form(upload())
SECRET = "correct-horse-battery-staple-0123456789"


def run(launch, *arguments, **settings):
    """(exit code, all output) of a process that ends by itself."""
    process = launch(*arguments, **settings)
    return process.wait(), process.output


# The command line


def test_help_names_every_setting(launch):
    code, output = run(launch, "--help")
    assert code == 0
    for name in ("PORT", "LISTEN_ADDRESS", "MAX_BODY_BYTES", "SPOOL_DIR", "CORS_ORIGINS",
                 "OPENAI_API_KEY", "SECRET_KEY", "DRAIN_TIMEOUT", "EXTRACT_SANDBOX", "LOG_LEVEL"):
        assert re.search(rf"\b{name}\b", output)
    for argument in ("--help", "--version", "--check-config"):
        assert argument in output


def test_version(launch):
    code, output = run(launch, "--version")
    assert code == 0
    assert re.fullmatch(r"personad \d+\.\d+\.\d+\S*\n", output)


def test_an_unknown_argument_is_refused(launch):
    code, output = run(launch, "--no-such-thing")
    assert code != 0
    assert "--no-such-thing" in output
    assert "--help" in output


# Settings


def test_good_settings_pass_the_check(launch):
    code, output = run(launch, "--check-config", MAX_FILE_BYTES="1MB", DRAIN_DELAY="0.5")
    assert code == 0
    assert "MAX_FILE_BYTES" not in output, "nothing is wrong with it"


def test_the_check_reports_all_faults_at_once(launch):
    wrong = {
        "PORT": "99999", "LOG_LEVEL": "loud", "MAX_FILES": "many", "MAX_BODY_BYTES": "64 parsecs",
        "EXTRACT_SANDBOX": "perhaps", "HEADER_TIMEOUT": "-1", "LISTEN_ADDRESS": "nowhere at all",
    }
    code, output = run(launch, "--check-config", **wrong)
    assert code != 0
    for name, value in wrong.items():
        lines = [line for line in output.splitlines() if re.search(rf"\b{name}\b", line)]
        assert len(lines) == 1, f"{name} in {output}"
        assert value in lines[0]


@pytest.mark.parametrize("name, value, allowed", [
    ("PORT", "70000", "65535"),
    ("PORT", "http", "65535"),
    ("LOG_LEVEL", "loud", "warn"),
    ("LOG_FORMAT", "xml", "logfmt"),
    ("AUTH_MODE", "sometimes", "required"),
    ("SCENE_COUNT", "0", "12"),
    ("MAX_HEADER_BYTES", "1MB", "24"),
])
def test_a_wrong_value_stops_the_start(launch, name, value, allowed):
    code, output = run(launch, **{name: value})
    assert code != 0
    assert "listening" not in output
    line = next(line for line in output.splitlines() if name in line)
    assert value in line
    assert allowed in line


def test_a_short_secret_key_stops_the_start_and_is_not_shown(launch):
    code, output = run(launch, SECRET_KEY="too-short-a-secret")
    assert code != 0
    assert "SECRET_KEY" in output and "32" in output
    assert "too-short" not in output


def test_required_auth_needs_a_key(launch):
    code, output = run(launch, AUTH_MODE="required")
    assert code != 0
    assert "SECRET_KEY" in output


def test_secrets_are_never_in_any_output(launch):
    secrets = {"SECRET_KEY": SECRET, "OPENAI_API_KEY": "sk-" + SECRET}
    for arguments in (("--check-config",), ("--help",)):
        code, output = run(launch, *arguments, **secrets)
        assert code == 0
        assert SECRET not in output
    server = launch(LOG_LEVEL="debug", **secrets).wait_for_port()
    replies = [server.get(path) for path in ("/", "/ready", "/health", "/nowhere")]
    server.stop()
    assert SECRET not in server.output
    assert not any(SECRET.encode() in reply.body for reply in replies)


def test_a_misspelt_name_in_the_env_file_is_pointed_out(launch, tmp_path):
    (tmp_path / ".env").write_text(
        "# a comment\nMAX_BODY_BYTE=5\nexport LOG_LEVEL='debug'\nMAX_FILES=\"7\"\n")
    code, output = run(launch, "--check-config")
    assert code == 0, "a warning, not a fault"
    assert re.search(r"\bMAX_BODY_BYTE\b.*\bMAX_BODY_BYTES\b", output)
    assert not re.search(r"\bMAX_FILES\b", output)


def test_the_environment_wins_over_the_env_file(launch, tmp_path):
    (tmp_path / ".env").write_text("MAX_FILES=1\nMAX_FIELDS=1\n")
    server = launch(MAX_FILES=2).wait_for_port()
    assert "number of files is 2." in server.post(*[upload()] * 3).detail
    assert "number of fields is 1." in server.post(*[wire.Part("a")] * 2).detail
    server.stop()


def test_a_wrong_value_in_the_env_file_stops_the_start(launch, tmp_path):
    (tmp_path / ".env").write_text("SCENE_COUNT=many\n")
    code, output = run(launch)
    assert code != 0
    assert re.search(r"SCENE_COUNT.*many", output)


def test_scene_count_is_a_setting(start_server):
    reply = start_server(SCENE_COUNT=2).post(upload())
    scenes = reply.json()["ai_result"]["scenes"]
    assert [scene["sequence_order"] for scene in scenes] == [1, 2]


# The start


def test_a_port_in_use_is_one_clear_line(launch):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        code, output = run(launch, PORT=port)
    assert code != 0
    lines = [line for line in output.splitlines() if str(port) in line]
    assert len(lines) == 1
    assert "in use" in lines[0]


def test_a_spool_folder_that_is_none_stops_the_start(launch, tmp_path):
    missing = tmp_path / "missing"
    code, output = run(launch, SPOOL_DIR=missing)
    assert code != 0
    assert "SPOOL_DIR" in output and str(missing) in output


def test_only_this_machine_is_listened_to(server):
    """No interface but the loopback, unless told so."""
    assert "address=127.0.0.1" in server.output
    lines = open("/proc/net/tcp").read().splitlines()[1:]
    listening = [line.split()[1] for line in lines if line.split()[3] == "0A"]
    assert f"0100007F:{server.port:04X}" in listening
    assert f"00000000:{server.port:04X}" not in listening


@pytest.mark.parametrize("log_format, pattern", [
    ("text", r"(?m)^\S+Z INFO +listening address=127\.0\.0\.1 port=\d+"),
    ("logfmt", r"(?m)^time=\S+Z level=info event=listening address=127\.0\.0\.1 port=\d+"),
    ("json", r'(?m)^\{"time":"[^"]+Z","level":"info","event":"listening"'
             r'.*"address":"127\.0\.0\.1","port":\d+'),
])
def test_log_formats(launch, log_format, pattern):
    server = launch(LOG_FORMAT=log_format)
    with server.news:
        assert server.news.wait_for(
            lambda: re.search(pattern, "".join(server.lines)), wire.DEADLINE_SECONDS)
    server.stop()


def test_the_kept_markers_are_in_the_log(launch):
    server = launch().wait_for_port()
    reply = server.raw(post_bytes(WHOLE, **{"X-Request-ID": "marked-1"}))
    assert reply.status == 200
    server.stop()
    for marker in ("File processing completed in", "AI pipeline finished in"):
        line = next(line for line in server.output.splitlines() if marker in line)
        assert re.search(rf"\[OPTIMIZED\] {marker} \d+\.\ds", line)
        assert "marked-1" in line


def test_nothing_of_a_document_is_logged(launch):
    server = launch(LOG_LEVEL="debug").wait_for_port()
    assert server.post(upload()).status == 200
    assert server.post(upload(b"Zanzibar")).status in (200, 422)
    server.stop()
    assert "Whitlock" not in server.output
    assert "Zanzibar" not in server.output


def test_a_client_cannot_forge_log_lines(launch):
    server = launch(LOG_LEVEL="debug").wait_for_port()
    assert server.get("/x%0AERROR%20forged%20event=y").status == 404
    assert server.post(upload(b"x", "a%0D%0AERROR forged.bin", None)).status == 400
    server.stop()
    assert not re.search(r"(?m)^(ERROR| *forged)", server.output)


# The end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_server(launch, number):
    server = launch().wait_for_port()
    with server.connect() as kept_alive:
        assert kept_alive.exchange(request_bytes("GET", "/health")).status == 200
        server.signal(number)
        assert server.wait() == 0
    server.check_end()


def admitted(server):
    """An upload that the server has agreed to take, and of which it has nothing yet."""
    connection = server.connect()
    head = post_bytes(WHOLE, Expect="100-continue")[:-len(WHOLE)]
    assert connection.exchange(head).status == 100
    return connection


def drained(server):
    """After the signal: the first /ready that says so."""
    return eventually(
        lambda: (reply := server.get("/ready")).status == 503 and reply, "/ready says 503")


def test_what_is_in_flight_is_finished(launch):
    server = launch().wait_for_port()
    with admitted(server) as held:
        server.signal()
        assert "drain" in drained(server).body.decode().lower()
        assert server.get("/health").status == 200, "it lives"

        refused = server.post(upload())
        assert refused.status == 503
        assert refused["Connection"].lower() == "close"

        reply = held.exchange(WHOLE)
        assert reply.status == 200
        assert reply.json()["status"] == "completed"
    assert server.wait() == 0
    server.check_end()


def test_during_the_delay_all_goes_on(launch):
    server = launch(DRAIN_DELAY="60").wait_for_port()
    server.signal()
    drained(server)
    assert server.post(upload()).status == 200
    server.signal()
    server.wait()
    server.check_end()


def test_the_delay_has_an_end(launch):
    server = launch(DRAIN_DELAY="0.5").wait_for_port()
    server.signal()
    assert server.wait() == 0
    server.check_end()


def test_what_does_not_finish_in_time_is_given_up(launch):
    server = launch(DRAIN_TIMEOUT="1").wait_for_port()
    with admitted(server):
        server.signal()
        server.wait()
    server.check_end()


@pytest.mark.parametrize("settings", [{}, {"DRAIN_DELAY": "60"}], ids=["in flight", "in delay"])
def test_a_second_signal_stops_at_once(launch, settings):
    server = launch(**settings).wait_for_port()
    with admitted(server):
        server.signal()
        drained(server)
        server.signal()
        server.wait()
    server.check_end()


def test_a_client_that_leaves_ends_the_drain(launch):
    server = launch().wait_for_port()
    held = admitted(server)
    server.signal()
    drained(server)
    held.leave()
    assert server.wait() == 0
    server.check_end()
