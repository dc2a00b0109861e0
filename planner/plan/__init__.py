"""The plan: whole decisions, the tables and money that follow from them, and its file."""
