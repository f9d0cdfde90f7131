"""What holds of every path: methods, headers, CORS, connections, and limits of time and number."""

import concurrent.futures
import os
import re
import socket
import subprocess

import pytest

from wire import (
    FORM_TYPE, PAGE_ORIGIN, PARSE, Part, chunked, eventually, form, post_bytes, request_bytes,
    upload)

PERSONAS = "/api/get-default-personas/"
PERSONAS_ALIAS = "/api/pdf-processing/get-default-personas/"
PLACES = ["/", "/health", "/livez", "/ready", "/readyz", PERSONAS, PERSONAS_ALIAS]
WHOLE = form(upload())


def other_slash(path):
    return path[:-1] if path.endswith("/") else path + "/"


# Places


def test_root_says_what_this_is(server):
    body = server.get("/").json()
    assert body["status"] == "active"
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", body["version"])
    assert isinstance(body["message"], str) and body["message"]


@pytest.mark.parametrize("path", ["/health", "/livez"])
def test_health(server, path):
    body = server.get(path).json()
    assert body["status"] == "healthy"
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", body["timestamp"])


@pytest.mark.parametrize("path", ["/ready", "/readyz"])
def test_ready_without_any_key_is_ready(server, path):
    reply = server.get(path)
    assert reply.status == 200
    assert "sandbox" in reply.body.decode()


@pytest.mark.parametrize("path", [PERSONAS, PERSONAS_ALIAS])
def test_default_personas(server, path):
    reply = server.get(path)
    assert reply.status == 200
    body = reply.json()
    assert body["status"] == "instant_fallback"
    assert type(body["processing_time"]) in (int, float) and 0 <= body["processing_time"] < 1
    assert (body["title"], body["student_role"]) == ("Business Case Study", "Business Manager")
    assert body["personas"] == body["key_figures"]
    assert [(one["name"], one["role"]) for one in body["personas"]] == [
        ("Senior Executive", "Executive Leader"),
        ("Operations Manager", "Operations Lead"),
        ("Financial Analyst", "Finance Professional"),
        ("Marketing Director", "Marketing Lead"),
    ]
    for one in body["personas"]:
        assert one["background"]
        assert len(one["primary_goals"]) == 3 and all(one["primary_goals"])
        assert set(one["personality_traits"]) == {
            "analytical", "creative", "assertive", "collaborative", "detail_oriented"}
        assert all(type(t) is int and 0 <= t <= 10 for t in one["personality_traits"].values())


@pytest.mark.parametrize("path", PLACES)
def test_both_slash_forms_are_served_without_a_redirect(server, path):
    assert server.get(path).status == 200
    if path != "/":
        assert server.get(other_slash(path)).status == 200


@pytest.mark.parametrize("path", PLACES)
def test_head_is_get_without_the_body(server, path):
    with server.connect() as connection:
        head = connection.exchange(request_bytes("HEAD", path), "HEAD")
        get = connection.exchange(request_bytes("GET", path))
    assert head.status == get.status == 200
    assert head["Content-Type"] == get["Content-Type"]
    assert int(head["Content-Length"]) > 0
    assert get.body


@pytest.mark.parametrize("path, methods", [
    ("/", {"GET", "HEAD", "OPTIONS"}),
    ("/health", {"GET", "HEAD", "OPTIONS"}),
    (PERSONAS, {"GET", "HEAD", "OPTIONS"}),
    (PARSE, {"POST", "OPTIONS"}),
    ("/api/pdf-processing/parse-pdf", {"POST", "OPTIONS"}),
])
def test_a_wrong_method_is_told_the_right_ones(server, path, methods):
    for method in ("PATCH", "DELETE", "TRACE", "get", "GET" if "POST" in methods else "POST"):
        reply = server.raw(request_bytes(method, path))
        assert (reply.status, reply.json()) == (405, {"detail": "Method Not Allowed"})
        allowed = set(re.split(r",\s*", reply["Allow"]))
        assert methods - {"OPTIONS"} <= allowed <= methods


