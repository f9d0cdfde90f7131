"""What a request cost is told, and MAX_COST_USD_PER_DAY is kept."""

import asyncio

import pytest
import wire
from case_reply import check_result
from pairs import pair, text_file

IN_USD, OUT_USD = 40.0, 160.0  # for a million tokens: so dear that a request costs cents
PRICES = f"gpt-6-luna={IN_USD}/{OUT_USD}"
LAST_DIGIT = 0.000001


def cost_of(prompt_tokens, completion_tokens):
    return (prompt_tokens * IN_USD + completion_tokens * OUT_USD) / 1e6


async def bill_of(both, mark):
    """(reply, tokens in, tokens out), the tokens as the simulator counted them."""
    await both.reset()
    reply = await both.post(text_file(mark))
    chat = (await both.stats())["chat"]
    return reply, chat["prompt_tokens"], chat["completion_tokens"]


def test_headers_say_what_the_service_counted():
    async def run():
        async with pair(llamaparse=False, IMAGES="off", MODEL_PRICES=PRICES) as both:
            for number in range(5):
                reply, tokens_in, tokens_out = await bill_of(both, f"bill-{number}")
                check_result(reply)
                assert tokens_in > 100 and tokens_out > 100
                assert int(reply["X-AI-Tokens"]) == tokens_in + tokens_out
                cost = float(reply["X-AI-Cost-USD"])
                assert cost == pytest.approx(cost_of(tokens_in, tokens_out), abs=LAST_DIGIT)

    asyncio.run(run())


def test_a_failed_try_costs_what_it_used():
    """An answer that cannot be used was made, and counted, like any other."""
    async def run():
        async with pair(llamaparse=False, IMAGES="off", MODEL_PRICES=PRICES) as both:
            await both.post(text_file("first"))
            await both.reset()
            await both.fault("chat", "not-json", call="analysis", times=1)
            reply = await both.post(text_file("twice"))
            stats = await both.stats()
            assert stats["chat"]["calls"] == {"analysis": 2, "scenes": 1}
            tokens_in = stats["chat"]["prompt_tokens"]
            tokens_out = stats["chat"]["completion_tokens"]
            assert int(reply["X-AI-Tokens"]) == tokens_in + tokens_out
            assert float(reply["X-AI-Cost-USD"]) == pytest.approx(cost_of(tokens_in, tokens_out),
                                                                  abs=LAST_DIGIT)

    asyncio.run(run())


def test_without_a_price_there_is_no_cost():
    async def run():
        async with pair(llamaparse=False, IMAGES="off", ANALYSIS_MODEL="my-own-model",
                        SCENES_MODEL="gpt-6-luna", MODEL_PRICES=PRICES) as both:
            reply, tokens_in, tokens_out = await bill_of(both, "unknown")
            check_result(reply)
            assert int(reply["X-AI-Tokens"]) == tokens_in + tokens_out
            assert reply["X-AI-Cost-USD"] is None, "a part of the cost is not the cost"

    asyncio.run(run())


def test_what_is_not_asked_costs_nothing():
    async def run():
        async with pair(llamaparse=False, openai=False) as both:
            reply = await both.post(text_file("offline"))
            assert reply.status == 200
            assert reply["X-AI-Cost-USD"] is None or float(reply["X-AI-Cost-USD"]) == 0

    asyncio.run(run())


def test_nothing_is_spent_past_the_limit():
    """One after the other until it is spent; then nothing is asked, and the client told when."""
    async def run():
        limit = 10.0
        async with pair(llamaparse=False, IMAGES="off", MODEL_PRICES=PRICES,
                        MAX_COST_USD_PER_DAY=limit) as both:
            spent, refused = 0.0, None
            for number in range(1000):
                await both.reset()
                reply = await both.post(text_file(f"spends-{number}"))
                stats = await both.stats()
                if reply.status != 200:
                    refused = reply
                    assert stats["services"]["chat"]["calls"] == 0, "it was asked all the same"
                    break
                spent += cost_of(stats["chat"]["prompt_tokens"], stats["chat"]["completion_tokens"])
                assert spent <= limit
            check_refused(refused)
            assert spent > 0, "nothing was ever spent"
            # What would have been too much is no reason to refuse what is free.
            assert (await both.get("/ready")).status == 200

    asyncio.run(run())


def test_nothing_is_spent_past_the_limit_by_many_at_once():
    async def run():
        limit = 10.0
        async with pair(llamaparse=False, IMAGES="off", MODEL_PRICES=PRICES,
                        MAX_CONCURRENT_OPENAI=8, MAX_COST_USD_PER_DAY=limit) as both:
            replies = await both.burst(200, text_file, together=50)
            stats = await both.stats()
            spent = cost_of(stats["chat"]["prompt_tokens"], stats["chat"]["completion_tokens"])
            assert 0 < spent <= limit
            assert {reply.status for reply in replies} == {200, 503}
            for reply in replies:
                if reply.status == 503:
                    check_refused(reply)

    asyncio.run(run())


def check_refused(reply):
    assert reply is not None, "the limit was never reached"
    assert reply.status == 503, reply.body
    assert reply.json()["code"] == "budget_spent", reply.body
    assert "MAX_COST_USD_PER_DAY" in reply.detail
    assert 1 <= int(reply["Retry-After"]) <= 86400


@pytest.mark.parametrize("settings", [
    {"ANALYSIS_MODEL": "my-own-model"}, {"SCENES_MODEL": "gpt-6-luna,my-own-model"}])
def test_a_limit_needs_prices(tmp_path, settings):
    process = wire.Server(tmp_path, {"OPENAI_API_KEY": "sk-0123456789abcdef0123", "PORT": "0",
                                     "MODEL_PRICES": PRICES, "MAX_COST_USD_PER_DAY": "1",
                                     **settings})
    assert process.wait() != 0
    assert "my-own-model" in process.output and "MODEL_PRICES" in process.output
