#!/usr/bin/env python3
"""Pages of databases in which something is extreme: no ablation changes anything, all ablations destroy everything, the
loss is infinite, nothing but the baseline is done, nothing at all is, jobs are more than points can show, runs end in
every way. Each is written whole: no figure is left out, no number is one that nobody can read."""
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import everything  # noqa: E402

SAME = '''UPDATE evaluation SET (top1, top5, loss_sum, margin_sum, base_top5, base_loss_sum, top1_low, top1_high) =
            (SELECT top1, top5, loss_sum, margin_sum, base_top5, base_loss_sum, top1_low, top1_high FROM evaluation
             WHERE evaluation = 0), lost = 0, gained = 0, agree = images, kl_sum = 0, d_loss_squared = 0,
            d_loss_error = 0, d_loss_low = 0, d_loss_high = 0, p = 1, p_exact = 1;
          UPDATE drift SET drift = 0;
          UPDATE score_damage SET loss_rho = NULL, loss_low = NULL, loss_high = NULL, top1_rho = NULL, top1_low = NULL,
            top1_high = NULL'''
RUINED = '''UPDATE evaluation SET top1 = 0, top5 = 0, lost = (SELECT top1 FROM evaluation WHERE evaluation = 0), gained = 0,
              agree = 0, loss_sum = images * 65536 * (1 << 30), kl_sum = images * 65536 * (1 << 30), margin_sum = -images *
              65536 * (1 << 30), d_loss_squared = 9223372036854775807, d_loss_error = NULL, d_loss_low = NULL,
              d_loss_high = NULL, p = 0, p_exact = 0, top1_low = 0, top1_high = 0.05 WHERE evaluation > 0'''
OPEN = '''UPDATE evaluation SET status = 'pending' WHERE evaluation > %d; DELETE FROM curve; DELETE FROM pair_interval;
          DELETE FROM score_damage'''
MANY = '''WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 13000)
          INSERT INTO evaluation (evaluation, key, mode, layers, n_filters, filters, status, images, top1, top5, lost,
            gained, agree, loss_sum, kl_sum, margin_sum, base_top5, base_loss_sum, d_loss_squared, p, p_exact, top1_low,
            top1_high, seconds)
          SELECT 100000 + i, 'key' || i, 'zero', 'conv1_1', 2, '{"conv1_1":[0,1]}', 'done', 100000 + i, 50000, 60000,
            i % 1000, i % 70, 0, 0, 0, 0, 0, 0, 0, 1.0 / i, 1.0 / i, 0.4, 0.6, 1 FROM n;
          INSERT INTO job (job, experiment, position, evaluation)
          SELECT evaluation, 1, evaluation, evaluation FROM evaluation WHERE evaluation > 100000'''
RUNS = '''INSERT INTO run (ranks, pid, study_sha256, weights_sha256, images_sha256, started, heartbeat, ended, how)
          SELECT n, pid, study_sha256, weights_sha256, images_sha256, strftime('%Y-%m-%dT%H:%M:%SZ', started, n || ' hours'),
            strftime('%Y-%m-%dT%H:%M:%SZ', started, n || ' hours', '50 minutes'),
            strftime('%Y-%m-%dT%H:%M:%SZ', started, n || ' hours', '50 minutes'), ended_as
          FROM (SELECT * FROM run LIMIT 1) JOIN (SELECT 1 AS n, 'stopped' AS ended_as UNION VALUES (2, 'died'), (3, 'failed'),
            (30, 'complete'));
          UPDATE study SET stop_half_width = 0.01, stop_confidence = 0.95;
          INSERT INTO skipped_image SELECT 'broken.png', 0, 3, 'is no image' '''
# More layers and more ways of removing filters than figures have room for.
WIDE = '''WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
          INSERT INTO layer SELECT 100 + i, 'extra' || i, kind, filters, channels, kernel, height, width, pool, logits,
            parameters, madds FROM layer JOIN n WHERE layer = 1;
          WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 9)
          INSERT INTO curve (experiment, layers, ordering, mode, points, asked, fraction, area)
          SELECT 'lowest', name, 'order' || i, 'zero', 1, 1, 1, 0.5 FROM layer JOIN k WHERE layer > 100;
          INSERT INTO drift SELECT evaluation, layer.layer, 0.5 FROM evaluation JOIN layer WHERE layer.layer > 100 AND
            status = 'done' AND evaluation > 0'''


def alter(source, path, sql):
    shutil.copy(source, path)
    db = sqlite3.connect(path)
    db.executescript(sql)
    db.commit()
    db.close()
    return path


def check(name, path, folder, figures, expected):
    """expected: what the page has to have."""
    page = os.path.join(folder, name + '.html')
    options = ['--figures', os.path.join(folder, name)] if figures else []
    result = subprocess.run([everything.LESION, 'report', path, '-o', page, *options], capture_output=True, text=True)
    assert result.returncode == 0, f'{name}: {result.stderr}'
    said = [line for line in result.stderr.splitlines() if 'figure' in line and 'left out' in line]
    assert not figures or not said, f'{name}: {said}'
    text = re.sub(r'<(script|style)[^>]*>.*?</\1>', '', open(page).read(), flags=re.S)
    words = re.sub(r'<[^>]*>', ' ', text)
    odd = re.search(r'.{40}(?<![\w])(-?nan|-?inf|infinity|\(null\))(?![\w]).{40}', words, re.I | re.S)
    assert odd is None, f'{name}: the page says "{odd.group(0)}"'
    for what in expected:
        assert (what in text) or (not figures and what.startswith(('id="fig-', 'The first'))), f'{name}: the page has no {what}'
    print(f'{name}: {text.count("<figure")} figures')


def bands_are_whole(folder):
    """Random orders of several layers: grey to the right end of the axis, and their median one line."""
    svg = open(os.path.join(folder, 'degradation.svg')).read()
    grey = [float(x) for points in re.findall("<polygon fill = '[^']*' points = '([^']*)'", svg)
            for x in re.findall(r'([\d.]+),', points)]
    lines = [path for path in re.findall("<path [^>]*stroke-dasharray[^>]*d='([^']*)'", svg) if path.count(',') > 2]
    assert max(grey) > 850, f'the grey ends at {max(grey)} of 900'
    assert lines and all(path.count('M') == 1 for path in lines), f'broken: {lines}'


def main():
    figures = shutil.which('gnuplot') is not None
    if not figures:
        print('skipped in part: there is no gnuplot (package gnuplot-nox)')
    with tempfile.TemporaryDirectory() as folder:
        whole = everything.make(folder)
        for name, sql, *expected in (
                ('whole', '', 'id="fig-pairs-layers"'), ('same', SAME), ('ruined', RUINED), ('two', OPEN % 1),
                ('baseline', OPEN % 0), ('nothing', OPEN % -1), ('many', MANY, 'id="fig-volcano"', '13,'),
                ('wide', WIDE, 'The first 48 of 62 layers are shown.', 'The first 7 of 12 series are shown.',
                 'The first 48 of 79 layers are shown.'),
                ('runs', RUNS, 'id="fig-run-ranks"', 'run 5: 30 ranks, complete', 'run 3: 2 ranks, died', '±1 points',
                 'broken.png', '1 images that cannot be read')):
            check(name, alter(whole, os.path.join(folder, name + '.db'), sql), folder, figures, expected)
        if figures:
            bands_are_whole(os.path.join(folder, 'whole'))


if __name__ == '__main__':
    main()