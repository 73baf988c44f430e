#!/usr/bin/env python3
"""Makes the databases of an older version that test_completed.py completes, with a built program of that version:
networks, images and scores; what an undisturbed run of each study gives; and what is left of runs that were disturbed.

usage: make_fixtures.py LESION [FOLDER]

LESION is the program, FOLDER has the studies (modes.yaml, race.yaml) and is filled with the rest; default: 0.1.0 beside
this file. Needs mpirun (MPIRUN, with its options). Everything but the databases is the same each time."""
import contextlib
import glob
import gzip
import json
import math
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..'))
from results import ask

MPIRUN = os.environ.get('MPIRUN', 'mpirun --oversubscribe --bind-to none').split()
STUDIES = ('modes', 'race')
MADE = ('modes.safetensors', 'race.safetensors', 'grey.idx.gz', 'grey-labels.idx.gz', 'colour.npy', 'colour-labels.npy',
        'classes.txt', 'scores.csv', 'modes.tar.xz', 'race.tar.xz')
GREY, COLOUR = (320, 16), (800, 8)  # how many images there are, and their side
LEVELS = 16                         # of a pixel: few, so that files are small
RIGHT = 0.8                         # share of the images that the networks shall be right about
HALF = 0.5                          # share of the work after which a run is disturbed; and what it may then have stored
LEAST, MOST = 0.2, 0.8
ENOUGH = 10  # ablations that are done on some of their images only
TRIES = 50
STOPPED, KILLED = ['.db'], ['.db', '.db-shm', '.db-wal', '.db.lock']  # files that a run leaves


# ---- networks --------------------------------------------------------------------------------------------------------

def convolution(number, filters, channels, norm):
    """The tensors of one, (name, shape, least, greatest value), and of the batch normalisation behind it."""
    bound = math.sqrt(6 / (9 * channels))  # keeps activations of one size from layer to layer
    tensors = [(f'features.{number}.weight', [filters, channels, 3, 3], -bound, bound),
               (f'features.{number}.bias', [filters], -0.1, 0.1)]
    ranges = {'weight': (0.5, 1.5), 'bias': (-0.2, 0.4), 'running_mean': (-0.3, 0.3), 'running_var': (0.5, 2)}
    return tensors + [(f'features.{number + 1}.{name}', [filters], *ranges[name]) for name in ranges if norm]


def fully_connected(number, filters, inputs):
    bound = math.sqrt(6 / inputs)
    return [(f'classifier.{number}.weight', [filters, inputs], -bound, bound),
            (f'classifier.{number}.bias', [filters], -0.1, 0.1)]


