"""Two plans side by side: what changed, and what it costs."""
