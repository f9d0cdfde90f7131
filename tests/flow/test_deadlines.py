"""Deadlines of the server that meet each other."""

import asyncio

from pairs import pair, word_file


def test_a_short_deadline_leaves_time_to_read_the_file_here():
    """REQUEST_TIMEOUT may come before FILE_PROCESSING_TIMEOUT."""
    async def run():
        async with pair(openai=False, REQUEST_TIMEOUT=6) as both:
            await both.fault("job", "never")
            reply = await both.post(word_file("slow"))
            assert reply.status == 200, reply.body
            assert reply["X-Degraded"] == "parse, analysis, scenes, images"
            await both.reset()

    asyncio.run(run())
