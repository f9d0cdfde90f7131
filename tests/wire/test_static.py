"""Pictures by name: whole, in parts, or not at all because the client has them."""

import concurrent.futures
import contextlib
import email.utils
import hashlib
import os
import random

import pytest

import wire
from wire import PAGE_ORIGIN, eventually, request_bytes

FOLDER = "/static/images/scenes/"
PICTURE = b"RIFF\xf0\xff\x2f\0WEBPVP8 " + random.Random(1).randbytes(3 << 20)
NAME = hashlib.sha256(PICTURE).hexdigest()[:32] + ".webp"
TAG = f'"{NAME.partition(".")[0]}"'
MODIFIED_S = 784111777
MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT"
SIZE = len(PICTURE)


class Pictures:
    """A server with one picture, and requests for it."""

    def __init__(self, server):
        self.server = server

    def get(self, name=NAME, method="GET", **headers):
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.server.raw(request_bytes(method, FOLDER + name, named), method)

    def open(self):
        """How many descriptors of pictures the server has."""
        count = 0
        for link in os.scandir(f"/proc/{self.server.process.pid}/fd"):
            with contextlib.suppress(OSError):  # closed meanwhile
                count += os.readlink(link).endswith(".webp")
        return count

    def none_open(self):
        eventually(lambda: self.open() == 0, "no picture is open")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    path = folder / NAME
    path.write_bytes(PICTURE)
    os.utime(path, (MODIFIED_S, MODIFIED_S))
    with wire.running(IMAGE_DIR=folder) as server:
        found = Pictures(server)
        yield found
        found.none_open()


def check_picture_headers(reply):
    assert reply["Content-Type"] == "image/webp"
    assert reply["ETag"] == TAG
    assert reply["Cache-Control"] == "public, max-age=31536000, immutable"
    assert reply["Last-Modified"] == MODIFIED
    assert reply["Accept-Ranges"] == "bytes"
    assert reply["X-Content-Type-Options"] == "nosniff"
    assert reply["Vary"] == "Origin"
    assert reply["X-Request-ID"]


# The whole


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_picture(pictures, slash):
    reply = pictures.get(NAME + slash)
    assert (reply.status, reply.body) == (200, PICTURE)
    assert reply["Content-Range"] is None
    check_picture_headers(reply)


def test_head_is_get_without_the_body(pictures):
    with pictures.server.connect() as connection:
        head = connection.exchange(request_bytes("HEAD", FOLDER + NAME), "HEAD")
        get = connection.exchange(request_bytes("GET", FOLDER + NAME))
    changing = {"date", "x-request-id", "x-process-time", "server-timing"}

    def steady(reply):
        return [(name, value) for name, value in reply.headers if name.lower() not in changing]

    assert head.status == 200
    assert steady(head) == steady(get)
    assert int(head["Content-Length"]) == SIZE
    assert get.body == PICTURE


def test_pages_of_other_origins_may_read_it(pictures):
    reply = pictures.get(Origin=PAGE_ORIGIN)
    assert reply["Access-Control-Allow-Origin"] == PAGE_ORIGIN
    preflight = {"Origin": PAGE_ORIGIN, "Access-Control-Request-Method": "GET"}
    reply = pictures.server.raw(request_bytes("OPTIONS", FOLDER + NAME, preflight))
    assert (reply.status, reply.body) == (200, b"OK")


def test_it_is_logged_as_any_request(pictures):
    reply = pictures.get(X_Request_ID="picture-1")
    assert reply["X-Request-ID"] == "picture-1"

    def logged():
        lines = [line for line in pictures.server.output.splitlines() if "picture-1" in line]
        return [line for line in lines if "status=200" in line and FOLDER in line]

    eventually(logged, "the request is in the log")


# What the client has


@pytest.mark.parametrize("headers", [
    {"If_None_Match": TAG},
    {"If_None_Match": f'"other", W/{TAG}'},
    {"If_None_Match": "*"},
    {"If_Modified_Since": MODIFIED},
    {"If_None_Match": TAG, "Range": "bytes=0-1"},
    {"If_None_Match": TAG, "If_Modified_Since": "Sun, 06 Nov 1994 08:49:36 GMT"},
])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_not_modified_has_no_body(pictures, method, headers):
    data = request_bytes(method, FOLDER + NAME, {
        name.replace("_", "-"): value for name, value in headers.items()})
    with pictures.server.connect() as connection:
        reply = connection.exchange(data, "HEAD")  # there is no body to read
        assert reply.status == 304
        check_picture_headers(reply)
        assert reply["Content-Length"] in (None, str(SIZE))
        assert connection.exchange(request_bytes("GET", "/health")).status == 200


@pytest.mark.parametrize("headers", [
    {"If_None_Match": '"other"'},
    {"If_None_Match": '"other"', "If_Modified_Since": MODIFIED},
    {"If_Modified_Since": "Sun, 06 Nov 1994 08:49:36 GMT"},
    {"If_Modified_Since": "yesterday"},
    {"If_Match": TAG},
])
def test_modified(pictures, headers):
    assert pictures.get(**headers).body == PICTURE


