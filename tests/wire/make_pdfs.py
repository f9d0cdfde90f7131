#!/usr/bin/python3
"""Files an upload may bring: good ones, broken ones and hostile ones.

    make_pdfs.py DIR        writes all of them into DIR, in a few seconds
    make_pdfs.write_all(directory) -> {name: path}

PDFs are put together by hand rather than by a library, as most of them have to be wrong in a way
no library offers. Only encryption needs a tool: qpdf. The same files come out on every run, but
for the two encrypted ones.
"""

import io
import pathlib
import random
import struct
import subprocess
import sys
import zipfile
import zlib

PAGES = (
    "Pell Street Bicycle Works",
    "Dana Whitlock runs the workshop and owes the bank 40,000 dollars.",
    "Arturo Benitez, her oldest supplier, wants to be paid by Friday.",
)


# PDF, from objects up


def pdf(objects, root=1):
    """A whole PDF of `objects`, {number: bytes}, with its table of offsets."""
    out = bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
    offsets = {}
    for number, body in sorted(objects.items()):
        offsets[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    size = max(objects) + 1
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size
    for number in range(1, size):
        if number in offsets:
            out += b"%010d 00000 n \n" % offsets[number]
        else:
            out += b"0000000000 65535 f \n"
    out += b"trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, root, table)
    return bytes(out)


def stream(data, extra=b""):
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), extra, data)


def document(contents, font=b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>", more=None):
    """A PDF with a page for each stream of `contents`; object 3 is the font F1 of all."""
    objects = {1: b"<< /Type /Catalog /Pages 2 0 R >>", 3: font, **(more or {})}
    kids = []
    number = max(objects) + 1
    for content in contents:
        objects[number] = content
        objects[number + 1] = (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % number
        )
        kids.append(b"%d 0 R" % (number + 1))
        number += 2
    objects[2] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    return pdf(objects)


def show(text):
    return b"BT /F1 12 Tf 72 700 Td (%s) Tj ET" % text.encode("latin-1")


def text_pdf(pages=PAGES):
    return document([stream(show(text)) for text in pages])


def encrypted(data, directory, user, *permissions):
    """`data` under AES-256 by qpdf; an empty `user` password means anybody may open it."""
    plain = directory / ".plain.pdf"
    plain.write_bytes(data)
    try:
        done = subprocess.run(
            ["qpdf", "--encrypt", user, "owner", "256", *permissions, "--", str(plain), "-"],
            stdout=subprocess.PIPE,
            check=True,
        )
    finally:
        plain.unlink()
    return done.stdout


def image_pdf():
    """A page that is all picture, as a scanner makes them."""
    pixels = zlib.compress(bytes(range(256)) * 40)
    image = b"q 612 0 0 792 0 0 cm BI /W 128 /H 80 /BPC 8 /CS /G /F /Fl ID " + pixels + b" EI Q"
    return document([stream(image)])


def deflated_twice(start, line, gigabytes=2.2):
    """A page that is `line` over and over, more than 2 GB of it, in a file of some kB.

    The inner stream repeats one compressed piece that refers to nothing before it (a full flush),
    so that nothing has to compress gigabytes.
    """
    piece = line * 100_000
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    once = deflater.compress(piece) + deflater.flush(zlib.Z_FULL_FLUSH)
    count = int(gigabytes * 2**30 / len(piece)) + 1
    begin = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = begin.compress(start) + begin.flush(zlib.Z_FULL_FLUSH)
    inner = b"\x78\xda" + head + once * count + b"\x03\x00" + bytes(4)
    return document([stream(zlib.compress(inner, 9), b"/Filter [/FlateDecode /FlateDecode]")])


def bomb_pdf():
    """Needs more memory than there is: an array without end, 16 bytes for each number in it."""
    return deflated_twice(b"[", b"0 0 0 0 0 0 0 0 0 0 ")


def endless_pdf():
    """Needs minutes but no memory: the text runs off the page, where nothing is kept."""
    return deflated_twice(b"BT /F1 12 Tf 72 700 Td\n", b"(All work and no play) Tj 0 -12 Td\n")


def many_links_pdf(count=200_000):
    """A page tree that names its one page over and over."""
    return pdf({
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b"4 0 R " * count, count),
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        4: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R "
           b"/Resources << /Font << /F1 3 0 R >> >> >>",
        5: stream(show("again and again")),
    })


