"""Pictures and their classes, read from files; what training does to them each time it shows them.

Pictures are uint8 (N, channels, height, width), classes int64 (N).
"""

from __future__ import annotations

import ast
import gzip
import math
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from weights_file import bytes_of, write_atomic


class DataError(ValueError):
    """What is wrong with a file of pictures, and where."""


@dataclass(frozen=True)
class Dataset:
    """`finish` makes the pictures that the network takes, uint8, of those that augmentation has changed: floats 0 … 255 (N, ...)."""

    pictures: Tensor
    labels: Tensor
    finish: Callable[[Tensor], Tensor]

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, start: int, end: int) -> Dataset:
        return Dataset(self.pictures[start:end], self.labels[start:end], self.finish)


def _whole(x: Tensor) -> Tensor:
    return x.round().clamp(0, 255).to(torch.uint8)


_SHARES = torch.tensor([[max(0.0, min(1.5 * o + 1.5, i + 1) - max(1.5 * o, i)) for i in range(24)] for o in range(16)])
"""Of pixel i in pixel o, which covers 1.5 · o to 1.5 · o + 1.5: 0, 1/2 or 1."""


def smaller(x: Tensor) -> Tensor:
    """28 × 28 to 16 × 16: without the border of 2, each pixel the mean of the 1.5 × 1.5 that it covers, rounded half to even.

    x are numbers 0 … 255 (N, channels, 28, 28).
    """
    return _whole(_SHARES @ x[..., 2:26, 2:26] @ _SHARES.T / 2.25)


# Readers


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: {error}") from None


def _tensor(data: bytes, dtype: torch.dtype = torch.uint8) -> Tensor:
    return torch.frombuffer(bytearray(data), dtype=dtype)


def read_idx(path: Path) -> Tensor:
    """An idx file of bytes, gzip or not (yann.lecun.com/exdb/mnist)."""
    data = _bytes(path)
    rank = data[3] if len(data) >= 4 else 0
    if len(data) < 4 + 4 * rank or data[:3] != b"\x00\x00\x08":
        raise DataError(f"{path}: found magic {data[:4].hex()}, expected 000008xx: an idx file of bytes")
    shape = struct.unpack(f">{rank}I", data[4 : 4 + 4 * rank])
    if len(data) != 4 + 4 * rank + math.prod(shape):
        raise DataError(f"{path}: found {len(data)} bytes, expected {4 + 4 * rank + math.prod(shape)} for shape {list(shape)}")
    return _tensor(data[4 + 4 * rank :]).reshape(shape)


_NPY_DTYPES = {"|u1": torch.uint8, "|i1": torch.int8, "<i4": torch.int32, "<i8": torch.int64}


def read_npy(path: Path) -> Tensor:
    """An .npy file of integers, row-major (numpy.lib.format, versions 1 and 2)."""
    data = _bytes(path)
    if data[:6] != b"\x93NUMPY" or len(data) < 12:
        raise DataError(f"{path}: found {data[:6].hex()}, expected an .npy file")
    start = 10 if data[6] == 1 else 12
    end = start + int.from_bytes(data[8:start], "little")
    try:
        header = ast.literal_eval(data[start:end].decode("latin1"))
        descr, shape, is_column_major = header["descr"], header["shape"], header["fortran_order"]
    except (ValueError, SyntaxError, KeyError, TypeError):
        raise DataError(f"{path}: its header is none of an .npy file") from None
    if descr not in _NPY_DTYPES or is_column_major:
        raise DataError(f"{path}: found {descr}{', column-major' if is_column_major else ''}, expected row-major {', '.join(_NPY_DTYPES)}")
    dtype = _NPY_DTYPES[descr]
    if len(data) - end != math.prod(shape) * dtype.itemsize:
        raise DataError(f"{path}: found {len(data) - end} bytes, expected {math.prod(shape) * dtype.itemsize} for shape {list(shape)}")
    return _tensor(data[end:], dtype).reshape(shape)


def write_npy(path: Path, tensor: Tensor) -> None:
    """Writes an .npy file of integers, version 1."""
    descr = next(text for text, dtype in _NPY_DTYPES.items() if dtype == tensor.dtype)
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple(tensor.shape)}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    write_atomic(path, b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes_of(tensor))


_PNG_CHANNELS = {0: 1, 2: 3}
"""By colour type: grey and RGB."""


def read_png(path: Path) -> Tensor:
    """A PNG file of 8-bit grey or RGB pixels without interlace, as (channels, height, width) (ISO/IEC 15948)."""
    data = _bytes(path)
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise DataError(f"{path}: found {data[:8].hex()}, expected a PNG file")
    at, compressed, header = 8, b"", None
    while at + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        if kind == b"IHDR" and length == 13:
            header = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            compressed += body
        at += 12 + length
    if header is None or header[2] != 8 or header[3] not in _PNG_CHANNELS or header[6] != 0:
        raise DataError(f"{path}: found header {header}, expected 8 bits, grey or RGB, no interlace")
    width, height, _, colour, *_ = header
    channels = _PNG_CHANNELS[colour]
    stride = width * channels
    try:
        raw = zlib.decompress(compressed)
    except zlib.error as error:
        raise DataError(f"{path}: {error}") from None
    if len(raw) != height * (stride + 1):
        raise DataError(f"{path}: found {len(raw)} bytes of pixels, expected {height * (stride + 1)}")
    above, rows = bytes(stride), []
    for y in range(height):
        line = bytearray(raw[y * (stride + 1) + 1 : (y + 1) * (stride + 1)])
        _unfilter(raw[y * (stride + 1)], line, above, channels, path)
        rows.append(bytes(line))
        above = rows[-1]
    return _tensor(b"".join(rows)).reshape(height, width, channels).permute(2, 0, 1)


