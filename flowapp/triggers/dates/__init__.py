"""Triggers of dates: a day, a date that records hold, its anniversaries, and some time after something happened."""
