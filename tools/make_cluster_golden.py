#!/usr/bin/python3
"""Writes the reference values of tests/study/clusters.txt: distances, merge heights and groups by SciPy, and the tightest
groups by a search that follows the definitions (Debian: python3-scipy).

    tools/make_cluster_golden.py > tests/study/clusters.txt

Each case is a layer: "layer FILTERS WEIGHTS", its weights, and for every metric, normalisation and linkage
"tree METRIC NORMALISE LINKAGE", the merges' heights in ascending order, then lines
"groups K LABEL..", "distance D LABEL.." (labels by first member) and "tightest SIZE MEMBER..".
"""
import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform


def numbers(values):
    return " ".join(repr(float(v)) for v in values)


def by_first_member(labels):
    seen = {}
    return " ".join(str(seen.setdefault(label, len(seen))) for label in labels)


def normalise(weights, how):
    if how == "none":
        return weights
    lengths = np.abs(weights).max(1) if how == "max" else np.sqrt((weights**2).sum(1))
    return weights / lengths[:, None]


def group_distance(weights, square, group, other, method):
    """From one filter to a group, by definition."""
    apart = square[other, group]
    if method == "ward":
        n = len(group)
        return np.sqrt(2 * n / (n + 1)) * np.linalg.norm(weights[other] - weights[group].mean(0))
    return {"average": np.mean, "complete": np.max, "single": np.min}[method](apart)


def tightest(weights, square, size, method):
    best, least = None, np.inf
    for first in range(len(square)):
        group = [first]
        while len(group) < size:
            others = [i for i in range(len(square)) if i not in group]
            group.append(min(others, key=lambda i: (group_distance(weights, square, group, i, method), i)))
        within = square[np.ix_(group, group)].sum()
        if size == 1:
            within = min(square[first, i] for i in range(len(square)) if i != first)
        if within < least - 1e-9:
            best, least = sorted(group), within
    return best


def write_tree(weights, metric, how, method):
    normalised = normalise(weights, how)
    distances = pdist(normalised, metric)
    tree = linkage(distances, method)
    print("tree", metric, how, method)
    print(numbers(tree[:, 2]))
    filters = len(weights)
    for groups in sorted({1, 2, filters // 4, filters // 2, 3 * filters // 4}):
        labels = fcluster(tree, groups, "maxclust")
        assert len(set(labels)) == groups  # with ties, and for as many groups as filters, SciPy makes fewer
        print("groups", groups, by_first_member(labels))
    for share in (0.25, 0.5, 0.9):
        distance = (tree[int(share * len(tree)), 2] + tree[int(share * len(tree)) + 1, 2]) / 2
        print("distance", repr(float(distance)), by_first_member(fcluster(tree, distance, "distance")))
    for size in sorted({1, 2, filters // 4, filters // 2, filters}):
        print("tightest", size, *tightest(normalised, squareform(distances), size, method))


def main():
    random = np.random.default_rng(1)
    for filters, n in ((12, 9), (30, 17), (25, 3)):
        weights = random.normal(size=(filters, n)) + 1.5 * random.integers(-1, 2, size=(filters, n))
        weights = weights.astype(np.float32).astype(np.float64)
        print("layer", filters, n)
        for row in weights:
            print(numbers(row))
        for how in ("none", "l2", "max"):
            for method in ("average", "complete", "single", "ward"):
                write_tree(weights, "euclidean", how, method)
        for method in ("average", "complete", "single"):
            write_tree(weights, "cosine", "none", method)
        print("end")


main()
