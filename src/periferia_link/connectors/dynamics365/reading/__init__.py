"""Reads of the Web API: pages, feeds and their places, look-ups, rights."""
