"""A small network, its images and a study of as much work as is asked for; and what a run of it leaves."""
import math
import os
import random
import sqlite3
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import results
from results import tables

# Blocks of one convolution: a convolution, its ReLU and a pooling take three places each.
TENSORS = (('features.0', 8, 1, 3), ('features.3', 32, 8, 3), ('features.6', 24, 32, 3), ('features.9', 32, 24, 3),
           ('features.12', 16, 32, 3), ('classifier.0', 24, 16, 1), ('classifier.3', 20, 24, 1),
           ('classifier.6', 4, 20, 1))
SIDE, CLASSES, IMAGES = 28, 4, 200  # in one block, so that results become complete one after another
STUDY = """study: cluster
model: {weights: net.safetensors}
data: {format: idx, images: images.idx, labels: labels.idx, preprocess: {pad: 2, mean: 0.3, std: 0.4}, take: all}
ablate:
  - {name: every, layers: conv*, filters: each, mode: zero}
  - name: chance
    layers: [conv2_1, conv4_1]
    filters: {random: {count: 12, seeds: 0..1250}}
metrics: [top1, top5, loss, kl, per_class]
"""


def write_network(path):
    draw = random.Random(6)  # a network whose answers are not all of one class
    entries, data = [], b''
    for name, filters, inputs, kernel in TENSORS:
        shape = [filters, inputs] + ([kernel, kernel] if kernel > 1 else [])
        scale = math.sqrt(6 / (inputs * kernel * kernel))  # keeps activations of one size from layer to layer
        for part, dims, reach in (('weight', shape, scale), ('bias', [filters], 0.1)):
            values = [draw.uniform(-reach, reach) for _ in range(math.prod(dims))]
            packed = struct.pack(f'<{len(values)}f', *values)
            entries.append(f'"{name}.{part}":{{"dtype":"F32","shape":{dims},'
                           f'"data_offsets":[{len(data)},{len(data) + len(packed)}]}}')
            data += packed
    header = ('{' + ','.join(entries) + '}').encode()
    header += b' ' * (-len(header) % 8)
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(header)) + header + data)


def write_images(images, labels):
    """A stripe whose place tells the class, and noise."""
    draw = random.Random(2)
    with open(images, 'wb') as pixels, open(labels, 'wb') as classes:
        pixels.write(struct.pack('>4i', 0x803, IMAGES, SIDE, SIDE))
        classes.write(struct.pack('>2i', 0x801, IMAGES))
        for i in range(IMAGES):
            classes.write(bytes([i % CLASSES]))
            noise = draw.randbytes(SIDE * SIDE)
            pixels.write(bytes((150 if k // SIDE // 7 == i % CLASSES else 0) + noise[k] % 100
                               for k in range(SIDE * SIDE)))


class Study:
    """A study and what undisturbed runs of it give, one process alone: the measure of all others."""

    def __init__(self, folder, program):
        self.folder, self.program = folder, program
        self.results = {}
        write_network(f'{folder}/net.safetensors')
        write_images(f'{folder}/images.idx', f'{folder}/labels.idx')
        with open(f'{folder}/study.yaml', 'w') as file:
            file.write(STUDY)

    def arguments(self, work):
        """Of 'lesion run', for `work` jobs and some."""
        return [f'{self.folder}/study.yaml', '--set', f'ablate.chance.filters.random.seeds=0..{work // 2}']

    def straight(self, work):
        if work not in self.results:
            database = f'{self.folder}/straight-{work}.db'
            subprocess.run([self.program, 'run', *self.arguments(work), '--quiet', '--db', database], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.results[work] = tables(database)
        return self.results[work]


def ask(database, query):
    """The rows of an answer; none while there is no such table."""
    try:
        return results.ask(database, query)
    except sqlite3.OperationalError:
        return []


def done(database):
    """Evaluations whose result is stored."""
    return (ask(database, "SELECT count(*) FROM evaluation WHERE status = 'done'") or [(0,)])[0][0]


def runs(database):
    """How each run ended: None where it could not say so."""
    return [how for how, in ask(database, 'SELECT how FROM run ORDER BY run')]
