"""A save with all services at work: pictures, prompts, and what is said of failures."""

import asyncio

import pairs
import wire

SAVE = wire.PARSE + "?save_to_db=true"


def run(database, scenario, **settings):
    """Runs scenario(both, server) with a server that saves to `database`."""
    async def whole():
        async with pairs.pair(DATABASE_URL=database.url, **settings) as both:
            await pairs.until(lambda: ready(both), "the database is ready")
            await scenario(both)

    asyncio.run(whole())


async def ready(both):
    return (await both.get("/ready")).status == 200


async def post(both, file, **headers):
    data = wire.post_bytes(wire.form(file), SAVE, **headers)
    return await pairs.exchange(both.server.port, data)


def test_pictures_are_kept_and_addressed(database):
    async def scenario(both):
        reply = await post(both, pairs.pdf_file("one"), Host="simulations.example.org")
        assert reply.status == 200 and reply["X-Degraded"] is None
        scenes = database.rows("SELECT * FROM scenario_scenes ORDER BY scene_order")
        kept = both.server.folder / "images" / "kept"
        for scene, said in zip(scenes, reply.json()["ai_result"]["scenes"], strict=True):
            assert scene["image_url"] == said["image_url"]
            base, _, name = scene["image_url"].rpartition("/")
            assert base == "http://simulations.example.org/static/images/scenes"
            assert (kept / name).stat().st_size > 0
            assert scene["title"] in scene["image_prompt"]
            assert (await both.get(f"/static/images/scenes/{name}")).status == 200
        assert len({scene["image_url"] for scene in scenes}) == 4

    run(database, scenario)


def test_failures_are_written_down(database):
    async def scenario(both):
        await both.fault("images", "status", status=500)
        reply = await post(both, pairs.pdf_file("one"))
        assert reply.status == 200 and reply["X-Degraded"] == "images"
        assert {row["image_url"] for row in database.rows("SELECT * FROM scenario_scenes")} == {""}
        log = database.value("SELECT processing_log FROM scenario_files")
        assert log["warnings"] == reply.json()["warnings"] != []

    run(database, scenario)


def test_nothing_is_paid_for_without_a_database():
    async def whole():
        async with pairs.pair() as both:
            reply = await post(both, pairs.pdf_file("one"))
            assert reply.status == 503
            stats = await both.stats()
            assert stats["uploads"]["count"] == 0 and stats["chat"]["calls"] == {}

    asyncio.run(whole())


def test_who_left_has_paid_for_a_scenario(database):
    """A request that saves goes on to its end: all calls are made, and the rows are there."""
    async def scenario(both):
        await both.options(analysis_ms=300)
        data = wire.post_bytes(wire.form(pairs.pdf_file("one")), SAVE)
        async with pairs.sent(both.server.port, data):
            await both.seen(lambda stats: stats["services"]["chat"]["in_flight"], "the analysis")
        await pairs.until(lambda: saved(both), "it was saved")
        stats = await both.stats()
        assert stats["services"]["images"]["calls"] == 4
        assert stats["services"]["chat"]["abandoned"] == 0
        assert database.value("SELECT count(*) FROM scenarios") == 1

    async def saved(both):
        return both.log_lines("saved", "scenario_id=")

    run(database, scenario)
