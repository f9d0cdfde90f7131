"""The simulator of the upstreams, by itself: that it answers as the vendors do, and that each fault
is the one it is named after. UPSIM names the binary, else it is the debug build's."""

import base64
import concurrent.futures
import contextlib
import hashlib
import http.client
import json
import os
import re
import socket
import struct
import subprocess
import time

import pytest

from simulator import DEADLINE_SECONDS, ROOT, Upsim

SAMPLE = ROOT / "tests" / "data" / "sample" / "case.pdf"
FENCE_ID = "0123456789abcdef" * 2
TEXT = ("# Pell Street Works\n\nDana Whitlock runs the workshop. Arturo Benitez wants his money. "
        "Dana Whitlock asked Arturo Benitez to wait. Sales Manager Lena Ortiz said no, and "
        "The Harbor Bank agreed with Lena Ortiz.\n")


class Client(Upsim):
    """Speaks to it as a vendor's client would."""

    # LlamaParse

    def upload(self, data, filename="case.pdf", fields=(), version=1, status=200, **more):
        body = b"".join(
            b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (
                name.encode(), value.encode()) for name, value in fields)
        body += (b'--x\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n'
                 b"Content-Type: application/pdf\r\n\r\n%s\r\n--x--\r\n" % (filename.encode(), data))
        path = "/api/v1/parsing/upload" if version == 1 else "/api/v2/parse/upload"
        return self.json("POST", path, body, status=status,
                         **{"Content-Type": "multipart/form-data; boundary=x", **more})

    def status(self, job, **more):
        return self.json("GET", f"/api/v1/parsing/job/{job['id']}", **more)

    def result(self, job, form="markdown", **more):
        return self.json("GET", f"/api/v1/parsing/job/{job['id']}/result/{form}", **more)

    # OpenAI

    def chat(self, name="analysis", status=200, call="json", **fields):
        return getattr(self, call)("POST", "/v1/chat/completions", chat_body(name, **fields),
                                   **({"status": status} if call == "json" else {}))

    def content(self, *arguments, **fields):
        return self.chat(*arguments, **fields)["choices"][0]["message"]["content"]

    def image(self, status=200, model="gpt-image-2", prompt="A meeting", **fields):
        return self.json("POST", "/v1/images/generations",
                         {"model": model, "prompt": prompt, **fields}, status=status)

    def embed(self, inputs, status=200, **fields):
        return self.json("POST", "/v1/embeddings",
                         {"model": "text-embedding-3-small", "input": inputs, **fields},
                         status=status)


def strict(properties):
    return {"type": "object", "additionalProperties": False, "properties": properties,
            "required": list(properties)}


def array(items):
    return {"type": "array", "items": items}


STRING, INTEGER = {"type": "string"}, {"type": "integer"}
TRAITS = strict({name: INTEGER for name in ("analytical", "creative")})
FIGURE = strict({"name": STRING, "role": STRING, "primary_goals": array(STRING),
                 "personality_traits": TRAITS, "is_main_character": {"type": "boolean"}})
SCENE = strict({"title": STRING, "personas_involved": array(STRING), "sequence_order": INTEGER,
                "next_action": {"type": "string", "enum": ["continue", "hint"]},
                "note": {"type": ["string", "null"]}})
SCHEMAS = {
    "analysis": strict({"title": STRING, "key_figures": array(FIGURE),
                        "learning_outcomes": array(STRING)}),
    "scenes": strict({"scenes": array(SCENE)}),
}


def fenced(text=TEXT, first=FENCE_ID, last=FENCE_ID):
    return f"<<<DOCUMENT {first}>>>{text}<<<END DOCUMENT {last}>>>"


def chat_body(name, model="gpt-6-luna", user=None, system="You answer in JSON.", **fields):
    body = {"model": model, "messages": [{"role": "system", "content": system},
                                         {"role": "user", "content": user or fenced()}]}
    if name in SCHEMAS:
        body["response_format"] = {"type": "json_schema", "json_schema": {
            "name": name, "strict": True, "schema": SCHEMAS[name]}}
    return {**body, **{key: value for key, value in fields.items() if value is not None}}


def events(data):
    """The data of a stream's events, by the rules of server-sent events."""
    text = re.sub(r"\r\n|\r", "\n", data.decode())
    blocks = [block for block in text.split("\n\n") if block]
    return ["\n".join(line[6:] for line in block.split("\n") if line.startswith("data: "))
            for block in blocks if not block.startswith(":")]


@pytest.fixture(scope="module")
def shared():
    upsim = Client()
    yield upsim
    upsim.stop()


@pytest.fixture
def upsim(shared):
    """The one simulator, as new."""
    shared.json("POST", "/control/reset")
    shared.options(parse_ms=0, analysis_ms=0, tokens_per_second=0, image_bytes=0, stream="on",
                   parse_cache="off", url_ttl_ms=3600000, strict="on", idle_ms=0)
    return shared


@contextlib.contextmanager
def running(*arguments):
    upsim = Client(*arguments)
    try:
        yield upsim
    finally:
        upsim.stop()


# The command line


def test_help_names_every_option_and_fault():
    binary = os.environ.get("UPSIM", ROOT / "build" / "debug" / "upsim")
    text = subprocess.run([binary, "--help"], capture_output=True, text=True, check=True).stdout
    readme = (ROOT / "tests" / "upsim" / "README.md").read_text()
    faults = re.findall(r"^  ([a-z][a-z0-9-]+) ", text, re.M)
    options = re.findall(r"^  --([a-z-]+) ", text, re.M)
    assert len(faults) > 60 and len(options) > 20
    assert [name for name in faults + options if f"`{name}`" not in readme] == []


