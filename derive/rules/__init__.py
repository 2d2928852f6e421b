"""The rules, by kind; importing this package fills the rule table in the order in which the engine tries it."""

from derive.rules import calculus, deltas, scalars, recognise, detours  # noqa: F401, I001  (the order is the table's order)
