"""A made-up brand that writes extracts day by day, for trying the platform without data of one's own.

Here: the entry point `write`. Not here: anything that the platform itself needs to run.
"""

from simulator.day import DEFAULT_START, write
from simulator.extracts import Summary

__all__ = ["DEFAULT_START", "Summary", "write"]
