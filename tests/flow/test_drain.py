"""The end of the server while services are at work for it: what has begun is finished, unless it is
told twice; what nobody waits for holds nothing up."""

import asyncio
import signal

import pytest
from pairs import pair, read_reply, sent, text_file, word_file

FOR_EVER_MS = 600_000
STAGE_MS = 700
SECONDS_TO_END = 20  # far less than what anything below would take that is waited for

# Stage: the service that is busy, and of whom.
STAGES = {
    "upload": ("upload", {}),
    "job": ("job", {}),
    "result": ("result", {}),
    "analysis": ("chat", {"call": "analysis"}),
    "scenes": ("chat", {"call": "scenes"}),
    "images": ("images", {}),
}


def is_parse(stage):
    return STAGES[stage][0] in ("upload", "job", "result")


def stage_pair(stage, **settings):
    parse = is_parse(stage)
    return pair(llamaparse=parse, openai=not parse, stop=False, **settings)


async def begin(both, stage, milliseconds):
    """Gets ready for a request that will be at this stage for so long."""
    make = word_file if is_parse(stage) else text_file
    assert (await both.post(make("first"))).status == 200
    await both.idle()
    await both.reset()
    service, more = STAGES[stage]
    if service == "job":
        await both.options(parse_ms=milliseconds)
    else:
        await both.fault(service, "latency", ms=milliseconds, **more)
    return both.post_bytes(make(stage))


async def reached(both, stage):
    if stage == "job":
        await both.seen(lambda stats: stats["jobs"]["running"] == 1, "the job runs")
    else:
        service, _ = STAGES[stage]
        await both.seen(lambda stats: stats["services"][service]["in_flight"] > 0, "the call")


async def ended(both):
    async with asyncio.timeout(SECONDS_TO_END):
        return await asyncio.to_thread(both.server.wait)


async def heard(both, word):
    async with asyncio.timeout(SECONDS_TO_END):
        while not both.log_lines(word):
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("stage", STAGES)
def test_what_has_begun_is_finished(stage):
    async def run():
        async with stage_pair(stage) as both:
            data = await begin(both, stage, STAGE_MS)
            async with sent(both.server.port, data) as (reader, _):
                await reached(both, stage)
                both.server.signal(signal.SIGTERM)
                reply = await read_reply(reader)
            assert reply.status == 200
            assert reply["X-Degraded"] == ("analysis, scenes, images" if is_parse(stage) else None)
            assert await ended(both) == 0
            both.server.check_end()

    asyncio.run(run())


@pytest.mark.parametrize("stage", STAGES)
def test_a_second_signal_breaks_it_off(stage):
    async def run():
        async with stage_pair(stage) as both:
            data = await begin(both, stage, FOR_EVER_MS)
            async with sent(both.server.port, data) as (reader, _):
                await reached(both, stage)
                both.server.signal(signal.SIGTERM)
                await heard(both, "draining")
                both.server.signal(signal.SIGTERM)
                reply = await read_reply(reader)
                assert (reply.status, reply.json()["code"]) == (503, "draining")
                assert await ended(both) == 1
            both.server.check_end()
            service, _ = STAGES[stage]
            if stage != "job":
                await both.seen(lambda stats: stats["services"][service]["in_flight"] == 0
                                and stats["services"][service]["abandoned"] > 0, "broken off")

    asyncio.run(run())


# One job may have been polled twice before another was once, but not that often.
POLLS_EACH = 4


@pytest.mark.parametrize("jobs", [1, 5])
def test_jobs_that_nobody_waits_for_hold_nothing_up(jobs):
    async def run():
        async with pair(openai=False, stop=False, MAX_CONCURRENT_LLAMAPARSE=jobs) as both:
            await both.fault("job", "never")
            async with asyncio.timeout(SECONDS_TO_END):
                clients = [sent(both.server.port, both.post_bytes(word_file(f"leaves-{i}")))
                           for i in range(jobs)]
                for client in clients:
                    await client.__aenter__()
                await both.seen(lambda stats: stats["jobs"]["running"] == jobs
                                and stats["services"]["status"]["calls"] >= POLLS_EACH * jobs,
                                "the jobs run, and the server knows")
                for client in clients:
                    await client.__aexit__(None, None, None)
                while (await both.checks())["queue"]["working"] > 0:
                    await asyncio.sleep(0.005)
            assert (await both.checks())["llamaparse"]["in_flight"] == jobs
            both.server.signal(signal.SIGTERM)
            assert await ended(both) == 0
            both.server.check_end()

    asyncio.run(run())
