"""POST /api/parse-pdf/?save_to_db=true: what is in the database afterwards, and what is not."""

import datetime
import re

import pytest

import database as databases
import tokens
import wire

SAVE = wire.PARSE + "?save_to_db=true"
NOTES = wire.Part("context_files", b"Arturo is patient.\n", "O'Neil; notes.md", "text/markdown")
TABLES = ("scenarios", "scenario_personas", "scenario_scenes", "scene_personas", "scenario_files")
RECENT = datetime.timedelta(minutes=10)


def start(start_server, database, **settings):
    server = start_server(DATABASE_URL=database.url, **settings)
    wire.eventually(lambda: server.get("/ready").status == 200, "the database is ready")
    return server


@pytest.fixture
def server(start_server, database):
    return start(start_server, database)


def counts(database):
    return tuple(database.value(f"SELECT count(*) FROM {table}") for table in TABLES)


NOTHING = (0, 0, 0, 0, 0)


def saved_id(reply):
    assert reply.status == 200, reply.body
    scenario_id = reply.json()["scenario_id"]
    assert type(scenario_id) is int
    return scenario_id


def without_times(rows):
    """The rows without their times, which are those of a moment ago."""
    for row in rows:
        for name in [name for name in row if name.endswith("_at")]:
            at = row.pop(name)
            assert name == "deleted_at" or abs(datetime.datetime.now(datetime.UTC) - at) < RECENT
    return rows


# What is saved


DESCRIPTION = (
    "Dana Whitlock, the owner of Pell Street Bicycle Works, runs the workshop and owes the bank "
    "40,000 dollars. Arturo Benitez, the sales manager of Harbor Components Inc., wants to be paid "
    "by Friday.\nDana Whitlock asked Arturo Benitez for another month. Arturo Benitez said no.\n"
    "Arturo is patient.")
WARNINGS = [
    "The analysis was made from the text: OPENAI_API_KEY is not set",
    "The scenes were made from the text: OPENAI_API_KEY is not set",
    "The scenes have no pictures: OPENAI_API_KEY is not set",
]


def test_every_column(server, database):
    reply = server.post(wire.upload(), NOTES, path=SAVE)
    scenario_id = saved_id(reply)
    result = reply.json()["ai_result"]

    (scenario,) = without_times(database.rows("SELECT * FROM scenarios"))
    assert re.fullmatch(r"SC-[A-Za-z0-9_-]{22}", scenario.pop("unique_id"))
    assert scenario == {
        "id": scenario_id, "title": "Pell Street Bicycle Works", "description": DESCRIPTION,
        "challenge": DESCRIPTION, "industry": "Business",
        "learning_objectives": result["learning_outcomes"], "source_type": "pdf_upload",
        "pdf_content": wire.TEXT.decode(), "student_role": "Owner of Pell Street Bicycle Works",
        "category": None, "difficulty_level": None, "estimated_duration": None, "tags": None,
        "pdf_title": "Pell Street Bicycle Works", "pdf_source": "Uploaded PDF",
        "processing_version": "1.0", "rating_avg": 0, "rating_count": 0, "is_public": False,
        "is_template": False, "allow_remixes": True, "status": "draft", "is_draft": True,
        "published_version_id": None, "draft_of_id": None, "usage_count": 0, "clone_count": 0,
        "deleted_by": None, "deletion_reason": None, "created_by": None,
    }
    assert len(result["learning_outcomes"]) == 5

    personas = without_times(database.rows("SELECT * FROM scenario_personas ORDER BY id"))
    ids = {persona["name"]: persona.pop("id") for persona in personas}
    assert len(ids) == len(personas) == len(result["key_figures"]) > 1
    for persona, figure in zip(personas, result["key_figures"]):
        assert persona == {"scenario_id": scenario_id, **{
            name: figure[name] for name in ("name", "role", "background", "correlation",
                                            "primary_goals", "personality_traits")}}

    scenes = without_times(database.rows("SELECT * FROM scenario_scenes ORDER BY scene_order"))
    links = []
    assert [scene["title"] for scene in scenes] == [
        "Briefing", "Investigation", "Working out a solution", "Approval"]
    for order, (scene, said) in enumerate(zip(scenes, result["scenes"]), 1):
        links += [(scene["id"], ids[name]) for name in said["personas_involved"]]
        assert scene == {
            "id": scene["id"], "scenario_id": scenario_id, "title": said["title"],
            "description": said["description"], "user_goal": said["user_goal"],
            "scene_order": order, "estimated_duration": 30, "timeout_turns": 15,
            "success_metric": said["successMetric"], "max_attempts": 5, "success_threshold": 0.7,
            "goal_criteria": None, "hint_triggers": None, "scene_context": None,
            "persona_instructions": None, "image_url": "", "image_prompt": None,
        }

    rows = without_times(database.rows("SELECT * FROM scene_personas ORDER BY scene_id"))
    assert [(row["scene_id"], row["persona_id"]) for row in rows] == links
    assert {row["involvement_level"] for row in rows} == {"participant"}

    main_file, context_file = without_times(
        database.rows("SELECT * FROM scenario_files ORDER BY id"))
    assert context_file["filename"] == "context_O'Neil; notes.md"
    assert context_file["original_content"] == NOTES.data.decode()
    assert (context_file["file_type"], context_file["file_size"]) == ("md", len(NOTES.data))
    log = main_file.pop("processing_log")
    assert abs(datetime.datetime.now(datetime.UTC) -
               datetime.datetime.fromisoformat(log.pop("processing_timestamp"))) < RECENT
    assert log == {"personas_count": len(personas), "scenes_count": 4, "warnings": WARNINGS}
    assert main_file == {
        "id": main_file["id"], "scenario_id": scenario_id, "filename": "case.txt",
        "file_path": None, "file_size": len(wire.TEXT), "file_type": "txt",
        "original_content": wire.TEXT.decode(), "processed_content": None,
        "processing_status": "completed", "llamaparse_job_id": None,
    }