@pytest.mark.parametrize("arguments", [
    ["--parse-ms"], ["--parse-ms", "x"], ["--parse-ms", "5-3"], ["--stream", "maybe"],
    ["--port", "70000"], ["--nonsense", "1"], ["plain"], ["--fault", "chat"],
    ["--fault", "chat=nonsense"], ["--fault", "nowhere=status"], ["--fault", "chat=pending"],
    ["--fault", "chat=status,status=99"], ["--fault", "chat=status,colour=red"]])
def test_wrong_arguments_are_refused(arguments):
    binary = os.environ.get("UPSIM", ROOT / "build" / "debug" / "upsim")
    process = subprocess.run([binary, *arguments], capture_output=True, text=True)
    assert process.returncode == 2
    assert process.stderr.startswith("upsim: ")


def test_faults_from_the_command_line():
    with running("--fault", "chat=status:2,status=418,code=teapot", "--fault=images=quota:50%",
                 "--seed=7") as upsim:
        statuses = [upsim.chat(call="call").status for _ in range(3)]
        assert statuses == [418, 418, 200]
        pictures = [upsim.call("POST", "/v1/images/generations",
                               {"model": "gpt-image-2", "prompt": "x"}).status for _ in range(40)]
        assert 8 < pictures.count(429) < 32 and set(pictures) == {200, 429}


# HTTP


def test_chunked_request_and_keep_alive(upsim):
    connection = upsim.connect()
    body = json.dumps(chat_body("analysis")).encode()
    for piece in (1, 7, 1000):
        connection.request("POST", "/v1/chat/completions",
                           iter([body[i:i + piece] for i in range(0, len(body), piece)]),
                           {"Authorization": "Bearer k"}, encode_chunked=True)
        response = connection.getresponse()
        assert response.status == 200 and json.loads(response.read())
    assert upsim.stats()["services"]["chat"]["connections"] == 1
    assert upsim.stats()["services"]["chat"]["calls"] == 3


def test_pieces_of_a_request_and_one_behind_the_other(upsim):
    request = (b"GET /v1/models/gpt-4o HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n\r\n")
    with socket.create_connection(("127.0.0.1", upsim.port), DEADLINE_SECONDS) as client:
        for byte in request:
            client.send(bytes([byte]))
        client.sendall(request * 3)
        seen = b""
        while seen.count(b'"shutdown_date":"2027-01-14"}') < 4:
            seen += client.recv(65536) or pytest.fail("closed early")


