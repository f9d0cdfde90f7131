"""The simulator of the paid services (tests/upsim) as a child process, and its controls. UPSIM names
the binary, else it is the debug build's."""

import http.client
import json
import os
import pathlib
import signal
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 60


class Upsim:
    def __init__(self, *arguments):
        binary = os.environ.get("UPSIM", ROOT / "build" / "debug" / "upsim")
        self.process = subprocess.Popen([binary, *arguments], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("upsim listening on 127.0.0.1:"), self.process.stderr.read()
        self.port = int(line.rpartition(":")[2])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=DEADLINE_SECONDS)
        assert (self.process.returncode, errors) == (0, "")

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)

    def call(self, method, path, body=None, key="k", connection=None, **headers):
        own = connection is None
        connection = connection or self.connect()
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            response.data = response.read()
        finally:
            if own:
                connection.close()
        return response

    def json(self, method, path, body=None, status=200, **more):
        response = self.call(method, path, body, **more)
        assert response.status == status, response.data
        return json.loads(response.data)

    def fault(self, service, fault, **keys):
        self.json("POST", "/control", {"service": service, "fault": fault, **keys})

    def options(self, **options):
        self.json("POST", "/control/options",
                  {name.replace("_", "-"): str(value) for name, value in options.items()})

    def stats(self):
        return self.json("GET", "/control/stats")
