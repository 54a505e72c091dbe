"""The composition root: builds every object, starts them in order, listens to signals, and ends them in reverse.

It imports whatever it builds; nothing but the command line imports it. Begin with `run.run`.
"""
