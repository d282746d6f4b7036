# The entry

from .agent import Agent
from .runner import run_code


def main(code_cache):
    run_code(Agent().main(code_cache))
