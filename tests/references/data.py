"""Makes arrays, and compares what the kernels of numbers made of them with NumPy, with exact fractions, and with formulas.

  data.py make DTYPE LENGTH SEED OUT.npy      numbers in disorder; of floats also NaN, infinities and both zeros
  data.py finite DTYPE LENGTH SEED OUT.npy    floats of all sizes, finite
  data.py keys LENGTH GROUPS SEED OUT.npy     whole numbers, each often
  data.py clouds ROWS DIMENSIONS SEED OUT.npy vectors around a few centres
  data.py describe IN.npy FOLDER              each of these prints {wrong: [...]}: what differs, best nothing
  data.py quantiles IN.npy FOLDER Q
  data.py histogram IN.npy FOLDER BINS|EDGES
  data.py topk IN.npy FOLDER K ORDER
  data.py groupby KEYS.npy VALUES.npy FOLDER
  data.py kmeans IN.npy FOLDER K
  data.py knn IN.npy QUERIES.npy FOLDER K METRIC
  data.py recall IN.npy QUERIES.npy FOLDER K METRIC   also the share of the true neighbours that were found
  data.py montecarlo PARAMS FOLDER

FOLDER has a file for each field of the kernel's output.
"""

import json
import math
import sys
from fractions import Fraction
from pathlib import Path
from statistics import NormalDist

import numpy as np


