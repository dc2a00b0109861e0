"""What the replayed period costs, beside what the plan says that it costs."""
