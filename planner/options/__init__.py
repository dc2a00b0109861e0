"""Every way to serve a workload, with its coefficients, and the reason why others cannot."""
