"""The database as ops people meet it: made by --init-db, seen in /ready, refused with a reason."""

import json

import database as databases
import wire


def ready(server):
    reply = server.get("/ready")
    return reply.status, reply.json()


def test_tables_are_made_once(cluster, launch):
    cluster.execute("CREATE DATABASE empty_one")
    url = cluster.url("empty_one")
    assert databases.init_db(url).stdout == "9 tables were made.\n"
    assert databases.init_db(url).stdout == "All tables are there: nothing to do.\n"
    cluster.execute("DROP DATABASE empty_one")


def test_ready_says_how_the_database_is(database, start_server):
    server = start_server(DATABASE_URL=database.url)
    wire.eventually(lambda: ready(server)[0] == 200, "the tables were looked at")
    assert ready(server)[1]["checks"]["database"]["status"] == "ok"
