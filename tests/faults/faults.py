#!/usr/bin/env python3
"""Memory, disk or descriptors run out, once, at every point of a run: the program ends with a message and a documented
code, or goes on; the database stays whole; and the same command completes it then, with the tables of an undisturbed
run, to the bit.

usage: faults.py [--all | --points N] [--kinds memory,read,write,open] [--commands run,merge,...]
                 [--seed S] [--at N]

A point is a way of calls that leads to a call that can fail (fail.c makes it fail); --all takes every one, else N of
each kind and command, spread over the run. --at N: the N-th call alone. Needs LESION (the program), TINY (write_tiny)
and FAIL (the shared object); ends with 77 where one is missing, or where a sanitizer keeps it from being preloaded."""
import argparse
import collections
import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from results import ask, tables, whole

SKIPPED = 77
CODES = (0, 1, 2, 3, 4, 75)
PATIENCE_S = 120
STUDY = """study: faults
model: {weights: net.safetensors}
data:
  {format: idx, images: images.idx, labels: labels.idx, preprocess: {pad: 2, mean: 0.3, std: 0.4}, take: {first: 30},
   calibration: {count: 8, seed: 1}}
ablate:
  - {name: every, layers: [conv1_1, conv2_1], filters: each, mode: [zero, mean]}
  - {name: weak, layers: conv*, filters: {lowest: l1, fraction: [0.25, 0.5]}}
  - {name: pairs, layers: conv1_1, filters: {pairs: {each: 0..2}}}
metrics: [top1, top5, loss, kl, per_class, images, drift]
"""
# What a command needs there before it begins, and what is looked at afterwards.
COMMANDS = {
    'run': ('', 'run study.yaml --db r.db --quiet'),
    'continue': ('part.db', 'run study.yaml --db r.db --quiet'),
    'plan': ('', 'plan study.yaml --jobs'),
    'status': ('whole.db', 'status r.db --format json'),
    'report': ('whole.db', 'report r.db -o r.html'),
    'export': ('whole.db', 'export r.db -o r.csv'),
    'eval': ('', 'eval study.yaml --ablate conv1_1:0,2'),
    'inspect': ('', 'inspect study.yaml'),
    'verify': ('whole.db', 'verify r.db --study study.yaml --sample 3'),
    'merge': ('whole.db', 'merge one.db two.db -o merged.db'),
}
READERS = ('plan', 'eval', 'inspect', 'verify', 'status', 'report', 'export')
DONE = "SELECT key, top1, loss_sum FROM evaluation WHERE status = 'done'"


def skip(reason):
    print(f'skipped: {reason}')
    sys.exit(SKIPPED)


