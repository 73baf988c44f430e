#!/usr/bin/env python3
"""Every view against the same numbers computed from the tables in plain Python; where it can be, from the rows of single
images, which nothing else is computed from."""
import json
import math
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from statistics import mean

import everything

NATS = 2 ** 30
TOLERANCE = 1e-9


class Study:
    """The tables as lists of dicts, and what follows from them."""

    def __init__(self, path):
        self.path = path
        for table in ('layer', 'image', 'experiment', 'evaluation', 'filter_score', 'job', 'evaluation_class', 'drift',
                      'image_result', 'pair_interval'):
            setattr(self, table, everything.rows(path, f'SELECT * FROM {table}'))
        self.classes = everything.rows(path, 'SELECT * FROM class ORDER BY class')
        self.layers = {layer['name']: layer['layer'] for layer in self.layer}
        self.names = {layer['layer']: layer['name'] for layer in self.layer}
        self.evaluations = {e['evaluation']: e for e in self.evaluation}
        self.experiments = {x['experiment']: x for x in self.experiment}
        self.label = {i['image']: i['class'] for i in self.image}
        self.seen = defaultdict(dict)  # evaluation -> image -> row
        for row in self.image_result:
            self.seen[row['evaluation']][row['image']] = row
        self.jobs = sorted(self.job, key=lambda j: (self.experiments[j['experiment']]['position'], j['position']))
        self.measured = {e: self.measure(e) for e in self.evaluations}

    def done(self, job):
        return self.evaluations[job['evaluation']]['status'] == 'done'

    def right(self, e):
        return {i: row['prediction'] == self.label[i] for i, row in self.seen[e].items()}

    def measure(self, e):
        """From single images."""
        base, here = self.right(0), self.right(e)
        lost = sum(base[i] and not here[i] for i in here)
        gained = sum(here[i] and not base[i] for i in here)
        n = len(here)
        return {
            'images': n, 'lost': lost, 'gained': gained, 'top1': sum(here.values()) / n,
            'top5': sum(row['rank'] < 5 for row in self.seen[e].values()) / n,
            'd_top1': (sum(here.values()) - sum(base[i] for i in here)) / n,
            'd_top5': (sum(row['rank'] < 5 for row in self.seen[e].values())
                       - sum(self.seen[0][i]['rank'] < 5 for i in here)) / n,
            'loss': sum(row['loss'] for row in self.seen[e].values()) / n,
            'd_loss': sum(row['loss'] - self.seen[0][i]['loss'] for i, row in self.seen[e].items()) / n,
            'agreement': sum(row['prediction'] == self.seen[0][i]['prediction'] for i, row in self.seen[e].items()) / n,
            'p': mcnemar(lost, gained)[0], 'p_exact': mcnemar(lost, gained)[1],
            'top1_low': wilson(sum(here.values()), n)[0], 'top1_high': wilson(sum(here.values()), n)[1],
        }

    def by_class(self, e):
        counts = defaultdict(lambda: [0, 0, 0])  # images, right, predicted
        for image, row in self.seen[e].items():
            counts[self.label[image]][0] += 1
            counts[self.label[image]][1] += row['prediction'] == self.label[image]
            counts[row['prediction']][2] += 1
        return {c: n for c, n in counts.items() if n[0] > 0}


def mcnemar(b, c):
    """Mid-p and exact, by whole numbers."""
    n, least = b + c, min(b, c)
    tail = sum(math.comb(n, k) for k in range(least + 1))
    exact = min(1, 2 * tail / 2 ** n)
    if n == 0:
        return 1, 1
    return (1 - math.comb(n, b) / 2 ** n / 2 if b == c else exact - math.comb(n, least) / 2 ** n), exact


