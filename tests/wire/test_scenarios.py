"""Reading scenarios: shapes, whose they are, and that nobody sees what was."""

import json
import uuid

import pytest

import database as databases
import tokens
import wire

COLUMNS = (
    "id title description challenge industry learning_objectives student_role category "
    "difficulty_level estimated_duration tags pdf_title pdf_source processing_version rating_avg "
    "source_type is_public is_template allow_remixes usage_count clone_count created_by created_at "
    "updated_at").split()
PERSONA = "id name role background correlation primary_goals personality_traits".split()
SCENE = (
    "id scenario_id title description user_goal scene_order estimated_duration image_url "
    "image_prompt timeout_turns success_metric personas_involved created_at updated_at "
    "personas").split()
OWN = ("id title description challenge industry learning_objectives student_role status created_at "
       "is_public personas scenes").split()
OWN_SCENE = "id title description user_goal scene_order estimated_duration image_url".split()
DRAFT = [*OWN, "unique_id", "is_draft", "published_version_id"]
DRAFT_SCENE = [*OWN_SCENE, "timeout_turns", "success_metric", "personas_involved", "personas",
               "created_at", "updated_at"]
LISTED = ("id title description category difficulty_level estimated_duration rating_avg "
          "rating_count usage_count").split()


@pytest.fixture
def server(start_server, database):
    return start(start_server, database)


def start(start_server, database, **settings):
    settings = {"SECRET_KEY": tokens.SECRET_KEY} | settings
    server = start_server(DATABASE_URL=database.url, **settings)
    wire.eventually(lambda: server.get("/ready").status == 200, "the database is ready")
    return server


def add(database, title="A case", **columns):
    """The id of a new scenario, with two personas and two scenes, the second of them first."""
    columns = {"title": title, "description": "d", "is_public": True, "is_draft": False,
               "status": "active", "learning_objectives": '["1. x"]', "rating_avg": 4.5,
               "created_at": "2026-01-02T03:04:05.678900Z", "unique_id": f"SC-{uuid.uuid4()}",
               **columns}
    places = ", ".join(["%s"] * len(columns))
    scenario = database.value(
        f"INSERT INTO scenarios ({', '.join(columns)}) VALUES ({places}) RETURNING id",
        *columns.values())
    ana, bo = (database.value(
        "INSERT INTO scenario_personas (scenario_id, name, role, primary_goals, personality_traits)"
        " VALUES (%s, %s, 'CFO', '[\"win\"]', '{\"creative\": 7}') RETURNING id", scenario, name)
        for name in ("Ana", "Bo"))
    for order, persona in ((2, bo), (1, ana)):
        scene = database.value(
            "INSERT INTO scenario_scenes (scenario_id, title, description, scene_order)"
            " VALUES (%s, %s, 'x', %s) RETURNING id", scenario, f"Scene {order}", order)
        database.rows("INSERT INTO scene_personas (scene_id, persona_id) VALUES (%s, %s)",
                      scene, persona)
    return scenario


def read(server, path, **headers):
    reply = server.get(path, **headers)
    assert reply.status == 200, reply.body
    assert reply["Content-Type"] == "application/json"
    return reply.json()


# Shapes


def test_full(server, database):
    scenario = add(database, tags='["a"]')
    (row,) = database.rows("SELECT * FROM scenarios")
    got = read(server, f"/api/scenarios/{scenario}/full")
    assert set(got) == {*COLUMNS, "personas", "scenes"}
    for name in set(COLUMNS) - {"created_at", "updated_at"}:
        assert got[name] == row[name], name
    assert got["created_at"] == "2026-01-02T03:04:05.678900+00:00"
    assert [persona["name"] for persona in got["personas"]] == ["Ana", "Bo"]
    assert all(set(persona) == set(PERSONA) for persona in got["personas"])
    assert got["personas"][0]["primary_goals"] == ["win"]
    assert got["personas"][0]["personality_traits"] == {"creative": 7}
    assert [(scene["title"], scene["personas_involved"]) for scene in got["scenes"]] == [
        ("Scene 1", ["Ana"]), ("Scene 2", ["Bo"])]
    for scene, persona in zip(got["scenes"], got["personas"]):
        assert set(scene) == set(SCENE) and scene["scenario_id"] == scenario
        assert scene["personas"] == [persona]


