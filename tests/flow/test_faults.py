"""Every fault of every service, against the server itself: each request gets the answer that it is
promised, no call is made that should not be, and nothing is left behind.

The table is fault_table.py. Each of its rows is met in two phases, on servers of their own:

    passing    the fault befalls a few calls and is gone: nobody notices, or only those concerned
    lasting    it befalls all calls until it is taken away, and then all is well again

and with PDF_PARSER=llamaparse, where no other reader helps, in a third, `strict`: lasting again.

All of it runs at once before the first test looks at what came of it, as waiting is most of it.
FAULT_REQUESTS is how many requests each row gets (both phases together, and the strict one): few
here, a hundred in scripts/soak.
"""

import asyncio
import dataclasses
import hashlib
import os
import time

import pytest
from case_reply import check_result, degraded_parts
from fault_table import CHAT, LATE, PARSE, PICTURES, Row
from pairs import pair, pdf_file, text_file, until, word_file
from wire import request_bytes

REQUESTS = int(os.environ.get("FAULT_REQUESTS", 16))
# Lanes are servers, each with rows one after the other. Slow ones only wait.
LANES_TOGETHER = {True: 64, False: 8}
ROWS_OF_A_LANE = {True: 6, False: 30}
TOGETHER = 16  # requests
SIZE_MIN = 8   # of a case

# Each call takes a moment, so that several are under way at once.
LATENCIES = {"upload_ms": 15, "parse_ms": 15, "analysis_ms": 15, "scenes_ms": 15, "image_ms": 15}
LONG = {"parse_ms": 400, "analysis_ms": 400, "image_ms": 400}

OFFLINE = {"analysis", "scenes", "images"}
BREAKER_FAILURES = 5


@dataclasses.dataclass(frozen=True)
class Group:
    """What rows about one call have in common."""
    part: str          # degraded where the call fails
    gate: str
    limit: int         # of calls at once
    tries: int         # of a call, those that are free aside
    settings: dict
    slow: dict         # more of them, where a deadline has to come soon
    usual: frozenset = frozenset()  # what is degraded anyway
    may: frozenset = frozenset()    # what may be degraded too, as it shares the breaker
    calls_each: int = 1             # of a request
    keys: dict = dataclasses.field(default_factory=dict)
    service: str = ""               # the simulator's; the group's own name
    call: str = ""                  # of a chat

    def make(self, mark):
        if self.part != "parse":
            return text_file(mark)
        return pdf_file(mark) if mark.endswith("0") else word_file(mark)


PARSE_SETTINGS = {"MAX_CONCURRENT_LLAMAPARSE": 4}
CHAT_SETTINGS = {"MAX_CONCURRENT_OPENAI": 3, "IMAGES": "off", "SCENE_COUNT": 2}
SLOW_CHAT = {"ANALYSIS_TIMEOUT": 2, "SCENES_TIMEOUT": 2}


def parse_group(tries):
    return Group("parse", "llamaparse", 4, tries, PARSE_SETTINGS, {"FILE_PROCESSING_TIMEOUT": 8},
                 usual=frozenset(OFFLINE), keys={"openai": False})


def chat_group(call):
    return Group(call, "openai", 3, 3, CHAT_SETTINGS, SLOW_CHAT,
                 may=frozenset({"analysis", "scenes"}), keys={"llamaparse": False}, service="chat",
                 call=call)


def picture_group(tries):
    settings = {"MAX_CONCURRENT_IMAGES": 4, "SCENE_COUNT": 2,
                "MAX_CONCURRENT_OPENAI": 8, "IMAGE_MODEL": "gpt-image-2,gpt-image-2-mini"}
    return Group("images", "images", 4, tries, settings, {"IMAGE_TIMEOUT": 2}, calls_each=2, keys={"llamaparse": False})


GROUPS = {
    "upload": parse_group(3),
    "status": parse_group(1),
    "result": parse_group(4),
    "job": parse_group(3),
    "analysis": chat_group("analysis"),
    "scenes": chat_group("scenes"),
    "images": picture_group(2),
    "download": picture_group(2),
}


