#!/usr/bin/env python3
"""Pages of databases in which something is extreme: no ablation changes anything, all ablations destroy everything, the
loss is infinite, nothing but the baseline is done, nothing at all is. Each is written whole: no figure is left out, no
number is one that nobody can read."""
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


def alter(source, path, sql):
    shutil.copy(source, path)
    db = sqlite3.connect(path)
    db.executescript(sql)
    db.commit()
    db.close()
    return path


def check(name, path, folder, figures):
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
        for name, sql in (('whole', ''), ('same', SAME), ('ruined', RUINED), ('two', OPEN % 1), ('baseline', OPEN % 0),
                          ('nothing', OPEN % -1)):
            check(name, alter(whole, os.path.join(folder, name + '.db'), sql), folder, figures)
        if figures:
            bands_are_whole(os.path.join(folder, 'whole'))


main()