"""Waits for awaitables of the user's code, in one event loop of asyncio. It runs in programs."""


def wait_for(awaitable):
    import asyncio

    if wait_for.loop is None or wait_for.loop.is_closed():
        wait_for.loop = asyncio.new_event_loop()
    loop = wait_for.loop
    asyncio.set_event_loop(loop)

    async def wait():
        return await awaitable

    task = loop.create_task(wait())
    try:
        return loop.run_until_complete(task)
    finally:
        if task.cancel():  # it was interrupted: it must not go on in the next cell
            loop.run_until_complete(asyncio.wait([task]))


wait_for.loop = None
