"""What operators mean: the model of zones and records, the rules they obey, changes to them.

Imports `wire`. Begin with `model.Zone`.
"""