def test_expect_continue(upsim):
    with socket.create_connection(("127.0.0.1", upsim.port), DEADLINE_SECONDS) as client:
        client.sendall(b"POST /control HTTP/1.1\r\nContent-Length: 2\r\n"
                       b"Expect: 100-continue\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"[]")
        assert client.recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("request_bytes, status", [
    (b"nonsense\r\n\r\n", 400), (b"GET / HTTP/2.0\r\n\r\n", 505),
    (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 65 + b"\r\n", 431),
    (b"GET / HTTP/1.1\r\na: " + b"b" * 70000, 431),
    (b"POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n", 413),
    (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naXX\r\n", 400),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", 400)])
def test_what_is_no_request(upsim, request_bytes, status):
    with socket.create_connection(("127.0.0.1", upsim.port), DEADLINE_SECONDS) as client:
        with contextlib.suppress(OSError):
            client.sendall(request_bytes)
        assert client.recv(100).startswith(b"HTTP/1.1 %d " % status)


def test_unknown_paths_and_keys(upsim):
    assert "error" in upsim.json("GET", "/v1/nothing", status=404)
    assert upsim.json("GET", "/api/nothing", status=404) == {"detail": "Not Found"}
    for key in (None, "bad-key"):
        error = upsim.json("POST", "/v1/chat/completions", chat_body("analysis"), status=401,
                           key=key)["error"]
        assert error["code"] == (key and "invalid_api_key")
        assert upsim.upload(b"x", status=401, key=key)["detail"]
    error = upsim.json("POST", "/v1/embeddings", {}, status=429, key="poor-key")["error"]
    assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_quota")
    assert upsim.upload(b"x", status=402, key="poor-key")["detail"]


def test_idle_connections_are_closed(upsim):
    upsim.options(idle_ms=20)
    connection = upsim.connect()
    assert upsim.call("GET", "/v1/models", connection=connection).status == 200
    assert connection.sock.recv(1) == b""


# LlamaParse


def test_a_pdf_becomes_a_case_of_its_own(upsim):
    job = upsim.upload(SAMPLE.read_bytes())
    assert set(job) == {"id", "status"} and job["status"] == "PENDING"
    assert upsim.status(job)["status"] == "SUCCESS"
    markdown = upsim.result(job)["markdown"]
    assert 2300 < len(markdown.split()) < 3000 and markdown.startswith("# ")
    again, other = (upsim.result(upsim.upload(data))["markdown"]
                    for data in (SAMPLE.read_bytes(), b"%PDF-1.4 another"))
    assert again == markdown != other
    text = upsim.result(job, "text")["text"]
    assert "#" not in text and text.split()[:3] == markdown.split()[1:4]
    pages = upsim.result(job, "json")["pages"]
    assert [page["page"] for page in pages] == list(range(1, len(pages) + 1))
    assert upsim.result(job)["job_metadata"]["job_pages"] == len(pages) == 7
    assert upsim.json("GET", f"/api/parsing/job/{job['id']}")["status"] == "SUCCESS"


def test_a_text_stays_what_it_is(upsim):
    assert upsim.result(upsim.upload(TEXT.encode(), "case.txt"))["markdown"] == TEXT


def test_uploads_are_recorded(upsim):
    upsim.options(parse_ms="70-90")
    upsim.upload(b"%PDF-1", "a.pdf")
    upsim.options(parse_ms=0)
    job = upsim.upload(b"", "b\u00ff.pdf")
    assert upsim.status(job)["error_code"] == "NO_DATA_FOUND_IN_FILE"
    uploads = upsim.stats()["uploads"]
    assert (uploads["count"], uploads["empty"], uploads["bytes"]) == (2, 1, 6)
    assert 70 <= uploads["last"][0].pop("parse_ms") <= 90
    assert uploads["last"][0] == {"bytes": 6, "filename": "a.pdf",
                                  "sha256": hashlib.sha256(b"%PDF-1").hexdigest()}
    assert uploads["last"][1]["filename"] == "b??.pdf"
    assert uploads["last"][1]["parse_ms"] == 0


@pytest.mark.parametrize("body", [
    b"", b"--x--\r\n", b"--x\r\n", b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\na'
    b"\r\n--x--\r\n", b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\na'])
def test_forms_without_a_file(upsim, body):
    response = upsim.call("POST", "/api/v1/parsing/upload", body,
                          **{"Content-Type": "multipart/form-data; boundary=x"})
    assert response.status == 422
    assert json.loads(response.data)["detail"][0]["loc"] == ["body", "file"]


def test_a_job_takes_its_time(upsim):
    upsim.options(parse_ms=150)
    start = time.monotonic()
    job = upsim.upload(b"%PDF-")
    assert upsim.status(job)["status"] == "PENDING"
    assert upsim.result(job, status=404)["detail"] == "Job not completed yet"
    assert upsim.stats()["jobs"]["running"] == 1
    while upsim.status(job)["status"] == "PENDING":
        assert time.monotonic() < start + DEADLINE_SECONDS
    assert time.monotonic() - start > 0.14
    assert upsim.stats()["jobs"] == {"created": 1, "running": 0, "most_running": 1,
                                     "cache_hits": 0}


def test_the_cache(upsim):
    upsim.options(parse_ms=100000, parse_cache="on")
    first = upsim.upload(b"%PDF-1")
    assert upsim.upload(b"%PDF-1")["status"] == "PENDING"  # the first has not ended
    upsim.options(parse_ms=0)
    done = upsim.upload(b"%PDF-2")
    upsim.options(parse_ms=100000)
    assert upsim.status(done)["status"] == "SUCCESS"
    hit = upsim.upload(b"%PDF-2")
    assert hit["status"] == "SUCCESS"
    assert upsim.result(hit)["job_metadata"]["job_is_cache_hit"] is True
    fields = [("invalidate_cache", "true")]
    assert upsim.upload(b"%PDF-2", fields=fields)["status"] == "PENDING"
    assert upsim.status(first)["status"] == "PENDING"


@pytest.mark.parametrize("fault, keys, status, code", [
    ("error", {"code": "PDF_IS_PROTECTED"}, "ERROR", "PDF_IS_PROTECTED"),
    ("error", {}, "ERROR", "PDF_IS_BROKEN"), ("expired", {}, "ERROR", "EXPIRED"),
    ("cancelled", {}, "CANCELLED", None), ("cancelled", {"code": "CANCELED"}, "CANCELED", None),
    ("never", {}, "PENDING", None), ("partial", {}, "PARTIAL_SUCCESS", None)])
def test_ends_of_jobs(upsim, fault, keys, status, code):
    upsim.fault("job", fault, **keys)
    answer = upsim.status(upsim.upload(b"%PDF-"))
    assert (answer["status"], answer.get("error_code")) == (status, code)


def test_pending_polls_lost_jobs_and_odd_words(upsim):
    upsim.fault("job", "pending", polls=2, times=1)
    upsim.fault("job", "lost", times=1)
    upsim.fault("job", "odd-status", polls=1, times=1)
    job = upsim.upload(b"%PDF-")
    assert [upsim.status(job)["status"] for _ in range(3)] == ["PENDING", "PENDING", "SUCCESS"]
    assert upsim.status(upsim.upload(b"%PDF-"), status=404) == {"detail": "Job not found"}
    job = upsim.upload(b"%PDF-")
    assert [upsim.status(job)["status"] for _ in range(2)] == ["THROTTLED", "SUCCESS"]


def test_results_with_less_in_them(upsim):
    whole = upsim.result(upsim.upload(b"%PDF-"))["markdown"]
    upsim.fault("job", "partial", times=1)
    upsim.fault("job", "no-markdown", times=1)
    upsim.fault("job", "no-text", times=1)
    partial = upsim.result(upsim.upload(b"%PDF-"))["markdown"]
    assert whole.startswith(partial) and 0 < len(partial) < len(whole)
    job = upsim.upload(b"%PDF-")
    assert upsim.result(job)["markdown"] == "" != upsim.result(job, "text")["text"]
    job = upsim.upload(b"%PDF-")
    assert upsim.result(job)["markdown"] == "" == upsim.result(job, "text")["text"]


def test_version_2(upsim):
    configuration = ("configuration", json.dumps({"tier": "agentic", "version": "latest"}))
    upsim.fault("job", "pending", polls=1, times=1)
    job = upsim.upload(b"%PDF-", fields=[configuration], version=2)
    assert job["id"].startswith("pjb-") and job["status"] == "PENDING"
    path = f"/api/v2/parse/{job['id']}"
    assert [upsim.json("GET", path)["job"]["status"] for _ in range(2)] == ["RUNNING", "COMPLETED"]
    whole = upsim.json("GET", path + "?expand=markdown_full%2Cmetadata")
    assert whole["markdown_full"].startswith("# ") and whole["metadata"]["pages"] == 7
    pages = upsim.json("GET", path + "?expand=markdown")["markdown"]["pages"]
    assert [page["page_number"] for page in pages] == list(range(1, 8))
    assert upsim.upload(b"%PDF-", version=2, status=422)["detail"]
    upsim.fault("job", "error", times=1)
    job = upsim.upload(b"%PDF-", fields=[configuration], version=2)
    failed = upsim.json("GET", f"/api/v2/parse/{job['id']}?expand=markdown_full")
    assert failed["job"]["status"] == "FAILED" and "markdown_full" not in failed
    assert failed["job"]["error_message"].startswith("PDF_IS_BROKEN: ")


# Chat


def test_an_answer_keeps_to_its_schema(upsim):
    answer = upsim.chat()
    content = json.loads(answer["choices"][0]["message"]["content"])
    assert list(content) == list(SCHEMAS["analysis"]["properties"])
    assert content["title"] == "Pell Street Works"
    figures = content["key_figures"]
    assert {figure["name"] for figure in figures} == {
        "Dana Whitlock", "Arturo Benitez", "Lena Ortiz"}
    assert [figure["is_main_character"] for figure in figures] == [True, False, False]
    assert all(0 <= value <= 10 for f in figures for value in f["personality_traits"].values())
    assert len(content["learning_outcomes"]) == 5
    assert answer["choices"][0]["finish_reason"] == "stop"
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert content == json.loads(upsim.content())


def test_scenes(upsim):
    scenes = json.loads(upsim.content("scenes"))["scenes"]
    assert [scene["sequence_order"] for scene in scenes] == [1, 2, 3, 4]
    names = {"Dana Whitlock", "Arturo Benitez", "Lena Ortiz"}
    assert all(scene["personas_involved"] and set(scene["personas_involved"]) <= names
               for scene in scenes)
    assert {scene["next_action"] for scene in scenes} <= {"continue", "hint"}
    seven = upsim.content("scenes", system="Write exactly 7 scenes in JSON.")
    assert len(json.loads(seven)["scenes"]) == 7


def test_calls_are_told_apart(upsim):
    upsim.chat("analysis")
    upsim.chat("scenes")
    kinds = {"scenes": "Write the scenes, as JSON.", "personas": "List the personas, as JSON.",
             "analysis": "Analyse this. JSON."}
    for name, system in kinds.items():
        content = json.loads(upsim.content(None, system=system,
                                           response_format={"type": "json_object"}))
        assert ("scenes" in content) == (name == "scenes")
    assert not upsim.content(None, system="You are Dana.", user="Hello").startswith("{")
    assert upsim.stats()["chat"]["calls"] == {"analysis": 2, "scenes": 2, "personas": 1, "chat": 1}


def test_references_and_recursion_in_a_schema(upsim):
    node = {"$ref": "#/$defs/node"}
    schema = {**strict({"next": node}), "$defs": {"node": strict({"next": node, "name": STRING})}}
    body = {"type": "json_schema", "json_schema": {"name": "tree", "schema": schema}}
    content = json.loads(upsim.content(None, response_format=body))
    assert content["next"]["next"]["name"] == "Dana Whitlock"
    body["json_schema"]["schema"] = {"$ref": "#/$defs/list", "$defs": {"list": array(
        {"$ref": "#/$defs/list"})}}
    assert isinstance(json.loads(upsim.content(None, response_format=body)), list)


def test_a_forced_tool(upsim):
    tool = {"type": "function", "function": {"name": "judge", "parameters": strict(
        {"goal_achieved": {"type": "boolean"}, "confidence_score": {"type": "number"}})}}
    fields = dict(tools=[tool], tool_choice={"type": "function", "function": {"name": "judge"}})
    choice = upsim.chat(None, **fields)["choices"][0]
    call = choice["message"]["tool_calls"][0]
    assert choice["finish_reason"] == "stop" and choice["message"]["content"] is None
    assert call["function"]["name"] == "judge"
    arguments = json.loads(call["function"]["arguments"])
    assert arguments["goal_achieved"] is False and 0 <= arguments["confidence_score"] <= 1
    chunks = [json.loads(data) for data in events(
        upsim.chat(None, call="call", stream=True, **fields).data)[:-1]]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    pieces = [delta["tool_calls"][0]["function"]["arguments"]
              for delta in deltas if "tool_calls" in delta]
    assert json.loads("".join(pieces)) == arguments
    upsim.fault("chat", "tools-ignored")
    assert upsim.content(None, **fields).startswith("I have")


def joined(chunks):
    return "".join(chunk["choices"][0]["delta"].get("content") or ""
                   for chunk in chunks if chunk["choices"])


@pytest.mark.parametrize("fault", [None, "sse-crlf", "sse-cr", "sse-comments", "byte-chunks"])
def test_a_stream_says_the_same(upsim, fault):
    whole = upsim.chat()
    if fault:
        upsim.fault("chat", fault)
    response = upsim.chat(call="call", stream=True, stream_options={"include_usage": True})
    assert response.headers["Content-Type"].startswith("text/event-stream")
    *chunks, done = events(response.data)
    chunks = [json.loads(chunk) for chunk in chunks]
    assert done == "[DONE]" and joined(chunks) == whole["choices"][0]["message"]["content"]
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"] == whole["usage"]
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
    assert len(chunks) > whole["usage"]["completion_tokens"]
    assert upsim.stats()["chat"]["streamed"] == 1


def test_the_pace_of_a_stream(upsim):
    tokens = upsim.chat()["usage"]["completion_tokens"]
    upsim.options(tokens_per_second=tokens * 5, analysis_ms=50)
    start = time.monotonic()
    connection = upsim.connect()
    connection.request("POST", "/v1/chat/completions",
                       json.dumps(chat_body("analysis", stream=True)),
                       {"Authorization": "Bearer k"})
    response = connection.getresponse()
    pieces = []
    while piece := response.read1(65536):
        pieces.append(piece)
    taken = time.monotonic() - start
    assert taken > 0.22  # 0.05 s to the first token and 0.2 s for them all
    assert len(pieces) > 5 and events(b"".join(pieces))[-1] == "[DONE]"
    start = time.monotonic()
    upsim.chat()
    assert time.monotonic() - start > 0.22


def test_streaming_can_be_off(upsim):
    upsim.options(stream="off")
    error = upsim.chat(stream=True, status=400)["error"]
    assert (error["param"], error["code"]) == ("stream", "unknown_parameter")


@pytest.mark.parametrize("fields, param, code", [
    ({"temprature": 1}, "temprature", "unknown_parameter"),
    ({"max_tokens": 5}, "max_tokens", "unsupported_parameter"),
    ({"temperature": 0.3}, "temperature", "unsupported_value"),
    ({"model": "gpt-4o", "reasoning_effort": "low"}, None, None),
    ({"messages": []}, "messages", "missing_required_parameter"),
    ({"response_format": {"type": "json_object"}, "system": "Hello", "user": "hello"},
     "response_format", None),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "a b"}}},
     "response_format", None),
    ({"response_format": {"type": "json_schema", "json_schema": {
        "name": "a", "strict": True, "schema": {"type": "object", "properties": {}}}}},
     "response_format", "invalid_json_schema"),
    ({"response_format": {"type": "json_schema", "json_schema": {
        "name": "a", "strict": True, "schema": array(STRING)}}},
     "response_format", "invalid_json_schema")])
