"""A second, slow and plain reading of the indicators, against which the product's answers are held.

Here: the brute force (`answer`), random small brands (brands.py), and a writer of extracts (landing.py). It shares no
code and no SQL with the product. Not here: section 9 of the indicators, breakdowns, settling.
Read next: answer.py, then one file per section: waiting_list.py, hook.py, dialogues.py, sales.py, widget.py,
orders.py, engagement.py, agents.py, one_to_one.py, personalisation.py.
"""

from brute.answer import agrees, answer

__all__ = ["agrees", "answer"]
