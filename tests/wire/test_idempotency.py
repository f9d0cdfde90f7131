"""Idempotency-Key: a request that comes again gets the reply of the first time, also from a server
that was started again, and never saves twice."""

import os

import database as databases
import pytest
import wire

SAVE = wire.PARSE + "?save_to_db=true"
KILLS = int(os.environ.get("KILLS", "2"))


def post(server, key, *parts, path=wire.PARSE, **headers):
    return server.post(*(parts or [wire.upload()]), path=path, Idempotency_Key=key, **headers)


def is_replay(reply, first):
    assert reply.status == 200 and reply["Idempotent-Replayed"] == "true"
    assert reply["X-Cache"] == "hit" and reply["X-Degraded"] == first["X-Degraded"]
    assert reply["X-Request-ID"] != first["X-Request-ID"]
    assert reply.body == first.body
    return True


def test_the_same_again(server):
    first = post(server, '"again-1"')
    assert first.status == 200 and first["Idempotent-Replayed"] is None
    assert is_replay(post(server, '"again-1"'), first)
    assert is_replay(post(server, "again-1"), first)  # bare
    assert post(server, "again-2")["Idempotent-Replayed"] is None
    assert server.post(wire.upload())["Idempotent-Replayed"] is None


def test_a_boundary_is_no_content(server):
    first = post(server, "boundary")
    body = wire.form(wire.upload()).replace(wire.BOUNDARY.encode(), b"another")
    again = server.request("POST", wire.PARSE, body, Idempotency_Key="boundary",
                           Content_Type="multipart/form-data; boundary=another")
    assert is_replay(again, first)


@pytest.mark.parametrize("parts", [
    [wire.upload(b"Dana Whitlock, the owner of Pell Street Works, is rich.")],
    [wire.upload(filename="other.txt")],
    [wire.upload(), wire.upload(b"More.", name="context_files")],
], ids=["bytes", "name", "parts"])
def test_another_content(server, request, parts):
    key = f"content-{request.node.name}"
    assert post(server, key).status == 200
    reply = post(server, key, *parts)
    assert reply.status == 422
    assert "another content" in reply.json()["detail"]


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "caf\xe9"])
def test_what_is_no_key(server, key):
    reply = post(server, key)
    assert reply.status == 400 and reply.json()["detail"].startswith("Idempotency-Key has to ")


def test_a_failure_frees_the_key(server):
    empty = wire.upload(b"%PDF-1.4 nothing", "broken.pdf", "application/pdf")
    assert post(server, "failed", empty).status == 422
    assert post(server, "failed").status == 200


# With a database


def test_still_at_work(server_with_database):
    server, database = server_with_database
    with database.transaction() as cursor:
        cursor.execute("LOCK TABLE scenarios")
        first = databases.in_background(lambda: post(server, "work", path=SAVE))
        databases.wait_for_lock(database)
        second = post(server, "work", path=SAVE)
        assert second.status == 409 and int(second["Retry-After"]) >= 1
        assert second.json()["retryable"] is True
        other = post(server, "work", wire.upload(b"Another text altogether."), path=SAVE)
        assert other.status == 422
    assert first().status == 200
    assert is_replay(post(server, "work", path=SAVE), first())
    assert database.value("SELECT count(*) FROM scenarios") == 1


def test_the_client_went(server_with_database):
    """What was saved for nobody is there for whoever asks again."""
    server, database = server_with_database
    with database.transaction() as cursor:
        cursor.execute("LOCK TABLE scenarios")
        with server.connect() as connection:
            connection.send(wire.post_bytes(wire.form(wire.upload()), SAVE,
                                            **{"Idempotency-Key": "gone"}))
            databases.wait_for_lock(database)
    wire.eventually(lambda: database.value("SELECT count(*) FROM scenarios") == 1, "it is saved")
    wire.eventually(lambda: post(server, "gone", path=SAVE).status == 200, "it is kept")
    again = post(server, "gone", path=SAVE)
    assert again["Idempotent-Replayed"] == "true"
    assert again.json()["scenario_id"] == database.value("SELECT id FROM scenarios")


def test_a_server_that_was_started_again(server_with_database, start_server):
    server, database = server_with_database
    first = post(server, "restart", path=SAVE)
    assert first.json()["scenario_id"] == database.value("SELECT id FROM scenarios")
    other = start(start_server, database)
    assert is_replay(post(other, "restart", path=SAVE), first)
    wrong = post(other, "restart", wire.upload(b"Another text altogether."), path=SAVE)
    assert wrong.status == 422
    database.rows("UPDATE personad.idempotency_keys SET created_at = now() - interval '25 hours'")
    third = start(start_server, database)
    assert post(third, "restart", path=SAVE)["Idempotent-Replayed"] is None
    assert database.value("SELECT count(*) FROM scenarios") == 2
    assert database.value("SELECT count(*) FROM personad.idempotency_keys") == 1


def test_two_servers_at_once(server_with_database, start_server):
    """Neither knows of the other: the database takes one, and the other client asks again."""
    server, database = server_with_database
    servers = [server, start(start_server, database)]
    with database.transaction() as cursor:
        cursor.execute("LOCK TABLE scenarios")
        results = [databases.in_background(lambda s=s: post(s, "both", path=SAVE))
                   for s in servers]
        wire.eventually(lambda: database.value(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == 2,
            "both are saving")
    statuses = sorted(result().status for result in results)
    assert statuses == [200, 409]
    assert database.value("SELECT count(*) FROM scenarios") == 1
    for each in servers:
        assert post(each, "both", path=SAVE)["Idempotent-Replayed"] == "true"


def test_a_database_without_the_table(database, start_server):
    """One that was made by the old service: keys are kept in memory alone."""
    database.rows("DROP SCHEMA personad CASCADE")
    server = start(start_server, database)
    first = post(server, "memory", path=SAVE)
    assert first.status == 200
    assert is_replay(post(server, "memory", path=SAVE), first)


def test_killed_while_clients_repeat(own_cluster, start_server):
    """Whatever becomes of the database, asking until there is an answer makes one scenario."""
    database = own_cluster.make_database()
    server = start(start_server, database)
    for number in range(KILLS):
        result = databases.in_background(lambda n=number: post(server, f"kill-{n}", path=SAVE))
        own_cluster.kill()
        own_cluster.start()
        reply = result()
        while reply.status != 200:
            assert reply.status in (409, 503) and int(reply["Retry-After"]) >= 1
            wire.eventually(lambda: server.get("/ready").status == 200, "it is well again")
            reply = post(server, f"kill-{number}", path=SAVE)
        assert post(server, f"kill-{number}", path=SAVE).body == reply.body
        assert database.value("SELECT count(*) FROM scenarios") == number + 1


def start(start_server, database):
    server = start_server(DATABASE_URL=database.url)
    wire.eventually(lambda: server.get("/ready").status == 200, "the database is ready")
    return server


@pytest.fixture
def server_with_database(database, start_server):
    return start(start_server, database), database