def test_requests_the_vendor_refuses(upsim, fields, param, code):
    error = upsim.chat(None, status=400, **fields)["error"]
    assert (error["param"], error["code"]) == (param, code)
    assert error["type"] == "invalid_request_error"


def test_a_lenient_server_takes_them(upsim):
    upsim.options(strict="off")
    assert upsim.chat(model="gone-model", max_tokens=5000, odd=1)["choices"]


def test_broken_json_and_models_that_are_gone(upsim):
    assert upsim.json("POST", "/v1/chat/completions", "{", status=400)["error"]["code"] is None
    error = upsim.chat(model="gpt-4-turbo", status=404)["error"]
    assert error["code"] == "model_not_found"


def test_the_output_limit_cuts(upsim):
    answer = upsim.chat(max_completion_tokens=10)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert len(answer["choices"][0]["message"]["content"]) == 40


@pytest.mark.parametrize("user, state", [
    (fenced(), "whole"), ("Read this: " + fenced() + " Now go.", "whole"), ("no marks", "none"),
    (fenced("forged <<<DOCUMENT ffffffffffffffff>>> <<<END DOCUMENT ffffffffffffffff>>>"), "whole"),
    (fenced(last="f" * 32), "broken"), (f"<<<DOCUMENT {FENCE_ID}>>> text", "broken"),
    (f"text <<<END DOCUMENT {FENCE_ID}>>>", "broken"),
    (fenced(f"closed <<<END DOCUMENT {FENCE_ID}>>> early"), "broken"),
    (fenced(f"opened <<<DOCUMENT {FENCE_ID}>>> twice"), "broken"),
    (fenced() + fenced("b", "a" * 32, "a" * 32), "several"), ("<<<DOCUMENT xyz>>> a", "none")])