def loop_pdf():
    """A page tree that contains itself."""
    return pdf({
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 /Parent 3 0 R >>",
        3: b"<< /Type /Pages /Kids [2 0 R] /Count 1 /Parent 2 0 R >>",
    })


def cjk_pdf(text="\u738b\u5c0f\u660e\u662f\u5de5\u5382\u7684\u7ecf\u7406"):
    """Chinese by way of a predefined encoding: what the characters mean is in poppler-data."""
    font = (b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H "
            b"/DescendantFonts [4 0 R] >>")
    descendant = (b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /DW 1000 "
                  b"/CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 4 >> "
                  b"/FontDescriptor 5 0 R >>")
    descriptor = (b"<< /Type /FontDescriptor /FontName /STSong-Light /Flags 4 /ItalicAngle 0 "
                  b"/FontBBox [-25 -254 1000 880] /Ascent 752 /Descent -271 /CapHeight 737 "
                  b"/StemV 58 >>")
    codes = text.encode("utf-16-be").hex().encode()
    page = stream(b"BT /F1 16 Tf 72 700 Td <%s> Tj ET" % codes)
    return document([page], font, {4: descendant, 5: descriptor})


# DOCX: a zip of XML

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
WORD_STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"


def docx(document_xml, name="word/document.xml", others=()):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("[Content_Types].xml"), "<Types/>")
        for other, data in others:
            archive.writestr(zipfile.ZipInfo(other), data)
        member = zipfile.ZipInfo(name)
        member.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(member, document_xml)
    return out.getvalue()


def word_xml(body, namespace=WORD):
    return (f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
            f'<w:document xmlns:w="{namespace}"><w:body>{body}</w:body></w:document>')


def good_docx(namespace=WORD):
    def cell(text):
        return f"<w:tc><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>"

    return docx(word_xml(
        '<w:p><w:pPr><w:pStyle w:val="Heading1"/><w:tabs><w:tab w:val="left" w:pos="720"/>'
        "</w:tabs></w:pPr><w:r><w:t>Caf\u00e9 \u00c9toile</w:t></w:r></w:p>"
        '<w:p><w:r><w:t xml:space="preserve">C\u00e9line </w:t></w:r><w:r><w:t>Marchetti</w:t>'
        "</w:r><w:r><w:tab/><w:t>owner</w:t><w:br/><w:t>since 2009</w:t></w:r></w:p>"
        "<w:p><w:del><w:r><w:delText>sold it</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>kept it</w:t></w:r></w:ins></w:p>"
        "<w:tbl><w:tr>" + cell("name") + cell("role") + "</w:tr>"
        "<w:tr>" + cell("Jos\u00e9") + cell("cook") + "</w:tr></w:tbl>"
        '<w:p><w:r><w:t>5 &lt; 6 &amp; 7</w:t></w:r></w:p>', namespace))


