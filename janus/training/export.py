"""The finished model as a file that others load: the ViT alone, in float16."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save

from janus.files import write_bytes
from janus.training.network import Student
from janus.weights import file_hash


def export(student: Student, path: Path) -> dict:
    """Write the ViT's tensors in float16 under timm's names; return name, size and hash of the file."""
    tensors = {
        name: tensor.detach().cpu().to(torch.float16).contiguous() for name, tensor in student.vit.state_dict().items()
    }
    write_bytes(path, save(tensors))
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": file_hash(path)}
