"""Whether the Hugging Face hub can be reached: decided once, and quickly. Torch-free."""

from __future__ import annotations

import os
import queue
import sys
import threading
from functools import lru_cache

from janus.errors import JanusError

# 5,000 real ImageNet validation images of 100 classes, open to everyone, at a commit that never changes.
DEFAULT_IMAGES, DEFAULT_REVISION = "timm/mini-imagenet", "bd8779f9d33c061ea6e75fdd3bce4e43dd679060"
# With the import of huggingface_hub before it, the answer is there within two seconds.
PATIENCE_S = 1.5


@lru_cache(maxsize=1)
def hub_reachable() -> bool:
    """Whether the hub answers, asked once in a process; where it does not, nothing later waits for it.

    ``HF_HUB_OFFLINE`` and ``HF_ENDPOINT`` are respected, and so are proxies: the question goes through
    huggingface_hub's own session. When the answer is no, huggingface_hub and datasets are put into their offline mode,
    so that they use what they have cached instead of trying again (timm alone would try for 46 s).
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE or not answers(constants.ENDPOINT, PATIENCE_S):
        go_offline()
        return False
    return True


def answers(url: str, patience_s: float) -> bool:
    """Whether ``url`` gives any answer that is not a server's error, within ``patience_s`` seconds whatever happens."""
    answer: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def ask() -> None:
        from huggingface_hub.utils import get_session

        try:
            answer.put(get_session().head(url, timeout=patience_s).status_code < 500)
        except Exception:  # no network has many faces: DNS, TCP, TLS, proxy
            answer.put(False)

    # A thread of its own, because a DNS lookup has no timeout and can hang for a minute.
    threading.Thread(target=ask, name="janus-hub", daemon=True).start()
    try:
        return answer.get(timeout=patience_s)
    except queue.Empty:
        return False


def go_offline() -> None:
    """Put huggingface_hub and datasets into their offline mode, in this process and in those it starts."""
    from huggingface_hub import constants

    os.environ["HF_HUB_OFFLINE"] = "1"
    constants.HF_HUB_OFFLINE = True
    if "datasets" in sys.modules:  # imported later, it asks huggingface_hub
        config = sys.modules["datasets"].config
        config.HF_HUB_OFFLINE = config.HF_DATASETS_OFFLINE = True


def out_of_reach(what: str, remedy: str) -> JanusError:
    """The error for something that only the hub has.

    Args:
        what: What is missing, as the beginning of the sentence.
        remedy: What to do about it, as its end.
    """
    from huggingface_hub import constants

    return JanusError(
        f"{what} must come from the Hugging Face hub, and {constants.ENDPOINT} is out of reach or HF_HUB_OFFLINE is "
        f"set: {remedy}."
    )
