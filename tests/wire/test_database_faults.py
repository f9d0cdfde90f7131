"""What becomes of saves while the database fails: each ends in a scenario or in a clean error, and
there is never a half of one, nor two."""

import contextlib
import os
import random
import socket
import subprocess
import threading

import psycopg2
import pytest

import database as databases
import wire

SAVE = wire.PARSE + "?save_to_db=true"
KILLS = int(os.environ.get("KILLS", "3"))
TOGETHER = 4

# What is not whole.
HALVES = """
SELECT name, fault FROM (
    SELECT split_part(s.pdf_content, E'\\n', 1) AS name, CASE
        WHEN NOT EXISTS (SELECT FROM scenario_personas p WHERE p.scenario_id = s.id) THEN 'nobody'
        WHEN (SELECT count(*) FROM scenario_scenes c WHERE c.scenario_id = s.id) <> 4 THEN 'scenes'
        WHEN (SELECT count(*) FROM scenario_files f WHERE f.scenario_id = s.id) <> 1 THEN 'files'
        WHEN (SELECT count(*) FROM scene_personas l JOIN scenario_scenes c ON c.id = l.scene_id
              WHERE c.scenario_id = s.id) < 4 THEN 'links'
        END AS fault
    FROM scenarios s) each_one
WHERE fault IS NOT NULL
"""


def start(start_server, database, **settings):
    server = start_server(DATABASE_URL=database.url, **settings)
    wire.eventually(lambda: server.get("/ready").status == 200, "the database is ready")
    return server


def case_of(title):
    return wire.upload(wire.TEXT.replace(b"Pell Street Bicycle Works\n", title.encode() + b"\n", 1))


def check_each(database, replies):
    """`replies` by title: what they say is what there is."""
    assert database.rows(HALVES) == []
    for title, reply in replies.items():
        ids = [row["id"] for row in database.rows(
            "SELECT id FROM scenarios WHERE split_part(pdf_content, E'\\n', 1) = %s", title)]
        if reply.status == 200:
            assert ids == [reply.json()["scenario_id"]]
        else:
            assert reply.status == 503, reply.body
            said = reply.json()["detail"]
            assert ids == [] or len(ids) == 1 and said.startswith("It is not known whether"), said
            assert int(reply["Retry-After"]) >= 1


def test_killed_in_mid_save(own_cluster, start_server):
    database = own_cluster.make_database()
    server = start(start_server, database)
    moment = random.Random(1)
    pause = threading.Event()
    saved = 0
    for number in range(KILLS):
        titles = [f"Case {number} {letter}" for letter in "ABCD"[:TOGETHER]]
        results = {title: databases.in_background(lambda t=title: server.post(case_of(t), path=SAVE))
                   for title in titles}
        pause.wait(moment.uniform(0, 0.03))  # the moment is what varies
        own_cluster.kill()
        own_cluster.start()
        replies = {title: result() for title, result in results.items()}
        check_each(database, replies)
        saved += sum(reply.status == 200 for reply in replies.values())
        wire.eventually(lambda: server.get("/ready").status == 200, "it is well again")
    assert saved > 0  # a start is over within the time that a save is tried for


def test_killed_while_the_save_waits(own_cluster, start_server):
    """The statement is at the server, which dies with it: it is sent again, and runs once."""
    database = own_cluster.make_database()
    server = start(start_server, database)
    with contextlib.suppress(psycopg2.Error), database.transaction() as cursor:
        cursor.execute("LOCK TABLE scenarios")
        reply = databases.in_background(lambda: server.post(case_of("Once"), path=SAVE))
        databases.wait_for_lock(database)
        own_cluster.kill()
        own_cluster.start()
    assert reply().status == 200
    check_each(database, {"Once": reply()})


def test_restarted_under_load(own_cluster, start_server):
    database = own_cluster.make_database()
    server = start(start_server, database)
    results = {f"Case {n}": databases.in_background(
        lambda n=n: server.post(case_of(f"Case {n}"), path=SAVE)) for n in range(24)}
    own_cluster.restart()
    replies = {title: result() for title, result in results.items()}
    check_each(database, replies)
    # A save is tried for some seconds, and how long a restart takes is not ours to say.
    assert server.post(case_of("After"), path=SAVE).status == 200


def test_gone_for_good(own_cluster, start_server):
    """Who asks to save is told so before anything is done; all others are served."""
    database = own_cluster.make_database()
    server = start(start_server, database)
    own_cluster.stop("--immediate")
    wire.eventually(lambda: server.get("/ready").status == 503, "it has noticed")
    assert server.get("/ready").json()["checks"]["database"]["status"] == "unavailable"
    assert server.post(wire.upload()).status == 200
    reply = server.post(wire.upload(), path=SAVE)
    assert reply.status == 503 and int(reply["Retry-After"]) >= 1
    assert "The scenario was not saved: the database" in reply.json()["detail"]
    assert "database state=down" in server.output
    own_cluster.start()
    wire.eventually(lambda: server.get("/ready").status == 200, "it is there again")
    assert server.post(wire.upload(), path=SAVE).status == 200


def test_a_wrong_password(own_cluster, start_server):
    own_cluster.execute("CREATE USER teacher PASSWORD 'right'")
    own_cluster.stop()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    own_cluster.run("start", "--port", str(port))
    server = start_server(
        DATABASE_URL=f"postgresql://teacher:wr0ng-s3cret@127.0.0.1:{port}/personad")
    wire.eventually(lambda: "(28P01)" in server.output, "the log says what is wrong")
    reply = server.post(wire.upload(), path=SAVE)
    assert reply.status == 503 and int(reply["Retry-After"]) >= 1
    said = server.get("/ready").json()["checks"]["database"]
    assert said["status"] == "unavailable" and "28P01" in said["detail"]
    assert "wr0ng-s3cret" not in server.output + reply.body.decode() + str(said)


@pytest.fixture
def small_disk(own_cluster):
    """A folder with room for 16 MB, that is the cluster's."""
    folder = own_cluster.folder / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder],
                             capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be made here: {mounted.stderr.strip()}")
    owner = own_cluster.folder.stat()
    os.chown(folder, owner.st_uid, owner.st_gid)
    yield folder
    own_cluster.stop("--immediate")
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk(own_cluster, small_disk, start_server):
    own_cluster.execute(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    database = own_cluster.make_database("TABLESPACE small")
    server = start(start_server, database)
    # Texts that compress badly, as what compresses well takes no room.
    noise = random.Random(2)

    def large(title):
        words = " ".join(f"{noise.getrandbits(64):x}" for _ in range(150_000))
        return wire.upload(f"{title}\n\nDana Whitlock, the manager, wrote {words}.\n".encode())

    replies = {}
    while len(replies) < 20 and all(reply.status == 200 for reply in replies.values()):
        title = f"Case {len(replies)}"
        replies[title] = server.post(large(title), path=SAVE)
    assert replies[title].status == 503, "the disk never was full"
    assert "53100" in replies[title].json()["detail"]
    assert "sqlstate=53100" in server.output
    assert int(replies[title]["Retry-After"]) >= 1
    there = {row["name"] for row in database.rows(
        "SELECT split_part(pdf_content, E'\\n', 1) AS name FROM scenarios")}
    assert there == {t for t, reply in replies.items() if reply.status == 200}
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    assert server.post(large("Again"), path=SAVE).status == 200
