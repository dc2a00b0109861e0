"""The claims of inference economics, tested against the product's own model and catalogue."""
