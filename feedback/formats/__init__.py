"""The formats of other tools, a file for each family: our rows written so, their rows read.

Invariant: nothing here knows the database, and nothing heavy is loaded before it is asked for.
"""
