"""Clients that leave before they have their answer: what goes on for them ends at once, and nothing
more is paid for. A job at LlamaParse cannot be ended, so it keeps its place."""

import asyncio
import statistics
import time

import pytest
from pairs import pair, sent, text_file, until, word_file

TIMES = 10           # each stage is left so often
SECONDS_AT_MOST = 2  # until the service sees that the call was broken off; 0.1 is the promise
FOR_EVER_MS = 600_000

# Stage: which of the simulator's services is busy with the request by then, and what makes it so.
STAGES = {
    "upload": ("upload", {"upload_ms": FOR_EVER_MS}, {}),
    "analysis": ("chat", {"analysis_ms": FOR_EVER_MS}, {"IMAGES": "off"}),
    "analysis-streams": ("chat", {"tokens_per_second": 5, "event_tokens": 1}, {"IMAGES": "off"}),
    "scenes": ("chat", {"scenes_ms": FOR_EVER_MS}, {"IMAGES": "off"}),
    "images": ("images", {"image_ms": FOR_EVER_MS}, {}),
}
IMAGES_OF_A_REQUEST = 4


def all_calls(stats):
    return {name: service["calls"] for name, service in stats["services"].items()}


async def warm_up(both, make):
    """What models refuse is learned once, and costs calls."""
    reply = await both.post(make("first"))
    assert reply.status == 200, reply.body
    await both.idle()


async def leave_at(both, make, service, in_flight, streams):
    """One request that is left; how long until its last call was seen to be broken off."""
    await both.reset()
    async with sent(both.server.port, both.post_bytes(make("leaves"))):
        before = await both.seen(
            lambda stats: (stats["services"][service]["in_flight"] == in_flight
                           and (stats["chat"]["streamed"] > 0 or not streams)),
            f"{in_flight} calls of {service} under way")
        left = time.monotonic()
    await both.seen(lambda stats: stats["services"][service]["abandoned"] == in_flight,
                    "the call is broken off")
    seconds = time.monotonic() - left
    await both.idle()
    after = await both.stats()
    assert all_calls(after) == all_calls(before), "a call was made for nobody"
    return seconds


@pytest.mark.parametrize("stage", STAGES)
def test_a_call_ends_with_its_client(stage, record_property):
    service, options, settings = STAGES[stage]
    make = word_file if service == "upload" else text_file

    async def run():
        async with pair(llamaparse=service == "upload", openai=service != "upload",
                        **settings) as both:
            await warm_up(both, make)
            await both.options(**options)
            in_flight = IMAGES_OF_A_REQUEST if service == "images" else 1
            return [await leave_at(both, make, service, in_flight, "streams" in stage)
                    for _ in range(TIMES)]

    seconds = asyncio.run(run())
    record_property("median_ms", round(statistics.median(seconds) * 1000, 1))
    print(f"{stage}: broken off after {statistics.median(seconds) * 1000:.1f} ms (median), "
          f"{max(seconds) * 1000:.1f} ms (longest)")
    assert max(seconds) < SECONDS_AT_MOST


def test_who_waits_at_a_gate_can_leave():
    async def run():
        async with pair(llamaparse=False, IMAGES="off", MAX_CONCURRENT_OPENAI=1) as both:
            await warm_up(both, text_file)
            await both.options(analysis_ms=FOR_EVER_MS)
            await both.reset()

            async def waiting(number):
                return (await both.checks())["openai"]["waiting"] == number

            async with sent(both.server.port, both.post_bytes(text_file("has a place"))):
                await both.seen(lambda stats: stats["services"]["chat"]["in_flight"] == 1, "a call")
                async with sent(both.server.port, both.post_bytes(text_file("waits"))):
                    await until(lambda: waiting(1), "the second waits")
                await until(lambda: waiting(0), "it has left")
                stats = await both.stats()
                assert stats["services"]["chat"]["calls"] == 1
                assert stats["services"]["chat"]["abandoned"] == 0, "that of the first goes on"
            stats = await both.seen(lambda stats: stats["services"]["chat"]["abandoned"] == 1, "end")
            await both.idle()
            assert (await both.stats())["services"]["chat"]["calls"] == 1

    asyncio.run(run())


def test_a_job_keeps_its_place_until_it_has_ended():
    async def run():
        async with pair(openai=False, MAX_CONCURRENT_LLAMAPARSE=1) as both:
            await both.options(parse_ms=1500)
            async with sent(both.server.port, both.post_bytes(word_file("leaves"))):
                await both.seen(lambda stats: stats["jobs"]["running"] == 1, "the job runs")

            async def is_over():
                return (await both.checks())["queue"]["working"] == 0

            await until(is_over, "the request is over")
            checks = await both.checks()
            stats = await both.stats()
            assert stats["jobs"]["running"] == 1, "this machine is too slow for the test"
            assert checks["llamaparse"]["in_flight"] == 1, "the place is free, the job is not over"

            # The next one comes when it has ended, and not before.
            reply = await both.post(word_file("comes next"))
            assert reply.status == 200
            stats = await both.stats()
            assert stats["jobs"]["created"] == 2
            assert stats["jobs"]["most_running"] == 1
            assert stats["services"]["result"]["calls"] == 1, "nobody wants the first one's text"
            await both.idle()

    asyncio.run(run())


def test_nobody_s_jobs_are_polled_for_a_minute_at_most():
    """Here: until they are unknown to the service."""
    async def run():
        async with pair(openai=False, MAX_CONCURRENT_LLAMAPARSE=2) as both:
            await both.fault("job", "never")
            async with sent(both.server.port, both.post_bytes(word_file("leaves"))):
                await both.seen(lambda stats: stats["jobs"]["running"] == 1, "the job runs")
            polls = (await both.stats())["services"]["status"]["calls"]
            await both.seen(lambda stats: stats["services"]["status"]["calls"] > polls + 1,
                            "it is asked about still")
            assert (await both.checks())["llamaparse"]["in_flight"] == 1
            await both.reset()  # the simulator forgets its jobs
            await both.idle()

    asyncio.run(run())
