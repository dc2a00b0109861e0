"""Runs on a Dask cluster that is there already: the same tasks, the same answers.

Tasks and catalogues are sent as they are, so workers need no files; they need this planner, of the
same version and with the same solver, which every run checks. One thread of a worker solves at a
time, whatever its number of threads.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from planner.errors import Fault, InputError
from planner.sweep.work import failed, solve_task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from distributed import Client

    from planner.catalog.load import Catalog
    from planner.sweep.tasks import Task
    from planner.sweep.work import Answer

_TIMEOUT_S = 10
_EXTRA = "needs an extra: pip install 'inference-planner[dask]'"


def missing_extra() -> str | None:
    """Return what to install before any cluster can be used, ``None`` when all of it is there."""
    return _EXTRA if importlib.util.find_spec("distributed") is None else None


def solve_on_cluster(
    tasks: Sequence[Task],
    catalogs: Mapping[str, Catalog],
    address: str,
    on_answer: Callable[[int, Answer], None],
) -> None:
    """Solve tasks on the workers of a Dask scheduler.

    Parameters
    ----------
    tasks
        What to solve.
    catalogs
        Catalogues by checksum.
    address
        Of the scheduler, as in ``tcp://host:8786``.
    on_answer
        Called with the number of the task and its answer, in the order in which they are done.

    Raises
    ------
    InputError
        When the extra is not installed, nothing answers, or there is no worker.
    """
    client = _client(address)
    from distributed import as_completed  # noqa: PLC0415 - an extra

    with client, client.as_current():
        if not client.nthreads():
            raise _fault(address, "has no worker; start some with `dask worker`")
        sent = {
            sha256: client.scatter(catalog, broadcast=True, hash=False)
            for sha256, catalog in catalogs.items()
        }
        numbers = {
            client.submit(solve_task, task, sent[task.catalog_sha256], pure=False): number
            for number, task in enumerate(tasks)
        }
        for future in as_completed(list(numbers)):
            error = future.exception()
            answer = (
                future.result() if error is None else failed(f"{type(error).__name__}: {error}")
            )
            on_answer(numbers.pop(future), answer)


def _client(address: str) -> Client:
    try:
        from distributed import Client  # noqa: PLC0415 - an extra
        from distributed.comm import get_address_host_port  # noqa: PLC0415
    except ImportError as error:
        raise _fault(address, _EXTRA) from error
    try:
        # A client that is made for no address closes itself loudly, long after.
        get_address_host_port(address)
    except ValueError as error:
        message = f"is no address of a scheduler, as in tcp://host:8786: {error}"
        raise _fault(address, message) from error
    try:
        return Client(address, timeout=_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise _fault(address, f"no scheduler answers: {error}") from error


def _fault(address: str, message: str) -> InputError:
    return InputError([Fault("", None, None, f"--dask {address}", message)])
