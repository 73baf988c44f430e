#!/usr/bin/python3
"""Make the golden values: what PyTorch says the logits are under many masks.

usage: make_golden.py fashion [--weights models/fashion-vgg19.safetensors] [--images t10k-images-idx3-ubyte.gz]
       make_golden.py vgg19 --weights VGG19.safetensors

Writes to tests/golden (or --out):
  NAME_masks.txt   a mask a line: "zero conv3_1:0,5 conv4_2:7..9", "mean fc6:0..511"
  NAME_logits.npy  float32 [1 + masks][images][classes]: nothing removed, then the masks in the file's order
  fashion_images.npy  uint8 [8][28][28][1]: the images, the first 8 of Fashion-MNIST's test images (MIT licence)

The images of vgg19 are not stored. Pixel (n, y, x, c) of two images of 224x224x3, in whole numbers rounded down, is
    (x x + (2 n + 3) y y + 40 c x + 17 c c y) / 64 modulo 256

Everything is computed in double precision, from the weights in the file. A mask overwrites filters after the ReLU and
before pooling: by 0, or (mean) by the filter's mean over the same images and all positions with nothing removed.

Needs python3-torch and python3-numpy.
"""
import argparse
import gzip
import json
import math
import os
import random
import re
import struct

import numpy as np
import torch
from torch.nn import functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
TYPES = {'F32': np.float32, 'F16': np.float16}


def read_safetensors(path):
    raw = np.memmap(path, np.uint8, 'r')
    size, = struct.unpack('<Q', raw[:8].tobytes())
    header = json.loads(raw[8:8 + size].tobytes())
    header.pop('__metadata__', None)
    tensors = {}
    for name, t in header.items():
        begin, end = (8 + size + at for at in t['data_offsets'])
        values = np.frombuffer(raw[begin:end].tobytes(), TYPES[t['dtype']]).reshape(t['shape'])
        tensors[name] = torch.from_numpy(values.astype(np.float64))
    return tensors


