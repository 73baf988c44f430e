"""A database that has something of everything, made by the built program: single filters in two modes, shares of a layer
by score and at random, cumulative orders, pairs, groups of similar filters, classes, drift, a row for each image.

Images are noise, the network is the embedded one: what it is right about is chance, but there is enough of it."""
import os
import random
import sqlite3
import struct
import subprocess

SOURCE = os.environ.get('LESION_SOURCE', os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
LESION = os.environ.get('LESION', 'lesion')
IMAGES = 48
STUDY = """study: everything
model: {{weights: {source}/models/fashion-vgg19.safetensors}}
data:
  format: idx
  images: images.idx
  labels: labels.idx
  classes: {source}/models/fashion-classes.txt
  preprocess: {{pad: 2, mean: 0.2860, std: 0.3530}}
  take: {{first: 40}}
  calibration: {{count: 8, seed: 1}}
ablate:
  - {{name: every-filter, layers: conv1_1, filters: each, mode: [zero, mean]}}
  - {{name: lowest, layers: [conv1_1, conv2_1], filters: {{lowest: l1, fraction: [0.25, 0.5, 1]}}}}
  - {{name: random, layers: [conv1_1, conv2_1], filters: {{random: {{fraction: [0.25, 0.5, 1], seeds: 0..3}}}}}}
  - {{name: orders, layers: conv1_1, filters: {{cumulative: {{order: l2, steps: 4}}}}}}
  - {{name: network-orders, layers: [conv1_1, conv1_2], together: true, filters: {{cumulative: {{order: l1, steps: 4}}}}}}
  - {{name: network-random, layers: [conv1_1, conv1_2], together: true, filters: {{cumulative: {{order: random, steps: 4, seeds: 0..2}}}}}}
  - {{name: pairs, layers: conv1_1, filters: {{pairs: {{each: 0..4}}}}}}
  - {{name: across, layers: [conv1_1, conv1_2, conv2_1], together: true, filters: {{pairs: {{each: 0..1}}}}}}
  - {{name: similar, layers: conv1_2, filters: {{similar: {{groups: 4}}}}}}
  - {{name: noise, layers: conv1_1, filters: {{each: 0..2}}, mode: {{noise: {{seeds: 0..1}}}}}}
metrics: [top1, top5, loss, kl, per_class, images, drift]
"""


def write_study(folder):
    rng = random.Random(5)
    with open(os.path.join(folder, 'images.idx'), 'wb') as file:
        file.write(struct.pack('>4i', 0x803, IMAGES, 28, 28) + rng.randbytes(IMAGES * 784))
    with open(os.path.join(folder, 'labels.idx'), 'wb') as file:
        # Noise is taken for few classes: these are given more often, so that there is something to lose.
        labels = bytes(rng.choice((8, 8, 8, 6, 6, 2, 9, 0)) for _ in range(IMAGES))
        file.write(struct.pack('>2i', 0x801, IMAGES) + labels)
    path = os.path.join(folder, 'study.yaml')
    with open(path, 'w') as file:
        file.write(STUDY.format(source=SOURCE))
    return path


def make(folder):
    """The path of the database."""
    path = os.path.join(folder, 'everything.db')
    subprocess.run([LESION, 'run', write_study(folder), '--db', path, '--quiet'], check=True, stderr=subprocess.PIPE)
    return path


def fail_some(database):
    """Two ablations failed that were done, and one is open again; as if a run had ended there."""
    measured = ('images top1 top5 lost gained agree loss_sum kl_sum margin_sum base_top5 base_loss_sum d_loss_squared '
                'd_loss_error d_loss_low d_loss_high p p_exact balanced_accuracy top1_low top1_high seconds run').split()
    nothing = ', '.join(f'{column} = NULL' for column in measured)
    db = sqlite3.connect(database)
    with db:
        db.execute(f"UPDATE evaluation SET {nothing}, status = 'failed', reason = 'out, of \"luck\"' WHERE evaluation "
                   "IN (9, 10)")
        db.execute(f"UPDATE evaluation SET {nothing}, status = 'pending' WHERE evaluation = 14")
    db.close()


def rows(database, query):
    """Each row as a dict."""
    db = sqlite3.connect(f'file:{database}?mode=ro', uri=True)
    db.row_factory = sqlite3.Row
    found = [dict(row) for row in db.execute(query)]
    db.close()
    return found
