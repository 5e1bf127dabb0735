"""Answers people: routes, retrieves, streams from vLLM, records; swaps adapters under traffic."""
