"""What the server says to requests that are wrong: one table of them, with status and detail.

All go to one server with small limits, which must be as well as before after each of them.
"""

import json
import re
import socket

import pytest

import wire
from wire import (
    BOUNDARY, CLOSED, FORM_TYPE, PARSE, TEXT, Part, chunked, form, post_bytes, request_bytes,
    upload)

KB = 1024
MB = 1024 * KB
LIMITS = {
    "MAX_BODY_BYTES": 4 * MB,
    "MAX_FILE_BYTES": 2 * MB,
    "MAX_FILES": 3,
    "MAX_FIELDS": 5,
    "MAX_FIELD_BYTES": 64 * KB,
    "EXTRACT_CPU_SECONDS": 1,
    "HEADER_TIMEOUT": 5,
}


@pytest.fixture(scope="module")
def limited():
    with wire.running(**LIMITS) as server:
        yield server


# What a detail may be compared with, apart from a plain string


def holding(*words):
    """Each of the words is in it, in any case."""
    return lambda detail: all(word.lower() in detail.lower() for word in words)


def not_parsed(*words):
    return lambda detail: detail.startswith("Failed to parse PDF: ") and holding(*words)(detail)


def anything(_):
    return True


MISSING_FILE = [
    {"type": "missing", "loc": ["body", "file"], "msg": "Field required", "input": None}]
UNPARSED = "There was an error parsing the body"
NO_BOUNDARY = "Missing boundary in multipart."
NO_NAME = 'The Content-Disposition header field "name" must be provided.'
WRONG_TYPE = "Only PDF, TXT, MD, DOC, and DOCX files are supported for the main file."
NO_DATABASE = "No database is configured: set DATABASE_URL"


def text_for_file(value, *loc):
    return [{
        "type": "value_error", "loc": ["body", *loc],
        "msg": "Value error, Expected UploadFile, received: <class 'str'>",
        "input": value, "ctx": {"error": {}}}]


def no_bool(value):
    return [{
        "type": "bool_parsing", "loc": ["query", "save_to_db"],
        "msg": "Input should be a valid boolean, unable to interpret input", "input": value}]


# Ways to send: each makes a function of the server and the files


def post(*parts, path=PARSE, **headers):
    return lambda server, files: server.post(*parts, path=path, **headers)


def post_file(name, as_name=None, **type):
    return lambda server, files: server.post(upload(files[name], as_name or name, **type))


def query(text):
    return post(upload(), path=PARSE + text)


def body(data, content_type=FORM_TYPE):
    return lambda server, files: server.request("POST", PARSE, data, Content_Type=content_type)


def raw(data):
    return lambda server, files: server.raw(data)


def curl(*arguments, path=PARSE):
    return lambda server, files: server.curl(*arguments, path=path)


def part_lines(*lines):
    """A form of one part, whose header lines are these."""
    return body(b"--%s\r\n%s\r\n\r\nx\r\n--%s--\r\n" % (
        BOUNDARY.encode(), b"\r\n".join(lines), BOUNDARY.encode()))


WHOLE = form(upload())
CONTEXT = [upload(name="context_files") for _ in range(3)]
TOO_LARGE = form(upload(bytes(5 * MB)))
HEAD_AND_SMUGGLED = "POST /api/parse-pdf/ HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n{}\r\n"