class Trial:
    def __init__(self, folder):
        self.folder, self.program, self.shim = folder, os.environ['LESION'], os.environ['FAIL']
        self.wanted, self.earlier = None, set()  # tables of the whole study; what part.db has of them
        self.bare = {}                           # what a command writes undisturbed

    def path(self, name):
        return os.path.join(self.folder, name)

    def lesion(self, command, **settings):
        environment = dict(os.environ, OPENBLAS_NUM_THREADS='1', **settings)
        if settings:
            environment['LD_PRELOAD'] = self.shim
        return subprocess.run([self.program] + command.split(), cwd=self.folder, env=environment, capture_output=True,
                              text=True, errors='replace', timeout=PATIENCE_S)

    def prepare(self):
        subprocess.run([os.environ['TINY'], self.folder, '60'], check=True)
        with open(self.path('study.yaml'), 'w') as file:
            file.write(STUDY)
        for command in ('run study.yaml --db whole.db --quiet', 'run study.yaml --db one.db --quiet --shard 1/2',
                        'run study.yaml --db two.db --quiet --shard 2/2'):
            done = self.lesion(command)
            if done.returncode != 0:
                sys.exit(f'{command}: {done.stderr}')
        self.wanted = tables(self.path('whole.db'))
        self.open_again()

    def open_again(self):
        """part.db: every other ablation is still to be done, as if the run had ended before."""
        shutil.copy(self.path('whole.db'), self.path('part.db'))
        with contextlib.closing(sqlite3.connect(self.path('part.db'))) as database, database:
            columns = {row[1] for row in database.execute('PRAGMA table_info(evaluation)')}
            measured = sorted(columns - {'evaluation', 'key', 'mode', 'mode_seed', 'layers', 'n_filters', 'filters', 'layer',
                                         'filter', 'status', 'cost', 'deaths', 'deaths_alone', 'death_block'})
            nothing = ', '.join(f'{column} = NULL' for column in measured)
            database.execute(f"UPDATE evaluation SET {nothing}, status = 'pending' WHERE evaluation % 2")
            for table in 'evaluation_class', 'image_result', 'drift':
                database.execute(f'DELETE FROM {table} WHERE evaluation % 2')
            database.execute("UPDATE run SET how = 'stopped'")
        self.earlier = set(ask(self.path('part.db'), DONE))

    def furnish(self, command):
        for name in os.listdir(self.folder):
            if name.startswith(('r.', 'merged.', 'one.db-', 'two.db-')):
                os.remove(self.path(name))
        needed = COMMANDS[command][0]
        if needed:
            shutil.copy(self.path(needed), self.path('r.db'))

    def points(self, command, kind):
        """The first call of every way that leads to one; and what the command says undisturbed."""
        self.furnish(command)
        log = self.path('calls.log')
        done = self.lesion(COMMANDS[command][1], FAIL_KIND=kind, FAIL_LOG=log)
        if done.returncode != 0 or not os.path.exists(log):
            skip(f'{command} does not run with {self.shim} preloaded: {done.stderr[-300:]}')
        self.bare[command] = self.written(command, done)
        first = collections.OrderedDict()
        with open(log) as lines:
            for n, way in enumerate(lines, 1):
                first.setdefault(way, n)
        return list(first.values())

    def judge(self, command, kind, done):
        """What is wrong, or ''."""
        if done.returncode not in CODES:
            return f'code {done.returncode}'
        if 'ERROR: AddressSanitizer' in done.stderr or 'runtime error' in done.stderr:
            return 'a sanitizer complains'
        if done.returncode != 0 and 'lesion:' not in done.stderr:
            return f'code {done.returncode} without a message'
        if kind == 'memory' and done.returncode != 0 and 'memory' not in done.stderr:
            return f'code {done.returncode}, but no word of memory'
        if command in READERS and done.returncode == 0 and not done.stderr:
            if self.written(command, done) != self.bare[command]:
                return 'code 0 without a message, but it wrote something else'
        if command in ('run', 'continue', 'merge'):
            return self.judge_database(command, done.returncode)
        if command in READERS[3:] and tables(self.path('r.db')) != self.wanted:
            return 'the database is another one now'
        return ''

    def written(self, command, done):
        """What a command that reads has to tell."""
        if command in ('report', 'export'):
            with open(self.path('r.html' if command == 'report' else 'r.csv')) as file:
                return file.read()
        return done.stdout

    def judge_database(self, command, code):
        made = self.path('merged.db' if command == 'merge' else 'r.db')
        if os.path.exists(made) and os.path.getsize(made) > 0 and not whole(made):
            return 'the database is broken'
        if code == 0 and tables(made) != self.wanted:
            return 'code 0, but other results'
        if code != 0 and command == 'merge' and os.path.exists(made):  # it failed while it told what there is
            return '' if tables(made) == self.wanted else 'a merge that failed left half a database'
        if code != 0 and command == 'continue' and not self.earlier <= set(ask(made, DONE)):
            return 'results of the run before are lost'
        if code != 0:
            again = self.lesion(COMMANDS[command][1])
            if again.returncode != 0:
                return f'cannot be continued: {again.stderr[-400:]}'
            if tables(made) != self.wanted:
                return 'continued, but other results'
        return ''

    def trial(self, command, kind, at):
        self.furnish(command)
        try:
            done = self.lesion(COMMANDS[command][1], FAIL_KIND=kind, FAIL_AT=str(at))
            wrong = self.judge(command, kind, done)
        except subprocess.TimeoutExpired:
            return 'hangs', None
        return (f'{wrong}\n{done.stderr[-600:]}' if wrong else ''), done.returncode


def choose(points, options):
    if options.at:
        return [options.at]
    if options.all or len(points) <= options.points:
        return points
    random_points = random.Random(options.seed).sample(points, options.points)
    return sorted(random_points)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--all', action='store_true')
    parser.add_argument('--points', type=int, default=12)
    parser.add_argument('--kinds', default='memory,read,write,open')
    parser.add_argument('--commands', default=','.join(COMMANDS))
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--at', type=int)
    options = parser.parse_args()
    for name in 'LESION', 'TINY', 'FAIL':
        if not os.path.exists(os.environ.get(name, '')):
            skip(f'{name} names no file')
    failed = tried = 0
    with tempfile.TemporaryDirectory(prefix='lesion-faults-') as folder:
        trial = Trial(folder)
        trial.prepare()
        for command in options.commands.split(','):
            for kind in options.kinds.split(','):
                points, codes = trial.points(command, kind), collections.Counter()
                chosen = choose(points, options)
                for at in chosen:
                    wrong, code = trial.trial(command, kind, at)
                    codes[code] += 1
                    if wrong:
                        failed += 1
                        print(f'{command}, {kind} call {at}: {wrong}', flush=True)
                tried += len(chosen)
                print(f'{command:8} {kind:6} {len(chosen):5} of {len(points):5} points; codes '
                      f'{dict(sorted(codes.items(), key=str))}', flush=True)
    print(f'{tried} points, {failed} failures')
    return 1 if failed else 0


sys.exit(main())
