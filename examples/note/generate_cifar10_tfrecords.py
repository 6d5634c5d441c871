"""Makes CIFAR-shaped TFRecords: small images whose class shows in their colour, so that a model can learn.

The note's own script downloads CIFAR-10; this one needs no network and no TensorFlow. The format is
TensorFlow's: a TFRecord is length, masked CRC32C of it, data, masked CRC32C of it; the data are
`tf.train.Example` messages with the features `image` (3,072 bytes, HWC) and `label`.
"""

import argparse
import os
import random
import struct


def _table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ 0x82F63B78 if byte & 1 else byte >> 1
        table.append(byte)
    return table


TABLE = _table()


def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def example(image, label):
    bytes_feature = field(1, field(1, image))
    int_feature = field(3, field(1, varint(label)))
    entries = [(b"image", bytes_feature), (b"label", int_feature)]
    return field(1, b"".join(field(1, field(1, name) + field(2, value)) for name, value in entries))


def record(data):
    length = struct.pack("<Q", len(data))
    return length + masked_crc(length) + data + masked_crc(data)


def image_of(label, rng):
    """A noisy flat image; the ten classes are ten colours."""
    colour = [(label * 53 + 40) % 256, (label * 97 + 80) % 256, (label * 151 + 120) % 256]
    return bytes(min(255, max(0, int(colour[i % 3] + rng.gauss(0, 25)))) for i in range(32 * 32 * 3))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", default="cifar10")
    parser.add_argument("--images", type=int, default=60)
    arguments = parser.parse_args()
    os.makedirs(arguments.data_dir, exist_ok=True)
    for seed, (name, count) in enumerate(
        [("train", arguments.images), ("validation", arguments.images // 2), ("eval", arguments.images // 2)]
    ):
        rng = random.Random(seed)
        with open(os.path.join(arguments.data_dir, name + ".tfrecords"), "wb") as file:
            for index in range(count):
                file.write(record(example(image_of(index % 10, rng), index % 10)))


if __name__ == "__main__":
    main()
