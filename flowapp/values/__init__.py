"""How values are read and written: numbers, dates, yes and no, texts, lists. docs/values.md is for people.

One reader of each kind, used wherever a value comes in: files, forms, tables, the API, expressions, conditions, steps. A
reader gives the value, or raises UnreadableError, which says what is wrong and what to write instead. It never guesses.
"""