def test_fences(upsim, user, state):
    upsim.chat(user=user)
    fences = upsim.stats()["fences"]
    assert {name: fences[name] for name in ("none", "whole", "broken", "several")} == {
        name: int(name == state) for name in ("none", "whole", "broken", "several")}
    assert fences["last"][0]["state"] == state
    if state == "whole":
        inner = user.partition(f"{FENCE_ID}>>>")[2].rpartition("<<<END")[0]
        assert fences["last"][0] == {
            "call": "analysis", "state": "whole", "id": FENCE_ID, "bytes": len(inner),
            "sha256": hashlib.sha256(inner.encode()).hexdigest()}


def test_other_marks():
    with running("--fence-open", "[[", "--fence-close", "[[/", "--fence-end", "]]") as upsim:
        upsim.chat(user="[[0123456789]] text [[/0123456789]]")
        assert upsim.stats()["fences"]["whole"] == 1


# What the model says wrong


def test_finish_reasons(upsim):
    upsim.fault("chat", "length", times=1)
    upsim.fault("chat", "content-filter", times=1)
    upsim.fault("chat", "refusal", times=1, message="No.")
    upsim.fault("chat", "empty-content", times=1)
    choices = [upsim.chat()["choices"][0] for _ in range(4)]
    assert [c["finish_reason"] for c in choices] == ["length", "content_filter", "stop", "stop"]
    with pytest.raises(ValueError):
        json.loads(choices[0]["message"]["content"])
    assert (choices[2]["message"]["content"], choices[2]["message"]["refusal"]) == (None, "No.")
    assert choices[3]["message"]["content"] == ""


@pytest.mark.parametrize("fault, start, end", [
    ("fenced", "```json\n{", "}\n```"), ("prose", "Sure! Here", "changed."),
    ("think", "<think>", "}"), ("trailing-comma", "{", ",}"), ("not-json", "I have", ".")])
def test_words_around_json(upsim, fault, start, end):
    upsim.fault("chat", fault)
    content = upsim.content()
    assert content.startswith(start) and content.endswith(end)
    with pytest.raises(ValueError):
        json.loads(content)


def test_schema_faults(upsim):
    for fault in ("trait-range", "missing-array", "wrong-type"):
        upsim.fault("chat", fault, times=1)
    traits, missing, wrong = (json.loads(upsim.content()) for _ in range(3))
    values = [v for f in traits["key_figures"] for v in f["personality_traits"].values()]
    assert set(values) <= {15, -3, 6.5}
    assert list(missing) == ["title", "learning_outcomes"]
    assert isinstance(wrong["learning_outcomes"], str)
    assert isinstance(wrong["key_figures"][0]["personality_traits"]["creative"], str)
    for fault in ("fewer-scenes", "more-scenes", "wrong-names"):
        upsim.fault("chat", fault, times=1)
    fewer, more, names = (json.loads(upsim.content("scenes"))["scenes"] for _ in range(3))
    assert (len(fewer), len(more)) == (2, 7)
    assert "Nobody Inparticular" in names[0]["personas_involved"]


