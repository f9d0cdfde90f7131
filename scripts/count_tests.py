#!/usr/bin/python3
"""How many tests passed and failed, as "PASSED FAILED", from a JUnit file.

    count_tests.py ctest FILE     each testcase is a cmocka program with many tests of its own
    count_tests.py pytest FILE    each testcase is a test

What is wrong without a test to blame (a program that crashes, ends early or has no tests; a missing
file) counts as one failed test.
"""

import re
import sys
import xml.etree.ElementTree

OK = re.compile(r"^\[       OK \] ", re.MULTILINE)
SKIPPED = re.compile(r"^\[  SKIPPED \] (\w+)$", re.MULTILINE)
RUN = re.compile(r"^\[ RUN      \] ", re.MULTILINE)
GROUP = re.compile(r"^\[==========\] .*?Running (\d+) test", re.MULTILINE)


def count_cmocka(testcase):
    """(passed, failed) of one program, from what it printed. Every test announced that did not
    report OK has failed, whatever kept it from it, unless it said itself that it cannot run here."""
    output = testcase.findtext("system-out") or ""
    passed = len(OK.findall(output))
    announced = sum(int(number) for number in GROUP.findall(output))
    skipped = set(SKIPPED.findall(output))
    for name in sorted(skipped):
        print(f"SKIPPED {testcase.get('name')}: {name}", file=sys.stderr)
    failed = max(announced, len(RUN.findall(output))) - passed - len(skipped)
    if testcase.get("status") != "run" or passed == 0:
        failed = max(failed, 1)
    return passed, max(failed, 0)


def count_pytest(testcase):
    bad = any(testcase.find(kind) is not None for kind in ("failure", "error"))
    if testcase.find("skipped") is not None and not bad:
        return 0, 0
    return int(not bad), int(bad)


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("ctest", "pytest"):
        sys.exit(__doc__)
    count = count_cmocka if sys.argv[1] == "ctest" else count_pytest
    try:
        tree = xml.etree.ElementTree.parse(sys.argv[2])
        results = [count(testcase) for testcase in tree.iter("testcase")]
    except (OSError, xml.etree.ElementTree.ParseError) as problem:
        print(f"count_tests.py: {problem}", file=sys.stderr)
        results = []
    passed, failed = (sum(numbers) for numbers in zip(*results)) if results else (0, 0)
    print(passed, failed if passed + failed else 1)


if __name__ == "__main__":
    main()
