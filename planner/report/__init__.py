"""Terminal output: tables and text for people, tab-separated text for pipes."""
