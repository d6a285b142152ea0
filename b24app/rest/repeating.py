"""When and how often a failed request is made again (design.md 5: growing, jittered waits and a limit)."""

import random

from b24app.rest.deadline import Deadline
from b24app.rest.errors import Policy, RestError

_MOST_TRIES = 5
_FIRST_WAIT = 0.4
# These wait longer than any call may last: until a named time, or until other callers have left room.
_NOT_WORTH_A_WAIT = frozenset({"OPERATION_TIME_LIMIT", "BUDGET_EXHAUSTED"})


class Tries:
    """The tries of one request until `deadline`. One of unknown fate is made again only if it is `repeatable`: harmless when done twice."""

    def __init__(self, deadline: Deadline, *, repeatable: bool) -> None:
        self._deadline = deadline
        self._repeatable = repeatable
        self._failed = 0

    def again(self, error: RestError) -> bool:
        """After a try that ended with `error`: wait and return True for another one; False, at once, when that was the last."""
        self._failed += 1
        return self._failed < _MOST_TRIES and self._may_repeat(error) and self._deadline.pause(_wait(self._failed))

    def _may_repeat(self, error: RestError) -> bool:
        passes = error.policy is Policy.RETRY_LATER and error.code not in _NOT_WORTH_A_WAIT
        return passes and (self._repeatable or not error.unknown_outcome)


def _wait(failed: int) -> float:
    """Seconds before the next try: growing, and jittered so that callers who failed together do not come back together."""
    return float(_FIRST_WAIT * 2 ** (failed - 1) * random.uniform(0.5, 1.5))  # noqa: S311 - spreads callers, hides nothing
