"""The agent's settings, from the JSON argument of its command line. All processes use them."""

import sys

from .json_codec import from_json

CONFIG = from_json(sys.argv[1]) if len(sys.argv) > 1 else {}
WORKSPACE = CONFIG.get('workspace', '/workspace')
PRELOAD = CONFIG.get('preload') or []
CONTEXT_BYTES = CONFIG.get('contextBytes', 64 * 1024 * 1024)
PIDS = CONFIG.get('pids')