def test_what_was_saved_is_read_back(server):
    reply = server.post(wire.upload(), path=wire.PARSE + "?save_to_db=true")
    result = reply.json()["ai_result"]
    got = read(server, f"/api/scenarios/{reply.json()['scenario_id']}/full")
    assert got["title"] == result["title"] and got["pdf_source"] == "Uploaded PDF"
    for persona, figure in zip(got["personas"], result["key_figures"], strict=True):
        assert {name: figure[name] for name in PERSONA[1:]} == {
            name: persona[name] for name in PERSONA[1:]}
    for scene, said in zip(got["scenes"], result["scenes"], strict=True):
        assert scene["personas_involved"] == said["personas_involved"]
        assert scene["success_metric"] == said["successMetric"]


def test_one(server, database):
    scenario = add(database)
    got = read(server, f"/scenarios/{scenario}")
    assert set(got) == {*COLUMNS, "rating_count", "persona_count", "scene_count"}
    assert (got["persona_count"], got["scene_count"]) == (2, 2)


def test_the_public_ones(server, database):
    ids = [add(database, f"Case {number}") for number in range(5)]
    add(database, is_public=False)
    add(database, deleted_at="2026-01-01")
    assert [row["id"] for row in read(server, "/scenarios")] == ids
    assert [row["id"] for row in read(server, "/scenarios/?skip=1&limit=2")] == ids[1:3]
    assert read(server, "/scenarios?skip=99999999999999999999") == []
    assert set(read(server, "/scenarios")[0]) == set(LISTED)


def test_of_a_user(server, database):
    user, other = tokens.add_user(database), tokens.add_user(database)
    older = add(database, created_by=user, created_at="2026-01-01")
    newer = add(database, created_by=user, created_at="2026-01-02", is_public=False)
    draft = add(database, created_by=user, is_draft=True, unique_id="SC-1")
    for more in ({"created_by": other}, {"created_by": user, "deleted_at": "2026-01-01"}):
        add(database, **more)
        add(database, is_draft=True, **more)

    published = read(server, "/api/scenarios/", **tokens.of(user))
    assert [row["id"] for row in published] == [newer, older]
    for row in published:
        assert set(row) == set(OWN)
        assert set(row["personas"][0]) == set(PERSONA)
        assert [scene["scene_order"] for scene in row["scenes"]] == [1, 2]
        assert set(row["scenes"][0]) == set(OWN_SCENE)

    (row,) = read(server, "/api/scenarios/drafts/", **tokens.of(user))
    assert (row["id"], row["unique_id"], row["is_draft"]) == (draft, "SC-1", True)
    assert set(row) == set(DRAFT)
    assert set(row["scenes"][0]) == set(DRAFT_SCENE)
    assert row["scenes"][0]["personas_involved"] == ["Ana"]


def test_one_statement_however_many(cluster, database, start_server):
    cluster.execute(f"ALTER DATABASE {database.name} SET log_statement = 'all'")
    user = tokens.add_user(database)
    for _ in range(5):
        scenario = add(database, created_by=user)
    server = start(start_server, database, DB_POOL_SIZE=1, DB_MAX_OVERFLOW=0)
    for path in (f"/api/scenarios/{scenario}/full", f"/scenarios/{scenario}", "/scenarios",
                 "/api/scenarios/", "/api/scenarios/drafts/"):
        before = len(database.statements())
        read(server, path, Cache_Control="no-cache", **tokens.of(user))
        assert len(database.statements()) - before == 1, path


# What is refused


