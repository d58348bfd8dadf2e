"""Brings up Kubernetes for the tests: real nodes by kind, or an API server alone."""
