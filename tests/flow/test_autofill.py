"""POST /api/parse-pdf-fast-autofill with a model: one call over the beginning of the text."""

import asyncio

import pairs
import wire

PATH = "/api/parse-pdf-fast-autofill/"


def run(scenario, **settings):
    async def whole():
        async with pairs.pair(**settings) as both:
            await scenario(both)

    asyncio.run(whole())


async def post(both, file, **headers):
    return await pairs.exchange(both.server.port, wire.post_bytes(wire.form(file), PATH, **headers))


def test_one_call():
    async def scenario(both):
        reply = await post(both, pairs.pdf_file("one"))
        assert reply.status == 200 and reply["X-Degraded"] is None
        body = reply.json()
        assert body["status"] == "fast_autofill_completed"
        assert body["title"] and body["student_role"]
        assert body["personas"] == body["key_figures"] != []
        assert {"name", "role", "background", "correlation", "primary_goals",
                "personality_traits"} <= body["personas"][0].keys()
        assert all(figure["role"] != body["student_role"] for figure in body["personas"])
        assert int(reply["X-AI-Tokens"]) > 0 and "analysis;" in reply["Server-Timing"]
        calls = (await both.stats())["chat"]["calls"]
        assert set(calls) == {"personas"}

    run(scenario)


def test_the_beginning_is_enough():
    async def scenario(both):
        await post(both, pairs.pdf_file("before"))  # what the model takes is known from now on
        costs = []
        for length in (1, 400):
            long = wire.upload(b"Dana Whitlock, the owner, is broke. %s\n" % pairs.CAST * length,
                               "case.txt", "text/plain")
            costs.append(int((await post(both, long))["X-AI-Tokens"]))
        assert costs[1] < 2 * costs[0]

    run(scenario)


def test_a_model_that_fails():
    async def scenario(both):
        await both.fault("chat", "status", status=400)
        reply = await post(both, pairs.pdf_file("one"))
        assert reply.status == 200 and reply["X-Degraded"] == "analysis"
        body = reply.json()
        assert body["status"] == "fast_autofill_fallback"
        assert [figure["name"] for figure in body["personas"]][0] == "Senior Executive"
        assert body["warnings"]

    run(scenario)


def test_it_comes_again():
    async def scenario(both):
        replies = [await post(both, pairs.pdf_file("one")) for _ in range(2)]
        assert [reply["X-Cache"] for reply in replies] == ["miss", "hit"]
        assert replies[0].json()["personas"] == replies[1].json()["personas"]

    run(scenario, CACHE_BYTES="64MB")


def test_who_leaves_is_not_paid_for():
    async def scenario(both):
        await both.options(chat_ms=60000)
        data = wire.post_bytes(wire.form(pairs.pdf_file("one")), PATH)
        async with pairs.sent(both.server.port, data):
            await both.seen(lambda stats: stats["services"]["chat"]["in_flight"], "the call")
        await both.seen(lambda stats: not stats["services"]["chat"]["in_flight"], "it is cancelled")

    run(scenario)
