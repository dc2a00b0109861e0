"""One set of orders for several scenarios: shared while they look alike, adapted afterwards."""
