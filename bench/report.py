"""The benchmark's tables, as Markdown."""
import statistics

import arithmetic

BUSY = 0.97  # a run whose share of processor time is less was disturbed


def spread(values, digits=2, unit=''):
    """Median (least-greatest)."""
    if not values:
        return '–'
    return f'{statistics.median(values):.{digits}f}{unit} ({min(values):.{digits}f}–{max(values):.{digits}f})'


def table(head, rows):
    lines = ['| ' + ' | '.join(head) + ' |', '|' + ' --- |' * len(head)]
    return '\n'.join(lines + ['| ' + ' | '.join(row) + ' |' for row in rows])


def pairs(run):
    """Items of one timed run: images, or (job, image) pairs."""
    return run['images'] * run.get('jobs', 0) if run.get('jobs') else run['images']


def rates(runs, clock='seconds'):
    return [pairs(run) / run[clock] for run in runs]


def ratios(ours, theirs, clock='seconds'):
    """Round by round: how many times as fast."""
    return [a / b for a, b in zip(rates(ours, clock), rates(theirs, clock))]


def busy(runs):
    """The least share of wall time that a run had a core for itself; above 1 it used more than one thread."""
    return min((run['cpu_seconds'] / run['seconds'] for run in runs), default=0.0)


def busy_text(runs):
    share = busy(runs)
    return f'{share:.2f}' + (' (disturbed)' if share < BUSY else '')


# ---- (a) -------------------------------------------------------------------------------------------------------------

FORWARD_SIDES = (('lesion', 'forward', ''), ('torch', 'forward', ''), ('torch', 'forward_last', ', channels last'),
                 ('onnx', 'forward', ''))


def forward_rows(net, figures, best):
    rows = []
    ours = figures.get((net.name, 'lesion', 'forward'))
    for side, way, note in FORWARD_SIDES:
        runs = figures.get((net.name, side, way))
        title = net.side_title(side) + note
        if not runs:
            rows.append([net.title, title, 'missing', '', '', '', ''])
            continue
        ratio = ratios(ours, runs) if ours and side != 'lesion' else []
        by_cpu = ratios(ours, runs, 'cpu_seconds') if ours and side != 'lesion' else []
        rows.append([net.title, title, str(best[net.name, side, way][0]),
                     spread([1e3 / r for r in rates(runs)]), spread(ratio), spread(by_cpu), busy_text(runs)])
    return rows


FORWARD_HEAD = ['network', 'side', 'batch', 'ms per image', 'Lesion is faster by', 'by processor time', 'core share']


# ---- (b), (c) --------------------------------------------------------------------------------------------------------

SWEEP_SIDES = (('lesion', 'engine', 'Lesion'), ('torch', 'hooks', 'PyTorch, forward hooks'),
               ('torch', 'cached', 'PyTorch, the layers after the mask on kept activations'),
               ('onnx', 'forward', 'ONNX Runtime, a full forward pass a job'))
SWEEP_HEAD = ['side', 'jobs × images', 'batch', '(job·image)/s', 'Lesion is faster by', 'by processor time',
              'core share']


def sweep_table(net, figures, best):
    rows = []
    ours = figures.get((net.name, 'lesion', 'engine'))
    for side, way, title in SWEEP_SIDES:
        runs = figures.get((net.name, side, way))
        if not runs:
            rows.append([title, 'missing', '', '', '', '', ''])
            continue
        ratio = ratios(ours, runs) if ours and side != 'lesion' else []
        by_cpu = ratios(ours, runs, 'cpu_seconds') if ours and side != 'lesion' else []
        size = f'{runs[0]["jobs"]} × {runs[0]["images"]}' if way != 'forward' else f'1 × {runs[0]["images"]}'
        batch, layout = best[net.name, side, way]
        rows.append([title, size, f'{batch}{", channels last" if layout == "last" else ""}', spread(rates(runs)),
                     spread(ratio), spread(by_cpu), busy_text(runs)])
    return table(SWEEP_HEAD, rows)