def test_nothing_is_saved_unasked(server, database):
    reply = server.post(wire.upload())
    assert reply.status == 200 and reply.json()["scenario_id"] is None
    assert server.post(wire.upload(), path=wire.PARSE + "?save_to_db=no").status == 200
    assert counts(database) == NOTHING


def test_twice_is_two(server, database):
    first, second = (saved_id(server.post(wire.upload(), path=SAVE)) for _ in range(2))
    assert first != second
    assert database.value("SELECT count(DISTINCT unique_id) FROM scenarios") == 2


def test_a_save_says_so(server, database):
    reply = server.post(wire.upload(), path=SAVE, X_Request_ID="the-one")
    assert "db;dur=" in reply["Server-Timing"]
    assert re.search(r"\[DB_OPTIMIZED\] Batch operations completed in \d+\.\ds id=the-one",
                     server.output)
    assert f"saved id=the-one scenario_id={saved_id(reply)} tries=1" in server.output


def test_one_statement(cluster, database, start_server):
    cluster.execute(f"ALTER DATABASE {database.name} SET log_statement = 'all'")
    server = start(start_server, database, DB_POOL_SIZE=1, DB_MAX_OVERFLOW=0)
    server.post(wire.upload(), path=SAVE)
    before = database.statements()
    server.post(wire.upload(), NOTES, path=SAVE)
    (statement,) = database.statements()[len(before):]
    assert "scenario_save" in statement


HOSTILE = (
    "Robert'); DROP TABLE scenarios;--", '"; DELETE FROM users; --', "$1 $$ {} %s %n \\' \\x00",
    "محمد الأمين", "王小明", "Zoë Łukasiewicz", "😀 Emoji Corp.", "</script><b>'\"&amp;",
)


@pytest.mark.parametrize("words", HOSTILE)
def test_any_words_are_only_words(server, database, words):
    text = f"{words}\n\nDana Whitlock, the manager, met {words}. Dana Whitlock said: {words}.\n"
    reply = server.post(wire.upload(text.encode(), f"{words}.txt".replace('"', "'")),
                        wire.Part("context_files", text.encode(), "b.txt"), path=SAVE)
    scenario_id = saved_id(reply)
    assert database.value("SELECT pdf_content FROM scenarios WHERE id = %s", scenario_id) == text
    assert database.rows("SELECT title FROM scenarios") == [
        {"title": reply.json()["ai_result"]["title"]}]


def test_nul_is_dropped(server, database):
    text = "Dana\0 Whitlock, the manager, runs the \0workshop. Dana Whitlock is late.\n"
    saved_id(server.post(wire.upload(text.encode("utf-16")), path=SAVE))
    assert database.value("SELECT pdf_content FROM scenarios") == text.replace("\0", "")