def test_a_condition_that_fails(pictures):
    reply = pictures.get(If_Match='"other"')
    assert (reply.status, reply.json()) == (412, {"detail": "Precondition Failed"})


# Parts


@pytest.mark.parametrize("value, first, last", [
    ("bytes=0-0", 0, 0),
    ("bytes=100-299", 100, 299),
    ("bytes=2097152-", 2 << 20, SIZE - 1),
    ("bytes=-5", SIZE - 5, SIZE - 1),
    (f"bytes=0-{SIZE * 10}", 0, SIZE - 1),
    (f"bytes=-{SIZE * 10}", 0, SIZE - 1),
])
def test_a_part(pictures, value, first, last):
    reply = pictures.get(Range=value)
    assert reply.status == 206
    assert reply["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert reply.body == PICTURE[first:last + 1]
    check_picture_headers(reply)


@pytest.mark.parametrize("value", ["bytes=0-1,5-6", "bytes=5-4", "lines=1-2", "bytes=x", "bytes="])
def test_no_part_is_the_whole(pictures, value):
    reply = pictures.get(Range=value)
    assert (reply.status, reply.body) == (200, PICTURE)


@pytest.mark.parametrize("value", [f"bytes={SIZE}-", "bytes=-0", f"bytes={10 ** 30}-"])
def test_a_part_that_is_not_there(pictures, value):
    reply = pictures.get(Range=value)
    assert (reply.status, reply.json()) == (416, {"detail": "Range Not Satisfiable"})
    assert reply["Content-Range"] == f"bytes */{SIZE}"
    assert reply["Cache-Control"] is None


def test_head_has_no_parts(pictures):
    reply = pictures.get(method="HEAD", Range="bytes=0-1")
    assert (reply.status, reply["Content-Length"]) == (200, str(SIZE))


@pytest.mark.parametrize("value, status", [
    (TAG, 206), (MODIFIED, 206), ("W/" + TAG, 200), ('"other"', 200),
    ("Sun, 06 Nov 1994 08:49:38 GMT", 200)])
def test_the_rest_of_what_was_begun(pictures, value, status):
    assert pictures.get(Range="bytes=2-5", If_Range=value).status == status


def test_a_picture_in_parts_is_the_picture(pictures):
    step = 300_000
    whole = b""
    with pictures.server.connect() as connection:
        for at in range(0, SIZE, step):
            headers = {"Range": f"bytes={at}-{at + step - 1}", "If-Range": TAG}
            whole += connection.exchange(request_bytes("GET", FOLDER + NAME, headers)).body
    assert whole == PICTURE


# What is not there


@pytest.mark.parametrize("name", [
    NAME.replace(".webp", ".png"), NAME[:-1], NAME.upper(), "0" * 32 + ".webp", "x", "..", "%2e%2e",
    "..%2f" + NAME, "%2fetc%2fpasswd", "." + NAME, NAME + "/x", "/" + NAME, "", "a" * 5000])
def test_unknown_names(pictures, name):
    reply = pictures.get(name)
    assert (reply.status, reply.json()) == (404, {"detail": "Not Found"})
    assert reply["Cache-Control"] is None


def test_without_a_folder_there_are_none(server):
    reply = server.get(FOLDER + NAME)
    assert (reply.status, reply.json()) == (404, {"detail": "Not Found"})


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods(pictures, method):
    reply = pictures.get(method=method)
    assert (reply.status, reply.json()) == (405, {"detail": "Method Not Allowed"})
    assert reply["Allow"] == "GET, HEAD"


# Nothing stays open


def test_clients_who_leave_in_the_middle(pictures):
    for at in (0, 1, 1000, 200_000):
        with pictures.server.connect() as connection:
            connection.send(request_bytes("GET", FOLDER + NAME))
            assert len(connection.file.read(at)) == at
            connection.leave()
    pictures.none_open()


def test_many_at_once(pictures):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        bodies = list(pool.map(lambda _: pictures.get().body, range(64)))
    assert all(body == PICTURE for body in bodies)
    pictures.none_open()


def test_one_connection_too_many(tmp_path, start_server):
    (tmp_path / NAME).write_bytes(PICTURE)
    found = Pictures(start_server(IMAGE_DIR=tmp_path, MAX_CONNECTIONS=8))
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            connection = stack.enter_context(found.server.connect())
            assert connection.exchange(request_bytes("HEAD", FOLDER + NAME), "HEAD").status == 200
        reply = found.get()
        assert (reply.status, reply.json()["code"]) == (503, "too_many_connections")
    found.none_open()


def test_the_date_is_the_files(pictures):
    reply = pictures.get()
    assert email.utils.parsedate_to_datetime(reply["Last-Modified"]).timestamp() == MODIFIED_S