def bomb_docx(megabytes=80):
    run = "<w:p><w:r><w:t>All work and no play makes Jack a dull boy.</w:t></w:r></w:p>"
    return docx(word_xml(run * (megabytes * 2**20 // len(run) + 1)))


def doctype_docx():
    """The billion laughs."""
    entities = "".join(
        f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    return docx(f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY e0 "ha">{entities}]>'
                f'<w:document xmlns:w="{WORD}"><w:body><w:p><w:r><w:t>&e9;</w:t></w:r></w:p>'
                f"</w:body></w:document>")


def deep_docx(depth=5000):
    return docx(word_xml("<w:sdt>" * depth + "</w:sdt>" * depth))


# DOC: an OLE2 container, of which readers want one stream


def ole2(name, content):
    """A compound file with one stream, of at least 4096 bytes (below that it would belong in the
    "mini stream", which needs tables of its own)."""
    assert len(content) >= 4096
    end, free, in_fat, none = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD, 0xFFFFFFFF
    sectors = -(-len(content) // 512)
    content = content.ljust(sectors * 512, b"\0")
    assert sectors + 2 <= 128

    def entry(title, kind, child, start, size):
        encoded = (title + "\0").encode("utf-16-le") if title else b""
        return struct.pack("<64sHBBIII16sIQQIII", encoded, len(encoded), kind, 1, none, none,
                           child, bytes(16), 0, 0, 0, start, size, 0)

    header = struct.pack(
        "<8s16sHHHHH6xIIIIIIIIII", bytes.fromhex("d0cf11e0a1b11ae1"), bytes(16), 0x3E, 3, 0xFFFE,
        9, 6, 0, 1, 1, 0, 4096, end, 0, end, 0, 0)
    header = header.ljust(512, b"\xff")
    chain = [in_fat, end] + [2 + n + 1 for n in range(sectors - 1)] + [end]
    fat = struct.pack("<128I", *(chain + [free] * (128 - len(chain))))
    directory = (entry("Root Entry", 5, 1, end, 0) + entry(name, 2, none, 2, len(content))
                 + entry("", 0, none, 0, 0) * 2)
    return header + fat + directory + content


def legacy_doc(flags=0x0200):
    """Word 97, as far as catdoc reads it: a header that says where the text is, and the text."""
    text = "Dana Whitlock runs the workshop.\rArturo Benitez supplies it.\r"
    start = 2048
    header = bytearray(start)
    struct.pack_into("<HHHHHH", header, 0, 0xA5EC, 0x00C1, 0, 0x0409, 0, flags)
    struct.pack_into("<II", header, 0x18, start, start + len(text))
    return ole2("WordDocument", (bytes(header) + text.encode("cp1252")).ljust(4096, b"\0"))


def write_all(directory):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    text = text_pdf()
    long_text = text_pdf([PAGES[1]] * 40)
    files = {
        "text.pdf": text,
        "owner-locked.pdf": encrypted(text, directory, "", "--extract=n", "--print=none"),
        "encrypted.pdf": encrypted(text, directory, "secret"),
        "truncated.pdf": long_text[: len(long_text) // 3],
        "empty.pdf": b"",
        "image-only.pdf": image_pdf(),
        "bomb.pdf": bomb_pdf(),
        "endless.pdf": endless_pdf(),
        "noise.pdf": random.Random(1).randbytes(100_000),
        "html.pdf": b"<!DOCTYPE html><title>Sign in</title><p>Please sign in to download.</p>\n",
        "many-links.pdf": many_links_pdf(),
        "loop.pdf": loop_pdf(),
        "cjk.pdf": cjk_pdf(),
        "good.docx": good_docx(),
        "strict.docx": good_docx(WORD_STRICT),
        "encrypted.docx": ole2("EncryptedPackage", random.Random(2).randbytes(8192)),
        "bomb.docx": bomb_docx(),
        "broken.docx": docx(word_xml("<w:p><w:r><w:t>never closed")),
        "no-document.docx": docx("<workbook/>", "xl/workbook.xml"),
        "doctype.docx": doctype_docx(),
        "deep.docx": deep_docx(),
        "truncated.docx": good_docx()[:400],
        "legacy.doc": legacy_doc(),
        "encrypted.doc": legacy_doc(flags=0x0300),
        "rtf.doc": b"{\\rtf1\\ansi Dana Whitlock runs the workshop.\\par}\n",
    }
    paths = {}
    for name, data in files.items():
        paths[name] = directory / name
        paths[name].write_bytes(data)
    return paths


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_pdfs.py DIR")
    for file_name, file_path in write_all(sys.argv[1]).items():
        print(f"{file_path.stat().st_size:>9}  {file_name}")
