"""Writes the .npy files of this folder and expected.json, what they hold. Needs NumPy 2; the files are kept in git.

    python tests/data/npy/generate.py
"""

import json
import pathlib

import numpy as np
from numpy.lib import format as npy

HERE = pathlib.Path(__file__).parent
expected = {}


def keep(name, array, js, values=None):
    """Saves an array. Its values are ascending, so that sorting leaves the bytes as they are."""
    np.save(HERE / f"{name}.npy", array)
    if values is None:
        values = [str(v) if array.dtype.kind in "iu" and array.dtype.itemsize == 8 else v for v in array.ravel().tolist()]
    expected[name] = {"type": js, "shape": list(array.shape), "values": values}


for code, js in {
    "i1": "Int8Array", "u1": "Uint8Array", "i2": "Int16Array", "u2": "Uint16Array", "i4": "Int32Array",
    "u4": "Uint32Array", "i8": "BigInt64Array", "u8": "BigUint64Array",
}.items():
    limits = np.iinfo(code)
    keep(code, np.array([limits.min, 0, 1, 7, limits.max - 1, limits.max], dtype=f"<{code}"), js)
keep("f2", np.array([-2, 0.5, 1.5, 65504], dtype="<f2"), "Float16Array")
keep("f4", np.array([-3.5, 0, 0.1, 3.4e38], dtype="<f4"), "Float32Array")
keep("f8", np.array([-3.5, 0, 0.1, 1.7e308], dtype="<f8"), "Float64Array")
keep("b1", np.array([False, True, True]), "Uint8Array", [0, 1, 1])
for code, js in {"i2": "Int16Array", "f4": "Float32Array", "i8": "BigInt64Array"}.items():
    keep(f"big_endian_{code}", np.array([-5, 1, 258], dtype=f">{code}"), js)
keep("empty", np.zeros(0, dtype="<f4"), "Float32Array")

# Headers of the other versions of the format.
for version in [(2, 0), (3, 0)]:
    name = f"version_{version[0]}"
    array = np.array([1, 2, 3], dtype="<i4")
    with open(HERE / f"{name}.npy", "wb") as file:
        npy.write_array(file, array, version=version)
    expected[name] = {"type": "Int32Array", "shape": [3], "values": [1, 2, 3]}

# An image: 2 rows of 3 pixels.
keep("pixels", np.arange(24, dtype="u1").reshape(2, 3, 4), "Uint8Array")

# What is refused.
np.save(HERE / "fortran.npy", np.asfortranarray(np.arange(6.0).reshape(2, 3)))
np.save(HERE / "complex.npy", np.zeros(2, dtype="<c16"))
np.save(HERE / "records.npy", np.zeros(2, dtype=[("a", "<i4"), ("b", "<f4")]))
np.save(HERE / "text.npy", np.array(["a", "b"]))

(HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
