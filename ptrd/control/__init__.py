"""The management plane: what is served and who may ask about it; publishing, the control socket, HTTP.

It may import metrics, store, engine, snapshot, records and wire, never `serve`: the daemon hands in what tells the
workers. Read `publish.Publisher.reload` first: it is the only way to change what is served.
"""
