"""A page in a browser sees what the server says: an answer, and a refusal before the upload's end.

Browsers differ from other clients here: they write the whole body, they drop an answer whose
connection breaks meanwhile, and they hide one that lacks the headers of CORS.
"""

import http.server
import json
import queue
import shutil
import subprocess
import threading

import pytest

from wire import DEADLINE_SECONDS, PARSE, TEXT

PAGE = """<!DOCTYPE html><meta charset="utf-8"><title>uploads</title><pre id="seen"></pre><script>
const target = %s, text = %s;

async function send(content, query) {
  const form = new FormData();
  form.append("file", new File([content], "case.txt", {type: "text/plain"}));
  try {
    const reply = await fetch(target + query, {
      method: "POST", body: form, credentials: "include", headers: {"X-Request-ID": "page-1"}});
    const body = await reply.json();
    return {status: reply.status, id: reply.headers.get("X-Request-ID"),
            degraded: reply.headers.get("X-Degraded"), detail: body.detail, said: body.status};
  } catch (error) {
    return {failed: String(error)};
  }
}

(async () => {
  const seen = {
    good: await send(text, ""),
    large: await send(new Uint8Array(6 << 20), ""),
    refused: await send(text, "?save_to_db=true"),
    again: await send(text, ""),
  };
  document.getElementById("seen").textContent = JSON.stringify(seen);
  await fetch("/seen", {method: "POST", body: JSON.stringify(seen)});
})();
</script>
"""


class PageServer(http.server.ThreadingHTTPServer):
    """Serves the page, and takes what the page has seen."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), PageHandler)
        self.page = b""
        self.seen = queue.Queue()
        self.origin = f"http://127.0.0.1:{self.server_port}"


class PageHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(self.server.page)

    def do_POST(self):
        self.server.seen.put(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(b"")

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def page_server():
    with PageServer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def browse(tmp_path):
    """browse(url): opens it in a browser without a window, until the test is over."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("chromium is not installed")
    browsers = []

    def start(url):
        browsers.append(subprocess.Popen(
            [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
             "--no-first-run", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path}",
             "--remote-debugging-port=0", url],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    yield start
    for browser in browsers:
        browser.terminate()
        browser.wait(DEADLINE_SECONDS)


def test_a_page_sees_answers_and_refusals(start_server, page_server, browse):
    limits = {"MAX_BODY_BYTES": "1MB", "MAX_FILE_BYTES": "1MB"}
    server = start_server(CORS_ORIGINS=page_server.origin, **limits)
    target = f"http://127.0.0.1:{server.port}{PARSE}"
    page_server.page = (PAGE % (json.dumps(target), json.dumps(TEXT.decode()))).encode()
    browse(page_server.origin)
    seen = json.loads(page_server.seen.get(timeout=DEADLINE_SECONDS))

    assert seen["good"]["status"] == 200, seen
    assert seen["good"]["said"] == "completed"
    assert seen["good"]["id"] == "page-1", "the exposed headers can be read"
    assert "images" in seen["good"]["degraded"]
    assert seen["large"].get("status") == 413, seen
    assert "1048576" in seen["large"]["detail"]
    assert seen["refused"]["status"] == 503, seen
    assert "DATABASE_URL" in seen["refused"]["detail"]
    assert seen["again"]["status"] == 200, seen
