"""What DNS looks like in bytes: names, reverse names, questions read, replies written; no opinion about anything.

Imports nothing of ptrd but PtrdError. Begin with `reader.read_query` and `writer.write_reply`.
"""
