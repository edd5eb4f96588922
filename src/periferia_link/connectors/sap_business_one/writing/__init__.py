"""Writing to a company: one request, one outcome for each write."""