def _unfilter(kind: int, line: bytearray, above: bytes, channels: int, path: Path) -> None:
    if kind > 4:
        raise DataError(f"{path}: found filter {kind}, expected 0 to 4")
    for i in range(len(line)):
        left = line[i - channels] if i >= channels else 0
        up = above[i]
        corner = above[i - channels] if i >= channels else 0
        line[i] = (line[i] + (0, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]) & 255


def _paeth(left: int, up: int, corner: int) -> int:
    return min((abs(up - corner), 0, left), (abs(left - corner), 1, up), (abs(left + up - 2 * corner), 2, corner))[2]


# Data sets


def _mnist(folder: Path, part: str, finish: Callable[[Tensor], Tensor]) -> Dataset:
    name = {"train": "train", "test": "t10k"}[part]

    def read(what: str) -> Tensor:
        paths = [folder / f"{name}-{what}-ubyte{end}" for end in ("", ".gz")]
        return read_idx(next((path for path in paths if path.exists()), paths[1]))

    return Dataset(read("images-idx3").unsqueeze(1), read("labels-idx1").long(), finish)


def _cifar10(folder: Path, part: str) -> Dataset:
    """The binary files: records of a byte for the class and 3072 of pixels, red, green, blue (cs.toronto.edu/~kriz/cifar.html)."""
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] if part == "train" else ["test_batch.bin"]
    records = []
    for name in names:
        data = _bytes(folder / name)
        if not data or len(data) % 3073:
            raise DataError(f"{folder / name}: found {len(data)} bytes, expected a multiple of 3073")
        records.append(_tensor(data).reshape(-1, 3073))
    all_records = torch.cat(records)
    return Dataset(all_records[:, 1:].reshape(-1, 3, 32, 32), all_records[:, 0].long(), _whole)


def _npy(folder: Path, part: str) -> Dataset:
    """PART-images.npy, uint8 (N, channels, height, width) or (N, height, width), and PART-labels.npy."""
    pictures, labels = read_npy(folder / f"{part}-images.npy"), read_npy(folder / f"{part}-labels.npy").long()
    pictures = pictures.unsqueeze(1) if pictures.dim() == 3 else pictures
    if pictures.dtype != torch.uint8 or pictures.dim() != 4:
        raise DataError(f"{folder}: found pictures {pictures.dtype} {list(pictures.shape)}, expected uint8 (N, channels, height, width)")
    return Dataset(pictures, labels, _whole)


def _png(folder: Path, part: str) -> Dataset:
    """PART/CLASS/*.png: a folder for each class, in the order of their names."""
    classes = sorted(each for each in (folder / part).glob("*") if each.is_dir())
    files = [(path, label) for label, each in enumerate(classes) for path in sorted(each.glob("*.png"))]
    if not files:
        raise DataError(f"{folder / part}: found no pictures, expected CLASS/*.png")
    pictures = [read_png(path) for path, _ in files]
    for picture, (path, _) in zip(pictures, files):
        if picture.shape != pictures[0].shape:
            raise DataError(f"{path}: found a picture {list(picture.shape)}, expected {list(pictures[0].shape)} as the first one")
    return Dataset(torch.stack(pictures), torch.tensor([label for _, label in files]), _whole)


READERS: dict[str, Callable[[Path, str], Dataset]] = {
    "mnist": lambda folder, part: _mnist(folder, part, _whole),
    "mnist16": lambda folder, part: _mnist(folder, part, smaller),
    "cifar10": _cifar10,
    "npy": _npy,
    "png": _png,
}
"""By the word of --data: what reads a folder's part "train" or "test"."""

FOLDERS = {"mnist": "mnist", "mnist16": "mnist", "cifar10": "cifar10"}
"""Where below TERN_DATA a data set lies if no folder is given."""


def read_data(kind: str, folder: str | None, part: str) -> Dataset:
    """The part "train" or "test" of a data set. Raises DataError."""
    if folder is None:
        if kind not in FOLDERS:
            raise DataError(f"--data {kind} needs --folder")
        folder = os.path.join(os.environ.get("TERN_DATA", "."), FOLDERS[kind])
    data = READERS[kind](Path(folder), part)
    if len(data.pictures) != len(data.labels):
        raise DataError(f"{folder}: found {len(data.pictures)} pictures and {len(data.labels)} labels")
    return data


# Augmentation


@dataclass(frozen=True)
class Augmentation:
    """What is done to a picture, at random, each time it is shown."""

    shift: int = 0
    """Pixels that it is moved each way, zeros coming in: a crop of the picture with a border of so many."""
    flip: bool = False
    """Half of the pictures are mirrored left to right."""
    affine: float = 0.0
    """Deviation of each of the four numbers of the matrix that turns, stretches and slants it."""

    def __call__(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        """uint8 (N, channels, height, width) to float 0 … 255."""
        x = pictures.float()
        n, _, height, width = x.shape
        if self.affine:
            matrices = torch.eye(2, 3).repeat(n, 1, 1)
            matrices[:, :, :2] += self.affine * torch.randn(n, 2, 2, generator=generator)
            x = F.grid_sample(x, F.affine_grid(matrices, list(x.shape), align_corners=False), align_corners=False)
        if self.shift:
            reach = self.shift
            offsets = torch.randint(0, 2 * reach + 1, (2, n, 1), generator=generator)
            rows = (offsets[0] + torch.arange(height))[:, None, :, None]
            columns = (offsets[1] + torch.arange(width))[:, None, None, :]
            padded = F.pad(x, (reach,) * 4)
            x = padded[torch.arange(n)[:, None, None, None], torch.arange(x.shape[1])[None, :, None, None], rows, columns]
        if self.flip:
            mirrored = torch.rand(n, generator=generator) < 0.5
            x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
        return x
