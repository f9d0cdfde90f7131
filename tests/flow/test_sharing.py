"""What is paid for once, however many want it: the same file many times at once, again later, with
other settings of the client, and after a save that failed."""

import asyncio

import pairs
import wire

SCENES = 4


def run(scenario, **settings):
    async def whole():
        async with pairs.pair(**{"CACHE_BYTES": "64MB", **settings}) as both:
            await post(both, pairs.pdf_file("before"))  # what the models take is known from now on
            await both.reset()
            await scenario(both)

    asyncio.run(whole())


async def paid(both):
    """(uploads to be parsed, chats by kind, pictures) that the services have seen."""
    stats = await both.stats()
    return (stats["uploads"]["count"], dict(stats["chat"]["calls"]),
            stats["services"]["images"]["calls"])


ONCE = (1, {"analysis": 1, "scenes": 1}, SCENES)


async def post(both, file, path=wire.PARSE, **headers):
    return await pairs.exchange(both.server.port, wire.post_bytes(wire.form(file), path, **headers))


def content(reply):
    """What was made, wherever the pictures are."""
    assert reply.status == 200 and reply["X-Degraded"] is None
    return reply.json()["ai_result"]


def test_a_hundred_at_once_pay_once():
    async def scenario(both):
        await both.options(parse_ms=200, analysis_ms=200, scenes_ms=200, image_ms=200)
        file = pairs.pdf_file("one")
        replies = await asyncio.gather(*(post(both, file) for _ in range(100)))
        assert await paid(both) == ONCE
        first = content(replies[0])
        assert all(content(reply) == first for reply in replies)
        origins = [reply["X-Cache"] for reply in replies]
        assert origins.count("miss") >= 1 and origins.count("coalesced") >= 90
        alone = await post(both, pairs.pdf_file("two"))
        tokens = sum(int(reply["X-AI-Tokens"] or 0) for reply in replies)
        assert 0 < tokens < 1.5 * int(alone["X-AI-Tokens"])

    run(scenario)


def test_what_comes_again_is_there():
    async def scenario(both):
        first = await post(both, pairs.pdf_file("one"))
        again = await post(both, pairs.pdf_file("one"))
        assert (first["X-Cache"], again["X-Cache"]) == ("miss", "hit")
        assert again["X-AI-Tokens"] is None
        assert content(again) == content(first)
        assert await paid(both) == ONCE
        other = await post(both, pairs.pdf_file("two"))
        assert other["X-Cache"] == "miss"

    run(scenario)


def test_addresses_are_those_of_each_client():
    async def scenario(both):
        await post(both, pairs.pdf_file("one"), Host="one.example.org")
        again = await post(both, pairs.pdf_file("one"), Host="two.example.org")
        assert again["X-Cache"] == "hit"
        assert all(scene["image_url"].startswith("http://two.example.org/")
                   for scene in content(again)["scenes"])

    run(scenario)


def test_a_client_that_wants_it_new():
    async def scenario(both):
        await post(both, pairs.pdf_file("one"))
        fresh = await post(both, pairs.pdf_file("one"), **{"Cache-Control": "no-cache"})
        assert fresh["X-Cache"] == "miss"
        assert await paid(both) == (2, {"analysis": 2, "scenes": 2}, 2 * SCENES)
        again = await post(both, pairs.pdf_file("one"))
        assert again["X-Cache"] == "hit"

    run(scenario)


def test_nothing_is_kept_where_there_is_no_room():
    async def scenario(both):
        for _ in range(2):
            reply = await post(both, pairs.pdf_file("one"))
            assert reply["X-Cache"] == "miss"

    run(scenario, CACHE_BYTES="0")


def test_failures_and_what_is_degraded_are_not_kept():
    async def scenario(both):
        await both.fault("images", "status", status=400)
        degraded = await post(both, pairs.pdf_file("one"))
        assert degraded["X-Degraded"] == "images"
        await both.reset()
        again = await post(both, pairs.pdf_file("one"))
        assert content(again)["scenes"][0]["image_url"]
        assert await paid(both) == (0, {}, SCENES)

    run(scenario)


def test_a_picture_that_is_gone_is_made_anew():
    async def scenario(both):
        first = await post(both, pairs.pdf_file("one"))
        name = content(first)["scenes"][0]["image_url"].rpartition("/")[2]
        found = list((both.server.folder / "images").rglob(name))
        assert found
        for file in found:
            file.unlink()
        await both.reset()
        again = await post(both, pairs.pdf_file("one"))
        assert again["X-Cache"] == "miss"
        assert await paid(both) == (0, {}, 1)

    run(scenario)


def test_the_one_who_began_leaves():
    async def scenario(both):
        await both.options(analysis_ms=500)
        data = wire.post_bytes(wire.form(pairs.pdf_file("one")))
        async with pairs.sent(both.server.port, data):
            await both.seen(lambda stats: stats["services"]["chat"]["in_flight"], "the analysis")
            second = asyncio.create_task(post(both, pairs.pdf_file("one")))
            await pairs.until(lambda: at_work(both, 2), "both are at work")
            await both.seen(lambda stats: stats["uploads"]["count"] == 1, "the second has no upload")
        reply = await second
        assert reply["X-Cache"] == "miss" and content(reply)  # its scenes were its own
        assert await paid(both) == ONCE

    run(scenario)


async def at_work(both, count):
    return (await both.checks())["queue"]["working"] == count


def test_after_a_save_that_failed_nothing_is_paid_again(database):
    async def scenario(both):
        await pairs.until(lambda: ready(both), "the database is ready")
        path = wire.PARSE + "?save_to_db=true"
        database.rows("ALTER TABLE scenario_files RENAME TO hidden")
        try:
            failed = await post(both, pairs.pdf_file("one"), path)
        finally:
            database.rows("ALTER TABLE hidden RENAME TO scenario_files")
        assert failed.status == 503 and failed["Retry-After"]
        assert await paid(both) == ONCE
        reply = await post(both, pairs.pdf_file("one"), path)
        assert reply.status == 200 and reply.json()["scenario_id"]
        assert reply["X-Cache"] == "hit"
        assert await paid(both) == ONCE
        other = await post(both, pairs.pdf_file("one"), path)
        assert other.json()["scenario_id"] != reply.json()["scenario_id"]

    run(scenario, DATABASE_URL=database.url)


async def ready(both):
    return (await both.get("/ready")).status == 200
