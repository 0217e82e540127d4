"""Dagster's default launcher, which can also tell whether a run's process still lives.

With it, run monitoring fails the runs of a host or a code server that was killed, and so frees their places in the
pool; by default they would stay STARTED, and the next night would wait for them.
Not here: how often it looks (dagster.yaml), or what a run does.
"""

from __future__ import annotations

import os
import socket

import grpc  # type: ignore[import-untyped]
import psutil  # type: ignore[import-untyped]
from dagster import DagsterRun
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

# Of a run that no code server started, `causerie run`: the process that it is.
PROCESS_TAG = "causerie/process"


def this_process() -> dict[str, str]:
    """The tag by which other processes find this one."""
    # With the time of its start: a number is given again, soon so in a container.
    return {PROCESS_TAG: f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time()}"}


class Launcher(DefaultRunLauncher):
    """The default launcher, with an answer to whether the process of a run that has started is still there."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """FAILED for a run whose process, or whose code server, has gone."""
        if process := run.tags.get(PROCESS_TAG):
            host, pid, since = process.split()
            if host == socket.gethostname() and not _is_running(int(pid), float(since)):
                return CheckRunHealthResult(WorkerStatus.FAILED, f"its process {pid} has gone")
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        client = self._get_grpc_client_for_termination(run.run_id)
        if client is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "nothing is known of its process")
        try:
            answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id))
        except DagsterUserCodeUnreachableError as error:
            if isinstance(error.__cause__, grpc.RpcError) and error.__cause__.code() == grpc.StatusCode.UNAVAILABLE:
                return CheckRunHealthResult(WorkerStatus.FAILED, "the code server that started it has gone")
            return CheckRunHealthResult(WorkerStatus.RUNNING, "its code server is too busy to answer")
        if deserialize_value(answer, CanCancelExecutionResult).can_cancel:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, "its code server has no such run")


def _is_running(pid: int, since: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - since) < 1
    except psutil.NoSuchProcess:
        return False
