"""Sockets and time, no decisions: worker processes that read DNS messages and send what the engine says.

It may import metrics, store, engine, snapshot, records and wire, never `control`. Read `pool.WorkerPool` first, the
supervisor's side; then `worker.Worker`, its other end; then `udp.make_reader`, where the time goes.
"""
