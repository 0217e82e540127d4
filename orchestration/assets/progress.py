"""Somebody to tell how far a run is.

Not here: drawing it (cli/console.py).
"""


class Progress:
    """Told how far a run is. The command line draws it; by default nobody looks, and Dagster's own log has it all."""

    def stage(self, name: str, pieces: int = 0) -> None:
        """The run enters `load`, `audit`, `build`, `judge` or `publish`, of about so many pieces (0: unknown)."""

    def piece(self, name: str) -> None:
        """One piece of the stage is done: an extract loaded, a model built, a test passed."""

    def remark(self, what: str) -> None:
        """What the run had to do or to leave though nothing failed, such as to end a reader who was in its way."""

    def failed(self, what: str) -> None:
        """A model, a test or a check failed: a line that says which, and why."""
