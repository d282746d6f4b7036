"""The modules of the library that programs import most often, and that the agent does without.

Spares import them while they wait, the zygote if programs are likely to need them, and contexts.
"""

COMMON_MODULES = (
    're',
    'enum',
    'json',
    'traceback',
    'signal',
    'random',
    'datetime',
    'collections',
)


def import_common_modules():
    for name in COMMON_MODULES:
        __import__(name)
