"""The compiled data path: a second reader of the image, in C, for the ordinary query.

It may import `engine` and what is below; only `serve` imports it. Read `ordinary.c` first: bytes in, bytes out, or the
query is handed over to `engine.responder`, which alone knows everything. `image.c` finds names in the mapped image,
`limits.c` and `cookies.c` are the engine's limiter and cookies once more, `batch.c` receives and sends datagrams,
`module.c` is what Python sees: one query from a stream, or a socket's datagrams. `reader` says what a snapshot and a
service mean to it. Without a compiler all this is missing, and every query takes the other way.
"""