def test_broken_streams(upsim):
    for fault in ("sse-error", "no-done"):
        upsim.fault("chat", fault, times=1)
    error, cut = (events(upsim.chat(call="call", stream=True).data) for _ in range(2))
    assert json.loads(error[-1])["error"]["code"] == "server_error"
    assert json.loads(error[-2])["choices"] and json.loads(cut[-1])["choices"]
    upsim.fault("chat", "stream-ignored")
    assert json.loads(upsim.chat(call="call", stream=True).data)["choices"]


def test_usage_and_null_errors(upsim):
    upsim.fault("chat", "no-usage", times=1)
    upsim.fault("chat", "error-null", times=1)
    assert "usage" not in upsim.chat()
    answer = upsim.chat()
    assert answer["error"] is None and answer["choices"]


# Errors


@pytest.mark.parametrize("fault, status, kind, code", [
    ("status", 500, "server_error", None), ("rate-limited", 429, "requests", "rate_limit_exceeded"),
    ("quota", 429, "insufficient_quota", "insufficient_quota"),
    ("billing", 400, "invalid_request_error", "billing_hard_limit_reached"),
    ("no-credits", 402, "insufficient_quota", "credit_balance_exhausted"),
    ("overloaded", 503, "server_error", "server_is_overloaded"),
    ("slow-down", 503, "server_error", "slow_down"),
    ("bad-key", 401, "invalid_request_error", "invalid_api_key"),
    ("forbidden", 403, "invalid_request_error", "unsupported_country_region"),
    ("model-not-found", 404, "invalid_request_error", "model_not_found"),
    ("context-length", 400, "invalid_request_error", "context_length_exceeded"),
    ("moderation", 400, "image_generation_user_error", "moderation_blocked"),
    ("content-policy", 400, "invalid_request_error", "content_policy_violation"),
    ("bad-schema", 400, "invalid_request_error", "invalid_json_schema"),
    ("no-json-schema", 400, "invalid_request_error", None)])
def test_errors_of_openai(upsim, fault, status, kind, code):
    upsim.fault("chat", fault)
    error = upsim.chat(status=status)["error"]
    assert (error["type"], error["code"]) == (kind, code)
    assert ("moderation_details" in error) == (fault == "moderation")
    assert upsim.stats()["services"]["chat"]["faulted"] == 1


def test_errors_of_llamaparse(upsim):
    upsim.fault("upload", "no-credits", times=1)
    upsim.fault("status", "not-found", times=1)
    upsim.fault("result", "rate-limited", times=1, retry_after=3)
    assert upsim.upload(b"%PDF-", status=402) == {"detail": "You have run out of credits."}
    job = upsim.upload(b"%PDF-")
    assert upsim.status(job, status=404) == {"detail": "Not Found"}
    response = upsim.call("GET", f"/api/v1/parsing/job/{job['id']}/result/markdown")
    assert (response.status, response.headers["Retry-After"]) == (429, "3")


def test_retry_headers(upsim):
    upsim.fault("chat", "rate-limited", retry_after_ms=250.5, should_retry=True, retry_date_s=90,
                headers={"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": 0})
    headers = upsim.chat(call="call").headers
    assert headers["retry-after-ms"] == "250.5" and headers["x-should-retry"] == "true"
    assert headers["x-ratelimit-reset-tokens"] == "6m0s"
    assert headers["x-ratelimit-remaining-tokens"] == "0"
    then = time.mktime(time.strptime(headers["Retry-After"], "%a, %d %b %Y %H:%M:%S GMT"))
    assert 80 < then - time.mktime(time.gmtime()) <= 91
    upsim.json("POST", "/control/reset")
    upsim.fault("chat", "headers", headers={"x-ratelimit-remaining-requests": "0"})
    response = upsim.chat(call="call")
    assert (response.status, response.headers["x-ratelimit-remaining-requests"]) == (200, "0")
    assert response.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("fault, status, data", [
    ("html", 502, b"<!DOCTYPE html>"), ("error-string", 500, b'{"error":"out of memory"}'),
    ("detail", 500, b'{"detail":"Internal error"}'), ("garbage", 200, b'{"id"'),
    ("empty", 200, b"")])
def test_answers_that_are_no_vendors(upsim, fault, status, data):
    upsim.fault("all", fault)
    for response in (upsim.chat(call="call"), upsim.call("GET", "/api/v2/parse/pjb-1"),
                     upsim.call("GET", "/v1/models/x"), upsim.call("GET", "/img/1-1-0.png")):
        assert response.status == status and response.data.startswith(data)


@pytest.mark.parametrize("fault, code, names_it", [
    ("unknown-parameter", "unknown_parameter", True),
    ("unsupported-parameter", "unsupported_parameter", True),
    ("unsupported-value", "unsupported_value", True), ("uncoded-parameter", None, False)])
def test_a_field_is_refused_only_if_sent(upsim, fault, code, names_it):
    upsim.fault("chat", fault, param="seed")
    assert upsim.chat()["choices"]
    error = upsim.chat(seed=1, status=400)["error"]
    assert (error["code"], error["param"]) == (code, "seed" if names_it else None)
    assert "seed" in error["message"]


def test_which_calls_a_fault_is_for(upsim):
    upsim.fault("chat", "overloaded", call="scenes", after=1, times=1)
    upsim.fault("chat", "model-not-found", model="gpt-4o")
    assert upsim.chat("analysis") and upsim.chat("scenes")
    assert upsim.chat("scenes", status=503) and upsim.chat("scenes")
    assert upsim.chat(model="gpt-4o", status=404)
    faults = upsim.stats()["faults"]
    assert faults[0] == {"fault": "overloaded", "taken": 1, "times_left": 0, "services": ["chat"]}


# How answers travel


def test_latency(upsim):
    upsim.fault("models", "latency", ms=80)
    start = time.monotonic()
    assert upsim.json("GET", "/v1/models/gpt-4o")["shutdown_date"] == "2027-01-14"
    assert time.monotonic() - start > 0.078