def test_unknown_ones(server, database):
    gone = add(database, deleted_at="2026-01-01")
    for scenario in (gone, 0, -1, 2**31, 10**30, "1_0"):
        for path in (f"/api/scenarios/{scenario}/full", f"/scenarios/{scenario}"):
            reply = server.get(path)
            assert reply.status == 404
            assert reply.json()["detail"] == "Scenario not found"


@pytest.mark.parametrize("text", ("abc", "1.5", "1;DROP TABLE users", "' OR 1=1 --", "0x10", "1e3"))
def test_ids_that_are_none(server, text):
    quoted = "".join(f"%{byte:02x}" for byte in text.encode())
    for path in (f"/api/scenarios/{quoted}/full", f"/scenarios/{quoted}"):
        reply = server.get(path)
        assert reply.status == 422
        assert reply.json() == {"detail": [{
            "type": "int_parsing", "loc": ["path", "scenario_id"], "input": text,
            "msg": "Input should be a valid integer, unable to parse string as an integer"}]}


def test_numbers_out_of_bounds(server):
    def fault(name, value, type, msg, **ctx):
        more = {"ctx": ctx} if ctx else {}
        return {"type": type, "loc": ["query", name], "msg": msg, "input": value, **more}

    integer = "Input should be a valid integer, unable to parse string as an integer"
    least = "Input should be greater than or equal to "
    for query, *faults in (
            ("skip=-1", fault("skip", "-1", "greater_than_equal", least + "0", ge=0)),
            ("limit=0", fault("limit", "0", "greater_than_equal", least + "1", ge=1)),
            ("limit=101", fault("limit", "101", "less_than_equal",
                                "Input should be less than or equal to 100", le=100)),
            ("skip=", fault("skip", "", "int_parsing", integer)),
            ("skip=x&limit=y", fault("skip", "x", "int_parsing", integer),
             fault("limit", "y", "int_parsing", integer))):
        reply = server.get(f"/scenarios?{query}")
        assert (reply.status, reply.json()) == (422, {"detail": faults})


OWN_PATHS = ("/api/scenarios/", "/api/scenarios/drafts/")


def test_who_is_not_known(server, database):
    tokens.add_user(database)  # with the id 1
    inactive = tokens.add_user(database, active=False)
    for path in OWN_PATHS:
        for name, headers in {**tokens.BAD, "nobody": tokens.of(4711)}.items():
            reply = server.get(path, **headers)
            assert reply.status == 401, name
            assert reply.json() == {"detail": "Could not validate credentials"}
        reply = server.get(path, **tokens.of(inactive))
        assert (reply.status, reply.json()) == (400, {"detail": "Inactive user"})
        assert server.get(path, **tokens.of(1)).status == 200


def test_without_a_database(start_server):
    server = start_server(SECRET_KEY=tokens.SECRET_KEY)
    for path in ("/scenarios", "/scenarios/1", "/api/scenarios/1/full"):
        reply = server.get(path)
        assert reply.status == 503
        assert reply.json()["detail"] == "No database is configured: set DATABASE_URL"
    for path in OWN_PATHS:
        assert server.get(path).status == 401
        assert server.get(path, **tokens.of(1)).status == 503
    assert server.get("/scenarios/x").status == 422
    reply = server.request("DELETE", "/scenarios/1")
    assert (reply.status, reply["Allow"]) == (405, "GET, HEAD")


def test_no_connection_is_free(database, start_server):
    scenario = add(database)
    server = start(start_server, database, DB_POOL_SIZE=1, DB_MAX_OVERFLOW=0, DB_POOL_TIMEOUT=0.2)
    with database.transaction() as cursor:
        cursor.execute("LOCK TABLE scenarios")
        first = databases.in_background(server.get, f"/scenarios/{scenario}")
        databases.wait_for_lock(database)
        reply = server.get("/scenarios")
        assert reply.status == 503 and int(reply["Retry-After"]) >= 1
    assert first().status == 200


