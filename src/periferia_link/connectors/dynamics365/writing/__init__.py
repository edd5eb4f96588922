"""Writes to the Web API: requests, batches, and what their answers mean."""
