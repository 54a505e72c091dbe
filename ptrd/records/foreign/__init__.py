"""What other programs keep names in, read into records: one file for each format, and how records become zones.

Everything here is text in, values and problems out: no file is opened, and nothing that a text holds raises. Where a
text names another file, the caller gives a function that fetches it. Of what a text says everything comes out:
as a record, a range, a zone, or as a problem with its place. An error is something that is lost, a warning is not.

`record` has the values, `master` reads master files, `assembly` makes zones of records.
"""
