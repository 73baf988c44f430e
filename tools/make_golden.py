#!/usr/bin/python3
"""Make the golden values: what PyTorch says the logits are under many masks.

usage: make_golden.py fashion [--weights models/fashion-vgg19.safetensors] [--images t10k-images-idx3-ubyte.gz]
       make_golden.py vgg19 --weights VGG19.safetensors
       make_golden.py bn16 | vgg11 | mlp

bn16, vgg11 and mlp are small networks of random weights, made here and written by torch.save: a VGG-16 with batch
normalisation, a VGG-11 whose map is smaller than its grid, and a chain of three fully connected layers.

Writes to tests/golden (or --out):
  NAME_masks.txt   a mask a line: "zero conv3_1:0,5 conv4_2:7..9", "mean fc6:0..511"
  NAME_logits.npy  float32 [1 + masks][images][classes]: nothing removed, then the masks in the file's order
  NAME.pth            the weights of bn16, vgg11 and mlp
  fashion_images.npy  uint8 [8][28][28][1]: the images, the first 8 of Fashion-MNIST's test images (MIT licence)

The images of the others are not stored. Pixel (n, y, x, c), in whole numbers rounded down, is
    (x x + (2 n + 3) y y + 40 c x + 17 c c y) k / 64 modulo 256
with k = 1 and two images of 224x224x3 for vgg19; k = 9 and three images of 32x32x3, 68x72x3 and 12x10x3 for bn16, vgg11
and mlp. They are scaled with ImageNet's means and standard deviations.

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
from torch import nn
from torch.nn import functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
TYPES = {'F32': np.float32, 'F16': np.float16}
IMAGES = {'vgg19': (2, 224, 224, 1), 'bn16': (3, 32, 32, 9), 'vgg11': (3, 68, 72, 9), 'mlp': (3, 12, 10, 9)}  # N H W k
VGG11 = [2, 'M', 4, 'M', 8, 8, 'M', 16, 16, 'M', 16, 16, 'M']
VGG16 = [2, 2, 'M', 4, 4, 'M', 8, 8, 8, 'M', 16, 16, 16, 'M', 16, 16, 16, 'M']


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


def linear(*sizes):
    return [nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])]


def classifier(*sizes):
    layers = []
    for layer in linear(*sizes):
        layers += [layer, nn.ReLU(), nn.Dropout()]
    return nn.Sequential(*layers[:-2])


def features(plan, norm):
    layers, channels = [], 3
    for filters in plan:
        if filters == 'M':
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [nn.Conv2d(channels, filters, 3, padding=1)] + [nn.BatchNorm2d(filters)] * norm + [nn.ReLU()]
        channels = filters
    return nn.Sequential(*layers)


def random_network(name):
    """A state dict with torchvision's names (the chain's are fc1 to fc3); nothing in it is near 0 or 1."""
    torch.manual_seed(11)
    if name == 'mlp':
        net = nn.ModuleDict({f'fc{i + 1}': layer for i, layer in enumerate(linear(360, 24, 20, 10))})
    elif name == 'bn16':
        net = nn.ModuleDict({'features': features(VGG16, True), 'classifier': classifier(16, 24, 20, 10)})
    else:
        net = nn.ModuleDict({'features': features(VGG11, False), 'classifier': classifier(16 * 9, 24, 20, 10)})
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            inputs = module.weight[0].numel()
            nn.init.normal_(module.weight, std=math.sqrt(2 / inputs))
            nn.init.normal_(module.bias, std=.1)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, .5, 1.5)
            nn.init.normal_(module.bias, std=.3)
            nn.init.normal_(module.running_mean, std=.5)
            nn.init.uniform_(module.running_var, .2, 3)
    return net.state_dict()


class Network:
    """torchvision's VGG: features.N are convolutions, N + 1 their batch normalisation where there is one, the next is a
    ReLU, and the next a pooling unless it is a convolution. Without features, fc1, fc2, ... alone."""

    def __init__(self, tensors):
        def numbers(prefix):
            found = (re.fullmatch(rf'{prefix}(\d+)\.weight', name) for name in tensors)
            return sorted(int(m[1]) for m in found if m)

        def norm_of(path):
            names = ('running_mean', 'running_var', 'weight', 'bias')
            return [tensors[f'{path}.{n}'] for n in names] if f'{path}.running_mean' in tensors else None

        self.layers, block, place = [], 1, 1
        convs = [n for n in numbers(r'features\.') if tensors[f'features.{n}.weight'].dim() == 4]
        for i, n in enumerate(convs):
            norm = norm_of(f'features.{n + 1}')
            pool = i + 1 == len(convs) or convs[i + 1] > n + 2 + (norm is not None)
            self.layers.append((f'conv{block}_{place}', pool, tensors[f'features.{n}.weight'],
                                tensors[f'features.{n}.bias'], norm))
            block, place = (block + 1, 1) if pool else (block, place + 1)
        section = 'classifier.' if convs else 'fc'
        for i, n in enumerate(numbers(re.escape(section))):
            self.layers.append((f'fc{(6 if convs else 1) + i}', False, tensors[f'{section}{n}.weight'],
                                tensors[f'{section}{n}.bias'], None))
        first = next(layer for layer in self.layers if layer[2].dim() == 2)
        self.grid = math.isqrt(first[2].shape[1] // self.layers[len(convs) - 1][2].shape[0]) if convs else None
        self.filters = {name: len(bias) for name, _, _, bias, _ in self.layers[:-1]}

    def forward(self, x, mask=(), fill=None, see=None):
        """Logits. mask: {layer: filters}; fill: {layer: values of all filters}, 0 where None."""
        for name, pool, weight, bias, norm in self.layers:
            if weight.dim() == 4:
                x = F.conv2d(x, weight, bias, padding=1)
                x = x if norm is None else F.batch_norm(x, *norm, eps=1e-5)
            else:
                if x.dim() == 4:
                    x = (F.adaptive_avg_pool2d(x, self.grid) if self.grid else x).flatten(1)
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


def small_masks(net):
    rng, names = random.Random(3), list(net.filters)
    masks = [('zero', some(net, rng, name, 1)) for name in names]
    masks += [('mean', some(net, rng, name, 1)) for name in names[::3]]
    masks += [(mode, half(net, rng, name)) for name in names[1::2] for mode in ('zero', 'mean')]
    masks += [('zero', whole(net, names[0])), ('mean', whole(net, names[-1]))]
    masks += [(mode, {k: v for name in names for k, v in some(net, rng, name, 1).items()}) for mode in ('zero', 'mean')]
    return masks


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


def formula_images(name):
    count, height, width, k = IMAGES[name]
    n, y, x, c = np.meshgrid(*map(np.arange, (count, height, width, 3)), indexing='ij')
    pixels = (x * x + (2 * n + 3) * y * y + 40 * c * x + 17 * c * c * y) * k // 64 % 256
    scaled = (pixels / 255 - [.485, .456, .406]) / [.229, .224, .225]
    return torch.from_numpy(scaled).permute(0, 3, 1, 2).contiguous()


def weights_of(args):
    if args.name in ('fashion', 'vgg19'):
        return read_safetensors(args.weights)
    state = random_network(args.name)
    torch.save(state, os.path.join(args.out, f'{args.name}.pth'))
    return {name: tensor.double() for name, tensor in state.items()}


def main():
    p = argparse.ArgumentParser(description='Make golden logits with PyTorch.')
    p.add_argument('name', choices=('fashion', 'vgg19', 'bn16', 'vgg11', 'mlp'))
    p.add_argument('--weights', default=os.path.join(HERE, '..', 'models', 'fashion-vgg19.safetensors'))
    p.add_argument('--images', default='/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz')
    p.add_argument('--out', default=os.path.join(HERE, '..', 'tests', 'golden'))
    args = p.parse_args()
    net = Network(weights_of(args))
    fashion = args.name == 'fashion'
    x = fashion_images(args.images, args.out) if fashion else formula_images(args.name)
    masks = {'fashion': fashion_masks, 'vgg19': vgg19_masks}.get(args.name, small_masks)(net)

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