@dataclasses.dataclass(frozen=True)
class Case:
    row: Row
    phase: str

    def __str__(self):
        return f"{self.row}-{self.phase}"

    @property
    def group(self):
        return GROUPS[self.row.service]

    @property
    def size(self):
        """How many requests it gets."""
        parts = {"passing": 0.7, "lasting": 0.3, "strict": 1.0}
        if self.group.part != "parse":
            parts = {"passing": 0.5, "lasting": 0.5}
        size = max(int(REQUESTS * parts[self.phase] * self.row.share), SIZE_MIN)
        # When time is up they all are read here at once, in what is left of it.
        alone = self.phase == "lasting" and self.group.part == "parse" and self.row.slow
        return SIZE_MIN if alone else size

    @property
    def times(self):
        """How many calls a passing fault befalls: not more than one call can overcome, as it may
        happen to meet them all."""
        kind, times = self.row.kind, self.row.times
        retried = kind.overcome and kind.more > 0
        return min(times, max(self.group.tries - 1, 1)) if retried else times

    @property
    def lane(self):
        """Which cases may share a server."""
        new_version = self.row.last and self.group.part == "parse"
        return (self.row.service, self.phase, self.row.slow, new_version)


def all_cases():
    for row in (*PARSE, *CHAT, *PICTURES):
        for phase in ("passing", "lasting", "strict"):
            wanted = {"passing": row.times > 0, "lasting": row.stays,
                      "strict": row.stays and GROUPS[row.service].part == "parse"}
            if wanted[phase]:
                yield Case(row, phase)


CASES = {str(case): case for case in all_cases()}
assert len(CASES) == len(list(all_cases())), "two cases have the same name"


# What is seen


def parts_of(case, reply):
    """What is degraded because of the fault."""
    if case.group.part != "images" and reply.status == 200:
        assert degraded_parts(reply) >= case.group.usual
    return degraded_parts(reply) - case.group.usual


async def check_reply(case, both, reply, number):
    """It is one of the promised ones, and well-formed; True: the fault was felt."""
    assert reply["X-Request-ID"] == f"case-{number}"
    if reply.status == 200:
        result = check_result(reply)
        urls = [scene["image_url"] for scene in result["scenes"]]
        if case.group.part == "images":
            assert ("images" in degraded_parts(reply)) == (not all(urls))
        for url in [url for url in urls if url][:1]:
            path = url.removeprefix("http://localhost")
            picture = await both.get(path)
            assert (picture.status, picture["Content-Type"][:6]) == (200, "image/")
        parts = parts_of(case, reply)
        assert not parts or case.group.part in parts | case.group.may, parts
        assert parts <= {case.group.part} | case.group.may
        return case.group.part in parts
    assert case.phase == "strict", (reply.status, reply.body)
    assert reply.status in case.row.statuses, (reply.status, reply.body)
    assert reply.detail.startswith("Failed to parse PDF: "), reply.detail
    assert reply.status != 503 or int(reply["Retry-After"]) >= 1
    return True


async def check_replies(case, both, replies):
    """How many of them felt the fault."""
    assert len(replies) == case.size
    return sum([await check_reply(case, both, reply, i) for i, reply in enumerate(replies)])


def calls_of(case, stats):
    group = case.group
    if group.call:
        return stats["chat"]["calls"].get(group.call, 0)
    service = "upload" if case.row.service == "job" else group.service or case.row.service
    return stats["services"][service]["calls"]


def check_calls(case, stats):
    """What holds of all calls, whatever becomes of them."""
    group = case.group
    vendor = stats["vendors"][group.gate]
    assert vendor["most_in_flight"] <= group.limit * (2 if case.row.broken_off else 1)
    assert stats["unknown_paths"] == 0
    if group.part == "parse":
        # A job whose upload's answer was lost, or whose polls fail for good, is not known to run.
        if case.row.kind.survived or case.row.service == "result":
            assert stats["jobs"]["most_running"] <= group.limit
        check_uploads(case, stats)
        return
    tries = {}
    for request_id, services in stats["request_ids"].items():
        assert sum(services.values()) == 1, f"{request_id} was sent {services} times"
        call, _, _ = request_id.rpartition(":")  # request:call:number
        tries[call] = tries.get(call, 0) + 1
    adapted = 0 if case.row.kind.budgeted and not case.row.kind.survived else 3
    assert max(tries.values()) <= (group.tries + adapted) * group.calls_each