def wilson(k, n, z=1.959964):
    middle, half = k / n + z * z / (2 * n), z * math.sqrt(k / n * (1 - k / n) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def benjamini_hochberg(p):
    """q of each p, by the definition, quadratic."""
    rank = [sum(other <= mine for other in p) for mine in p]
    return [min(min(1, len(p) * p[j] / rank[j]) for j in range(len(p)) if p[j] >= mine) for mine in p]


def same(found, expected):
    if isinstance(found, float) and isinstance(expected, (int, float)):
        return abs(found - expected) <= TOLERANCE * max(1, abs(expected))
    return found == expected


def compare(view, found, expected):
    """Rows in order, the columns that are expected."""
    assert expected, f'{view}: nothing is expected, so nothing is tested'
    assert len(found) == len(expected), f'{view}: {len(found)} rows, {len(expected)} expected'
    for place, (row, wanted) in enumerate(zip(found, expected)):
        for column, value in wanted.items():
            assert same(row[column], value), f'{view}, row {place}, {column}: {row[column]!r}, expected {value!r}'


def ordered(rows, *columns):
    """In an order of our own, where the view has none."""
    return sorted(rows, key=lambda row: [(row[c] is not None, row[c]) for c in columns])


def job_rows(s):
    result = []
    q = {}
    for x in s.experiments:
        jobs = [j for j in s.jobs if j['experiment'] == x and s.done(j)]
        q.update(zip((j['job'] for j in jobs), benjamini_hochberg([s.measured[j['evaluation']]['p'] for j in jobs])))
    for j in s.jobs:
        e = s.evaluations[j['evaluation']]
        row = {'job': e['key'], 'experiment': s.experiments[j['experiment']]['name'], 'layers': e['layers'],
               'filters': e['filters'], 'n_filters': sum(len(f) for f in json.loads(e['filters']).values()),
               'fraction': j['fraction'], 'mode': e['mode'], 'seed': j['seed'], 'status': e['status'],
               'score': j['score'], 'step': j['step'], 'mode_seed': e['mode_seed']}
        if s.done(j):
            row.update(s.measured[j['evaluation']], q=q[j['job']], kl=e['kl_sum'] / NATS / e['images'],
                       margin=e['margin_sum'] / NATS / e['images'], seconds=e['seconds'])
            shares = [n[1] / n[0] for n in s.by_class(j['evaluation']).values()]
            row['balanced_accuracy'] = sum(shares) / len(shares)
        else:
            row.update(dict.fromkeys(('images', 'top1', 'p', 'q', 'top1_low'), None))
        result.append(row)
    return result


def q_rows(s):
    return [{'id': j['job'], 'q': row['q']} for j, row in zip(s.jobs, job_rows(s)) if row.get('q') is not None]


def class_rows(s):
    result = []
    for e in s.evaluations:
        base = s.by_class(0)
        for c, (n, right, predicted) in s.by_class(e).items():
            others = len(s.seen[e]) - n
            result.append({'job': s.evaluations[e]['key'], 'class': c, 'class_name': s.classes[c]['name'], 'n': n,
                           'top1': right / n, 'd_top1': (right - base[c][1]) / n, 'predicted': predicted,
                           'balanced_accuracy': (right / n + (others - predicted + right) / others) / 2})
    return result


def class_damage_rows(s):
    result, base = [], s.by_class(0)
    for j in s.jobs:
        if j['evaluation'] == 0:
            continue
        changes = {c: (n[1] - base[c][1]) / n[0] for c, n in sorted(s.by_class(j['evaluation']).items())}
        worst, best = min(changes, key=changes.get), max(changes, key=changes.get)
        result.append({'job': s.evaluations[j['evaluation']]['key'], 'class_damage': 0.0 - changes[worst],
                       'worst_class': worst, 'worst_class_name': s.classes[worst]['name'],
                       'worst_d_top1': changes[worst], 'best_class': best,
                       'best_class_name': s.classes[best]['name'], 'best_d_top1': changes[best]})
    return result


def key(value):
    """NULL comes first, as in SQLite."""
    return (value is not None, value)


def layer_rows(s):
    groups = defaultdict(list)
    for j in s.jobs:
        e = s.evaluations[j['evaluation']]
        layers = list(json.loads(e['filters']))
        if len(layers) == 1 and s.done(j):
            groups[(s.experiments[j['experiment']]['position'], s.layers[layers[0]], key(j['score']),
                    key(j['fraction']), e['mode'])].append((j, s.measured[j['evaluation']]))
    result = []
    for (_, layer, score, fraction, mode), jobs in sorted(groups.items()):
        d = [m['d_top1'] for _, m in jobs]
        result.append({'experiment': s.experiments[jobs[0][0]['experiment']]['name'], 'layer': s.names[layer],
                       'score': score[1], 'fraction': fraction[1], 'mode': mode, 'jobs': len(jobs),
                       'mean_d_top1': mean(d), 'min_d_top1': min(d), 'max_d_top1': max(d),
                       'mean_d_loss': mean(m['d_loss'] for _, m in jobs)})
    return result


def single(s, e):
    """The only layer and filter of an evaluation."""
    filters = [(layer, f) for layer, some in json.loads(s.evaluations[e]['filters']).items() for f in some]
    return filters[0] if len(filters) == 1 else None


def rank_rows(s):
    groups = defaultdict(list)
    q = {id(j): row.get('q') for j, row in zip(s.jobs, job_rows(s))}
    for j in s.jobs:
        e = s.evaluations[j['evaluation']]
        if single(s, j['evaluation']) and s.done(j):
            m = s.measured[j['evaluation']]
            groups[(s.experiments[j['experiment']]['name'], e['mode'], key(e['mode_seed']))].append(
                ((round(m['d_top1'], 12), -e['loss_sum']), j, m))
    result = []
    for (experiment, mode, seed), jobs in sorted(groups.items()):
        for order, j, m in jobs:
            layer, f = single(s, j['evaluation'])
            result.append({'rank': 1 + sum(other[0] < order for other in jobs), 'layer': layer, 'filter': f,
                           'd_top1': m['d_top1'], 'lost': m['lost'], 'gained': m['gained'], 'p': m['p'], 'q': q[id(j)],
                           'experiment': experiment, 'mode': mode, 'mode_seed': seed[1]})
    return sorted(result, key=lambda r: (r['experiment'], r['mode'], key(r['mode_seed']), r['rank'],
                                         s.layers[r['layer']], r['filter']))


def degradation_rows(s):
    curves = defaultdict(list)
    for j in s.jobs:
        e = s.evaluations[j['evaluation']]
        if j['fraction'] is not None and j['grouping'] is None and (j['score'] or j['seed'] is not None):
            curves[(j['experiment'], e['layers'], j['score'], j['seed'], e['mode'], e['mode_seed'])].append(j)
    result = []
    for (x, layers, score, seed, mode, _), jobs in curves.items():
        there = [j for j in jobs if s.done(j)]
        if len({j['fraction'] for j in there}) > 1:
            for j in there:
                m = s.measured[j['evaluation']]
                result.append({'experiment': s.experiments[x]['name'], 'layers': layers, 'ordering': score or 'random',
                               'mode': mode, 'seed': seed, 'step': j['step'], 'fraction': j['fraction'],
                               'top1': m['top1'], 'loss': m['loss'], 'd_top1': m['d_top1'], 'asked': len(jobs)})
    return result


def quantile(values, p):
    values = sorted(values)
    place = (len(values) - 1) * p
    low = math.floor(place)
    return values[low] + (place - low) * (values[min(low + 1, len(values) - 1)] - values[low])


def band_rows(s):
    groups = defaultdict(list)
    for row in degradation_rows(s):
        if row['seed'] is not None:
            groups[(row['experiment'], row['layers'], row['mode'], row['fraction'])].append(row)
    result = []
    for (experiment, layers, mode, fraction), points in groups.items():
        row = {'experiment': experiment, 'layers': layers, 'mode': mode, 'fraction': fraction, 'orders': len(points)}
        for what in ('top1', 'loss'):
            values = [p[what] for p in points]
            for name, p in (('least', 0), ('lower', 0.25), ('median', 0.5), ('upper', 0.75), ('most', 1)):
                row[f'{what}_{name}'] = float(quantile(values, p))
            row[f'{what}_mean'] = mean(values)
        result.append(row)
    return result


def pair_rows(s):
    result = []
    for j in s.jobs:
        if j['single_a'] is None or not all(s.evaluations[e]['status'] == 'done'
                                            for e in (j['evaluation'], j['single_a'], j['single_b'])):
            continue
        a, b, both = (s.measured[e] for e in (j['single_a'], j['single_b'], j['evaluation']))
        assert {single(s, j['single_a']), single(s, j['single_b'])} == {
            (layer, f) for layer, some in json.loads(s.evaluations[j['evaluation']]['filters']).items() for f in some}
        interval = next((i for i in s.pair_interval if i['job'] == j['job']), {})
        result.append({'job': s.evaluations[j['evaluation']]['key'], 'layer_a': single(s, j['single_a'])[0],
                       'filter_a': single(s, j['single_a'])[1], 'filter_b': single(s, j['single_b'])[1],
                       'top1_a': -a['d_top1'], 'top1_b': -b['d_top1'], 'top1_both': -both['d_top1'],
                       'top1_expected': -a['d_top1'] - b['d_top1'],
                       'top1_interaction': -both['d_top1'] + a['d_top1'] + b['d_top1'], 'loss_a': a['d_loss'],
                       'loss_b': b['d_loss'], 'loss_both': both['d_loss'], 'loss_expected': a['d_loss'] + b['d_loss'],
                       'loss_interaction': both['d_loss'] - a['d_loss'] - b['d_loss'],
                       'top1_low': interval.get('top1_low'), 'loss_high': interval.get('loss_high')})
    return result


def filter_damage_rows(s):
    result = []
    for j in s.jobs:
        of = single(s, j['evaluation'])
        if of and s.done(j):
            e = s.evaluations[j['evaluation']]
            for score in s.filter_score:
                if (s.names[score['layer']], score['filter']) == of:
                    result.append({'experiment': s.experiments[j['experiment']]['name'], 'score': score['score'],
                                   'mode': e['mode'], 'mode_seed': e['mode_seed'], 'layer': of[0], 'filter': of[1],
                                   'value': score['value'], 'd_loss': s.measured[j['evaluation']]['d_loss'],
                                   'd_top1': s.measured[j['evaluation']]['d_top1'], 'job': e['key']})
    return result


def image_rows(s):
    names = {i['image']: i['name'] for i in s.image}
    return [{'job': s.evaluations[r['evaluation']]['key'], 'image': r['image'], 'name': names[r['image']],
             'class': s.label[r['image']], 'class_name': s.classes[s.label[r['image']]]['name'],
             'base_prediction': s.seen[0][r['image']]['prediction'], 'prediction': r['prediction'],
             'base_right': int(s.right(0)[r['image']]), 'right': int(r['prediction'] == s.label[r['image']]),
             'rank': r['rank'], 'loss': r['loss'], 'd_loss': r['loss'] - s.seen[0][r['image']]['loss']}
            for r in s.image_result if s.evaluations[r['evaluation']]['status'] == 'done']


def drift_rows(s):
    return [{'job': s.evaluations[d['evaluation']]['key'], 'layer_index': d['layer'], 'layer': s.names[d['layer']],
             'drift': d['drift'], 'filters': s.evaluations[d['evaluation']]['filters']} for d in s.drift]


def failure_rows(s):
    return [{'job': s.evaluations[j['evaluation']]['key'], 'experiment': s.experiments[j['experiment']]['name'],
             'reason': s.evaluations[j['evaluation']]['reason']}
            for j in s.jobs if s.evaluations[j['evaluation']]['status'] == 'failed']


# View: how it is computed here, and by which columns its rows are told apart, where it has no order of its own.
VIEWS = {
    'job_metric': (job_rows, ('experiment', 'job', 'fraction', 'seed', 'step')),
    'job_q': (q_rows, ('id',)),
    'job_result': (job_rows, ()),
    'class_result': (class_rows, ('job', 'class')),
    'class_damage': (class_damage_rows, ()),
    'layer_sensitivity': (layer_rows, ()),
    'filter_rank': (rank_rows, ()),
    'degradation': (degradation_rows, ('experiment', 'layers', 'ordering', 'seed', 'fraction')),
    'degradation_band': (band_rows, ('experiment', 'layers', 'fraction')),
    'pair_interaction': (pair_rows, ()),
    'filter_damage': (filter_damage_rows, ('experiment', 'score', 'mode', 'mode_seed', 'layer', 'filter')),
    'image_view': (image_rows, ('job', 'image')),
    'drift_view': (drift_rows, ('job', 'layer_index')),
}
# What a job that is not done must not be counted in.
OF_DONE = ('job_metric', 'job_q', 'job_result', 'layer_sensitivity', 'filter_rank', 'degradation', 'degradation_band',
           'pair_interaction', 'filter_damage', 'image_view')


def check(study, views):
    for view in views:
        compute, apart = VIEWS[view]
        expected = compute(study)
        if view == 'job_metric':
            for row in expected:
                row.pop('q', None)
        found = everything.rows(study.path, f'SELECT * FROM {view}')
        compare(view, ordered(found, *apart) if apart else found, ordered(expected, *apart) if apart else expected)


def check_counts(path):
    """The counts that `lesion status` reads."""
    compare('experiment', everything.rows(path, 'SELECT * FROM experiment ORDER BY position'),
            everything.rows(path, "SELECT x.name, count(*) AS jobs, sum(e.status = 'done') AS done, sum(e.status = "
                                  "'running') AS running, sum(e.status = 'failed') AS failed FROM experiment x JOIN job "
                                  "j USING (experiment) JOIN evaluation e ON e.evaluation = j.evaluation GROUP BY "
                                  "x.experiment ORDER BY x.position"))


def main():
    folder = tempfile.mkdtemp(prefix='lesion-views-')
    try:
        path = everything.make(folder)
        study = Study(path)
        there = {row['name'] for row in everything.rows(path, "SELECT name FROM sqlite_master WHERE type = 'view'")}
        assert there == set(VIEWS) | {'failures'}, f'not tested: {there - set(VIEWS)}'
        check(study, VIEWS)
        check_counts(path)
        merged = path + '.merged'
        subprocess.run([everything.LESION, 'merge', path, '-o', merged, '--quiet'], check=True, stderr=subprocess.PIPE)
        check_counts(merged)
        for table in ('progress', 'run'):
            compare(table, everything.rows(merged, f'SELECT * FROM {table}'),
                    everything.rows(path, f'SELECT * FROM {table}'))
        everything.fail_some(path)
        study = Study(path)
        check(study, OF_DONE)
        compare('failures', everything.rows(path, 'SELECT * FROM failures'), failure_rows(study))
    finally:
        shutil.rmtree(folder)


if __name__ == '__main__':
    sys.exit(main())
