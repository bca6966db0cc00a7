"""Writes a safetensors file: u64 length of the header, the header in JSON, the numbers (github.com/huggingface/safetensors, "Format")."""

from __future__ import annotations

import ctypes
import json
import os
from pathlib import Path

import torch
from torch import Tensor


def write_safetensors(path: str | Path, tensors: dict[str, Tensor]) -> None:
    """Writes float32 tensors in the order of their names, little-endian. The file is there whole or not at all."""
    header: dict[str, object] = {}
    parts: list[bytes] = []
    start = 0
    for name, tensor in sorted(tensors.items()):
        if tensor.dtype != torch.float32:
            raise ValueError(f'tensor "{name}": found {tensor.dtype}, expected torch.float32')
        data = bytes_of(tensor)
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [start, start + len(data)]}
        start += len(data)
        parts.append(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    write_atomic(path, len(text).to_bytes(8, "little") + text + b"".join(parts))


def bytes_of(tensor: Tensor) -> bytes:
    """The numbers of a tensor as they lie in memory, row-major."""
    tensor = tensor.detach().cpu().contiguous()
    return ctypes.string_at(tensor.data_ptr(), tensor.numel() * tensor.element_size())


def write_atomic(path: str | Path, data: bytes) -> None:
    """Replaces a file in one step, so that whatever happens it holds the old bytes or the new ones."""
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
