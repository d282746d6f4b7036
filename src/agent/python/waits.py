# In a child: what it awaits


def wait_for(awaitable):
    """One event loop serves all that a process awaits."""
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
        if task.cancel():  # interrupted: it must not go on with the next run
            loop.run_until_complete(asyncio.wait([task]))


wait_for.loop = None