def test_ten_megabytes(server, database):
    line = b"Dana Whitlock, the manager, runs the workshop of Pell Street.\n"
    text = line * ((10 << 20) // len(line))
    scenario_id = saved_id(server.post(wire.upload(text), path=SAVE))
    assert database.value("SELECT pdf_content FROM scenarios WHERE id = %s",
                          scenario_id) == text.decode()
    assert len(database.value("SELECT original_content FROM scenario_files")) == 10000


# Whose it is


def test_whose_it_is(database, start_server):
    server = start(start_server, database, SECRET_KEY=tokens.SECRET_KEY)
    active, inactive = tokens.add_user(database), tokens.add_user(database, active=False)

    def owner(headers):
        scenario_id = saved_id(server.post(wire.upload(), path=SAVE, **headers))
        return database.value("SELECT created_by FROM scenarios WHERE id = %s", scenario_id)

    assert owner(tokens.of(active)) == active
    assert owner(tokens.of(inactive)) is None
    assert owner(tokens.of(4711)) is None
    for name, headers in tokens.BAD.items():
        assert owner(headers) is None, name


def test_where_a_user_is_required(database, start_server):
    server = start(start_server, database, SECRET_KEY=tokens.SECRET_KEY, AUTH_MODE="required")
    active, inactive = tokens.add_user(database), tokens.add_user(database, active=False)
    others = {**tokens.BAD, "inactive": tokens.of(inactive), "unknown": tokens.of(4711)}
    for name, headers in others.items():
        reply = server.post(wire.upload(), path=SAVE, **headers)
        assert reply.status == 401, name
        assert reply.json() == {"detail": "Could not validate credentials"}
    assert counts(database) == NOTHING
    scenario_id = saved_id(server.post(wire.upload(), path=SAVE, **tokens.of(active)))
    assert database.rows("SELECT id, created_by FROM scenarios") == [
        {"id": scenario_id, "created_by": active}]
    assert server.post(wire.upload(), **tokens.of(active)).status == 200


# Who leaves


def test_it_is_saved_though_the_client_left(server, database):
    with database.transaction() as cursor:
        cursor.execute("LOCK TABLE scenarios")
        connection = server.connect()
        connection.send(wire.post_bytes(wire.form(wire.upload()), SAVE, **{"X-Request-ID": "left"}))
        databases.wait_for_lock(database)
        connection.leave()
        wire.eventually(lambda: "client=gone" in server.output, "the server has noticed")
    wire.eventually(lambda: "saved id=left" in server.output, "it was saved")
    assert counts(database)[0] == 1


def test_the_end_waits_for_it(start_server, database):
    server = start(start_server, database)
    with database.transaction() as cursor:
        cursor.execute("LOCK TABLE scenarios")
        connection = server.connect()
        connection.send(wire.post_bytes(wire.form(wire.upload()), SAVE))
        databases.wait_for_lock(database)
        connection.leave()
        wire.eventually(lambda: "client=gone" in server.output, "the server has noticed")
        server.signal()
        wire.eventually(lambda: "draining requests=1" in server.output, "it drains")
        assert server.process.poll() is None
    assert server.wait() == 0
    assert counts(database)[0] == 1


def test_who_does_not_save_leaves_with_all(server, database):
    """Without save_to_db the work ends with its client."""
    with database.transaction() as cursor:
        cursor.execute("LOCK TABLE scenarios")
        reply = databases.in_background(server.post, wire.upload())
        assert reply().status == 200  # it waits for no lock
    assert counts(database) == NOTHING


# What goes wrong


def check_not_saved(reply, server, database=None, detail="The scenario was not saved: "):
    assert reply.status == 503, reply.body
    body = reply.json()
    assert body["detail"].startswith(detail), body
    assert body["retryable"] is True
    assert int(reply["Retry-After"]) >= 1
    if database:
        assert counts(database) == NOTHING


def test_no_database(start_server):
    server = start_server()
    reply = server.post(wire.upload(), path=SAVE)
    assert reply.status == 503 and reply["Retry-After"] is None
    assert reply.json()["detail"] == "No database is configured: set DATABASE_URL"


def test_no_connection_is_free(database, start_server):
    server = start(start_server, database, DB_POOL_SIZE=1, DB_MAX_OVERFLOW=0, DB_POOL_TIMEOUT=0.2)
    with database.transaction() as cursor:
        cursor.execute("LOCK TABLE scenarios")
        first = databases.in_background(lambda: server.post(wire.upload(), path=SAVE))
        databases.wait_for_lock(database)
        check_not_saved(server.post(wire.upload(), path=SAVE), server)
    saved_id(first())
    assert counts(database)[0] == 1


def test_a_table_is_missing(database, start_server):
    database.rows("DROP TABLE scenario_files")
    server = start_server(DATABASE_URL=database.url)
    wire.eventually(lambda: 'fault="table scenario_files is missing"' in server.output,
                    "the log says what is missing")
    ready = server.get("/ready")
    assert ready.status == 503
    assert ready.json()["checks"]["database"]["detail"] == "table scenario_files is missing"
    check_not_saved(server.post(wire.upload(), path=SAVE), server)
    assert counts_of(database, TABLES[:-1]) == (0, 0, 0, 0)


def counts_of(database, tables):
    return tuple(database.value(f"SELECT count(*) FROM {table}") for table in tables)


def test_a_statement_that_takes_too_long(database, start_server):
    server = start(start_server, database, DB_STATEMENT_TIMEOUT=0.5)
    with database.transaction() as cursor:
        cursor.execute("LOCK TABLE scenarios")
        reply = server.post(wire.upload(), path=SAVE)
    check_not_saved(reply, server, database)
