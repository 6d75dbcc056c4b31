"""Prints the hashes of files, as {path: {sha256, blake3}}: `hashes.py FILE…`."""

import hashlib
import json
import pathlib
import sys

import blake3


def hashes(data: bytes) -> dict:
    return {"sha256": hashlib.sha256(data).hexdigest(), "blake3": blake3.blake3(data).hexdigest()}


print(json.dumps({path: hashes(pathlib.Path(path).read_bytes()) for path in sys.argv[1:]}))
