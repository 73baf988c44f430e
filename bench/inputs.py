"""What every side of the benchmark is given: the same images and the same sample of jobs, as files."""
import array
import gzip
import json
import math
import os
import random
import struct
import sys

FASHION = os.environ.get('FASHION_MNIST', '/usr/share/datasets/fashion-mnist')
FASHION_MEAN, FASHION_STD, FASHION_PAD = 0.2860, 0.3530, 2  # as the embedded network was trained


def write_floats(path, values):
    assert sys.byteorder == 'little'
    with open(path, 'wb') as file:
        values.tofile(file)


def read_floats(path):
    values = array.array('f')
    with open(path, 'rb') as file:
        values.frombytes(file.read())
    return values


def waves(n, h, w, c):
    """Seeded smooth images with the mean 0 and about the deviation 1 of preprocessed photographs: [n][c][h][w]."""
    rng = random.Random(1)
    values = array.array('f')
    for _ in range(n * c):
        rows, columns, level = [], [], rng.uniform(-0.7, 0.7)
        for _ in range(4):
            fy, fx, py, px = rng.uniform(0, 12), rng.uniform(0, 12), rng.random(), rng.random()
            size = rng.uniform(0.3, 1.1)
            rows.append([size * math.cos(6.2831853 * (fy * y / h + py)) for y in range(h)])
            columns.append([math.cos(6.2831853 * (fx * x / w + px)) for x in range(w)])
        a, b, d, e = columns
        for y in range(h):
            p, q, r, s = (row[y] for row in rows)
            values.extend([level + p * a[x] + q * b[x] + r * d[x] + s * e[x] for x in range(w)])
    return values


def fashion(n):
    """The first test images of Fashion-MNIST as the embedded network sees them, [n][1][32][32]; None: not installed."""
    path = os.path.join(FASHION, 't10k-images-idx3-ubyte.gz')
    if not os.path.exists(path):
        return None
    with gzip.open(path) as file:
        _, _, h, w = struct.unpack('>4i', file.read(16))
        pixels = file.read(n * h * w)
    pad, values = FASHION_PAD, array.array('f')
    border = (0 - FASHION_MEAN) / FASHION_STD
    shade = [(v / 255 - FASHION_MEAN) / FASHION_STD for v in range(256)]
    for i in range(n):
        values.extend([border] * (pad * (w + 2 * pad)))
        for y in range(h):
            row = pixels[(i * h + y) * w:(i * h + y + 1) * w]
            values.extend([border] * pad + [shade[v] for v in row] + [border] * pad)
        values.extend([border] * (pad * (w + 2 * pad)))
    return values


def npy_images(path, n, shape):
    """The first n images of a float32 [N][C][H][W] .npy file."""
    h, w, c = shape
    with open(path, 'rb') as file:
        if file.read(6) != b'\x93NUMPY':
            raise SystemExit(f'{path}: no .npy file')
        major = file.read(2)[0]
        size, = struct.unpack('<H' if major == 1 else '<I', file.read(2 if major == 1 else 4))
        header = file.read(size).decode('latin1')
        if "'<f4'" not in header or 'True' in header or f', {c}, {h}, {w})' not in header:
            raise SystemExit(f'{path}: needs float32 [N][{c}][{h}][{w}], in C order; its header is {header.strip()}')
        values = array.array('f')
        values.frombytes(file.read(4 * n * h * w * c))
    if len(values) != n * h * w * c:
        raise SystemExit(f'{path}: fewer than {n} images')
    return values


def write_npy(path, dtype, shape, data):
    header = str({'descr': dtype, 'fortran_order': False, 'shape': tuple(shape)})
    header += ' ' * (-(len(header) + 11) % 64) + '\n'
    with open(path, 'wb') as file:
        file.write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(header)) + header.encode())
        file.write(data)


# ---- networks --------------------------------------------------------------------------------------------------------

def conv_filters(weights):
    """Filters of each convolution of a safetensors file, in the order of its modules."""
    with open(weights, 'rb') as file:
        size, = struct.unpack('<Q', file.read(8))
        tensors = json.loads(file.read(size))
    found = [(int(name.split('.')[1]), t['shape'][0]) for name, t in tensors.items()
             if name.startswith('features.') and len(t['shape']) == 4]
    return [filters for _, filters in sorted(found)]


def vgg19_names():
    return [f'conv{block}_{i}' for block, count in enumerate((2, 2, 4, 4, 4), 1) for i in range(1, count + 1)]


def sample_jobs(filters, count):
    """`count` single filters (layer, filter), evenly over all filters of the network numbered through."""
    flat = [(layer, f) for layer, n in zip(vgg19_names(), filters) for f in range(n)]
    count = min(count, len(flat))
    return [flat[(2 * i + 1) * len(flat) // (2 * count)] for i in range(count)]


def write_jobs(path, jobs):
    with open(path, 'w') as file:
        file.writelines(f'{layer} {f}\n' for layer, f in jobs)
