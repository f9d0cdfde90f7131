"""What the flow tests of the whole server share with the wire tests: servers and how to talk to
them (tests/wire/wire.py), the simulator of the services (upsim.py), what a reply looks like
(case_reply.py), and databases (database.py)."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "wire"))
pytest.register_assert_rewrite("case_reply", "pairs")

from database import cluster, database  # noqa: E402, F401: fixtures
