"""Where records rest: zone files (read only), the state folder, image files.

It may import snapshot, records and wire. Read `zonefile.load_zone_file` first for what operators write, and
`atomic.replace` for how ptrd writes.
"""
