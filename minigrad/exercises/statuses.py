"""What the commands of `minigrad exercises` exit with."""

from enum import IntEnum


class Exit(IntEnum):
    """RIGHT: all is well; MISUSED: what was asked cannot be done; FAULT: of the grader itself."""

    RIGHT = 0
    WRONG = 1
    MISUSED = 2
    NOT_STARTED = 2
    STOPPED = 3
    FAULT = 4
    INTERRUPTED = 130