def test_who_leaves_takes_the_query_along(server, database):
    scenario = add(database)
    with database.transaction() as cursor:
        cursor.execute("LOCK TABLE scenarios")
        connection = server.connect()
        connection.send(wire.request_bytes("GET", f"/scenarios/{scenario}"))
        databases.wait_for_lock(database)
        connection.leave()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        wire.eventually(lambda: database.value(waiting) == 0, "the query was cancelled")


# What clients and the server keep


def test_etags(server, database):
    scenario = add(database)
    path = f"/api/scenarios/{scenario}/full"
    first = server.get(path)
    assert first["ETag"].startswith('"') and first["Cache-Control"] == "no-cache"
    again = server.get(path, If_None_Match=first["ETag"])
    assert (again.status, again.body, again["ETag"]) == (304, b"", first["ETag"])
    assert server.get(path, If_None_Match='"other"').status == 200
    head = server.request("HEAD", path)
    assert (head.status, head.body) == (200, b"")
    assert head["Content-Length"] == str(len(first.body))

    user = tokens.add_user(database)
    draft = add(database, is_draft=True, created_by=user)
    for own in (f"/api/scenarios/{draft}/full", *OWN_PATHS):
        reply = server.get(own, **tokens.of(user))
        assert reply["Cache-Control"] == "private, no-cache"
        assert server.get(own, If_None_Match=reply["ETag"], **tokens.of(user)).status == 304


def test_public_ones_are_kept(database, start_server):
    scenario = add(database)
    server = start(start_server, database, DB_CACHE_TTL=3600)
    for path in (f"/api/scenarios/{scenario}/full", f"/scenarios/{scenario}", "/scenarios"):
        before = server.get(path)
        assert before["X-Cache"] == "miss"
        database.rows("UPDATE scenarios SET title = title || '!'")
        kept = server.get(path)
        assert (kept["X-Cache"], kept.body) == ("hit", before.body)
        fresh = server.get(path, Cache_Control="no-cache")
        assert fresh["X-Cache"] == "miss" and fresh.body != before.body
        assert server.get(path).body == fresh.body


def test_nothing_is_kept_where_nothing_may_be(database, start_server):
    scenario = add(database)
    server = start(start_server, database, DB_CACHE_TTL=0)
    for _ in range(2):
        assert server.get(f"/scenarios/{scenario}")["X-Cache"] == "miss"


def test_nobody_sees_their_own_as_it_was(database, start_server):
    user = tokens.add_user(database)
    draft = add(database, is_draft=True, created_by=user)
    private = add(database, is_public=False, created_by=user)
    server = start(start_server, database, DB_CACHE_TTL=3600)
    for path in (f"/api/scenarios/{draft}/full", f"/scenarios/{draft}",
                 f"/api/scenarios/{private}/full", *OWN_PATHS):
        first = server.get(path, **tokens.of(user))
        database.rows("UPDATE scenarios SET title = title || '!'")
        second = server.get(path, **tokens.of(user))
        assert second["X-Cache"] == "miss" and second.body != first.body


def test_many_share_one_query(cluster, database, start_server):
    cluster.execute(f"ALTER DATABASE {database.name} SET log_statement = 'all'")
    public, draft = add(database), add(database, is_draft=True)
    server = start(start_server, database, DB_POOL_SIZE=20)
    for scenario, queries in ((public, 1), (draft, 8)):
        path = f"/api/scenarios/{scenario}/full"
        before = len(database.statements())
        with database.transaction() as cursor:
            cursor.execute("LOCK TABLE scenarios")
            replies = [databases.in_background(server.get, path) for _ in range(8)]
            databases.wait_for_lock(database)
            wire.eventually(lambda: server.get("/ready").json()["checks"]["requests"] >= 9,
                            "all have come")
            cursor.execute("UPDATE scenarios SET title = 'new'")
        bodies = {reply().body for reply in replies}
        assert [json.loads(body)["title"] for body in bodies] == ["new"]
        assert len([line for line in database.statements()[before:]
                    if "scenario_full" in line]) == queries