def check_uploads(case, stats):
    """Each is whole, and none comes more often than it may."""
    again = 2 if case.row.fault == "expired" else 1
    seen = {}
    for upload in stats["uploads"]["last"]:
        seen[upload["sha256"]] = seen.get(upload["sha256"], 0) + 1
        assert upload["bytes"] > 0
    known = {hashlib.sha256(case.group.make(f"case-{i}").data).hexdigest()
             for i in range(case.size)}
    assert set(seen) <= known, "an upload came in that is none of our files"
    assert max(seen.values(), default=0) <= (GROUPS["upload"].tries + 1) * again


async def set_faults(case, both, times):
    await both.reset()
    options = dict(case.row.options)
    if case.group.call:
        options["call"] = case.group.call
    service = case.group.service or case.row.service
    await both.fault(service, case.row.fault, times=times, **options)
    for other, name in case.row.first:
        await both.fault(other, name)


async def warm_up(case, both):
    """What the models refuse is learned with the first requests, and connections are made."""
    for number in range(3):
        reply = await both.post(case.group.make(f"first-{number}"))
        assert reply.status == 200 and not parts_of(case, reply), reply.body


async def is_well_again(case, both):
    """All is as if there had never been a fault."""
    if not case.row.kind.heals:
        return

    async def is_clean():
        reply = await both.post(case.group.make("again"))
        if reply.status != 200 or parts_of(case, reply):
            return False
        return (await both.checks())[case.group.gate]["breaker"] == "closed"

    await until(is_clean, "an answer without faults, and a closed breaker")
    await both.idle()


# The phases


async def pass_by(case, both):
    kind, group = case.row.kind, case.group
    await set_faults(case, both, case.times)
    replies = await both.burst(case.size, group.make, TOGETHER)
    stats = await both.stats()
    felt = await check_replies(case, both, replies)
    taken = stats["faults"][0]["taken"]
    calls = calls_of(case, stats)
    units = case.size * group.calls_each
    check_calls(case, stats)
    if kind.survived:
        assert felt == 0
    else:
        # Who waits long enough leaves no calls for the fault to befall.
        assert taken == case.times or kind is LATE and taken > 0, "it was not met so often"
        if kind.overcome:
            assert felt == 0
        elif kind.fatal or not kind.heals or kind is LATE:  # others wait for those concerned
            assert felt >= 1
        else:
            assert 1 <= felt <= taken
            assert group.calls_each > 1 or felt == taken
    if case.row.service in ("status", "job") and case.row.fault != "expired":
        pass  # as many polls as it takes
    elif kind.fatal or not kind.heals or kind is LATE:
        assert calls <= units
    else:
        assert calls == units + kind.more * taken
    await both.reset()
    await is_well_again(case, both)


def opened(case, both):
    return len(both.log_lines("breaker", f"service={case.group.gate}", "state=open"))


async def last(case, both):
    kind, group = case.row.kind, case.group
    await set_faults(case, both, -1)
    opened_before = opened(case, both)
    # Who waits for a deadline anyway does so with all others.
    together = case.size if case.row.slow else TOGETHER
    replies = await both.burst(case.size, group.make, together)
    stats = await both.stats()
    felt = await check_replies(case, both, replies)
    check_calls(case, stats)
    assert felt == (0 if kind.survived else case.size)
    opens = opened(case, both) - opened_before
    if case.row.service not in ("status", "job") and kind.heals:
        check_lasting_calls(case, calls_of(case, stats), opens)
    await both.reset()
    await is_well_again(case, both)


def check_lasting_calls(case, calls, opens):
    kind, group = case.row.kind, case.group
    units = case.size * group.calls_each
    if kind.breaker == "closed":
        assert opens == 0
        if kind is LATE:
            assert calls <= units
        elif kind.survived:
            assert units <= calls <= 2 * units + 2 * TOGETHER
        elif kind.more == 0:
            assert calls == units
        else:
            assert units <= calls <= units * (group.tries if kind.budgeted else 4)
        return
    assert opens >= 1, "the breaker never opened"
    failures = 1 if kind.fatal else 2 * BREAKER_FAILURES
    assert calls <= (opens + 1) * (failures + group.limit)


PHASES = {"passing": pass_by, "lasting": last, "strict": last}


# All of it


