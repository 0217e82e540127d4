"""Great Expectations in a process of its own, which gets ready while extracts are loaded.

It takes two seconds of a processor and 230 MB to import, and pandas with it: beside the loads instead of among them. It
is shown columns of numbers and answers with lines; it has no connection, and sees no text. Not here: what is expected
(laws.py), or what is made of the answer (findings.py).
Run by us alone: python -m expectations.judging DESCRIPTOR
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from threading import Lock
from typing import Any

Number = float | int | None
# A frame by its columns.
Columns = Mapping[str, Sequence[Number]]


class NotEvaluatedError(Exception):
    """Great Expectations could not evaluate an expectation, and says why."""


@dataclass
class _Judge:
    """The process, and what is said to it."""

    process: subprocess.Popen[bytes]
    asked: Connection

    @classmethod
    def start(cls) -> _Judge:
        ours, its = Pipe()
        with its:
            process = subprocess.Popen(
                [sys.executable, "-m", "expectations.judging", str(its.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[its.fileno()],
                # It ends with this process, whose end of the pipe closes then, and not before it by somebody's Ctrl-C.
                start_new_session=True,
            )
        return cls(process, ours)

    def end(self) -> None:
        self.asked.close()
        self.process.kill()
        self.process.wait()


_judge: _Judge | None = None
_one_at_a_time = Lock()


def get_ready() -> None:
    """Start the process, unless it is there."""
    global _judge
    with _one_at_a_time:
        _judge = _judge or _Judge.start()


def unexpected(expectation: str, arguments: Mapping[str, str], columns: Columns) -> list[int]:
    """The lines, counted from 0, that are not as an expectation of laws.py wants them.

    Raises NotEvaluatedError where Great Expectations could not tell, or its process ended.
    """
    global _judge
    get_ready()
    with _one_at_a_time:
        assert _judge
        try:
            _judge.asked.send((expectation, dict(arguments), dict(columns)))
            found, failure = _judge.asked.recv()
        except BaseException as error:
            # Whatever broke in: the next question must not get the answer to this one.
            _judge.end()
            code, _judge = _judge.process.returncode, None
            if isinstance(error, EOFError | OSError):
                raise NotEvaluatedError(f"the process of Great Expectations ended with {code}") from error
            raise
    if failure is not None:
        raise NotEvaluatedError(failure)
    return list(found)


# --- in the process ---------------------------------------------------------------------------------------------------


def main(descriptor: int) -> None:
    """Answer until whoever asks closes the pipe."""
    import great_expectations as gx
    import pandas as pd

    from expectations import laws

    context = gx.get_context(mode="ephemeral")
    # Nobody would see them. Not as a variable of the context, which would write its whole configuration as YAML first.
    context.variables.config.progress_bars = {"globally": False}  # type: ignore[assignment]
    lines = context.data_sources.add_pandas("run").add_dataframe_asset("lines")
    whole = lines.add_batch_definition_whole_dataframe("whole")

    def judge(expectation: str, arguments: dict[str, Any], columns: Columns) -> list[int]:
        frame = pd.DataFrame(columns, dtype="float64")
        batch = whole.get_batch({"dataframe": frame.assign(line=range(len(frame)))})
        # Only the complete form names the lines that fail.
        form = {"result_format": "COMPLETE", "unexpected_index_column_names": ["line"]}
        result = batch.validate(getattr(laws, expectation)(**arguments), result_format=form)
        if failure := _failure(result.exception_info):
            raise NotEvaluatedError(failure)
        return [int(one["line"]) for one in result.result.get("unexpected_index_list") or []]

    with Connection(descriptor) as asked:
        while True:
            try:
                question = asked.recv()
            except EOFError:
                return
            try:
                asked.send((judge(*question), None))
            except NotEvaluatedError as failure:
                asked.send(([], str(failure)))
            except Exception as error:
                asked.send(([], f"{type(error).__name__}: {error}"))


def _failure(info: Any) -> str | None:
    """The message of an expectation that raised; Great Expectations gives one entry, or one entry a metric."""
    entries = [info] if "raised_exception" in (info or {}) else list((info or {}).values())
    raised = [entry for entry in entries if isinstance(entry, dict) and entry.get("raised_exception")]
    return str(raised[0].get("exception_message")) if raised else None


if __name__ == "__main__":
    main(int(sys.argv[1]))
    # Libraries take their time to end, and hold nothing that has to be put away.
    os._exit(0)
