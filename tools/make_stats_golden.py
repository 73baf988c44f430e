#!/usr/bin/python3
"""Reference values of the statistics, written to tests/stats/golden.txt. Needs python3-scipy.

    tools/make_stats_golden.py > tests/stats/golden.txt

Binomial tails are summed in 60-digit decimals (whole numbers where that is quick), Wilson's bounds are the roots of his
quadratic in decimals, the bootstrap repeats the library's draws and takes NumPy's quantiles, the race's boundary comes
from numerical integration of the mixture; everything else is SciPy's or NumPy's. Where SciPy has the same thing the two
are compared here.
"""
import math
import random
from decimal import Decimal, getcontext
from fractions import Fraction

import numpy
from scipy import integrate, optimize, special, stats

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


def effect(b, c, n):
    x = numpy.array([-1] * b + [1] * c + [0] * (n - b - c), dtype=float)
    return float(x.mean()), float(x.std() / math.sqrt(n))


def loss_effect(n):
    """Differences that tests/stats/test_effect.c makes too."""
    d = numpy.array([((i * 37) % 101 - 40) / 64 for i in range(n)])
    return float(d.mean()), float(d.std(ddof=1) / math.sqrt(n))


def balanced(truth, prediction, label):
    """Counts and the balanced accuracy of one class; the macro accuracy is the mean recall."""
    is_label, said_label = truth == label, prediction == label
    counts = [int(x.sum()) for x in (is_label & said_label, is_label, said_label)] + [len(truth)]
    return counts + [float((said_label[is_label].mean() + (~said_label[~is_label]).mean()) / 2)]


def flips(comparisons, q):
    """The least k whose q is below the level where all other p are 1, by the definitions."""
    for k in range(200):
        p = 2 * stats.binom.cdf(0, k, 0.5) - stats.binom.pmf(0, k, 0.5)
        if comparisons <= 1000:
            least = benjamini_hochberg([float(p)] + [1.0] * (comparisons - 1))[0]
        else:
            least = comparisons * p
        if least < q:
            return k
    raise ValueError(comparisons)


def filters_to_sample(population, margin, confidence):
    t = stats.norm.ppf((1 + confidence) / 2)
    return math.ceil(population / (1 + margin**2 * (population - 1) / (t**2 * 0.25)))


MASK = 2**64 - 1


def splitmix64(state):
    state = (state + 0x9E3779B97F4A7C15) & MASK
    z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return state, z ^ (z >> 31)


def xoshiro(seed, stream):
    """The 64-bit words of the library's generator."""
    state, s = seed ^ splitmix64(stream)[1], []
    for _ in range(4):
        state, word = splitmix64(state)
        s.append(word)
    turn = lambda x, bits: ((x << bits) | (x >> (64 - bits))) & MASK
    while True:
        yield (turn((s[1] * 5) & MASK, 7) * 9) & MASK
        t = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = turn(s[3], 45)


def draw(seed, number, n):
    taken = []
    for word in xoshiro(seed ^ int.from_bytes(b"bootstra", "big"), number):
        for half in (word & 0xFFFFFFFF, word >> 32):
            if (half * n) & 0xFFFFFFFF >= 2**32 % n and len(taken) < n:
                taken.append((half * n) >> 32)
        if len(taken) == n:
            return taken


def bootstrap(seed, draws, confidence, x):
    """The percentile and the BCa interval of the mean; acceleration by leaving out one image at a time."""
    x, n = numpy.array(x), len(x)
    means = numpy.array([x[draw(seed, d, n)].mean() for d in range(draws)])
    tails = numpy.array([(1 - confidence) / 2, (1 + confidence) / 2])
    without = numpy.array([numpy.delete(x, i).mean() for i in range(n)])
    rest = without.mean() - without
    a = (rest**3).sum() / (6 * (rest**2).sum() ** 1.5)
    tie = 1e-12 * numpy.abs(x).max()
    z0 = stats.norm.ppf(((means < x.mean() - tie).mean() + (means <= x.mean() + tie).mean()) / 2)
    z = z0 + stats.norm.ppf(tails)
    shares = stats.norm.cdf(z0 + z / (1 - a * z))
    result = [float(numpy.quantile(means, p, method="weibull")) for p in (*tails, *shares)]
    for method, interval in (("percentile", result[:2]), ("BCa", result[2:])) if n > 30 else ():
        other = stats.bootstrap((x,), numpy.mean, confidence_level=confidence, n_resamples=20000, method=method, random_state=1)
        for ours, scipys in zip(interval, other.confidence_interval):
            assert abs(ours - scipys) < 0.15 * (interval[1] - interval[0]), (method, interval, other.confidence_interval)
    return result


def curve(fractions, values, baseline, chance):
    f, v = [0.0] + fractions, [baseline] + values
    area = (numpy.trapz(v, f) / f[-1] - chance) / (baseline - chance)
    middle = (baseline + chance) / 2
    half = math.nan
    for i in range(1, len(f)):
        if v[i] <= middle:
            level = lambda x: numpy.interp(x, f[i - 1 : i + 1], v[i - 1 : i + 1]) - middle
            half = f[i] if f[i] == f[i - 1] else optimize.brentq(level, f[i - 1], f[i], xtol=1e-15)
            break
    return float(area), float(half)