def settings_of(case):
    group = case.group
    settings = {
        **group.settings,
        "BREAKER_FAILURES": BREAKER_FAILURES,
        "BREAKER_OPEN": "0.2",
        "BREAKER_OPEN_FATAL": "0.2",
        "REQUEST_TIMEOUT": 40,
        "MAX_CONCURRENT_EXTRACT": 2,
        "QUEUE_LIMIT": 1000,
    }
    if case.row.slow:
        settings |= group.slow
    if case.phase != "passing":
        settings |= {"BREAKER_SHARE": 10}  # other calls at the same gate go well
    if case.phase == "strict":
        settings |= {"PDF_PARSER": "llamaparse"}
    if case.phase == "lasting" and group.part == "parse" and not case.row.last:
        settings |= {"LLAMAPARSE_API_VERSION": 2}  # the others speak version 1
    return settings


def check_retries(both, seconds):
    """In ten seconds no more than ten calls are tried again, or a fifth of all."""
    lines = both.log_lines("upstream_call")
    first = sum("try=1 " in line and "call=poll" not in line for line in lines)
    again = sum("decision=retry" in line for line in lines)
    assert again <= 10 * (1 + seconds / 10) + 0.4 * first


async def check_limit(case, both):
    """All places are taken where there is enough to do, so that the other checks of the limit mean
    something; and no more than these."""
    await both.reset()
    await both.options(**LONG)
    await both.burst(2 * case.group.limit, case.group.make)
    await both.options(**LATENCIES)
    stats = await both.stats()
    most = stats["vendors"][case.group.gate]["most_in_flight"]
    if case.group.part == "parse":  # most of its time a job is no call
        most = stats["jobs"]["most_running"]
    assert most == case.group.limit


async def run_lane(cases, outcomes, places):
    """One server and one simulator, for one case after another."""
    group = cases[0].group
    async with places:
        async with pair(**group.keys, **settings_of(cases[0])) as both:
            await warm_up(cases[0], both)
            await check_limit(cases[0], both)
            before = both.descriptors()
            began = time.monotonic()
            for case in cases:
                try:
                    async with asyncio.timeout(240):
                        await PHASES[case.phase](case, both)
                    outcomes[str(case)] = None
                except Exception as error:
                    outcomes[str(case)] = error
                    await both.reset()
                    await is_well_again(case, both)
            check_retries(both, time.monotonic() - began)
            # Connections to a service are kept for a while, one for each place and a few more.
            assert both.descriptors() <= before + 2 * group.limit + 8


def lanes_of(cases):
    """Lists of cases that share a server. What the server remembers is the end of one."""
    lanes = {}
    for case in cases:
        lanes.setdefault(case.lane, []).append(case)
    for lane in lanes.values():
        usual = [case for case in lane if not case.row.last]
        ends = [case for case in lane if case.row.last]
        length = ROWS_OF_A_LANE[lane[0].row.slow]
        for start in range(0, max(len(usual), 1), length):
            yield usual[start:start + length] + ([ends.pop()] if ends else [])
        yield from ([case] for case in ends)


async def run_all(cases):
    outcomes = {}
    places = {slow: asyncio.Semaphore(number) for slow, number in LANES_TOGETHER.items()}
    lanes = [lane for lane in lanes_of(cases) if lane]
    ends = await asyncio.gather(
        *(run_lane(lane, outcomes, places[lane[0].row.slow]) for lane in lanes),
        return_exceptions=True)
    for lane, end in zip(lanes, ends):
        outcomes[str(lane[0]) + ".."] = end
    return outcomes


@pytest.fixture(scope="module")
def outcomes(request):
    """What came of all cases that this run looks at: None, or what was wrong."""
    wanted = [item.callspec.params["name"] for item in request.session.items
              if "name" in getattr(getattr(item, "callspec", None), "params", {})
              and item.module is request.module]
    return asyncio.run(run_all([CASES[name] for name in wanted]))


@pytest.mark.parametrize("name", CASES)
def test_fault(outcomes, name):
    if name not in outcomes:
        pytest.fail("its server was gone before its turn came")
    if outcomes[name]:
        raise outcomes[name]


def test_all_servers_ended_well(outcomes):
    ends = [f"{name}: {end!r}" for name, end in outcomes.items() if name.endswith("..") and end]
    assert not ends, "\n".join(ends)
