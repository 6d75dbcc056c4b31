"""What Python and the formats' own libraries make of our files, and files of theirs for us.

`compressing.py make FOLDER`: inputs, each also as every format writes it.
`compressing.py read FORMAT FILE INPUT`: prints whether the file holds what the input does.
"""

import gzip
import io
import json
import pathlib
import random
import sys
import zlib

import lz4.frame
import zstandard


def inputs() -> dict[str, bytes]:
    chance = random.Random(5)
    words = [bytes(chance.choices(b"etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(3000)]
    prose = b" ".join(chance.choices(words, k=900_000))
    source = b"".join(path.read_bytes() for path in sorted(pathlib.Path(json.__file__).parent.parent.glob("*.py")))
    return {
        "empty": b"",
        "one": b"x",
        "prose": prose,
        "source": source,
        "noise": chance.randbytes(2_500_001),
        "zeros": bytes(5 << 20),
        "block": prose[: 1 << 20],
    }


def write(kind: str, data: bytes) -> bytes:
    match kind:
        case "gzip":
            return gzip.compress(data, 6)
        case "gzip-members":
            return gzip.compress(data[: len(data) // 3], 9) + gzip.compress(data[len(data) // 3 :], 1) + bytes(100)
        case "zlib":
            return zlib.compress(data, 9)
        case "deflate":
            stream = zlib.compressobj(4, zlib.DEFLATED, -15)
            return stream.compress(data) + stream.flush()
        case "lz4":
            return lz4.frame.compress(data, compression_level=0, content_checksum=True)
        case "lz4-high":
            return lz4.frame.compress(data, compression_level=9, block_linked=False, block_checksum=True, block_size=4)
        case "zstd":
            return zstandard.ZstdCompressor(level=3, write_checksum=True).compress(data)
        case "zstd-high":
            # In one stream, so that no length is told; then another frame.
            stream = zstandard.ZstdCompressor(level=12).compressobj()
            return stream.compress(data[1:]) + stream.flush() + zstandard.ZstdCompressor(level=1).compress(data[:1]) if data else write("zstd", data)
    raise ValueError(kind)


def read(kind: str, file: bytes) -> bytes:
    match kind:
        case "gzip":
            # One member: a reader that stops after the first must have it all.
            stream = zlib.decompressobj(31)
            data = stream.decompress(file) + stream.flush()
            assert stream.eof and not stream.unused_data
            assert gzip.decompress(file) == data
            return data
        case "zlib":
            return zlib.decompress(file)
        case "deflate":
            return zlib.decompress(file, -15)
        case "lz4":
            return lz4.frame.decompress(file)
        case "zstd":
            return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(file), read_across_frames=True).read()
    raise ValueError(kind)


KINDS = ["gzip", "gzip-members", "zlib", "deflate", "lz4", "lz4-high", "zstd", "zstd-high"]

if sys.argv[1] == "make":
    folder = pathlib.Path(sys.argv[2])
    for name, data in inputs().items():
        (folder / name).write_bytes(data)
        for kind in KINDS:
            held = data
            if kind == "zstd-high" and data:
                held = data[1:] + data[:1]
            (folder / f"{name}.{kind}").write_bytes(write(kind, data))
            (folder / f"{name}.{kind}.held").write_bytes(held)
else:
    kind, file, wanted = sys.argv[2:]
    print(json.dumps({"same": read(kind, pathlib.Path(file).read_bytes()) == pathlib.Path(wanted).read_bytes()}))
