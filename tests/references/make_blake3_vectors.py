"""Makes tests/data/blake3_vectors.json with the Python binding of the official implementation.

The input lengths and the rule for the inputs are those of the official test vectors of BLAKE3 (test_vectors.json in
BLAKE3-team/BLAKE3), and so are the hashes: they were compared when the file was made.
"""

import json
import pathlib

import blake3

LENGTHS = [*range(9), 63, 64, 65, 127, 128, 129, 1023, 1024, 1025]
LENGTHS += [chunk * 1024 + extra for chunk in range(2, 9) for extra in (0, 1)]
LENGTHS += [16384, 31744, 102400]

path = pathlib.Path(__file__).parent.parent / "data" / "blake3_vectors.json"
cases = [{"length": n, "hash": blake3.blake3(bytes(i % 251 for i in range(n))).hexdigest()} for n in LENGTHS]
path.write_text(json.dumps({"input": "byte i is i % 251", "cases": cases}, indent=1) + "\n")
