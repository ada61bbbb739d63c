"""Vega for all figures of a page. Importing this sends it to the page of a notebook.

So import it first: the page can understand Vega's code while the kernel does everything else until there is something
to draw. vl-convert carries the code, for pages without a network too, and takes two seconds to pack it. So it is packed
once: into the environment by `python -m janus.explorer.library`, which `make lab` runs after installing, or else into
the user's cache by the first kernel.
"""

from __future__ import annotations

import gzip
import importlib.metadata
import sys
import zlib
from pathlib import Path

import anywidget
import traitlets

from janus.errors import JanusError
from janus.files import cache_folder, write_bytes

# The quickest: what it saves counts where the kernel is far away, and the rest is not worth waiting for.
GZIP_LEVEL = 1
SNIPPET = "export default vegaEmbed;"
# One copy for all figures of a page, and a promise of it for those that are there before.
VEGA = """
const page = (globalThis.janusVega ??= {});
page.here ??= new Promise((ready, failed) => Object.assign(page, { ready, failed }));
"""
BRING = f"""{VEGA}
async function unpack(code) {{
  const unpacked = new Blob([code]).stream().pipeThrough(new DecompressionStream("gzip"));
  const url = URL.createObjectURL(new Blob([await new Response(unpacked).blob()], {{ type: "text/javascript" }}));
  return (await import(url)).default;
}}

export default {{
  initialize({{ model }}) {{
    if (!page.asked) unpack(model.get("vega")).then(page.ready, page.failed);
    page.asked = true;
  }},
}};
"""


class Library(anywidget.AnyWidget):
    """Brings Vega to the page; nothing to look at."""

    _esm = BRING
    vega = traitlets.Bytes().tag(sync=True)


class _Brought:
    library: Library | None = None


def bring() -> Library:
    """Send Vega to the pages of this kernel, once; again if the widget was closed."""
    if _Brought.library is None or _Brought.library.comm is None:
        _Brought.library = Library(vega=packed())
    return _Brought.library


def packed() -> bytes:
    """vega-embed, which brings Vega, as an ECMAScript module in gzip."""
    for kept in (_in_environment, _in_cache):
        try:
            code = kept().read_bytes()
            gzip.decompress(code)  # whole, or it is of no use
            return code
        except (OSError, EOFError, zlib.error):
            continue
    code = pack()
    try:
        write_bytes(_in_cache(), code)
    except (OSError, JanusError):
        pass  # a folder that cannot be written: the next kernel packs it again
    return code


def pack() -> bytes:
    """The same, made anew."""
    import vl_convert

    return gzip.compress(vl_convert.javascript_bundle(SNIPPET).encode(), GZIP_LEVEL, mtime=0)


def _in_environment() -> Path:
    return Path(sys.prefix, "share", "janus", _name())


def _in_cache() -> Path:
    return cache_folder("page") / _name()


def _name() -> str:
    return f"vega-{importlib.metadata.version('vl-convert-python')}.mjs.gz"


def in_notebook() -> bool:
    """Whether this is a kernel that a page may listen to."""
    kernel = sys.modules.get("ipykernel.kernelapp")
    return kernel is not None and kernel.IPKernelApp.initialized()


if __name__ == "__main__":
    _in_environment().parent.mkdir(parents=True, exist_ok=True)
    write_bytes(_in_environment(), pack())
elif in_notebook():
    bring()