def write_network(path, dtype, tensors, seed):
    """A safetensors file of random weights."""
    draw, header, data = random.Random(seed), {}, b''
    for name, shape, least, greatest in tensors:
        count = math.prod(shape)
        values = [draw.uniform(least, greatest) for _ in range(count)]
        packed = struct.pack(f'<{count}{dict(F32="f", F16="e")[dtype]}', *values)
        header[name] = {'dtype': dtype, 'shape': shape, 'data_offsets': [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text + data)


def write_networks():
    """Widths are no multiples of a vector's, so that kernels have a rest to compute. Of many seeds those were taken
    with which the networks tell at least three classes apart."""
    tensors, number, channels = [], 0, 1
    for filters in (5, 8, 12, 20, 17, 9):
        tensors += convolution(number, filters, channels, norm=True)
        number += 3 if number == 0 else 4  # convolution, normalisation, ReLU; pooling, but not after the first
        channels = filters
    for number, filters, inputs in ((0, 14, 9), (3, 11, 14), (6, 10, 11)):
        tensors += fully_connected(number, filters, inputs)
    write_network('modes.safetensors', 'F32', tensors, 17)
    write_network('race.safetensors', 'F16', convolution(0, 8, 3, norm=False) + convolution(3, 12, 8, norm=False) +
                  fully_connected(0, 20, 48) + fully_connected(3, 6, 20), 4)


# ---- images ----------------------------------------------------------------------------------------------------------

def draw_image(draw, side, channels):
    """Three boxes over faint noise; its bytes by row, column, channel."""
    rows = [[draw.randrange(LEVELS // 4) for _ in range(side * channels)] for _ in range(side)]
    for _ in range(3):
        top, left = draw.randrange(side - 3), draw.randrange(side - 3)
        height, width = draw.randrange(2, side // 2 + 2), draw.randrange(2, side // 2 + 2)
        colour = [draw.randrange(LEVELS) for _ in range(channels)]
        for row in rows[top:top + height]:
            row[left * channels:(left + width) * channels] = colour * (min(side, left + width) - left)
    return bytes(value * 255 // (LEVELS - 1) for row in rows for value in row)


def write_idx(path, shape, data):
    with open(path, 'wb') as file, gzip.GzipFile('', 'wb', 9, file, mtime=0) as packed:
        packed.write(struct.pack(f'>{1 + len(shape)}i', 0x800 + len(shape), *shape) + data)


def write_npy(path, shape, data):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    header += ' ' * (-(len(header) + 11) % 64) + '\n'
    with open(path, 'wb') as file:
        file.write(b'\x93NUMPY\x01\0' + struct.pack('<H', len(header)) + header.encode() + data)


def write_labels(grey, colour):
    write_idx('grey-labels.idx.gz', (GREY[0],), grey)
    write_npy('colour-labels.npy', (COLOUR[0],), colour)


def write_images():
    draw = random.Random(17)
    grey, colour = (b''.join(draw_image(draw, side, channels) for _ in range(count))
                    for (count, side), channels in ((GREY, 1), (COLOUR, 3)))
    write_idx('grey.idx.gz', (GREY[0], GREY[1], GREY[1]), grey)
    write_npy('colour.npy', (COLOUR[0], COLOUR[1], COLOUR[1], 3), colour)
    with open('classes.txt', 'w') as file:
        file.write('none one two three four five six seven eight nine'.replace(' ', '\n') + '\n')
    with open('scores.csv', 'w') as file:
        file.write('layer,filter,score\n')
        file.writelines(f'{layer},{filter},{draw.randrange(1000) / 1000}\n'
                        for layer, filters in (('conv2_1', 12), ('fc6', 14)) for filter in range(filters))


def label(lesion):
    """Each image is of the class that its network takes it for, but for some: so random networks are mostly right."""
    draw, labels = random.Random(3), []
    write_labels(bytes(GREY[0]), bytes(COLOUR[0]))
    for study, classes in (('modes', 10), ('race', 6)):
        with open(f'{study}.yaml') as file:
            data = [line for line in file.read().split('ablate:')[0].splitlines()
                    if line.split()[0] not in ('take:', 'calibration:')]  # all of them
        with open('all.yaml', 'w') as file:
            file.write('\n'.join(data) + '\nablate: [{name: one, layers: conv*, filters: 0}]\nmetrics: [images]\n')
        run = [lesion, 'run', 'all.yaml', '--db', 'all.db', '--fresh', '--quiet']
        subprocess.run(run, check=True)
        seen = ask('all.db', 'SELECT prediction FROM image_result WHERE evaluation = 0 ORDER BY image')
        labels.append(bytes(c if draw.random() < RIGHT else draw.randrange(classes) for c, in seen))
    write_labels(*labels)


# ---- runs ------------------------------------------------------------------------------------------------------------

def run(launcher, lesion, study, database, environment=()):
    clear(database)
    return subprocess.Popen([*launcher, lesion, 'run', f'{study}.yaml', '--db', database, '--quiet'],
                            env={**os.environ, **dict(environment)})


def clear(database):
    for name in glob.glob(f'{database}*'):
        os.remove(name)


def work_done(log):
    """Images x ablations that workers have computed."""
    if not os.path.exists(log):
        return 0
    with open(log) as lines:
        words = [line.split() for line in lines if line.endswith('\n')]
    return sum(int(images) * (evaluations.count(',') + 1)
               for _, _, what, _, images, evaluations in words if what == 'end')


def disturb(launcher, lesion, study, number, moment):
    """Sends a signal to rank 0 once so much work is done, and waits for the end."""
    database, log = f'half/{study}.db', 'units.log'
    clear(log)
    process = run(launcher, lesion, study, database, {'LESION_UNIT_LOG': log})
    while work_done(log) < moment:
        if process.poll() is not None:
            sys.exit(f'{study}: the run ended by itself, with exit code {process.returncode}')
        time.sleep(0.001)
    with contextlib.suppress(ProcessLookupError):
        os.kill(ask(database, 'SELECT pid FROM writer')[0][0], number)
    process.wait()


def what_is_left(study, work):
    """Of a copy, for the first to open a database that was not closed changes it: the share of the work that is stored,
    ablations that are done on some of their images only, the last of the blocks that they are done on, units in flight,
    how the run ended, files that there are."""
    shutil.rmtree('look', ignore_errors=True)
    shutil.copytree('half', 'look')
    stored, how, units = ask(f'look/{study}.db', 'SELECT evaluated, how, (SELECT count(*) FROM unit) FROM run')[0]
    partly, block = ask(f'look/{study}.db', 'SELECT count(DISTINCT evaluation), max(block) FROM part')[0]
    files = sorted(name[len(study):] for name in os.listdir('half') if name.startswith(study))
    print(f'{study}: {100 * stored / work:.0f} % of the work is stored, {partly} ablations partly, to block {block}; '
          f'{units} units are in flight; the run ended: {how}; it left {files}')
    return stored / work, partly, block, units, how, files


def leave_half(lesion, study, work):
    """modes is computed by two ranks for a third, which is killed: they held units, and the database is not closed.
    race is computed by one process, which is told to stop. Tries until as much is left as the test needs."""
    killed = study == 'modes'
    launcher, number = (MPIRUN + ['-n', '3'], signal.SIGKILL) if killed else ([], signal.SIGUSR1)
    for _ in range(TRIES):
        disturb(launcher, lesion, study, number, work * HALF)
        share, partly, block, units, how, files = what_is_left(study, work)
        as_wanted = units > 1 and how is None and files == KILLED if killed else how == 'stopped' and files == STOPPED
        if LEAST < share < MOST and partly > ENOUGH and block > 0 and as_wanted:
            return
    sys.exit(f'{study}: no run of {TRIES} left what the test needs')


def pack(study):
    """One archive for both, for what they have in common takes room once."""
    def plain(member):
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ''
        return member

    with tarfile.open(f'{study}.tar.xz', 'w:xz', preset=9) as archive:
        for path in (f'whole/{study}.db', *(f'half/{study}{suffix}' for suffix in KILLED)):
            if os.path.exists(path):
                archive.add(path, filter=plain)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    lesion = os.path.abspath(sys.argv[1])
    folder = os.path.abspath(sys.argv[2] if len(sys.argv) == 3 else os.path.join(HERE, '0.1.0'))
    with tempfile.TemporaryDirectory(prefix='lesion-') as scratch:
        os.chdir(scratch)  # paths that the databases have are relative
        for study in STUDIES:
            shutil.copy(f'{folder}/{study}.yaml', '.')
        os.mkdir('whole')
        os.mkdir('half')
        write_networks()
        write_images()
        label(lesion)
        for study in STUDIES:
            assert run([], lesion, study, f'whole/{study}.db').wait() == 0, f'{study} cannot be run'
            leave_half(lesion, study, ask(f'whole/{study}.db', 'SELECT evaluated FROM run')[0][0])
            pack(study)
        for name in MADE:
            shutil.copy(name, folder)


if __name__ == '__main__':
    main()
