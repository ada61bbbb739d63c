"""One exception for everything a user can put right, and one warning for what looks wrong but may be meant.

Torch-free; imports nothing.
"""


class JanusError(ValueError):
    """Bad input: one sentence that names the culprit and says what to do about it.

    The command line prints it without a traceback; the workbench shows it in its banner.
    """


class JanusWarning(UserWarning):
    """Something that works but is probably not what was meant, or data that were left out: one sentence."""
