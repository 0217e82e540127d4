"""Faults that the platform survives: a test each, and the figure that it shows.

A scenario is a test with the mark `fault` (number, fault, what happens) that hands its figure to the fixture `figure`.
It stands here, or where its subject is tested anyway. Those marked `long` run in `make faults` alone, which runs every
scenario and writes the table of the README.
"""
