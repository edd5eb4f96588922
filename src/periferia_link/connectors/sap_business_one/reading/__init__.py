"""Reading a company: pages by key, feeds, look-ups by many values."""
