"""Saving to PostgreSQL and reading from it; a cluster of its own, which syncs as usual."""

import contextlib
import pathlib
import re
import shutil
import subprocess
import tempfile

from measure import BINARY, ROOT, Row

CLUSTER = ROOT / "scripts" / "pg-cluster"
PGBENCH_SECONDS = 8
CLIENTS = 20


@contextlib.contextmanager
def database():
    """(URL, the file that is its log)"""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="personad-bench-"))
    try:
        url = subprocess.run([CLUSTER, "start", folder], check=True, capture_output=True,
                             text=True).stdout.strip()
        subprocess.run([BINARY, "--init-db"], check=True, capture_output=True,
                       env={"DATABASE_URL": url})
        yield url, folder / "log"
    finally:
        subprocess.run([CLUSTER, "stop", "--immediate", folder], capture_output=True)
        shutil.rmtree(folder)


def psql(url, statement):
    subprocess.run(["psql", "--quiet", "--set=ON_ERROR_STOP=1", "--command", statement, url],
                   check=True, stdout=subprocess.DEVNULL)


def figures(url):
    done = subprocess.run([BINARY.parent / "bench-store", url], check=True, capture_output=True,
                          text=True)
    return {name: float(value) for name, value in map(str.split, done.stdout.splitlines())}


def logged_save(url, log):
    """(the statement as it is, its parameters), by the server's own log of one run."""
    psql(url, "ALTER DATABASE personad SET log_statement = 'all'")
    figures_run = subprocess.Popen([BINARY.parent / "bench-store", url], stdout=subprocess.DEVNULL)
    found = None
    while not found and figures_run.poll() is None:
        found = re.search(r"execute scenario_save: (WITH .*)\n.*?DETAIL:  parameters: (.*)\n",
                          log.read_text(errors="replace"))
    figures_run.kill()
    figures_run.wait()
    psql(url, "ALTER DATABASE personad RESET log_statement")
    assert found, "the server's log has no save"
    statement, parameters = found.groups()
    return statement, dict(re.findall(r"\$(\d+) = (NULL|'(?:[^']|'')*')", parameters))


def pgbench(url, log):
    """Transactions a second of the same statement, from as many clients as the pool has."""
    statement, values = logged_save(url, log)
    statement = statement.replace(":MI:SS", "' || chr(58) || 'MI' || chr(58) || 'SS")  # no variables
    values["1"] = "'SC-' || (:number)::text"
    named = {}
    for number in sorted(values, key=int, reverse=True):
        value = values[number]
        if number != "1" and value != "NULL":
            named[f"value{number}"] = value[1:-1].replace("''", "'")
            value = f":value{number}"
        statement = statement.replace(f"${number}", f"({value})")
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(f"\\set number random(1, 1000000000000000000)\n{statement};\n")
        script.flush()
        done = subprocess.run(
            ["pgbench", "--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}",
             f"--time={PGBENCH_SECONDS}", *(f"--define={k}={v}" for k, v in named.items()),
             f"--file={script.name}", url],
            capture_output=True, text=True,
            env={"PATH": "/usr/lib/postgresql/15/bin:/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr[-1000:]
    return float(re.search(r"tps = ([0-9.]+)", done.stdout)[1])


def store():
    with database() as (url, log):
        found = figures(url)
        theirs = pgbench(url, log)
    save, rows, prepared, insert = (found[f"{name}_us"]
                                    for name in ("save", "rows", "prepared", "insert"))
    listed, by_row = found["list_us"], found["list_rows_us"]
    together = found["together_per_s"]
    return [
        Row("a save: 1 scenario, 8 personas, 4 scenes, 16 links, 3 files; one by one in one "
            "transaction, as the old service sends them",
            f"{save / 1e3:.2f} ms; {rows / 1e3:.2f} ms; ratio {rows / save:.1f} "
            f"(as prepared statements {prepared / 1e3:.2f} ms; ratio {prepared / save:.1f})",
            "ratio >= 3.5", rows / save >= 3.5),
        Row("the same against one row and its commit",
            f"{insert / 1e3:.2f} ms; ratio {save / insert:.2f}", "ratio <= 4", save / insert <= 4),
        Row("50 scenarios of a user, with all that is in them; one query for each list",
            f"{listed / 1e3:.2f} ms; {by_row / 1e3:.2f} ms; ratio {by_row / listed:.1f}",
            "ratio >= 5", by_row / listed >= 5),
        Row("200 saves at a time over 20 connections, 4,000 in all; pgbench with 20 clients",
            f"{together:.0f}/s, none failed; {theirs:.0f}/s; ratio {together / theirs:.2f}",
            "ratio >= 0.8", together / theirs >= 0.8),
    ]
