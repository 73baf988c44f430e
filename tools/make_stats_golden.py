#!/usr/bin/python3
"""Reference values of the statistics, written to tests/stats/golden.txt. Needs python3-scipy.

    tools/make_stats_golden.py > tests/stats/golden.txt

Binomial tails are summed in 60-digit decimals (whole numbers where that is quick), Wilson's bounds are the roots of his
quadratic in decimals, everything else is SciPy's; where SciPy has the same thing the two are compared here.
"""
import math
import random
from decimal import Decimal, getcontext
from fractions import Fraction

import numpy
from scipy import special, stats

getcontext().prec = 60
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")


def log_factorial(n):
    """Stirling's series; its first missing term is below 1e-40 for n >= 2000."""
    if n < 2000:
        return Decimal(math.factorial(n)).ln()
    n = Decimal(n)
    series = sum(
        Decimal(top) / Decimal(bottom) / n**power
        for top, bottom, power in ((1, 12, 1), (-1, 360, 3), (1, 1260, 5), (-1, 1680, 7), (1, 1188, 9), (-691, 360360, 11))
    )
    return n * n.ln() - n + (2 * PI * n).ln() / 2 + series


def binomial_tail(k, n):
    """P[Bin(n, 1/2) = k] and P[Bin(n, 1/2) <= k] as decimals."""
    if n <= 3000:
        whole = 2**n
        chance = Fraction(math.comb(n, k), whole)
        tail = Fraction(sum(math.comb(n, i) for i in range(k + 1)), whole)
        return tuple(Decimal(f.numerator) / Decimal(f.denominator) for f in (chance, tail))
    chance = (log_factorial(n) - log_factorial(k) - log_factorial(n - k) - n * Decimal(2).ln()).exp()
    tail, term, i = Decimal(0), chance, k
    while i >= 0 and (tail == 0 or term / tail > Decimal("1e-40")):
        tail += term
        term = term * i / (n - i + 1)
        i -= 1
    return chance, tail


def mcnemar(b, c):
    if b + c == 0:
        return 1.0, 1.0
    chance, tail = binomial_tail(min(b, c), b + c)
    exact = min(Decimal(1), 2 * tail)
    mid = 1 - chance / 2 if b == c else exact - chance
    if b != c and exact > Decimal("1e-290"):
        scipy_exact = stats.binomtest(min(b, c), b + c).pvalue
        assert math.isclose(float(exact), scipy_exact, rel_tol=1e-7), (b, c, exact, scipy_exact)
    return float(exact), float(mid)


def wilson(k, n):
    z, n_, p = Decimal("1.959964"), Decimal(n), Decimal(k) / Decimal(n)
    # (p - x)^2 = z^2 x (1 - x) / n
    a, b, c = 1 + z * z / n_, -(2 * p + z * z / n_), p * p
    root = (b * b - 4 * a * c).sqrt()
    low, high = (-b - root) / (2 * a), (-b + root) / (2 * a)
    interval = stats.binomtest(k, n).proportion_ci(method="wilson")
    assert math.isclose(float(low), interval.low, abs_tol=1e-7) and math.isclose(float(high), interval.high, abs_tol=1e-7)
    return max(0.0, float(low)), min(1.0, float(high))


def benjamini_hochberg(p):
    """By the definition, not by sorting; NaN is left out."""
    valid = [x for x in p if not math.isnan(x)]
    values = {x: min(1.0, len(valid) * x / sum(y <= x for y in valid)) for x in valid}
    return [math.nan if math.isnan(x) else min(values[y] for y in valid if y >= x) for x in p]


def judge(logits, label):
    logits = numpy.asarray(logits, dtype=numpy.float32).astype(numpy.float64)
    prediction = int(numpy.argmax(logits))
    order = sorted(range(len(logits)), key=lambda c: (-logits[c], c))
    return prediction, order.index(label), float(-special.log_softmax(logits)[label])


def kl(baseline, ablated):
    p, q = (special.softmax(numpy.asarray(x, dtype=numpy.float32).astype(numpy.float64)) for x in (baseline, ablated))
    return float(numpy.sum(special.rel_entr(p, q)))


def text(values):
    return " ".join(repr(float(v)) if isinstance(v, float) else str(v) for v in values)


def main():
    rng = random.Random(20)
    print("# made by tools/make_stats_golden.py; kind, arguments, results")
    pairs = [(0, 0), (1, 0), (0, 1), (1, 1), (2, 2), (3, 1), (6, 16), (16, 17), (0, 17), (40, 12), (500, 500)]
    pairs += [(1000, 0), (0, 1020), (15, 900), (17, 300), (1200, 1300), (5000, 5200), (10000, 11000), (300, 2000)]
    pairs += [(500000, 500000), (499999, 500001), (499500, 500500), (490000, 510000), (485000, 515000), (1, 990)]
    for b, c in pairs:
        print("mcnemar", text((b, c, *mcnemar(b, c))))
    for k, n in [(0, 1), (1, 1), (0, 1000), (1000, 1000), (931, 1000), (1, 1000), (25000, 50000), (9, 10), (99999, 100000)]:
        print("wilson", text((k, n, *wilson(k, n))))
    lists = [[0.01, 0.02, 0.03, 0.04], [0.5], [0.04, 0.04, 0.04, 0.9], [1.0, 1.0, 1.0]]
    lists += [[0.03, math.nan, 0.001, 0.03, math.nan, 0.6], [math.nan], [0.0, 0.0, 1.0]]
    lists += [[round(rng.random() ** 3, 2) for _ in range(40)]]
    for p in lists:
        print("bh", text((len(p), *p, *benjamini_hochberg(p))))
    rows = [([1.5, -0.25, 3.0], 0), ([2.0, 2.0, 2.0], 1), ([0.0], 0), ([1000.0, -1000.0, 0.5], 0), ([1000.0, -1000.0, 0.5], 1)]
    rows += [([3.0, 5.0, 5.0, 1.0, 5.0, 0.0, 4.0], 4), ([88.5, 89.5, -120.0, 90.0], 2)]
    rows += [([round(rng.gauss(0, 4), 3) for _ in range(10)], rng.randrange(10)) for _ in range(5)]
    for logits, label in rows:
        print("judge", text((len(logits), label, *logits, *judge(logits, label))))
    for _ in range(5):
        baseline = [round(rng.gauss(0, 3), 3) for _ in range(8)]
        ablated = [round(x + rng.gauss(0, 1), 3) for x in baseline]
        print("kl", text((8, *baseline, *ablated, kl(baseline, ablated))))
    print("kl", text((3, 0.0, 30.0, -30.0, 30.0, 0.0, -30.0, kl([0, 30, -30], [30, 0, -30]))))
    print("kl", text((2, 0.0, 0.0, 0.0, 0.001, kl([0, 0], [0, 0.001]))))


if __name__ == "__main__":
    main()