def test_a_query_does_not_change_the_place(server):
    assert server.get("/health?x=1&y").status == 200
    assert server.get("/health/?").status == 200


def test_absolute_targets_and_escaped_letters(server):
    assert server.raw(request_bytes("GET", "http://example.org/health")).status == 200
    assert server.raw(request_bytes("GET", "/%68ealth")).status == 200


# Headers of every reply


REPLIES = {
    "200": request_bytes("GET", "/health"),
    "a result": post_bytes(WHOLE),
    "404": request_bytes("GET", "/nowhere"),
    "405": request_bytes("PUT", "/health"),
    "422": post_bytes(form()),
    "400": post_bytes(b"junk"),
    "503": post_bytes(WHOLE, path=PARSE + "?save_to_db=true"),
    "a preflight": request_bytes("OPTIONS", PARSE, {
        "Origin": PAGE_ORIGIN, "Access-Control-Request-Method": "POST"}),
    "a refused preflight": request_bytes("OPTIONS", PARSE, {
        "Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}),
    "431": request_bytes("GET", "/health", {"X": "x" * 20000}),
    "an ambiguous length": request_bytes(
        "POST", PARSE, {"Content-Length": "1", "Transfer-Encoding": "chunked"}),
}


@pytest.mark.parametrize("request_data", REPLIES.values(), ids=REPLIES.keys())
def test_every_reply_says_how_long_it_took_and_which_it_is(server, request_data):
    reply = server.raw(request_data)
    assert re.fullmatch(r"\d+\.\d+", reply["X-Process-Time"])
    assert float(reply["X-Process-Time"]) < 60
    assert re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", reply["X-Request-ID"])
    for metric in reply["Server-Timing"].split(","):
        assert re.fullmatch(r"\s*[a-z]+;dur=\d+(\.\d+)?(;desc=.*)?", metric)
    assert re.search(r"\btotal;dur=", reply["Server-Timing"])
    assert "Origin" in re.split(r",\s*", ", ".join(reply.all("Vary")))


def test_server_timing_has_the_stages_of_an_upload(server, sample):
    timing = server.post(upload(sample, "case.pdf", "application/pdf"))["Server-Timing"]
    assert {"upload", "parse", "analysis", "total"} <= set(re.findall(r"([a-z]+);dur=", timing))


def test_server_timing_can_be_left_out(start_server):
    reply = start_server(SERVER_TIMING="off").get("/health")
    assert reply["Server-Timing"] is None
    assert reply["X-Process-Time"]


@pytest.mark.parametrize("given", ["a", "018f-A.b_c:d", "x" * 128])
def test_a_good_request_id_is_kept(server, given):
    assert server.get("/health", X_Request_ID=given)["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\tb", "a;b", "caf\u00e9", "<script>"])
def test_any_other_request_id_is_made_anew(server, given):
    made = server.get("/health", X_Request_ID=given)["X-Request-ID"]
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", made)


def test_made_request_ids_differ(server):
    assert len({server.get("/health")["X-Request-ID"] for _ in range(20)}) == 20


# CORS


EXPOSED = {
    "X-Process-Time", "X-Request-ID", "Server-Timing", "X-Cache", "X-Degraded", "X-AI-Tokens",
    "X-AI-Cost-USD", "Idempotent-Replayed", "Retry-After", "Location"}


@pytest.mark.parametrize("origin", [PAGE_ORIGIN, "http://localhost:5173"])
@pytest.mark.parametrize("method, path", [("GET", "/health"), ("GET", "/nowhere"), ("POST", PARSE)])
def test_an_allowed_origin_may_read_every_reply(server, origin, method, path):
    reply = server.request(method, path, Origin=origin)
    assert reply["Access-Control-Allow-Origin"] == origin
    assert reply["Access-Control-Allow-Credentials"] == "true"
    assert set(re.split(r",\s*", reply["Access-Control-Expose-Headers"])) == EXPOSED


@pytest.mark.parametrize("origin", [
    "http://evil.example", "http://localhost:3000.evil.example", "https://localhost:3000", "null",
    "HTTP://localhost:30000", "*"])
def test_another_origin_may_not(server, origin):
    reply = server.get("/health", Origin=origin)
    assert reply.status == 200
    assert reply["Access-Control-Allow-Origin"] is None
    assert reply["Vary"] == "Origin"


def test_without_an_origin_there_is_only_vary(server):
    reply = server.get("/health")
    assert not [name for name, _ in reply.headers if name.lower().startswith("access-control-")]
    assert reply["Vary"] == "Origin"


def preflight(server, origin=PAGE_ORIGIN, method="POST", headers=None, path=PARSE):
    asked = {"Access_Control_Request_Headers": headers} if headers else {}
    return server.request(
        "OPTIONS", path, Origin=origin, Access_Control_Request_Method=method, **asked)


@pytest.mark.parametrize("path", [PARSE, PERSONAS, "/nowhere"])
def test_a_preflight_is_granted(server, path):
    reply = preflight(server, headers="content-type, x-anything", path=path)
    assert (reply.status, reply.body) == (200, b"OK")
    assert reply["Content-Type"].startswith("text/plain")
    assert reply["Access-Control-Allow-Origin"] == PAGE_ORIGIN
    assert reply["Access-Control-Allow-Credentials"] == "true"
    assert reply["Access-Control-Allow-Methods"] == (
        "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT")
    assert reply["Access-Control-Max-Age"] == "600"
    assert reply["Access-Control-Allow-Headers"] == "content-type, x-anything"
    assert "Origin" in reply["Vary"]


def test_a_preflight_from_elsewhere_is_refused(server):
    reply = preflight(server, origin="http://evil.example")
    assert (reply.status, reply.body) == (400, b"Disallowed CORS origin")
    assert reply["Content-Type"].startswith("text/plain")
    assert reply["Access-Control-Allow-Origin"] is None


def test_a_preflight_for_an_unknown_method_is_refused(server):
    reply = preflight(server, method="BREW")
    assert (reply.status, reply.body) == (400, b"Disallowed CORS method")


def test_options_that_is_no_preflight(server):
    assert server.request("OPTIONS", PARSE).status == 405
    assert server.request("OPTIONS", PARSE, Origin=PAGE_ORIGIN).status == 405


def test_origins_are_a_setting(start_server):
    server = start_server(CORS_ORIGINS="https://app.example, http://127.0.0.1:4000")
    for origin in ("https://app.example", "http://127.0.0.1:4000"):
        assert server.get("/", Origin=origin)["Access-Control-Allow-Origin"] == origin
    assert server.get("/", Origin=PAGE_ORIGIN)["Access-Control-Allow-Origin"] is None


# Errors as problem details


@pytest.mark.parametrize("method, path, body, status, problem_type", [
    ("GET", "/nowhere", None, 404, "/problems/not_found"),
    ("PUT", "/health", None, 405, "/problems/method_not_allowed"),
    ("POST", PARSE + "?save_to_db=1", WHOLE, 503, "/problems/no_database"),
    ("POST", PARSE, form(upload(b"MZ", "a.exe")), 400, r"/problems/[a-z_]+"),
    ("POST", PARSE, form(upload(b"")), 422, r"/problems/[a-z_]+"),
], ids=["unknown path", "wrong method", "no database", "wrong type", "empty file"])
def test_problem_details_for_those_who_ask(server, method, path, body, status, problem_type):
    reply = server.request(
        method, path, body, Content_Type=FORM_TYPE,
        Accept="application/json;q=0.5, application/problem+json")
    plain = server.request(method, path, body, Content_Type=FORM_TYPE)
    assert reply.status == plain.status == status
    assert reply["Content-Type"] == "application/problem+json"
    assert plain["Content-Type"] == "application/json"
    problem = reply.json()
    assert re.fullmatch(problem_type, problem["type"])
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"] == plain.detail


def test_problem_details_of_a_list_of_faults(server):
    reply = server.post(path=PARSE + "?save_to_db=x", Accept="application/problem+json")
    problem = reply.json()
    assert (reply.status, problem["status"]) == (422, 422)
    assert problem["type"].startswith("/problems/")
    assert isinstance(problem["detail"], str)
    assert [fault["loc"] for fault in problem["errors"]] == [
        ["query", "save_to_db"], ["body", "file"]]


# Connections


def test_a_connection_is_used_again(server):
    with server.connect() as connection:
        for data in (request_bytes("GET", "/"), post_bytes(WHOLE), post_bytes(form()),
                     request_bytes("GET", "/nowhere"), request_bytes("GET", "/health")):
            reply = connection.exchange(data)
            assert (reply["Connection"] or "").lower() != "close"
        assert reply.status == 200


def test_pipelined_requests_are_answered_in_order(server):
    ids = [f"pipelined-{n}" for n in range(9)]
    with server.connect() as connection:
        connection.send(b"".join(
            post_bytes(WHOLE, **{"X-Request-ID": one}) if n % 3 == 1 else
            request_bytes("GET", PERSONAS, {"X-Request-ID": one}) for n, one in enumerate(ids)))
        replies = [connection.reply() for _ in ids]
    assert [reply["X-Request-ID"] for reply in replies] == ids
    assert {reply.status for reply in replies} == {200}


def test_a_chunked_upload(server):
    body = chunked(form(upload()), piece=7)
    reply = server.raw(post_bytes(body, **{"Transfer-Encoding": "chunked"}))
    assert reply.json() == server.post(upload()).json()


def test_an_upload_that_arrives_byte_by_byte(server):
    with server.connect() as connection:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in post_bytes(WHOLE):
            connection.send(bytes([byte]))
        assert connection.reply().json() == server.post(upload()).json()


def test_an_upload_that_asks_before_it_is_sent(server):
    with server.connect() as connection:
        head = post_bytes(WHOLE, Expect="100-continue")[:-len(WHOLE)]
        assert connection.exchange(head).status == 100
        assert connection.exchange(WHOLE).status == 200


def test_connection_close_is_obeyed(server):
    with server.connect() as connection:
        reply = connection.exchange(request_bytes("GET", "/health", {"Connection": "close"}))
        assert reply.status == 200
        assert connection.ended()


def test_an_http_1_0_client(server):
    with server.connect() as connection:
        connection.send(b"GET /health HTTP/1.0\r\n\r\n")
        assert b" 200 " in connection.file.read().splitlines()[0]


# Limits of time and number


def test_a_slow_header_is_408(start_server):
    server = start_server(HEADER_TIMEOUT="1")
    with server.connect() as connection:
        reply = connection.exchange(b"GET /health HTTP/1.1\r\nHost: x\r\n")
        assert reply.status == 408
        assert reply.detail
        assert connection.ended()


def test_an_idle_connection_is_closed(start_server):
    server = start_server(IDLE_TIMEOUT="1")
    with server.connect() as connection:
        assert connection.exchange(request_bytes("GET", "/health")).status == 200
        assert connection.ended()


def test_one_connection_too_many_is_told_so(start_server):
    server = start_server(MAX_CONNECTIONS="8")
    kept = [server.connect() for _ in range(8)]
    for connection in kept:
        assert connection.exchange(request_bytes("GET", "/health")).status == 200
    with server.connect() as connection:
        reply = connection.exchange(post_bytes(WHOLE))
        assert reply.status == 503
        assert int(reply["Retry-After"]) >= 1
        assert reply.detail
    kept.pop().close()

    def taken_again():
        return server.raw(post_bytes(WHOLE)).status == 200

    eventually(taken_again, "an upload is taken when there is room again")
    for connection in kept:
        assert connection.exchange(request_bytes("GET", "/health")).status == 200
        connection.close()


@pytest.fixture
def busy_server(start_server, files):
    """(a server that works on as many uploads as it may, the client whose upload it is)"""
    server = start_server(QUEUE_LIMIT="1", MAX_BODY_BYTES="2MB", MAX_FILE_BYTES="1MB")
    endless = server.connect().send(post_bytes(form(upload(files["endless.pdf"], "case.pdf"))))
    eventually(lambda: server.get("/ready").status == 503, "the queue is full")
    yield server, endless
    endless.close()


def test_uploads_past_the_queue_limit_are_refused(busy_server):
    server, endless = busy_server
    refused = server.post(upload())
    assert refused.status == 503
    assert int(refused["Retry-After"]) >= 1
    assert refused.detail
    assert server.get(PERSONAS).status == 200, "what costs nothing is still answered"

    endless.leave()
    eventually(lambda: server.get("/ready").status == 200, "there is room again")
    assert server.post(upload()).status == 200


def test_an_upload_that_asks_first_need_not_be_sent_in_vain(busy_server):
    with busy_server[0].connect() as connection:
        head = post_bytes(WHOLE, Expect="100-continue")[:-len(WHOLE)]
        assert connection.exchange(head).status == 503


def test_order_of_refusals(busy_server, server):
    """404 and 405 before 413, that before the queue, that before the database."""
    too_long = {"Content-Length": str(2 ** 22), "Content-Type": FORM_TYPE}
    busy = busy_server[0]
    assert busy.raw(request_bytes("POST", "/nowhere", too_long)).status == 404
    assert busy.raw(request_bytes("PUT", PARSE, too_long)).status == 405
    assert busy.raw(request_bytes("POST", PARSE, too_long)).status == 413
    saving = post_bytes(b"junk", path=PARSE + "?save_to_db=1")
    assert "DATABASE_URL" not in busy.raw(saving).detail
    assert "DATABASE_URL" in server.raw(saving).detail


# Clients that leave

NOTICED_SECONDS = 10  # no timeout of the server is as short


def open_sockets(server):
    links = []
    for link in os.scandir(f"/proc/{server.process.pid}/fd"):
        try:
            links.append(os.readlink(link.path))
        except OSError:  # closed meanwhile
            pass
    return sum(link.startswith("socket:") for link in links)


@pytest.mark.parametrize("reset", [False, True], ids=["closing", "resetting"])
@pytest.mark.parametrize("sent", ["a part of the header", "a part of the file", "everything"])
def test_a_client_that_leaves_leaves_nothing_behind(start_server, sample, sent, reset):
    server = start_server()
    before = open_sockets(server)
    whole = post_bytes(form(upload(sample, "case.pdf", "application/pdf")))
    part = {"a part of the header": whole[:60], "a part of the file": whole[:-1000]}
    for _ in range(5):
        connection = server.connect().send(part.get(sent, whole))
        connection.leave() if reset else connection.close()
    assert server.get("/health").status == 200  # so those who came before have been accepted, too
    eventually(lambda: open_sockets(server) == before, "all sockets are closed", NOTICED_SECONDS)
    server.idle()
    assert server.post(upload()).status == 200


def test_clients_that_leave_do_not_disturb_others(server, sample):
    whole = post_bytes(form(upload(sample, "case.pdf", "application/pdf")))

    def leave(n):
        server.connect().send(whole[:-n * 100 or None]).leave()

    with concurrent.futures.ThreadPoolExecutor(4) as clients:
        leaving = clients.map(leave, range(12))
        staying = list(clients.map(lambda _: server.post(upload()), range(6)))
        list(leaving)
    assert [reply.status for reply in staying] == [200] * 6
    server.idle()


# The disk


@pytest.fixture
def tiny_disk(tmp_path):
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], stderr=subprocess.DEVNULL)
    if mounted.returncode != 0:
        pytest.skip("mounting a file system is not permitted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_503(tiny_disk, start_server):
    server = start_server(SPOOL_DIR=tiny_disk, SPOOL_MEMORY="1MB")
    full = server.post(upload(b"x" * 3_000_000))
    assert full.status == 503
    assert full.detail
    assert server.post(upload()).status == 200
    assert list(tiny_disk.iterdir()) == []


def test_fields_go_nowhere_near_the_disk(server):
    """1,000 of them, next to the file."""
    parts = [Part(f"field-{n}", b"x" * 100) for n in range(1000)]
    assert server.post(upload(), *parts).status == 200