def make(dtype: str, length: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    if kind.kind != "f":
        limits = np.iinfo(kind)
        return random.integers(limits.min, limits.max, length, dtype=kind, endpoint=True)
    wide = random.standard_normal(length) * 10.0 ** random.integers(-4, 4, length)
    lot = random.integers(0, 40, length)
    for place, oddity in enumerate([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0]):
        wide[lot == place] = oddity
    return wide.astype(kind)


def finite(dtype: str, length: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    largest = np.finfo(dtype).maxexp - 2
    return np.ldexp(random.standard_normal(length), random.integers(-largest - 60, largest - 3, length)).astype(dtype)


def clouds(rows: int, dimensions: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    centres = random.uniform(-5, 5, (7, dimensions))
    return (centres[random.integers(0, 7, rows)] + random.standard_normal((rows, dimensions))).astype(np.float32)


def output(folder: str) -> dict:
    fields = {path.stem: np.load(path) for path in Path(folder).glob("*.npy")}
    # JavaScript writes large floats without a point: not as exact whole numbers.
    number = lambda text: int(text) if abs(int(text)) < 2**53 else float(text)
    return fields | {path.stem: json.loads(path.read_text(), parse_int=number) for path in Path(folder).glob("*.json")}


def nearest_float(value: Fraction) -> float:
    """Rounded once: Python divides whole numbers so."""
    try:
        return value.numerator / value.denominator
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def describe(numbers: np.ndarray, found: dict) -> list:
    floats = numbers.dtype.kind == "f"
    real = numbers[~np.isnan(numbers)] if floats else numbers
    wanted = {"count": len(real), "nans": len(numbers) - len(real)}
    wanted["min"] = float(real.min()) if len(real) else None
    wanted["max"] = float(real.max()) if len(real) else None
    if not floats or np.isfinite(real).all():
        exact = [Fraction(int(x)) if not floats else Fraction(float(x)) for x in real]
        total, squares, n = sum(exact), sum(x * x for x in exact), len(exact)
        spread = squares - total * total / n
        wanted |= {"sum": nearest_float(total), "mean": nearest_float(total / n)}
        wanted |= {"variance": nearest_float(spread / n), "sampleVariance": nearest_float(spread / (n - 1))}
        for name, variance in [("std", spread / n), ("sampleStd", spread / (n - 1))]:
            # The root of a variance 4⁶⁰⁰ times as large or as small, where f64 holds that.
            for power in (0, -600, 600):
                scaled = nearest_float(variance * Fraction(4) ** power)
                if 1e-290 < scaled < 1e290:
                    root = math.sqrt(scaled) * 2.0**-power
                    if not math.isclose(found[name], root, rel_tol=3e-16):
                        return [[name, found[name], root]]
                    break
    else:
        wanted |= {"variance": None, "std": None}
    # JSON has no infinity: it writes null.
    same = lambda a, b: a == b or (a is None and b is not None and math.isinf(b))
    return [[name, found[name], value] for name, value in wanted.items() if not same(found[name], value)]


def quantiles(numbers: np.ndarray, found: dict, q: list) -> list:
    with np.errstate(invalid="ignore"):
        wanted = np.nanquantile(numbers.astype(np.float64), q)
    return [] if np.array_equal(found["quantiles"], wanted, equal_nan=True) else [found["quantiles"].tolist(), wanted.tolist()]


def histogram(numbers: np.ndarray, found: dict, bins) -> list:
    values = numbers.astype(np.float64)
    inside = values[np.isfinite(values)]
    counts, edges = np.histogram(inside, bins)
    wrong = [] if np.array_equal(found["edges"], edges) else ["edges"]
    wrong += [] if np.array_equal(found["counts"], counts) else ["counts"]
    rest = {"nans": np.isnan(values).sum(), "below": (values < edges[0]).sum(), "above": (values > edges[-1]).sum()}
    return wrong + [[name, found[name], int(value)] for name, value in rest.items() if found[name] != value]


def topk(numbers: np.ndarray, found: dict, k: int, order: str) -> list:
    nan = np.isnan(numbers) if numbers.dtype.kind == "f" else np.zeros(len(numbers), dtype=bool)
    real = np.flatnonzero(~nan)
    if order == "ascending":
        sorted_real = real[np.argsort(numbers[real], kind="stable")]
    else:
        backwards = real[::-1]
        sorted_real = backwards[np.argsort(numbers[backwards], kind="stable")][::-1]
    wanted = np.concatenate([sorted_real, np.flatnonzero(nan)])[:k]
    wrong = [] if np.array_equal(found["indices"], wanted) else ["indices"]
    return wrong + ([] if np.array_equal(found["values"], numbers[wanted], equal_nan=numbers.dtype.kind == "f") else ["values"])


def groupby(keys: np.ndarray, values: np.ndarray, found: dict) -> list:
    unique, group = np.unique(keys, return_inverse=True)
    if not np.array_equal(found["keys"], unique):
        return ["keys"]
    wrong = []
    for place in range(len(unique)):
        numbers = values[group == place].astype(np.float64)
        numbers = numbers[~np.isnan(numbers)]
        sum_, size = math.fsum(numbers), math.fsum(abs(numbers))
        wanted = [("counts", len(numbers), 0), ("sums", sum_, size * 1e-15)]
        if len(numbers):
            mean = sum_ / len(numbers)
            variance = math.fsum((numbers - mean) ** 2) / len(numbers)
            wanted += [("means", mean, size / len(numbers) * 1e-15), ("variances", variance, variance * 1e-12)]
            wanted += [("mins", numbers.min(), 0), ("maxs", numbers.max(), 0)]
        wrong += [[name, place] for name, value, near in wanted if not abs(found[name][place] - value) <= near]
    return wrong


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.stack([((row - b) ** 2).sum(axis=1) for row in a])


def kmeans(data: np.ndarray, found: dict, k: int) -> list:
    rows = data.astype(np.float64)
    distances = squared_distances(rows, found["centroids"].astype(np.float64))
    labels = found["labels"]
    own = distances[np.arange(len(rows)), labels]
    wrong = [] if found["centroids"].shape == (k, rows.shape[1]) else ["shape"]
    if (own > distances.min(axis=1) * (1 + 1e-5) + 1e-9).any():
        wrong.append("labels")
    if not math.isclose(found["inertia"], own.sum(), rel_tol=1e-5):
        wrong.append(["inertia", found["inertia"], own.sum()])
    if not found["converged"]:
        wrong.append("converged")
    for label in range(k):
        mean = rows[labels == label].mean(axis=0)
        if not np.allclose(found["centroids"][label], mean, rtol=1e-4, atol=1e-3):
            wrong.append(["centroid", label])
    # Better than the worst of ten that begin with rows drawn at random: what k-means++ is for.
    random = np.random.default_rng(1)
    worst = 0
    for _ in range(10):
        centroids = rows[random.choice(len(rows), k, replace=False)]
        for _ in range(60):
            nearest = squared_distances(rows, centroids).argmin(axis=1)
            centroids = np.stack([rows[nearest == c].mean(axis=0) if (nearest == c).any() else centroids[c] for c in range(k)])
        worst = max(worst, squared_distances(rows, centroids).min(axis=1).sum())
    return wrong + ([] if found["inertia"] < worst else [["worse", found["inertia"], worst]])


def all_distances(queries: np.ndarray, data: np.ndarray, metric: str) -> np.ndarray:
    a, b = queries.astype(np.float64), data.astype(np.float64)
    if metric == "euclidean":
        return np.sqrt(squared_distances(a, b))
    if metric == "dot":
        return a @ b.T
    return 1 - a @ b.T / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)


def recall(data: np.ndarray, queries: np.ndarray, found: dict, k: int, metric: str) -> dict:
    distances = all_distances(queries, data, metric)
    places = found["indices"].astype(np.int64)
    wanted = np.argsort(distances if metric != "dot" else -distances, axis=1, kind="stable")[:, :k]
    true = np.allclose(np.take_along_axis(distances, places, axis=1), found["distances"], rtol=1e-4, atol=1e-4)
    hits = sum(len(set(a) & set(b)) for a, b in zip(places.tolist(), wanted.tolist()))
    return {"wrong": [] if true else ["distances"], "recall": hits / wanted.size}


def knn(data: np.ndarray, queries: np.ndarray, found: dict, k: int, metric: str) -> list:
    distances = all_distances(queries, data, metric)
    wanted = np.sort(distances if metric != "dot" else -distances, axis=1)[:, :k]
    wanted = wanted if metric != "dot" else -wanted
    wrong = [] if found["indices"].shape == (len(queries), k) else ["shape"]
    near = {"rtol": 1e-4, "atol": 1e-4}
    if not np.allclose(found["distances"], wanted, **near):
        wrong.append("distances")
    # Where two are as near as rounding tells, either may come first; what is given must be as far as it says.
    if not np.allclose(np.take_along_axis(distances, found["indices"].astype(np.int64), axis=1), found["distances"], **near):
        wrong.append("indices")
    if any(len(set(row)) != k for row in found["indices"].tolist()):
        wrong.append("an index twice")
    return wrong


def montecarlo(p: dict, found: dict) -> list:
    sign = 1 if p["option"] == "call" else -1
    discount = math.exp(-p["rate"] * p["years"])
    if p.get("style") == "asian":
        # By another generator, another way through time and far more noise: NumPy's PCG64, whole paths at once.
        random, steps, samples = np.random.default_rng(5), p["steps"], []
        step = p["years"] / steps
        for _ in range(20):
            z = random.standard_normal((20_000, steps))
            logs = np.cumsum((p["rate"] - p["volatility"] ** 2 / 2) * step + p["volatility"] * math.sqrt(step) * z, axis=1)
            samples.append(np.maximum(sign * (p["spot"] * np.exp(logs).mean(axis=1) - p["strike"]), 0) * discount)
        samples = np.concatenate(samples)
        price, error = samples.mean(), samples.std() / math.sqrt(len(samples))
    else:
        normal, deviation = NormalDist().cdf, p["volatility"] * math.sqrt(p["years"])
        d = (math.log(p["spot"] / p["strike"]) + p["rate"] * p["years"]) / deviation + deviation / 2
        price = sign * (p["spot"] * normal(sign * d) - p["strike"] * discount * normal(sign * (d - deviation)))
        error = 0
    off = abs(found["price"] - price) / math.hypot(error, found["standardError"])
    return [] if off < 4 and found["paths"] == p["paths"] else [[found, price, off]]


verb, *args = sys.argv[1:]
if verb in ("make", "finite"):
    np.save(args[3], {"make": make, "finite": finite}[verb](args[0], int(args[1]), int(args[2])))
elif verb == "keys":
    np.save(args[3], np.random.default_rng(int(args[2])).integers(-5, int(args[1]) - 5, int(args[0]), dtype=np.int32))
elif verb == "clouds":
    np.save(args[3], clouds(int(args[0]), int(args[1]), int(args[2])))
else:
    kernels = {
        "describe": lambda data, folder: describe(np.load(data), output(folder)),
        "quantiles": lambda data, folder, q: quantiles(np.load(data), output(folder), json.loads(q)),
        "histogram": lambda data, folder, bins: histogram(np.load(data), output(folder), json.loads(bins)),
        "topk": lambda data, folder, k, order: topk(np.load(data), output(folder), int(k), order),
        "groupby": lambda keys, values, folder: groupby(np.load(keys), np.load(values), output(folder)),
        "kmeans": lambda data, folder, k: kmeans(np.load(data), output(folder), int(k)),
        "knn": lambda data, queries, folder, k, metric: knn(np.load(data), np.load(queries), output(folder), int(k), metric),
        "recall": lambda data, queries, folder, k, metric: recall(np.load(data), np.load(queries), output(folder), int(k), metric),
        "montecarlo": lambda params, folder: montecarlo(json.loads(params), output(folder)),
    }
    print(json.dumps(kernels[verb](*args) if verb == "recall" else {"wrong": kernels[verb](*args)}, default=float))
