"""ptrd, an authoritative reverse-DNS server.

The rooms, from the bottom: wire (bytes), records (what operators mean), snapshot (records, compiled), engine
(questions become answers); above them, with the right to touch sockets, files and the clock: store, metrics,
control, serve, config, daemon, cli. A module imports only from rooms below its own.
"""

__version__ = "0.1.0"


class PtrdError(Exception):
    """Root of every error that ptrd raises on purpose; its text is one sentence for an operator."""
