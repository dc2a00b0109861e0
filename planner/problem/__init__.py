"""The problem file: its schema, patches, validation and measured capacities."""
