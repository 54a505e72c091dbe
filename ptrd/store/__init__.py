"""Where records rest: zone files (read only), the database (the one writable store), the state folder, image files.

It may import snapshot, records and wire. Read `zonefile.load_zone_file` first for what operators write,
`database.Transaction` for what tenants manage, and `atomic.replace` for how ptrd writes files.
"""
