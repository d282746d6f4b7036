"""The messages between the agent and the zygote. Both processes use them."""

import struct

# To the zygote, with the child's ends of its three pipes and its socket
FORK, FORK_WITH_IMPORTS = b'p', b'u'
CHILD_DESCRIPTORS = struct.Struct('4i')

# To the agent; the sizes tell them apart. If the preload has failed, the only message is JSON: the
# `failed` of the hello frame.
FORK_ANSWER = struct.Struct('>ii')  # the pid and 0, or 0 and the errno
CHILD_ENDED = struct.Struct('>iidq')  # pid, status, processor time in ms, memory in bytes
