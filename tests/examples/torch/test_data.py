"""Readers and augmentation of data.py."""

import gzip
import struct
import tempfile
import unittest
import zlib
from pathlib import Path
from unittest import mock

import here  # noqa: F401
import torch
from data import Augmentation, DataError, read_data, read_idx, read_npy, read_png, smaller, write_npy
from weights_file import write_atomic, write_safetensors


def idx(shape, data):
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + bytes(data)


def png(pixels, filters, colour):
    """A PNG of rows of bytes, each under the filter of its number."""
    channels = {0: 1, 2: 3}[colour]
    raw, above = b"", bytes(len(pixels[0]))
    for row, kind in zip(pixels, filters):
        left, corner = bytes(channels) + row[:-channels], bytes(channels) + above[:-channels]
        nearest = lambda a, b, c: min((a, b, c), key=lambda each: abs(a + b - c - each))  # noqa: E731
        guess = [lambda a, b, c: 0, lambda a, b, c: a, lambda a, b, c: b, lambda a, b, c: (a + b) // 2, nearest][kind]
        raw += bytes([kind]) + bytes((x - guess(*around)) % 256 for x, *around in zip(row, left, above, corner))
        above = row

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", len(pixels[0]) // channels, len(pixels), 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def test_idx(self):
        plain = idx([2, 1, 3], [1, 2, 3, 4, 5, 255])
        for data in (plain, gzip.compress(plain)):
            self.assertEqual(read_idx(self.write("x", data)).tolist(), [[[1, 2, 3]], [[4, 5, 255]]])

    def test_npy_is_read_as_it_was_written(self):
        for tensor in (torch.arange(24, dtype=torch.uint8).reshape(2, 3, 4), torch.tensor([-5, 70000], dtype=torch.int32), torch.tensor([1])):
            write_npy(self.folder / "x.npy", tensor)
            found = read_npy(self.folder / "x.npy")
            self.assertEqual((found.dtype, found.tolist()), (tensor.dtype, tensor.tolist()))

    def test_png(self):
        grey = [bytes([1, 2, 3]), bytes([250, 0, 9]), bytes([7, 7, 7])]
        self.assertEqual(read_png(self.write("g.png", png(grey, [0, 1, 2], 0))).tolist(), [[list(row) for row in grey]])
        rgb = [bytes([1, 2, 3, 4, 5, 6]), bytes([9, 8, 7, 6, 5, 255])]
        found = read_png(self.write("c.png", png(rgb, [1, 2], 2)))
        self.assertEqual(found.tolist(), [[[1, 4], [9, 6]], [[2, 5], [8, 5]], [[3, 6], [7, 255]]])
        noise = torch.randint(0, 256, (25, 21), generator=torch.Generator().manual_seed(1)).tolist()
        found = read_png(self.write("n.png", png([bytes(row) for row in noise], [0, 1, 2, 3, 4] * 5, 2)))
        self.assertEqual(found.permute(1, 2, 0).reshape(25, 21).tolist(), noise)

    def test_a_folder_of_pngs_has_its_classes_in_the_order_of_their_names(self):
        for name, value in (("train/cat/2.png", 2), ("train/cat/1.png", 1), ("train/ant/1.png", 3)):
            self.write(name, png([bytes([value, 0])], [0], 0))
        data = read_data("png", str(self.folder), "train")
        self.assertEqual((data.pictures[:, 0, 0, 0].tolist(), data.labels.tolist()), ([3, 1, 2], [0, 1, 1]))

    def test_cifar10(self):
        self.write("test_batch.bin", bytes([7]) + bytes(range(256)) * 12)
        data = read_data("cifar10", str(self.folder), "test")
        self.assertEqual((data.labels.tolist(), list(data.pictures.shape), int(data.pictures[0, 1, 0, 5])), ([7], [1, 3, 32, 32], 5))

    def test_what_is_wrong_with_a_file_is_said(self):
        picture = png([bytes([1])], [0], 0)
        for name, read, data, message in (
            ("short", read_idx, b"\0\0", "expected 000008xx"),
            ("type", read_idx, b"\0\0\x0d\x01\0\0\0\0", "found magic 00000d01"),
            ("length", read_idx, idx([2, 2], [1]), "found 13 bytes, expected 16"),
            ("gzip", read_idx, gzip.compress(b"abc")[:-9], "gzip"),
            ("npy", read_npy, b"PK\3\4" + bytes(20), "expected an .npy file"),
            ("f4", read_npy, b"\x93NUMPY\1\0\x3a\0{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}   \n" + bytes(4), "found <f4"),
            ("png", read_png, b"GIF89a", "expected a PNG"),
            ("16 bits", read_png, picture[:24] + b"\x10" + picture[25:], "expected 8 bits"),
        ):
            with self.subTest(name):
                with self.assertRaisesRegex(DataError, f"{message}|{name}: "):
                    read(self.write(name, data))
        with self.assertRaisesRegex(DataError, "needs --folder"):
            read_data("npy", None, "train")
        with self.assertRaisesRegex(DataError, "expected CLASS"):
            read_data("png", str(self.folder), "test")

    def test_a_full_disk_leaves_the_old_file(self):
        path = self.write("x", b"old")
        with mock.patch("os.fsync", side_effect=OSError(28, "No space left on device")), self.assertRaises(OSError):
            write_atomic(path, b"new")
        self.assertEqual((path.read_bytes(), [each.name for each in self.folder.iterdir()]), (b"old", ["x"]))

    def test_safetensors(self):
        write_safetensors(self.folder / "x", {"b": torch.tensor([[1.0, 2.0]]), "a": torch.tensor(3.0)})
        data = (self.folder / "x").read_bytes()
        length = int.from_bytes(data[:8], "little")
        self.assertEqual(length % 8, 0)
        self.assertEqual(
            data[8 : 8 + length].rstrip(),
            b'{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1,2],"data_offsets":[4,12]}}',
        )
        self.assertEqual(struct.unpack("<3f", data[8 + length :]), (3.0, 1.0, 2.0))


class Pictures(unittest.TestCase):
    def test_smaller_is_the_mean_of_what_a_pixel_covers(self):
        x = torch.randint(0, 256, (1, 1, 28, 28), generator=torch.Generator().manual_seed(1))
        found = smaller(x.float())
        # thirds: 6 × 6 sub-pixels of each pair of old pixels are 3 × 3 for each new one
        fine = x[0, 0, 2:26, 2:26].repeat_interleave(2, 0).repeat_interleave(2, 1)
        for row, column in ((0, 0), (1, 0), (7, 8), (15, 15)):
            expected = round(fine[3 * row : 3 * row + 3, 3 * column : 3 * column + 3].double().mean().item())
            self.assertEqual(int(found[0, 0, row, column]), expected)

    def test_shifts_reach_every_distance_and_no_farther(self):
        dot = torch.zeros(300, 1, 5, 5, dtype=torch.uint8)
        dot[:, 0, 2, 2] = 9
        moved = Augmentation(shift=1)(dot, torch.Generator().manual_seed(1))
        self.assertEqual(moved.sum((1, 2, 3)).tolist(), [9.0] * 300)
        self.assertEqual(sorted(set(moved.flatten(1).argmax(1).tolist())), [6, 7, 8, 11, 12, 13, 16, 17, 18])

    def test_flips_mirror_half_of_the_pictures(self):
        picture = torch.tensor([[1, 2]], dtype=torch.uint8).expand(400, 1, 1, 2)
        flipped = Augmentation(flip=True)(picture, torch.Generator().manual_seed(1))
        self.assertEqual({tuple(row) for row in flipped.flatten(1).tolist()}, {(1, 2), (2, 1)})
        self.assertAlmostEqual(float((flipped[:, 0, 0, 0] == 2).float().mean()), 0.5, delta=0.1)

    def test_affine_changes_nothing_where_its_deviation_is_tiny(self):
        x = torch.randint(0, 256, (3, 2, 6, 6), dtype=torch.uint8)
        torch.testing.assert_close(Augmentation(affine=1e-9)(x, torch.Generator()), x.float(), atol=1e-3, rtol=0)


if __name__ == "__main__":
    unittest.main()
