"""Keys are in no log line, no reply and no process title, whatever a service does with them."""

import asyncio
import pathlib

import pytest
import wire
from pairs import LLAMAPARSE_KEY, OPENAI_KEY, pair, text_file, word_file

KEYS = (LLAMAPARSE_KEY, OPENAI_KEY)
FRAGMENTS = [key[start:start + 16] for key in KEYS for start in range(0, len(key) - 15, 4)]
SIGNING_KEY = "correct-horse-battery-staple-0123456789"


def echoes(service, key):
    """Faults that repeat the key wherever an answer has room for it."""
    said = f"Incorrect API key provided: Bearer {key}"
    headers = {"x-request-id": key, "www-authenticate": f"Bearer {key}", "Retry-After": key}
    for status in (400, 401, 403, 404, 409, 413, 422, 429, 500, 503):
        yield service, "status", {"status": status, "message": said, "code": key, "type": key,
                                  "param": key, "headers": headers}
    yield service, "error-string", {"message": said}
    yield service, "detail", {"message": said, "status": 422}
    yield service, "redirect", {"to": f"http://127.0.0.1:9/?key={key}"}
    yield service, "headers", {"headers": headers}
    if service == "chat":
        yield service, "refusal", {"message": said}
        yield service, "sse-error", {"message": said, "code": key}
    if service == "images":
        yield service, "url-redirect", {"to": f"http://127.0.0.1:9/?key={key}"}


FAULTS = {
    "upload": [*echoes("upload", LLAMAPARSE_KEY)],
    "status": [*echoes("status", LLAMAPARSE_KEY)],
    "result": [*echoes("result", LLAMAPARSE_KEY)],
    "job": [("job", "error", {"code": LLAMAPARSE_KEY, "message": LLAMAPARSE_KEY}),
            ("job", "error", {"code": "PDF_IS_BROKEN", "message": f"by {LLAMAPARSE_KEY}"}),
            ("job", "error", {"code": "", "message": f"SOMETHING: no {LLAMAPARSE_KEY}"}),
            ("job", "cancelled", {"code": LLAMAPARSE_KEY}),
            ("job", "odd-status", {"code": LLAMAPARSE_KEY, "polls": 2})],
    "chat": [*echoes("chat", OPENAI_KEY)],
    "images": [*echoes("images", OPENAI_KEY)],
}
# Models are asked about at the start alone.
MODELS = ("--fault", f"models=status:1,status=401,code={OPENAI_KEY},message={OPENAI_KEY}",
          "--fault", f"models=shutdown-date,to={OPENAI_KEY}")


def assert_clean(text, where):
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    found = [fragment for fragment in (*FRAGMENTS, SIGNING_KEY) if fragment in text]
    at = text.find(found[0]) if found else 0
    assert not found, f"{where}: ...{text[max(at - 200, 0):at + 80]}"


def check_reply(reply, where):
    assert_clean(reply.body, where)
    for name, value in reply.headers:
        assert_clean(f"{name}: {value}", where)


async def provoke(both, service):
    make = text_file if service in ("chat", "images") else word_file
    for where, fault, options in FAULTS[service]:
        await both.reset()
        await both.fault(where, fault, times=1, **options)
        name = f"{where} {fault} {options.get('status', '')}"
        check_reply(await both.post(make(name)), name)
        for path in ("/ready", "/api/pdf-processing/llamaparse-health/", "/", "/health"):
            check_reply(await both.get(path), f"{path} after {name}")


async def check_server(service, log_format, parser):
    async with pair(LOG_FORMAT=log_format, LOG_LEVEL="debug", PDF_PARSER=parser, SCENE_COUNT=1,
                    BREAKER_FAILURES=64, BREAKER_OPEN="0.01", BREAKER_OPEN_FATAL="0.01",
                    FILE_PROCESSING_TIMEOUT=5, SECRET_KEY=SIGNING_KEY, arguments=MODELS) as both:
        process = pathlib.Path("/proc") / str(both.pid)
        await provoke(both, service)
        for name in ("cmdline", "comm", "status"):
            assert_clean((process / name).read_bytes(), name)
        assert "step" in both.server.output, "this is not all that is logged"
    assert_clean(both.server.output, "the log")


@pytest.mark.parametrize("log_format, parser", [
    ("text", "llamaparse"), ("logfmt", "auto"), ("json", "llamaparse")])
def test_no_key_is_ever_told(log_format, parser):
    async def run():
        await asyncio.gather(*(check_server(service, log_format, parser) for service in FAULTS))

    asyncio.run(run())


@pytest.mark.parametrize("key", ["bad", "poor"])
def test_keys_that_are_refused(key):
    """By all calls of all services, from the first on."""
    secret = f"{key}-{OPENAI_KEY}"

    async def run():
        async with pair(LOG_LEVEL="debug", LLAMAPARSE_API_KEY=secret, OPENAI_API_KEY=secret) as both:
            reply = await both.post(word_file("refused"))
            assert reply.status == 200
            assert reply["X-Degraded"] == "parse, analysis, scenes, images"
            check_reply(reply, "the reply")
            ready = await both.get("/ready")
            assert ready.json()["status"] == "degraded"
            check_reply(ready, "/ready")
        assert_clean(both.server.output, "the log")

    asyncio.run(run())


def test_a_setting_that_is_wrong_is_not_repeated(tmp_path):
    settings = {"OPENAI_API_KEY": f"{OPENAI_KEY}\n{OPENAI_KEY}",
                "LLAMAPARSE_API_KEY": f"{LLAMAPARSE_KEY} and more",
                "SECRET_KEY": "too-short-a-key"}
    process = wire.Server(tmp_path, settings, ("--check-config",))
    assert process.wait() != 0
    assert "OPENAI_API_KEY" in process.output
    assert "too-short-a-key" not in process.output
    assert_clean(process.output, "what is said about it")