@pytest.mark.parametrize("fault, error", [
    ("reset-first", ConnectionResetError), ("close-first", http.client.RemoteDisconnected),
    ("cut", http.client.IncompleteRead), ("reset", ConnectionResetError)])
@pytest.mark.parametrize("stream", [None, True])
def test_broken_connections(upsim, fault, error, stream):
    upsim.fault("chat", fault)
    with pytest.raises(error):
        upsim.chat(call="call", stream=stream)
    chat = upsim.stats()["services"]["chat"]
    assert (chat["broken"], chat["in_flight"], chat["sent"]) == (1, 0, 0)


def test_a_reused_connection_is_stale(upsim):
    upsim.fault("chat", "stale", times=1)
    connection = upsim.connect()
    connection.auto_open = False
    connection.connect()
    body = chat_body("analysis")
    assert upsim.call("POST", "/v1/chat/completions", body, connection=connection).status == 200
    with pytest.raises(http.client.RemoteDisconnected):
        upsim.call("POST", "/v1/chat/completions", body, connection=connection)
    assert upsim.chat()["choices"]


@pytest.mark.parametrize("fault", ["hang", "stall"])
def test_a_client_that_gives_up_is_counted(upsim, fault):
    upsim.fault("chat", fault)
    body = json.dumps(chat_body("analysis")).encode()
    with socket.create_connection(("127.0.0.1", upsim.port), DEADLINE_SECONDS) as client:
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer k\r\n"
                       b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        if fault == "stall":
            assert client.recv(100).startswith(b"HTTP/1.1 200")
        while upsim.stats()["services"]["chat"]["in_flight"] == 0:
            pass
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (chat := upsim.stats()["services"]["chat"])["abandoned"] == 0:
        assert time.monotonic() < deadline
    assert (chat["in_flight"], chat["most_in_flight"]) == (0, 1)


def test_drip_and_big(upsim):
    upsim.fault("models", "drip", bytes=50, interval_ms=2, times=1)
    upsim.fault("models", "big", bytes=1000000, times=1)
    connection = upsim.connect()
    connection.request("GET", "/v1/models/gpt-4o", headers={"Authorization": "Bearer k"})
    response = connection.getresponse()
    pieces = []
    while piece := response.read1(65536):
        pieces.append(piece)
    assert len(pieces) > 1 and json.loads(b"".join(pieces))["id"] == "gpt-4o"
    assert len(upsim.call("GET", "/v1/models/gpt-4o").data) == 1000000


# Pictures


def png_size(data):
    assert data.startswith(b"\x89PNG\r\n\x1a\n") and data.endswith(b"IEND\xaeB`\x82")
    return struct.unpack(">II", data[16:24])


@pytest.mark.parametrize("wanted", [0, 1, 200001])
@pytest.mark.parametrize("kind, magic", [
    ("png", b"\x89PNG"), ("jpeg", b"\xff\xd8\xff"), ("webp", b"RIFF")])
def test_pictures(upsim, kind, magic, wanted):
    upsim.options(image_bytes=wanted)
    answer = upsim.image(output_format=kind, n=2)
    first, second = (base64.b64decode(item["b64_json"], validate=True) for item in answer["data"])
    assert first != second and len(first) == len(second) >= wanted
    assert first.startswith(magic) and answer["output_format"] == kind
    if kind == "png":
        assert png_size(first) == (64, 64)
    if kind == "webp":
        assert struct.unpack("<I", first[4:8])[0] + 8 == len(first)
    assert answer["usage"]["total_tokens"] > 0
    assert base64.b64decode(upsim.image(output_format=kind)["data"][0]["b64_json"]) == first


def path_of(answer):
    url = answer["data"][0]["url"]
    assert url.startswith("http://127.0.0.1:")
    return "/" + url.split("/", 3)[3]


def test_pictures_behind_urls(upsim):
    answer = upsim.image(model="dall-e-3")
    assert answer["data"][0]["revised_prompt"] == "A meeting" and "usage" not in answer
    response = upsim.call("GET", path_of(answer), key=None)
    assert response.headers["Content-Type"] == "image/png" and png_size(response.data) == (64, 64)
    whole = upsim.image(model="dall-e-3", response_format="b64_json")
    assert base64.b64decode(whole["data"][0]["b64_json"]) == response.data
    assert upsim.call("GET", "/img/nonsense.png").status == 404


def test_urls_that_lead_nowhere_good(upsim):
    for fault in ("url", "url-expired", "url-redirect"):
        upsim.fault("images", fault, times=1)
    good, expired, redirect = (path_of(upsim.image()) for _ in range(3))
    assert upsim.call("GET", good).status == 200
    response = upsim.call("GET", expired)
    assert response.status == 403 and b"AuthenticationFailed" in response.data
    response = upsim.call("GET", redirect)
    assert response.status == 302
    assert response.headers["Location"] == "http://169.254.169.254/latest/meta-data/"
    upsim.options(url_ttl_ms=0)
    path = path_of(upsim.image(model="dall-e-3"))
    deadline = time.monotonic() + DEADLINE_SECONDS
    while upsim.call("GET", path).status == 200:
        assert time.monotonic() < deadline


@pytest.mark.parametrize("fields, param, code", [
    ({"response_format": "b64_json"}, "response_format", "unknown_parameter"),
    ({"style": "vivid"}, "style", "unknown_parameter"), ({"n": 11}, "n", "invalid_value"),
    ({"model": "dall-e-3", "n": 2}, "n", "invalid_value"), ({"prompt": ""}, "prompt", None),
    ({"model": "dall-e-3", "prompt": "x" * 4001}, "prompt", "string_above_max_length"),
    ({"output_format": "gif"}, "output_format", "invalid_value"),
    ({"output_compression": 80}, "output_compression", "invalid_value")])
