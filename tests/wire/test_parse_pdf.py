"""POST /api/parse-pdf/: a case goes in, its people and scenes come out, in the shape clients read.

No test here looks at which sentence the analysis chose; that is the business of its own tests.
"""

import concurrent.futures
import json
import re
import unicodedata

import pytest
from test_upsim import Upsim

from case_reply import check_result, degraded_parts, names
from wire import FORM_TYPE, PARSE, SAMPLE, TEXT, Part, eventually, form, post_bytes, upload

PEOPLE = {"Dana Whitlock", "Arturo Benitez"}
DEGRADED = {"analysis", "scenes", "images"}

ALIASES = [
    "/api/parse-pdf/",
    "/api/parse-pdf",
    "/api/pdf-processing/parse-pdf/",
    "/api/pdf-processing/parse-pdf",
]


def folded(name):
    """Without case, accents and punctuation: the form in which names are compared."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return re.sub(r"[^\w ]", "", "".join(c for c in plain if not unicodedata.combining(c)))


def check_reply(reply):
    """Everything that holds of any reply with a result while no upstream is configured."""
    result = check_result(reply)
    assert reply.json()["degraded"] is True
    assert degraded_parts(reply) >= DEGRADED
    assert len(result["scenes"]) == 4
    assert {scene["image_url"] for scene in result["scenes"]} == {""}
    return reply


@pytest.fixture(scope="module")
def sample_reply(server, sample):
    return server.post(upload(sample, "case.pdf", "application/pdf"))


def test_the_reply_has_the_shape_that_clients_read(sample_reply):
    check_reply(sample_reply)
    assert degraded_parts(sample_reply) == DEGRADED
    assert all(scene["description"] for scene in sample_reply.json()["ai_result"]["scenes"])


def test_the_reply_says_whether_paid_calls_were_needed(sample_reply):
    assert sample_reply["X-Cache"] in ("hit", "miss", "coalesced")


def test_the_people_of_the_sample_are_found(sample_reply):
    cast = json.loads((SAMPLE / "cast.json").read_text())
    found = {folded(name) for name in names(sample_reply)}
    others = [p["name"] for p in cast["people"] if p["name"] != cast["protagonist"]]
    missing = [name for name in others if folded(name) not in found]
    assert not missing, f"found only {sorted(found)}"


def test_who_the_student_plays_is_nowhere_among_the_personas(sample_reply):
    cast = json.loads((SAMPLE / "cast.json").read_text())
    assert folded(cast["protagonist"]) not in {folded(name) for name in names(sample_reply)}


def test_title_and_role_of_the_sample(sample_reply):
    cast = json.loads((SAMPLE / "cast.json").read_text())
    result = sample_reply.json()["ai_result"]
    assert folded(cast["title"]) == folded(result["title"])
    assert "managing director" in result["student_role"].lower()


@pytest.mark.parametrize("path", ALIASES)
def test_each_path_gives_the_same_result(server, path):
    reply = check_reply(server.post(upload(), path=path))
    assert reply.json() == server.post(upload()).json()


@pytest.mark.parametrize("filename, type", [
    ("case.txt", "text/plain"),
    ("case.md", "text/markdown"),
    ("CASE.TXT", "application/octet-stream"),
    ("case", "text/plain"),
    ("case", "text/plain; charset=utf-8"),
    ("case.txt", None),
    ("r\u00e9sum\u00e9 \u2014 case.txt", "application/octet-stream"),
])
def test_a_text_is_known_by_its_type_or_its_name(server, filename, type):
    reply = check_reply(server.post(upload(TEXT, filename, type)))
    assert names(reply) & PEOPLE


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be-bom", "latin-1"])
def test_texts_in_other_encodings(server, encoding):
    text = TEXT.decode().replace("Arturo Benitez", "Ren\u00e9 M\u00fcller")
    if encoding == "utf-16-be-bom":
        data = b"\xfe\xff" + text.encode("utf-16-be")
    else:
        data = text.encode(encoding)
    reply = check_reply(server.post(upload(data)))
    assert "Ren\u00e9 M\u00fcller" in names(reply) | {reply.json()["ai_result"]["student_role"]}


@pytest.mark.parametrize("name, type, word", [
    ("text.pdf", "application/pdf", "Benitez"),
    ("owner-locked.pdf", "application/pdf", "Benitez"),
    ("good.docx",
     "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "Caf\u00e9"),
    ("strict.docx", "application/octet-stream", "Caf\u00e9"),
    ("legacy.doc", "application/msword", "Benitez"),
])
def test_each_kind_of_file_is_read(server, files, name, type, word):
    reply = check_reply(server.post(upload(files[name], name, type)))
    assert word in json.dumps(reply.json()["ai_result"], ensure_ascii=False)


def test_a_context_file_is_read_too(server):
    context = b"Ingrid Solheim, the chief auditor of Tern Holdings Inc., wrote this report.\n" * 3
    reply = check_reply(server.post(
        upload(), upload(context, "note.txt", "text/plain", name="context_files")))
    assert "Ingrid Solheim" in names(reply)
    assert "context" not in degraded_parts(reply)


def test_what_is_turned_off_is_not_degraded(start_server):
    server = start_server(IMAGES="off")
    assert degraded_parts(server.post(upload())) == {"analysis", "scenes"}


def test_the_log_says_what_was_degraded(start_server):
    server = start_server()
    server.post(upload(), X_Request_ID="second-best")
    line = eventually(lambda: [line for line in server.output.splitlines()
                               if "second-best" in line and "status=200" in line], "its line")[0]
    assert ' degraded="analysis, scenes, images"' in line


def test_an_unreadable_context_file_is_noted_and_fails_nothing(server, files):
    reply = check_reply(server.post(
        upload(files["encrypted.pdf"], "minutes.pdf", "application/pdf", name="context_files"),
        upload(b"\x7fELF\2\1\1\0", "tool.bin", "application/octet-stream", name="context_files"),
        upload()))
    assert degraded_parts(reply) == DEGRADED | {"context"}
    assert any("minutes.pdf" in warning for warning in reply.json()["warnings"])
    assert names(reply) & PEOPLE


def test_an_empty_context_file_fails_nothing(server):
    reply = check_reply(server.post(
        upload(), upload(b"", "nothing.txt", "text/plain", name="context_files")))
    assert names(reply) & PEOPLE


def test_parts_may_come_in_any_order_and_unknown_ones_are_ignored(server):
    reply = server.post(
        Part("session_id", b"abc"), upload(TEXT, "x.txt", "text/plain", name="other"), upload(),
        Part("file_name", b"x"))
    assert check_reply(reply).json() == server.post(upload()).json()


def test_of_a_repeated_file_the_last_wins(server):
    reply = server.post(upload(b"never read", "case.exe", "application/x-msdownload"), upload())
    assert check_reply(reply).json() == server.post(upload()).json()


@pytest.mark.parametrize("query", [
    "false", "0", "no", "off", "n", "f", "False", "OFF", "maybe&save_to_db=false"])
def test_not_saving_in_any_spelling(server, query):
    check_reply(server.post(upload(), path=f"{PARSE}?save_to_db={query}"))


def test_a_name_in_the_extended_form_wins(server):
    check_reply(server.post(
        Part("file", TEXT, "case.exe", more="; filename*=UTF-8''na%C3%AFve%20case.txt")))


@pytest.mark.parametrize("content_type, body", [
    ("multipart/form-data; charset=utf-8; boundary=XX; x=y", b"--XX"),
    ('Multipart/Form-Data; Boundary="X X"', b"--X X"),
])
def test_forms_that_libraries_write_in_other_ways(server, content_type, body):
    head = b'\r\ncontent-disposition:form-data;name=file;filename="a\\"b.txt"\r\n\r\n'
    reply = server.request(
        "POST", PARSE, b"\r\n" + body + head + TEXT + b"\r\n" + body + b"--  \r\nepilogue",
        Content_Type=content_type)
    check_reply(reply)


def test_data_that_looks_like_a_boundary_stays_data(server):
    body = form(upload(TEXT + b"\r\n------wire-test-boundaryX\r\n--\r\n"))
    check_reply(server.request("POST", PARSE, body, Content_Type=FORM_TYPE))


def test_uploads_side_by_side(server, sample):
    uploads = [upload(sample, "case.pdf", "application/pdf"), upload()]
    alone = [server.post(one).json() for one in uploads]
    with concurrent.futures.ThreadPoolExecutor(4) as clients:
        together = list(clients.map(server.post, uploads * 2))
    assert [reply.json() for reply in together] == alone * 2


def test_curl_uploads(server):
    case = SAMPLE / "case.pdf"
    check = server.curl("-F", f"file=@{case};type=application/pdf")
    assert check.status == 200
    assert check.json()["status"] == "completed"


# With models


@pytest.fixture(scope="module")
def upsim():
    simulator = Upsim()
    yield simulator
    simulator.stop()


@pytest.fixture
def start_paid(start_server, upsim, tmp_path):
    """start_paid(**settings): a server whose models are the simulator's."""
    base = f"http://127.0.0.1:{upsim.port}"
    return lambda **settings: start_server(
        OPENAI_API_KEY="sk-wire", OPENAI_BASE_URL=f"{base}/v1", IMAGE_DIR=tmp_path / "pictures",
        **settings)


