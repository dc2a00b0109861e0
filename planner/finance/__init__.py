"""What a plan means for whoever signs it: payback, break-even, and what each commitment risks."""