def test_picture_requests_the_vendor_refuses(upsim, fields, param, code):
    error = upsim.image(status=400, **fields)["error"]
    assert (error["param"], error["code"]) == (param, code)


def test_bad_pictures(upsim):
    for fault in ("no-picture", "bad-base64", "not-an-image"):
        upsim.fault("images", fault, times=1)
    assert upsim.image()["data"] == []
    with pytest.raises(ValueError):
        base64.b64decode(upsim.image()["data"][0]["b64_json"], validate=True)
    assert base64.b64decode(upsim.image()["data"][0]["b64_json"]).startswith(b"<html>")
    upsim.fault("download", "not-an-image")
    assert upsim.call("GET", path_of(upsim.image(model="dall-e-3"))).data.startswith(b"<html>")


# Embeddings


def vector(item):
    if isinstance(item["embedding"], list):
        return item["embedding"]
    data = base64.b64decode(item["embedding"], validate=True)
    return list(struct.unpack(f"<{len(data) // 4}f", data))


def test_embeddings(upsim):
    texts = ["the price of milk", "the price of bread", "a lighthouse at sea"]
    data = upsim.embed(texts)["data"]
    assert [item["index"] for item in data] == [0, 1, 2]
    milk, bread, sea = map(vector, data)
    assert len(milk) == 1536 and abs(sum(x * x for x in milk) - 1) < 1e-5
    dot = lambda a, b: sum(x * y for x, y in zip(a, b, strict=True))
    assert dot(milk, bread) > dot(milk, sea) + 0.3
    encoded = upsim.embed(texts, encoding_format="base64")["data"]
    assert all(abs(x - y) < 1e-6 for x, y in zip(vector(encoded[0]), milk, strict=True))
    assert len(vector(upsim.embed("one", dimensions=256)["data"][0])) == 256


@pytest.mark.parametrize("inputs", [[], [""], ["x"] * 2049, ["x" * 40000], [1], None])
def test_embedding_requests_the_vendor_refuses(upsim, inputs):
    assert upsim.embed(inputs, status=400)["error"]["param"] == "input"


def test_embedding_faults(upsim):
    names = ("out-of-order", "base64", "floats", "wrong-dimension", "one-missing")
    for fault in names:
        upsim.fault("embeddings", fault, times=1)
    answers = [upsim.embed(["a", "b"], encoding_format="base64" if name == "floats" else "float")
               ["data"] for name in names]
    assert [item["index"] for item in answers[0]] == [1, 0]
    assert isinstance(answers[1][0]["embedding"], str)
    assert isinstance(answers[2][0]["embedding"], list)
    assert len(vector(answers[3][0])) == 1535 and len(answers[4]) == 1


# Models


def test_models(upsim):
    assert upsim.json("GET", "/v1/models/gpt-image-2")["shutdown_date"] is None
    assert upsim.json("GET", "/v1/models/o1", status=404)["error"]["code"] == "model_not_found"
    assert "gpt-6-luna" in [model["id"] for model in upsim.json("GET", "/v1/models")["data"]]
    upsim.fault("models", "shutdown-date", to="2026-12-24")
    assert upsim.json("GET", "/v1/models/gpt-6-luna")["shutdown_date"] == "2026-12-24"


# Counting


def test_counters(upsim):
    upsim.options(analysis_ms=60)
    ids = [f"req-1/analysis/{i}" for i in range(4)]

    def chat(request_id):
        return upsim.call("POST", "/v1/chat/completions", chat_body("analysis"),
                          **{"X-Client-Request-Id": request_id})

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(answer.status == 200 for answer in pool.map(chat, ids))
    chat(ids[0])
    assert upsim.call("POST", "/v1/embeddings", {}, **{"X-Client-Request-Id": "x" * 513}
                      ).status == 400
    stats = upsim.stats()
    counted = stats["services"]["chat"]
    assert (counted["calls"], counted["sent"], counted["statuses"]) == (5, 5, {"200": 5})
    assert 2 <= counted["most_in_flight"] <= 4
    assert stats["vendors"]["openai"]["most_in_flight"] == counted["most_in_flight"]
    assert len(counted["last_bodies"]) == 5 and len(set(counted["last_bodies"])) == 1
    assert stats["request_ids"] == {ids[0]: {"chat": 2}, **{i: {"chat": 1} for i in ids[1:]}}
    assert "last_bodies" not in upsim.json("GET", "/control/stats?brief")["services"]["chat"]
    upsim.json("POST", "/control/reset")
    assert upsim.stats()["services"]["chat"]["calls"] == 0


def test_control_complains(upsim):
    for path, body in (("/control", {"service": "chat"}), ("/control", "{"),
                       ("/control", [{"service": "chat", "fault": "quota"}, {"service": "x"}]),
                       ("/control", {"service": "chat", "fault": "headers", "headers": {"a:": 1}}),
                       ("/control/options", {"parse-ms": "x"}), ("/control/options", [1])):
        assert upsim.json("POST", path, body, status=400)["error"]
    assert upsim.stats()["faults"] == []


def test_it_stops_in_the_middle_of_anything():
    upsim = Client("--fault", "chat=hang", "--fault", "models=drip,interval_ms=1000",
                  "--image-ms", "100000")
    with contextlib.ExitStack() as stack:
        for method, path, body in (("POST", "/v1/chat/completions", chat_body("analysis")),
                                   ("GET", "/v1/models", None),
                                   ("POST", "/v1/images/generations",
                                    {"model": "gpt-image-2", "prompt": "x"})):
            connection = upsim.connect()
            stack.callback(connection.close)
            connection.request(method, path, body and json.dumps(body),
                               {"Authorization": "Bearer k"})
        client = stack.enter_context(socket.create_connection(("127.0.0.1", upsim.port)))
        client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
        while sum(service["in_flight"] for service in upsim.stats()["services"].values()) < 3:
            pass
        upsim.stop()
