"""Makes arrays of floats, and compares what kernels made of them with NumPy.

  numeric.py make DTYPE SHAPE SEED OUT.npy          normally distributed numbers; SHAPE is JSON
  numeric.py matmul A.npy B.npy C.npy TA TB         prints {shape, dtype, error}; TA and TB: 1 when stored by columns
  numeric.py fft IN.npy OUT.npy PARAMS              prints {sameShape, dtype, error}; PARAMS as the kernel's, JSON
  numeric.py nbody X.npy V.npy M.npy FOLDER PARAMS  prints {shape, moved, error}

`error` is the root of the mean square of the difference by that of what is right, which is computed in double precision; products in that of
`longdouble`, for how NumPy rounds a long sum of doubles depends on the processor.
"""

import json
import sys

import numpy as np


def error(given: np.ndarray, wanted: np.ndarray) -> float:
    if given.shape != wanted.shape:
        return float("inf")
    return float(np.sqrt(np.mean(np.abs(given - wanted) ** 2) / np.mean(np.abs(wanted) ** 2)))


def check_matmul(a: np.ndarray, b: np.ndarray, c: np.ndarray, by_columns: list[bool]) -> dict:
    a, b = (x.astype(np.longdouble).T if turned else x.astype(np.longdouble) for x, turned in zip((a, b), by_columns))
    return {"shape": c.shape, "dtype": c.dtype.str, "error": error(c, a @ b)}


def as_complex(numbers: np.ndarray) -> np.ndarray:
    return numbers[..., 0] + 1j * numbers[..., 1]


def check_fft(numbers: np.ndarray, given: np.ndarray, params: dict) -> dict:
    numbers = numbers.astype(np.float64)
    real, inverse, matrix = (params.get("real"), params.get("inverse"), params.get("dimensions") == 2)
    if inverse or not real:
        numbers = as_complex(numbers)
    if numbers.ndim == 1:
        numbers = numbers[np.newaxis]
    if real and inverse:
        length = params["length"]
        wanted = np.fft.irfft2(numbers, (numbers.shape[0], length)) if matrix else np.fft.irfft(numbers, length)
        values = given
    else:
        name = ("r" if real else "i" if inverse else "") + "fft" + ("2" if matrix else "")
        wanted = getattr(np.fft, name)(numbers)
        values = as_complex(given.astype(np.float64))
    return {"sameShape": values.shape == wanted.shape, "dtype": given.dtype.str, "error": error(values, wanted)}


def check_nbody(x: np.ndarray, v: np.ndarray, m: np.ndarray, folder: str, params: dict) -> dict:
    start, step = x, params["timeStep"]
    for _ in range(params["steps"]):
        x = x + v * step / 2
        d = x[np.newaxis] - x[:, np.newaxis]
        square = (d**2).sum(axis=2) + params["softening"] ** 2
        v = v + params["gravity"] * (m[np.newaxis, :, np.newaxis] * d / square[..., np.newaxis] ** 1.5).sum(axis=1) * step
        x = x + v * step / 2
    given_x, given_v = np.load(f"{folder}/positions.npy"), np.load(f"{folder}/velocities.npy")
    return {
        "shape": given_x.shape,
        "moved": float(np.abs(x - start).mean()),
        "error": max(error(given_x, x), error(given_v, v)),
    }


verb, *args = sys.argv[1:]
if verb == "make":
    random = np.random.default_rng(int(args[2]))
    np.save(args[3], random.standard_normal(json.loads(args[1])).astype(args[0]))
elif verb == "matmul":
    print(json.dumps(check_matmul(*map(np.load, args[:3]), [bool(int(x)) for x in args[3:]])))
elif verb == "fft":
    print(json.dumps(check_fft(np.load(args[0]), np.load(args[1]), json.loads(args[2]))))
elif verb == "nbody":
    print(json.dumps(check_nbody(*map(np.load, args[:3]), args[3], json.loads(args[4]))))
else:
    sys.exit(f"no verb is named {verb}")
