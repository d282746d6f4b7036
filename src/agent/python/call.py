"""Calls a function of the user's code, and sends its value as a record. It runs in programs."""

import types

from .agent_socket import agent_socket
from .user_loop import user_loop
from .value_json import Refusal, value_record


def call_function(call, names):
    entry = call['entry']
    if entry not in names:
        raise Refusal('entry', "there is no '%s'" % entry[:1000])
    function = names[entry]
    if not callable(function):
        kind = type(function).__name__
        raise Refusal('entry', "'%s' is %s, not a function" % (entry[:1000], kind))
    value = function(*call['args'], **call['kwargs'])
    if hasattr(type(value), '__await__'):
        value = user_loop.wait_for(value)
    if isinstance(value, types.AsyncGeneratorType):
        value = user_loop.wait_for(collect(value))
    if isinstance(value, types.GeneratorType):
        value = list(value)
    agent_socket.send_record(value_record(value))


async def collect(values):
    return [value async for value in values]