class Network:
    """torchvision's VGG: features.N are convolutions, N + 1 their ReLU, N + 2 a pooling unless it is a convolution."""

    def __init__(self, tensors):
        def numbers(prefix):
            found = (re.fullmatch(rf'{prefix}\.(\d+)\.weight', name) for name in tensors)
            return sorted(int(m[1]) for m in found if m)

        self.layers, block, place = [], 1, 1
        convs = numbers('features')
        for i, n in enumerate(convs):
            pool = i + 1 == len(convs) or convs[i + 1] > n + 2
            self.layers.append((f'conv{block}_{place}', pool, tensors[f'features.{n}.weight'],
                                tensors[f'features.{n}.bias']))
            block, place = (block + 1, 1) if pool else (block, place + 1)
        for i, n in enumerate(numbers('classifier')):
            self.layers.append((f'fc{6 + i}', False, tensors[f'classifier.{n}.weight'],
                                tensors[f'classifier.{n}.bias']))
        first = next(layer for layer in self.layers if layer[2].dim() == 2)
        self.grid = math.isqrt(first[2].shape[1] // self.layers[len(convs) - 1][2].shape[0])
        self.filters = {name: len(bias) for name, _, _, bias in self.layers[:-1]}

    def forward(self, x, mask=(), fill=None, see=None):
        """Logits. mask: {layer: filters}; fill: {layer: values of all filters}, 0 where None."""
        for name, pool, weight, bias in self.layers:
            if weight.dim() == 4:
                x = F.conv2d(x, weight, bias, padding=1)
            else:
                if x.dim() == 4:
                    x = F.adaptive_avg_pool2d(x, self.grid).flatten(1)
                x = F.linear(x, weight, bias)
            if name not in self.filters:
                return x
            x = F.relu(x)
            if see:
                see(name, x)
            if name in mask:
                x[:, mask[name]] = 0 if fill is None else fill[name][mask[name]].view(-1, *[1] * (x.dim() - 2))
            if pool:
                x = F.max_pool2d(x, 2)

    def means(self, x):
        found = {}
        self.forward(x, see=lambda name, a: found.update({name: a.transpose(0, 1).flatten(1).mean(1)}))
        return found


def some(net, rng, layer, count):
    return {layer: sorted(rng.sample(range(net.filters[layer]), count))}


def whole(net, layer):
    return {layer: list(range(net.filters[layer]))}


def half(net, rng, layer):
    return some(net, rng, layer, net.filters[layer] // 2)


def fashion_masks(net):
    rng = random.Random(1)
    masks = [('zero', some(net, rng, name, 1)) for name in net.filters]
    masks += [('mean', some(net, rng, name, 1)) for name in ('conv1_1', 'conv2_2', 'conv3_4', 'conv5_4', 'fc6', 'fc7')]
    masks += [('zero', whole(net, name)) for name in ('conv2_1', 'conv4_4', 'conv5_4', 'fc7')]
    masks += [('mean', whole(net, name)) for name in ('conv1_2', 'conv5_1', 'fc6')]
    masks += [('zero', half(net, rng, name)) for name in ('conv1_2', 'conv3_3', 'conv4_1', 'conv5_2', 'fc6')]
    masks += [('mean', half(net, rng, name)) for name in ('conv2_2', 'conv4_3', 'fc7')]
    for mode in ('zero', 'mean'):
        masks.append((mode, {**some(net, rng, 'conv1_1', 2), **half(net, rng, 'conv3_1'), **some(net, rng, 'fc7', 5)}))
        masks.append((mode, {k: v for name in net.filters for k, v in some(net, rng, name, 1).items()}))
    masks.append(('zero', {**half(net, rng, 'conv3_1'), **half(net, rng, 'conv3_2')}))
    return masks


def vgg19_masks(net):
    rng = random.Random(2)
    return [
        ('zero', some(net, rng, 'conv5_4', 1)),
        ('zero', some(net, rng, 'conv1_1', 1)),
        ('mean', some(net, rng, 'conv2_1', 3)),
        ('zero', half(net, rng, 'conv3_2')),
        ('mean', whole(net, 'conv4_4')),
        ('zero', {**some(net, rng, 'conv1_2', 4), **some(net, rng, 'conv3_4', 40), **half(net, rng, 'fc6')}),
        ('mean', {**half(net, rng, 'conv5_1'), **half(net, rng, 'conv5_4'), **some(net, rng, 'fc7', 100)}),
        ('zero', half(net, rng, 'fc7')),
    ]


def ranges(filters):
    """[0, 1, 2, 5] as "0..2,5"."""
    runs = []
    for f in filters:
        if runs and runs[-1][1] == f - 1:
            runs[-1][1] = f
        else:
            runs.append([f, f])
    return ','.join(f'{a}..{b}' if b > a else f'{a}' for a, b in runs)


def fashion_images(path, out):
    raw = gzip.open(path).read()
    pixels = np.frombuffer(raw, np.uint8, 8 * 28 * 28, offset=16).reshape(8, 28, 28, 1)
    np.save(os.path.join(out, 'fashion_images.npy'), pixels)
    x = torch.from_numpy(pixels.astype(np.float64)).permute(0, 3, 1, 2) / 255
    return (F.pad(x, (2,) * 4) - 0.2860) / 0.3530


def vgg19_images():
    n, y, x, c = np.meshgrid(np.arange(2), np.arange(224), np.arange(224), np.arange(3), indexing='ij')
    pixels = (x * x + (2 * n + 3) * y * y + 40 * c * x + 17 * c * c * y) // 64 % 256
    scaled = (pixels / 255 - [.485, .456, .406]) / [.229, .224, .225]
    return torch.from_numpy(scaled).permute(0, 3, 1, 2).contiguous()


def main():
    p = argparse.ArgumentParser(description='Make golden logits with PyTorch.')
    p.add_argument('name', choices=('fashion', 'vgg19'))
    p.add_argument('--weights', default=os.path.join(HERE, '..', 'models', 'fashion-vgg19.safetensors'))
    p.add_argument('--images', default='/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz')
    p.add_argument('--out', default=os.path.join(HERE, '..', 'tests', 'golden'))
    args = p.parse_args()
    net = Network(read_safetensors(args.weights))
    fashion = args.name == 'fashion'
    x = fashion_images(args.images, args.out) if fashion else vgg19_images()
    masks = fashion_masks(net) if fashion else vgg19_masks(net)

    with torch.no_grad():
        means, logits = net.means(x), [net.forward(x)]
        for mode, mask in masks:
            logits.append(net.forward(x, mask, means if mode == 'mean' else None))
    logits = torch.stack(logits).numpy()
    np.save(os.path.join(args.out, f'{args.name}_logits.npy'), logits.astype(np.float32))
    with open(os.path.join(args.out, f'{args.name}_masks.txt'), 'w') as f:
        for mode, mask in masks:
            print(mode, *(f'{name}:{ranges(filters)}' for name, filters in mask.items()), file=f)
    effect = np.abs(logits[1:] - logits[0]).max((1, 2))
    print(f'{len(masks)} masks, {len(x)} images; classes {logits[0].argmax(1).tolist()}; the largest logit is '
          f'{np.abs(logits).max():.3g}; a mask changes the logits by {effect.min():.3g} to {effect.max():.3g}')


main()