def sample_text(net, layers, jobs, all_jobs, step):
    """How well the sample stands for all filters, by the share of the network behind a job's layer."""
    every = arithmetic.suffix_share(layers, all_jobs)
    wide, thin = arithmetic.suffix_share(layers, jobs), arithmetic.suffix_share(layers, jobs[step // 2::step])
    return (f'Behind a job\'s layer lies, on average, {100 * every:.1f} % of the network over all {len(all_jobs):,} '
            f'filters, {100 * wide:.1f} % in Lesion\'s sample of {len(jobs)}, {100 * thin:.1f} % in that of the other '
            f'sides, {len(jobs[step // 2::step])} of these.')


# ---- (d), (e) --------------------------------------------------------------------------------------------------------

def peak_row(net, what, madds, speeds, peaks):
    """`madds` of an image, `speeds` in images a second of processor time, `peaks` of the same rounds."""
    shares = [[200e-9 * madds * speed / peak[kind] for speed, peak in zip(speeds, peaks) if peak[kind] > 0]
              for kind in ('sgemm', 'chain')]
    limit_ms = 2e-6 * madds / statistics.median(peak['sgemm'] for peak in peaks)
    return [net.title, what, f'{1e-9 * madds:.3f}', f'{limit_ms:.2f}'] + [spread(s, 0, ' %') for s in shares]


def peak_rows(net, layers, figures, peaks):
    """What a pass takes of the arithmetic limit: the forward pass by ways to count its multiply-adds, and whatever the
    engine counted itself."""
    forward = rates(figures.get((net.name, 'lesion', 'forward'), []), 'cpu_seconds')
    rows = [peak_row(net, WAY_TITLES.get(way, f'forward, all convolutions by {way}'),
                     arithmetic.forward_madds(layers, way), forward, peaks) for way in arithmetic.WAYS]
    for way, title in (('forward', 'forward'), ('engine', 'sweep')):
        runs = figures.get((net.name, 'lesion', way), [])
        if runs and all(run.get('executed_madds') is not None for run in runs):
            each = statistics.median(run['executed_madds'] / pairs(run) for run in runs)
            rows.append(peak_row(net, f'{title}, as the engine counted', each, rates(runs, 'cpu_seconds'), peaks))
    return rows


WAY_TITLES = {'direct': 'forward, all convolutions direct', 'least': 'forward, each convolution by the way of fewest'}
PEAK_HEAD = ['network', 'multiply-adds counted', '10⁹ per image or pair', 'ms at the sgemm peak',
             'share of the sgemm peak', 'share of the chain\'s']


def phases_rows(net, figures):
    """Seconds by phase as the engine reports them; None where it does not."""
    rows = []
    for way, title in (('forward', 'forward'), ('engine', 'sweep')):
        runs = [run for run in figures.get((net.name, 'lesion', way), []) if run.get('phases')]
        for phase in runs[0]['phases'] if runs else []:
            share = [100 * run['phases'][phase] / run['seconds'] for run in runs]
            rows.append([net.title, title, phase, spread(share, 1, ' %')])
    return rows


def layers_rows(net, layers, figures):
    """Where a sweep's time goes: seconds on the jobs of each layer, and on the shared baseline."""
    runs = [run for run in figures.get((net.name, 'lesion', 'engine'), []) if run.get('layer_seconds')]
    if not runs:
        return []
    rows = []
    for i, layer in enumerate(layers):
        share = [100 * run['layer_seconds'][i] / run['seconds'] for run in runs]
        if max(share) > 0:
            rows.append([net.title, f'jobs of {layer["name"]}', spread(share, 1, ' %')])
    rest = [100 * (1 - sum(run['layer_seconds']) / run['seconds']) for run in runs]
    return rows + [[net.title, 'the shared baseline, and the rest', spread(rest, 1, ' %')]]


# ---- ranks -----------------------------------------------------------------------------------------------------------

def ranks_row(net, result):
    seconds = {key: [run[0] for run in result[key]] for key in ('one', 'two', 'start_one', 'start_two')}
    start = [statistics.median(seconds[key]) for key in ('start_one', 'start_two')]
    both = list(zip(seconds['one'], seconds['two']))
    share = min(run[1] for key in ('one', 'two') for run in result[key])
    return [net.title, f'{result["jobs"]} × {result["images"]}', spread(seconds['one'], 1, ' s'),
            spread(seconds['two'], 1, ' s'), f'{start[0]:.1f} s', spread([one / two for one, two in both]),
            spread([(one - start[0]) / (two - start[1]) for one, two in both]), f'{share:.2f}']


RANKS_HEAD = ['network', 'jobs × images', 'one worker', 'two workers', 'start', 'two ÷ one',
              'two ÷ one without the start', 'core share']
