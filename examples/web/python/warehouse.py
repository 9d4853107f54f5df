"""Waits: asks a warehouse in another town what it has. The town is made up, the waiting is not."""

import asyncio

SECONDS = {"overseas": 1, "lost": 3600}

given_up = 0


async def stock(item):
    """How many pieces there are. Nobody has ever heard of what is lost."""
    global given_up
    try:
        await asyncio.sleep(SECONDS.get(item, 0.2))
    except asyncio.CancelledError:
        given_up += 1  # the client has left, or the time is up: here a real one would close its connection
        raise
    return {"item": item, "pieces": len(item)}


def times_given_up():
    """How many questions this process was told to give up."""
    return given_up