def picture_urls(reply):
    assert reply.status == 200
    return [scene["image_url"] for scene in reply.json()["ai_result"]["scenes"]]


def test_a_result_of_models(start_paid):
    server = start_paid()
    reply = server.post(upload())
    body = reply.json()
    assert reply["X-Degraded"] is None
    assert "degraded" not in body and "warnings" not in body
    assert reply["X-Cache"] == "miss"
    assert int(reply["X-AI-Tokens"]) > 0
    stages = [stage.partition(";")[0] for stage in reply["Server-Timing"].split(", ")]
    assert stages == ["upload", "parse", "analysis", "scenes", "images", "queue", "total"]
    for url in picture_urls(reply):
        picture = server.get(url.partition(f":{server.port}")[2])
        assert (picture.status, picture["Content-Type"][:6]) == (200, "image/")


@pytest.mark.parametrize("headers, origin", [
    ({"Host": "teach.example:8080"}, "http://teach.example:8080"),
    ({"Host": "teach.example", "X-Forwarded-Proto": "https"}, "https://teach.example"),
    ({"Host": "teach.example", "X-Forwarded-Proto": "javascript"}, "http://teach.example"),
    ({"Host": "[::1]:80"}, "http://[::1]:80"),
    ({"Host": "evil.example/x?"}, None),
    ({"Host": "user@evil.example"}, None),
    ({"Host": 'a"><script>'}, None),
    ({"Host": "a" * 300}, None),
])
def test_pictures_are_where_the_client_found_us(start_paid, headers, origin):
    server = start_paid(SCENE_COUNT=1)
    body = form(upload())
    url, = picture_urls(server.raw(post_bytes(body, **headers), "POST"))
    assert url.startswith(f"{origin or f'http://localhost:{server.port}'}/static/images/scenes/")


def test_a_public_url_wins(start_paid):
    server = start_paid(SCENE_COUNT=1, PUBLIC_URL="https://sim.example/app")
    url, = picture_urls(server.post(upload()))
    assert url.startswith("https://sim.example/app/static/images/scenes/")
