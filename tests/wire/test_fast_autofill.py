"""POST /api/parse-pdf-fast-autofill: without a model it is the personas that are always there."""

import pytest
import wire

PATHS = ["/api/parse-pdf-fast-autofill/", "/api/pdf-processing/parse-pdf-fast-autofill"]


@pytest.mark.parametrize("path", PATHS)
def test_without_a_key(server, path):
    reply = server.post(wire.upload(), path=path)
    assert reply.status == 200 and reply["X-Degraded"] == "analysis"
    body = reply.json()
    defaults = server.get("/api/get-default-personas/").json()
    assert body["status"] == "fast_autofill_fallback" and body["degraded"] is True
    assert body["personas"] == body["key_figures"] == defaults["personas"]
    assert body["title"] == defaults["title"] and body["processing_time"] >= 0
    assert "scenario_id" not in body and "OPENAI_API_KEY" in body["warnings"][0]


def test_what_cannot_be_read(server):
    broken = wire.upload(b"%PDF-1.4 nothing", "broken.pdf", "application/pdf")
    reply = server.post(broken, path=PATHS[0])
    assert reply.status == 422 and reply.json()["detail"].startswith("Failed to parse PDF: ")


def test_no_file(server):
    reply = server.post(wire.upload(name="context_files"), path=PATHS[0])
    assert reply.status == 422
    assert reply.json()["detail"][0]["loc"] == ["body", "file"]


def test_another_method(server):
    reply = server.get(PATHS[0])
    assert reply.status == 405 and reply["Allow"] == "POST"