def smuggled(lines, rest=b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"):
    return raw(HEAD_AND_SMUGGLED.format(lines).encode("latin-1") + rest)


def too_large_for_curl(*arguments):
    """curl reads the form from its standard input: nothing has to be written to disk."""
    def send(server, files):
        path = server.folder / "too-large.txt"
        path.write_bytes(bytes(5 * MB))
        return server.curl(*arguments, "-F", f"file=@{path}")
    return send


def declared_too_large_and_expecting(server, files):
    """The refusal comes in place of 100 Continue, before any of the body was sent."""
    with server.connect() as connection:
        head = post_bytes(TOO_LARGE, Expect="100-continue")[:-len(TOO_LARGE)]
        return connection.exchange(head)


BAD = [
    # The form as a whole
    ("no body", raw(request_bytes("POST", PARSE)), 422, MISSING_FILE),
    ("no body but a type", body(b""), 422, MISSING_FILE),
    ("a JSON body", body(b'{"file": "x"}', "application/json"), 422, MISSING_FILE),
    ("a body of no known type", body(b"abc", "application/x-nonsense"), 422, MISSING_FILE),
    ("a body without a type", raw(request_bytes("POST", PARSE, {}, b"abc")), 422, MISSING_FILE),
    ("a form without parts", body(form()), 422, MISSING_FILE),
    ("a form of other parts", post(Part("a", b"1"), upload(name="b")), 422, MISSING_FILE),
    ("context files only", post(*CONTEXT), 422, MISSING_FILE),
    ("the name in another case", post(upload(name="File")), 422, MISSING_FILE),
    ("cut in the middle of the file", body(WHOLE[:len(WHOLE) // 2]), 422, MISSING_FILE),
    ("cut in the middle of a header", body(WHOLE[:len(BOUNDARY) + 20]), 422, MISSING_FILE),
    ("cut in the middle of a later part", body(form(upload(), upload(name="x"))[:-200]), 400,
     UNPARSED),
    ("text for a file", post(Part("file", b"hello")), 422, text_for_file("hello", "file")),
    ("text that is no UTF-8 for a file", post(Part("file", b"a\xff\xfeb")), 422,
     lambda detail: detail[0]["type"] == "value_error" and "\ufffd" in detail[0]["input"]),
    ("text for the last of two files", post(upload(), Part("file", b"x")), 422,
     text_for_file("x", "file")),
    ("an urlencoded form", body(b"file=hello&x=y", "application/x-www-form-urlencoded"), 422,
     text_for_file("hello", "file")),
    ("text for a context file", post(upload(), Part("context_files", b"x")), 422,
     text_for_file("x", "context_files", 0)),
    ("text for the second context file",
     post(upload(), CONTEXT[0], Part("context_files", b"x")), 422,
     text_for_file("x", "context_files", 1)),

    # Malformed multipart
    ("no boundary", body(WHOLE, "multipart/form-data"), 400, NO_BOUNDARY),
    ("an empty boundary", body(WHOLE, "multipart/form-data; boundary="), 400, NO_BOUNDARY),
    ("a boundary too long", body(WHOLE, "multipart/form-data; boundary=" + "x" * 500), 400,
     NO_BOUNDARY),
    ("another boundary than announced", body(WHOLE, "multipart/form-data; boundary=other"), 400,
     UNPARSED),
    ("junk before the first boundary", body(b"junk\r\n" + WHOLE), 400, UNPARSED),
    ("no multipart at all", body(b"%PDF-1.4 is what I am"), 400, UNPARSED),
    ("a part without a disposition", part_lines(b"Content-Type: text/plain"), 400, NO_NAME),
    ("a part without a name", part_lines(b"Content-Disposition: form-data; filename=a.txt"), 400,
     NO_NAME),
    ("a part with nothing but a blank line", part_lines(b""), 400, NO_NAME),
    ("a header line without a colon", part_lines(b"Content-Disposition form-data"), 400, UNPARSED),
    ("a header line that begins with a colon", part_lines(b": form-data; name=file"), 400,
     UNPARSED),
    ("a folded header line",
     part_lines(b"Content-Disposition: form-data;", b' name="file"'), 400, UNPARSED),
    ("a bare line feed in a header",
     part_lines(b"Content-Disposition: form-data; name=file\nX: y"), 400, UNPARSED),
    ("a header line of 20 KB", part_lines(b"X: " + b"y" * 20 * KB), 400, UNPARSED),
    ("100 header lines", part_lines(*[b"X: y"] * 100), 400, UNPARSED),

    # Limits
    ("a file too large", post(upload(bytes(2 * MB + 1))), 413, holding("2097152")),
    ("a context file too large",
     post(upload(), upload(bytes(2 * MB + 1), name="context_files")), 413, holding("2097152")),
    ("a file too large under another name", post(upload(), upload(bytes(3 * MB), name="x")), 413,
     holding("2097152")),
    ("too many files", post(upload(), *CONTEXT), 400,
     "Too many files. Maximum number of files is 3."),
    ("too many fields", post(*[Part("a", b"1")] * 6, upload()), 400,
     "Too many fields. Maximum number of fields is 5."),
    ("too many fields, urlencoded",
     body(b"&".join([b"a=1"] * 6), "application/x-www-form-urlencoded"), 400,
     "Too many fields. Maximum number of fields is 5."),
    ("a field too large", post(upload(), Part("session_id", b"x" * (64 * KB + 1))), 400,
     "Part exceeded maximum size of 64KB."),
    ("a body too large, by http.client", body(TOO_LARGE), 413, holding("4194304")),
    ("a body too large, of a form not ours", body(bytes(5 * MB), "application/json"), 413,
     holding("4194304")),
    ("a body too large, in chunks",
     raw(post_bytes(chunked(TOO_LARGE), **{"Transfer-Encoding": "chunked"})), 413, anything),
    ("a body too large, in chunks and urlencoded",
     raw(request_bytes(
         "POST", PARSE,
         {"Content-Type": "application/x-www-form-urlencoded", "Transfer-Encoding": "chunked"},
         chunked(b"a=" + b"b" * 5 * MB))), 400, "Part exceeded maximum size of 64KB."),
    ("a body too large, expecting to be told to go on", declared_too_large_and_expecting, 413,
     holding("4194304")),
    ("a body too large, by curl", too_large_for_curl(), 413, holding("4194304")),
    ("a body too large, by curl that does not ask", too_large_for_curl("-H", "Expect:"), 413,
     holding("4194304")),
    ("a body too large, by curl in chunks",
     too_large_for_curl("-H", "Transfer-Encoding: chunked", "-H", "Expect:"), 413, anything),
    ("a body of 18 exabytes",
     raw(request_bytes("POST", PARSE, {"Content-Length": str(2 ** 64 - 2)})), 413, anything),
    ("a header of 17 KB", raw(request_bytes("GET", "/health", {"X-Padding": "x" * 17 * KB})), 431,
     holding("header")),
    ("a header of 200 KB", raw(request_bytes("GET", "/health", {"X-Padding": "x" * 200 * KB})),
     431, None),
    ("a query of 2,000 parameters", raw(request_bytes("GET", "/health?" + "a=1&" * 2000)),
     (414, 431), None),

    # The query
    ("save_to_db=maybe", query("?save_to_db=maybe"), 422, no_bool("maybe")),
    ("save_to_db=2", query("?save_to_db=2"), 422, no_bool("2")),
    ("save_to_db empty", query("?save_to_db="), 422, no_bool("")),
    ("save_to_db without a value", query("?save_to_db"), 422, no_bool("")),
    ("save_to_db with a space", query("?save_to_db=%20true"), 422, no_bool(" true")),
    ("save_to_db with invalid UTF-8", query("?save_to_db=%ff"), 422, no_bool("\ufffd")),
    ("the last save_to_db is wrong", query("?save_to_db=true&save_to_db=x"), 422, no_bool("x")),
    ("a wrong query and no file", post(path=PARSE + "?save_to_db=maybe"), 422,
     no_bool("maybe") + MISSING_FILE),
    *[(f"save_to_db={word} without a database", query(f"?save_to_db={word}"), 503, NO_DATABASE)
      for word in ("true", "TRUE", "1", "yes", "y", "on", "t")],
    ("to be saved, and not even a file", post(path=PARSE + "?save_to_db=1"), 503, NO_DATABASE),

    # The kind of file
    ("a program", post(upload(b"MZ", "case.exe", "application/x-msdownload")), 400, WRONG_TYPE),
    ("a picture", post(upload(b"\x89PNG\r\n", "case.png", "image/png")), 400, WRONG_TYPE),
    ("a file without an ending", post(upload(TEXT, "case", None)), 400, WRONG_TYPE),
    ("a file with an empty name", post(upload(TEXT, "", None)), 400, WRONG_TYPE),
    ("the ending alone in the folder's name", post(upload(TEXT, "a.pdf/b", None)), 400,
     WRONG_TYPE),

    # Files that cannot be read
    ("an empty PDF", post_file("empty.pdf"), 422, not_parsed("empty")),
    ("an empty text", post(upload(b"")), 422, not_parsed("empty")),
    ("a text of blanks", post(upload(b" \r\n\t" * 50)), 422, not_parsed("text")),
    ("an encrypted PDF", post_file("encrypted.pdf"), 422, not_parsed("encrypted")),
    ("a truncated PDF", post_file("truncated.pdf"), 422, not_parsed()),
    ("an image-only PDF", post_file("image-only.pdf"), 422, not_parsed("no text")),
    ("a PDF that unpacks to gigabytes", post_file("bomb.pdf"), 422, not_parsed()),
    ("a PDF that takes minutes", post_file("endless.pdf"), 422, not_parsed()),
    ("noise named .pdf", post_file("noise.pdf"), 422, not_parsed("not a PDF")),
    ("HTML named .pdf", post_file("html.pdf"), 422, not_parsed("not a PDF")),
    ("HTML sent as a PDF", post_file("html.pdf", "x", type="application/pdf"), 422,
     not_parsed("not a PDF")),
    ("a PDF of 200,000 links to one page", post_file("many-links.pdf"), 422, not_parsed()),
    ("a PDF whose page tree is a circle", post_file("loop.pdf"), 422, not_parsed()),
    ("an encrypted DOCX", post_file("encrypted.docx"), 422, not_parsed("encrypted")),
    ("a DOCX that unpacks to 80 MB", post_file("bomb.docx"), 422, not_parsed()),
    ("a DOCX of broken XML", post_file("broken.docx"), 422, not_parsed()),
    ("a zip that is no DOCX", post_file("no-document.docx"), 422, not_parsed()),
    ("a DOCX with a DOCTYPE", post_file("doctype.docx"), 422, not_parsed()),
    ("a DOCX nested 5,000 deep", post_file("deep.docx"), 422, not_parsed()),
    ("a truncated DOCX", post_file("truncated.docx"), 422, not_parsed()),
    ("a PDF named .docx", post_file("text.pdf", "case.docx"), 422, not_parsed()),
    ("an encrypted DOC", post_file("encrypted.doc"), 422, not_parsed()),
    ("noise named .doc", post_file("noise.pdf", "noise.doc"), 422, not_parsed()),
    ("noise named .txt", post_file("noise.pdf", "noise.txt"), 422, not_parsed()),

    # Methods and paths
    ("GET where POST belongs", lambda server, files: server.get(PARSE), 405, "Method Not Allowed"),
    ("PUT where POST belongs", lambda server, files: server.request("PUT", PARSE, b"x"), 405,
     "Method Not Allowed"),
    ("POST where GET belongs", post(upload(), path="/health"), 405, "Method Not Allowed"),
    ("a method nobody knows", raw(request_bytes("BREW", PARSE)), 405, "Method Not Allowed"),
    ("an unknown path", post(upload(), path="/api/parse-docx/"), 404, "Not Found"),
    ("an unknown path, not to be read", post(upload(bytes(5 * MB)), path="/nowhere"), 404,
     "Not Found"),
    ("two slashes", post(upload(), path="/api//parse-pdf/"), 404, "Not Found"),
    ("a path above", raw(request_bytes("GET", "/static/../../etc/passwd")), 404, "Not Found"),
    ("a path in invalid UTF-8", raw(request_bytes("GET", "/health%ff%fe")), 404, "Not Found"),

    # Requests that another server might read in another way
    ("two lengths", smuggled("Content-Length: 5\r\nContent-Length: 50\r\n"), 400,
     holding("Content-Length")),
    ("the same length twice", smuggled("Content-Length: 5\r\nContent-Length: 5\r\n"), 400,
     holding("Content-Length")),
    ("a length and chunks", smuggled("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400,
     holding("Transfer-Encoding")),
    ("chunks and a length", smuggled("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400,
     holding("Transfer-Encoding")),
    ("chunks twice",
     smuggled("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400,
     holding("Transfer-Encoding")),
    ("chunks in HTTP/1.0",
     raw(b"POST /api/parse-pdf/ HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
         b"0\r\n\r\n"), 400, holding("Transfer-Encoding", "HTTP/1.0")),
    ("an unknown coding", smuggled("Transfer-Encoding: xchunked\r\n"), (400, 501), None),
    ("a coding before chunks", smuggled("Transfer-Encoding: gzip, chunked\r\n"), (400, 501), None),
    ("a coding that is none", smuggled("Transfer-Encoding: identity\r\n"), (400, 501), None),
    ("a space behind the coding", smuggled("Transfer-Encoding: chunked \r\n"),
     (400, 422, 501), None),
    ("a space before the colon", smuggled("Content-Length : 5\r\n"), 400, None),
    ("a folded length", smuggled("Content-Length:\r\n 5\r\n"), 400, None),
    ("two hosts", raw(request_bytes("GET", "/health", {"host": "other"})), 400, None),
    ("a length below zero", smuggled("Content-Length: -5\r\n"), 400, None),
    ("a length with a sign", smuggled("Content-Length: +5\r\n"), 400, None),
    ("a length that is a list", smuggled("Content-Length: 5, 5\r\n"), 400, None),
    ("a length in hexadecimal", smuggled("Content-Length: 0x5\r\n"), 400, None),
    ("a length past all numbers", smuggled("Content-Length: 99999999999999999999\r\n"),
     (400, 413), None),
    ("an encoded NUL in the path", raw(request_bytes("GET", "/health%00.txt")), 400,
     holding("NUL")),
    ("an encoded NUL in the query", raw(request_bytes("GET", "/health?a=%00")), 400,
     holding("NUL")),
    ("a target that is no path", raw(request_bytes("GET", "health")), 400, anything),
    ("no Host", raw(b"GET /health HTTP/1.1\r\n\r\n"), 400, None),
    ("a chunk of no size",
     raw(post_bytes(b"zz\r\nabc\r\n0\r\n\r\n", **{"Transfer-Encoding": "chunked"})), 400, None),
    ("no HTTP at all", raw(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n\r\n"),
     (400, CLOSED), None),
    ("a request line of one word", raw(b"HELP\r\n\r\n"), (400, CLOSED), None),
]


def matches(detail, expected):
    return expected(detail) if callable(expected) else detail == expected


@pytest.mark.parametrize("send, status, expected", [
    pytest.param(send, status, expected, id=name) for name, send, status, expected in BAD])
def test_bad_input(limited, files, send, status, expected):
    reply = send(limited, files)
    allowed = status if isinstance(status, tuple) else (status,)
    assert reply.status in allowed, reply.body
    if expected is not None:  # None: libmicrohttpd answers by itself, in its own words
        assert matches(reply.detail, expected), reply.detail
    if reply.status in (404, 405) or isinstance(expected, list):
        assert reply.json() == {"detail": reply.detail}, "clients compare these whole"
    assert limited.get("/health").status == 200


def test_the_table_is_long_enough():
    names = [name for name, *_ in BAD]
    assert len(set(names)) == len(names) >= 45


@pytest.mark.parametrize("lines", [
    "Content-Length: 5\r\nContent-Length: 50\r\n",
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
])
def test_after_an_ambiguous_request_the_line_is_cut(limited, lines):
    """What may be a second request in there is never answered."""
    with limited.connect() as connection:
        connection.send(HEAD_AND_SMUGGLED.format(lines).encode())
        connection.send(b"0\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        reply = connection.reply()
        connection.socket.shutdown(socket.SHUT_WR)
        assert reply.status == 400
        assert reply["Connection"] == "close"
        assert connection.ended()


def test_a_refused_upload_is_read_to_its_end(limited):
    """A client that writes everything before it reads gets to see the answer, not EPIPE."""
    with limited.connect() as connection:
        reply = connection.exchange(post_bytes(TOO_LARGE))
        assert reply.status == 413
        assert re.match("close", reply["Connection"] or "", re.IGNORECASE)
        assert connection.ended()


def test_errors_are_json_without_a_charset(limited):
    reply = limited.get("/nowhere")
    assert reply["Content-Type"] == "application/json"
    assert reply.body == b'{"detail":"Not Found"}'


def test_text_is_not_escaped_beyond_need(limited):
    reply = limited.post(Part("file", "caf\u00e9 \u738b \"\n".encode()))
    assert "caf\u00e9 \u738b".encode() in reply.body
    assert json.loads(reply.body)["detail"] == text_for_file("caf\u00e9 \u738b \"\n", "file")
