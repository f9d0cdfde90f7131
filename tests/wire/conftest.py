"""Fixtures of the wire tests: servers, and the files that are uploaded to them."""

import contextlib
import pathlib
import tempfile

import make_pdfs
import pytest

import wire
from database import cluster, database, own_cluster  # noqa: F401: fixtures


@pytest.fixture(scope="session")
def server():
    """One server with the default settings, shared by all tests that need no others."""
    with wire.running() as shared:
        yield shared


@pytest.fixture
def start_server():
    """start_server(**settings): further servers, stopped and checked at the end of the test."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(wire.running(**settings))


@pytest.fixture
def launch(tmp_path):
    """launch(*arguments, **settings): a process that need not come up, nor end well."""
    launched = []

    def start(*arguments, **settings):
        launched.append(wire.Server(tmp_path, settings, arguments))
        return launched[-1]

    yield start
    for process in launched:
        process.kill()


@pytest.fixture(scope="session")
def files():
    """{name: bytes} of good, broken and hostile files."""
    with tempfile.TemporaryDirectory() as folder:
        made = make_pdfs.write_all(folder)
        return {name: pathlib.Path(path).read_bytes() for name, path in made.items()}


@pytest.fixture(scope="session")
def sample():
    return (wire.SAMPLE / "case.pdf").read_bytes()
