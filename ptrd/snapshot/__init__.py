"""Records, compiled: segments, the trie of ranges, templates, the image and the view that reads it in place.

Imports `records` and `wire`. Begin with `layout`, which says how an image lies, then `view.Snapshot`.
"""
