"""Measures Flowapp beside a bare stack of the same parts: `python -m bench`. See docs/performance.md."""
