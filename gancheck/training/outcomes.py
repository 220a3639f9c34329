"""How may a training end, other than by finishing?

Every ending is an exception whose message is one sentence for the person at the terminal: what
happened, where, and what to type next. Whatever had been written before stays on disk.
"""

from __future__ import annotations

__all__ = ["Diverged", "Interrupted", "Lost", "Refused", "TrainingStopped", "WriteFailed"]


class TrainingStopped(RuntimeError):
    """Base of the endings that are somebody's mistake or misfortune."""


class Refused(TrainingStopped):
    """The run was not begun: the directory holds another one, or none to resume."""


class Diverged(TrainingStopped):
    """A loss or a gradient became infinite or not a number."""


class Lost(TrainingStopped):
    """Another of the processes that train together has ended."""


class WriteFailed(TrainingStopped):
    """The disk is full, or the directory cannot be written to."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C. The directory is usable and `resume_command` continues the run.

    It is still the interruption that the person at the keyboard asked for, so it passes through
    every `except Exception` on its way out.

    Attributes:
        step: of the newest checkpoint.
        resume_command: what to type.
    """

    def __init__(self, step: int, resume_command: str) -> None:
        super().__init__(f"interrupted; step {step} is saved, continue with: {resume_command}")
        self.step = step
        self.resume_command = resume_command
