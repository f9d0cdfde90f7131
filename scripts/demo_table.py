#!/usr/bin/python3
"""Prints the answer to an upload for people to read.

    curl -F file=@case.pdf http://127.0.0.1:8000/api/parse-pdf/ | scripts/demo_table.py
    scripts/demo_table.py --headers FILE <answer.json      also says what the headers tell,
                          --stages                         and how long each stage took

As wide as the terminal; 80 columns where there is none.
"""

import argparse
import json
import os
import re
import sys
import unicodedata

WIDTH_MIN = 50  # below that a table of three columns cannot be read
WIDTH_MAX = 120  # beyond that lines are too long for the eye
GAP = "  "
BAR_WIDTH = 40


def clean(value):
    """One line of text without anything a terminal would obey."""
    text = "".join(c if c.isprintable() else " " for c in str(value or ""))
    return " ".join(text.split())


def columns(text):
    """How many columns of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    marks = sum(unicodedata.category(c) in ("Mn", "Me", "Cf") for c in text)
    return len(text) + wide - marks


def pieces(word, width):
    """A word, cut where it is wider than a line."""
    piece = ""
    for character in word:
        if piece and columns(piece + character) > width:
            yield piece
            piece = ""
        piece += character
    yield piece


def wrap(text, width):
    """The lines of a text in `width` columns; one empty line for an empty text."""
    lines = [""]
    for word in clean(text).split(" "):
        for piece in pieces(word, width):
            longer = lines[-1] + " " + piece if lines[-1] else piece
            if columns(longer) <= width:
                lines[-1] = longer
            else:
                lines.append(piece)
    return lines


def pad(text, width):
    return text + " " * (width - columns(text))


def print_paragraph(text, width, first="", rest=None):
    """`first` stands before the first line, `rest` (as many spaces) before the others."""
    if rest is None:
        rest = " " * columns(first)
    for number, line in enumerate(wrap(text, width - columns(first))):
        print((rest if number else first) + line)


def print_table(head, rows, width):
    """Columns as wide as their texts, but for the last, which takes what is left; the others get
    at most a quarter of the width each."""
    widths = []
    for column in range(len(head) - 1):
        widest = max(columns(clean(row[column])) for row in [head] + rows)
        widths.append(min(widest, width // 4))
    widths.append(width - sum(widths) - len(GAP) * len(widths))
    print(GAP.join(pad(title, n) for title, n in zip(head, widths)).rstrip())
    print(GAP.join("-" * n for n in widths))
    for number, row in enumerate(rows):
        if number:
            print()
        cells = [wrap(text, n) for text, n in zip(row, widths)]
        for line in range(max(len(cell) for cell in cells)):
            parts = [cell[line] if line < len(cell) else "" for cell in cells]
            print(GAP.join(pad(part, n) for part, n in zip(parts, widths)).rstrip())


def print_heading(text):
    print("\n" + text.upper() + "\n")


def print_result(result, width):
    print_paragraph(result.get("title"), width)
    print_paragraph(result.get("student_role"), width, "The student plays: ")

    personas = result.get("key_figures") or []
    print_heading("Personas")
    if personas:
        rows = []
        for persona in personas:
            why = persona.get("correlation") or persona.get("background")
            rows.append((persona.get("name"), persona.get("role"), why))
        print_table(("Name", "Role", "Why they matter"), rows, width)
    else:
        print("None were found.")

    print_heading("Scenes")
    for scene in result.get("scenes") or []:
        print_paragraph(scene.get("title"), width, f"{scene.get('sequence_order')}. ")
        print_paragraph(", ".join(scene.get("personas_involved") or []), width, "   with ")
        if scene.get("image_url"):
            print("   " + clean(scene["image_url"]))  # in one piece, to be clicked on

    print_heading("Learning outcomes")
    for outcome in result.get("learning_outcomes") or []:
        print_paragraph(outcome, width, "", "   ")


def print_degradation(parts, warnings, width):
    print()
    print_paragraph(
        f"Degraded ({parts}): these parts are second best. The server says why:", width
    )
    for warning in warnings:
        print_paragraph(warning, width, "- ")


def print_costs(headers):
    """Nothing where no service was asked."""
    if headers.get("x-ai-tokens"):
        cost = headers.get("x-ai-cost-usd")
        known = f"{cost} US dollars" if cost else "the cost is not known: see MODEL_PRICES"
        print(f"\nUsed: {headers['x-ai-tokens']} tokens; {known}.")


def print_stages(timing):
    """Server-Timing as bars. Waiting at gates is left out: it is a part of the other stages."""
    stages = re.findall(r"([\w-]+);dur=([0-9.]+)", timing)
    stages = [(name, float(ms)) for name, ms in stages if name not in ("total", "queue")]
    longest = max((ms for _, ms in stages), default=0) or 1
    print()
    for name, ms in stages:
        bar = "#" * round(ms / longest * BAR_WIDTH)
        print(f"  {name:<8} {ms:>8.0f} ms  {bar}".rstrip())


def read_headers(path):
    """Header fields by name in lower case; of several blocks (100 Continue) the last wins."""
    headers = {}
    with open(path, encoding="latin-1") as file:
        for line in file:
            name, colon, value = line.partition(":")
            if colon:
                headers[name.strip().lower()] = clean(value)
    return headers


def output_width():
    try:
        found = os.get_terminal_size(sys.stdout.fileno()).columns
    except OSError:
        return 80
    return min(max(found, WIDTH_MIN), WIDTH_MAX) if found else 80


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--headers", metavar="FILE", help="as written by curl --dump-header")
    parser.add_argument("--stages", action="store_true", help="with --headers: a bar for each")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(errors="replace")
    width = output_width()
    try:
        body = json.load(sys.stdin)
        result = body["ai_result"]
    except (ValueError, LookupError, TypeError):
        sys.exit("demo_table.py: that is not the answer to an upload")
    print_result(result, width)
    if arguments.headers:
        headers = read_headers(arguments.headers)
        print(f"\nThe server took {headers.get('x-process-time', '?')} seconds.")
        if arguments.stages:
            print_stages(headers.get("server-timing", ""))
        print_costs(headers)
        if headers.get("x-degraded"):
            print_degradation(headers["x-degraded"], body.get("warnings") or [], width)


if __name__ == "__main__":
    main()
