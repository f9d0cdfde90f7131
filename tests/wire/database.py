"""A PostgreSQL of the tests' own, and in it a fresh database for each test.

`cluster`, `database` and `own_cluster` are fixtures, for a conftest.py to import: the cluster is
started once; a database is a copy of one that `personad --init-db` made, which takes milliseconds.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading

import psycopg2
import psycopg2.extras
import pytest

import wire

CLUSTER = wire.ROOT / "scripts" / "pg-cluster"
TEMPLATE = "made_once"


class Cluster:
    """One that may be stopped, killed and started again."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="personad-pg-"))
        self.count = 0
        self.start()

    def start(self):
        self.run("start", "--no-fsync")

    def restart(self):
        self.run("restart")

    def stop(self, *options):
        self.run("stop", *options)

    def run(self, command, *options):
        subprocess.run([CLUSTER, command, *options, self.folder], check=True, capture_output=True)

    def pid(self):
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def kill(self):
        """Every process of it at once, as when the machine fails."""
        postmaster = self.pid()
        os.kill(postmaster, signal.SIGSTOP)  # so that it starts no further ones
        for pid in [*wire.children_of(postmaster), postmaster]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wire.eventually(lambda: not os.path.exists(f"/proc/{postmaster}"), "it is dead")

    def url(self, name="personad"):
        return f"postgresql://personad@/{name}?host={self.folder}"

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def make_database(self, options=""):
        """A new database with all tables, and no rows."""
        if self.count == 0:
            self.execute(f"CREATE DATABASE {TEMPLATE}")
            init_db(self.url(TEMPLATE))
        self.count += 1
        name = f"test_{self.count}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} {options}")
        return Database(self, name)

    def execute(self, statement):
        with contextlib.closing(psycopg2.connect(self.url())) as connection:
            connection.autocommit = True
            connection.cursor().execute(statement)

    def remove(self):
        with contextlib.suppress(subprocess.CalledProcessError):  # it was killed
            self.stop("--immediate")
        shutil.rmtree(self.folder, ignore_errors=True)


class Database:
    def __init__(self, cluster, name):
        self.cluster = cluster
        self.name = name
        self.url = cluster.url(name)

    def rows(self, statement, *values):
        """What a statement answers: a list of dictionaries; [] where it answers nothing."""
        with contextlib.closing(psycopg2.connect(self.url)) as connection:
            connection.autocommit = True
            cursor = connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
            cursor.execute(statement, values or None)
            return [dict(row) for row in cursor] if cursor.description else []

    def value(self, statement, *values):
        (row,) = self.rows(statement, *values)
        (value,) = row.values()
        return value

    @contextlib.contextmanager
    def transaction(self):
        """A cursor; what it changed is committed at the end. For locks that have to last."""
        with contextlib.closing(psycopg2.connect(self.url)) as connection:
            yield connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
            connection.commit()

    def statements(self):
        """How many statements the server's clients have sent so far, by the cluster's log: for a
        database whose settings say log_statement=all."""
        return [line for line in self.cluster.log().splitlines() if "execute " in line]

    def drop(self):
        with contextlib.suppress(psycopg2.Error):  # a cluster that is gone took it along
            self.cluster.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")


def init_db(url):
    environment = {"DATABASE_URL": url, "PATH": "/usr/bin:/bin"}
    return subprocess.run([wire.binary(), "--init-db"], env=environment, check=True,
                          capture_output=True, text=True, timeout=wire.DEADLINE_SECONDS)


def wait_for_lock(database, count=1):
    """Until so many of the database's sessions wait for a lock."""
    waiting = ("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
               "AND wait_event_type = 'Lock'")
    wire.eventually(lambda: database.value(waiting) >= count, f"{count} sessions wait for a lock")


def in_background(function, *arguments):
    """Runs it in a thread; call what is returned for its result."""
    outcome = []
    thread = threading.Thread(target=lambda: outcome.append(function(*arguments)), daemon=True)
    thread.start()

    def result():
        thread.join(wire.DEADLINE_SECONDS)
        assert outcome, "it did not end, or failed (its traceback is above)"
        return outcome[0]

    return result


@pytest.fixture(scope="session")
def cluster():
    """A PostgreSQL that all tests share, and none may stop."""
    shared = Cluster()
    yield shared
    shared.remove()


@pytest.fixture
def database(cluster):
    """A database with all tables, and no rows."""
    made = cluster.make_database()
    yield made
    made.drop()


@pytest.fixture
def own_cluster():
    """A PostgreSQL that the test may stop, kill and start again."""
    own = Cluster()
    yield own
    own.remove()
