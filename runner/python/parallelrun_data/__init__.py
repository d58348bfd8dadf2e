"""The process that alone has the credentials of object stores: it lists inputs, brings their objects into a bounded
cache on this machine, and removes them after use. Orchestrator and agents speak to it over a Unix socket (protocol.py)."""
