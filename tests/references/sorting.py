"""Makes arrays to sort, and compares what came of them with NumPy's sort and argsort.

  sorting.py make DTYPE LENGTH OUT.npy          numbers in disorder; of floats also NaN, infinities and both zeros
  sorting.py one-zero IN.npy OUT.npy             the same with every zero positive
  sorting.py sorted IN.npy OUT.npy ORDER        prints {same, dtype, zeros}
  sorting.py argsorted IN.npy OUT.npy ORDER     prints {same, dtype}
"""

import json
import sys

import numpy as np


def make(dtype: str, length: int) -> np.ndarray:
    random = np.random.default_rng(20250724)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        # Scaled by powers of ten, so that every exponent has its turn, and some numbers often.
        wide = random.standard_normal(length) * 10.0 ** random.integers(-4, 4, length)
        # Twentieths of the array, one for each oddity, wherever they fall.
        oddities = [np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0]
        lot = random.integers(0, 20, length)
        for place, oddity in enumerate(oddities):
            wide[lot == place] = oddity
        return wide.astype(kind)
    limits = np.iinfo(kind)
    numbers = random.integers(limits.min, limits.max, length, dtype=kind, endpoint=True)
    numbers[:4] = [limits.max, limits.min, 0, limits.max]
    return numbers


def apart(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places of the numbers, and of the NaNs: NumPy's orders have no descending one that keeps NaN last."""
    nan = np.isnan(numbers) if numbers.dtype.kind == "f" else np.zeros(len(numbers), dtype=bool)
    return np.flatnonzero(~nan), np.flatnonzero(nan)


def check_sorted(numbers: np.ndarray, given: np.ndarray, order: str) -> dict:
    if order == "ascending":
        wanted = np.sort(numbers)
    else:
        real, nan = apart(numbers)
        wanted = np.concatenate([np.sort(numbers[real])[::-1], numbers[nan]])
    found = {"dtype": given.dtype.str, "wantedDtype": numbers.dtype.str}
    if numbers.dtype.kind != "f":
        return found | {"same": bool(np.array_equal(given, wanted))}
    signs = np.signbit(given[given == 0])
    return found | {
        "same": bool(np.array_equal(given, wanted, equal_nan=True)),
        # NumPy holds zeros for equal; the kernel promises -0 below +0, and that none changes its sign.
        "zeros": bool(np.array_equal(signs, np.sort(signs)[:: -1 if order == "ascending" else 1]))
        and int(signs.sum()) == int(np.signbit(numbers[numbers == 0]).sum()),
        "nans": int(np.isnan(given).sum()),
    }


def check_argsorted(numbers: np.ndarray, given: np.ndarray, order: str) -> dict:
    if order == "ascending":
        wanted = np.argsort(numbers, kind="stable")
    else:
        # Backwards twice: the least first, of equal ones the later first, read from the end.
        real, nan = apart(numbers)
        backwards = real[::-1]
        wanted = np.concatenate([backwards[np.argsort(numbers[backwards], kind="stable")][::-1], nan])
    return {"dtype": given.dtype.str, "same": bool(np.array_equal(given, wanted))}


verb, *args = sys.argv[1:]
if verb == "make":
    np.save(args[2], make(args[0], int(args[1])))
elif verb == "one-zero":
    # Where -0 and +0 are told apart an argsort cannot equal NumPy's, to which they are equal: adding +0 makes them one.
    np.save(args[1], np.load(args[0]) + 0.0)
elif verb in ("sorted", "argsorted"):
    check = check_sorted if verb == "sorted" else check_argsorted
    print(json.dumps(check(np.load(args[0]), np.load(args[1]), args[2])))
else:
    sys.exit(f"no verb is named {verb}")
