"""A second, slow and plain reading of the indicators, against which the product's answers are held.

Here: the brute force (`answer`), random small brands (brands.py), and a writer of extracts (landing.py). It shares no
code and no SQL with the product. Not here: section 9 of the indicators, breakdowns, settling.
"""

from brute.answer import agrees, answer

__all__ = ["agrees", "answer"]