def band(values):
    return [float(x) for x in (*numpy.quantile(values, [0, 0.25, 0.5, 0.75, 1]), numpy.mean(values))]


def spearman(x, y, confidence):
    rho = float(stats.spearmanr(x, y)[0])
    half = stats.norm.ppf((1 + confidence) / 2) * math.sqrt((1 + rho**2 / 2) / (len(x) - 3))
    return rho, float(math.tanh(math.atanh(rho) - half)), float(math.tanh(math.atanh(rho) + half))


def race(v, confidence, rho=2.0):
    """The root s of the mixture's integral, with the mixing density as it is defined."""
    weight = special.gamma(rho) * special.gammainc(rho, rho) / rho**rho

    def exponent(theta, s):
        return (1 - theta) * s - v * (-math.log(theta) - (1 - theta)) + (rho - 1) * math.log(theta) - rho * theta

    def mixture(s):
        peak = min(1.0, (v + rho - 1) / (v + rho + s))
        width = peak / math.sqrt(v + rho)
        points = sorted({min(max(peak + k * width, 1e-12), 1.0) for k in (-12, -6, -3, -1, 0, 1, 3, 6, 12)} | {1e-12, 1.0})
        return sum(
            integrate.quad(lambda t: math.exp(exponent(t, s)), a, b, epsabs=0, epsrel=1e-12)[0] for a, b in zip(points, points[1:])
        ) / weight

    return float(optimize.brentq(lambda s: math.log(mixture(s) * (1 - confidence) / 2), 0, 60 + 20 * math.sqrt(v), xtol=1e-11))


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

    new_statistics(rng)


def new_statistics(rng):
    for b, c, n in [(0, 0, 10), (10, 0, 10), (5, 5, 10), (3, 9, 1000), (40, 12, 50000), (30000, 19999, 50000)]:
        print("effect", text((b, c, n, *effect(b, c, n))))
    for n in (2, 7, 1000):
        print("loss_effect", text((n, *loss_effect(n))))
    truth = numpy.array([rng.randrange(5) for _ in range(200)])
    prediction = numpy.array([t if rng.random() < 0.6 else rng.randrange(-1, 5) for t in truth])
    for label in range(5):
        print("balanced", text(balanced(truth, prediction, label)))
    for comparisons, q in [(0, 0.05), (1, 0.05), (2, 0.05), (16, 0.05), (1000, 0.05), (1000, 0.2), (5504, 0.05), (5504000, 0.01)]:
        print("flips", text((comparisons, q, flips(comparisons, q) if comparisons else 0)))
    for population, margin, confidence in [(5504, 0.05, 0.95), (5504, 0.01, 0.99), (64, 0.05, 0.95), (1, 0.1, 0.5), (10**9, 0.02, 0.9)]:
        print("sample", text((population, margin, confidence, filters_to_sample(population, margin, confidence))))
    for p in (1e-300, 1e-20, 1e-6, 0.001, 0.025, 0.3, 0.5, 0.75, 0.975, 0.9999999):
        print("normal", text((p, float(stats.norm.ppf(p)))))
    samples = [[round(rng.gauss(0.1, 1), 2) for _ in range(40)], [round(rng.expovariate(1) ** 3, 3) for _ in range(31)]]
    samples += [[float(rng.choice([-1, 0, 0, 0, 0, 1])) for _ in range(64)], [0.0] * 39 + [1.0], [1.0, 2.0], [0.5, 0.25, 4.0]]
    for i, x in enumerate(samples):
        confidence, draws = (0.95, 0.9)[i % 2], (399, 200)[i % 2]
        print("bootstrap", text((i + 7, draws, confidence, len(x), *x, *bootstrap(i + 7, draws, confidence, x))))
    for fractions, values in [
        ([0.25, 0.5, 0.75, 1.0], [0.9, 0.7, 0.3, 0.1]),
        ([0.05, 0.1, 0.25, 0.5], [0.93, 0.91, 0.88, 0.7]),
        ([0.1, 0.2, 0.2, 0.9], [0.95, 0.8, 0.4, 0.6]),
        ([0.0, 0.3, 0.6], [0.92, 0.2, 0.05]),
        ([1.0], [0.1]),
    ]:
        print("curve", text((0.92, 0.1, len(values), *fractions, *values, *curve(fractions, values, 0.92, 0.1))))
    for count in (1, 2, 5, 10, 33):
        values = [round(rng.random(), 3) for _ in range(count)]
        print("band", text((count, *values, *band(values))))
    for count, confidence in ((4, 0.95), (12, 0.95), (40, 0.9), (50, 0.99)):
        x = [rng.randrange(count) for _ in range(count)]
        y = [a + rng.randrange(-count, count) for a in x]
        print("spearman", text((count, confidence, *x, *y, *spearman(x, y, confidence))))
    for v in (0, 1, 2, 5, 20, 137, 1000, 50000):
        for confidence in (0.95, 0.99):
            print("race", text((v, confidence, race(v, confidence))))


if __name__ == "__main__":
    main()
