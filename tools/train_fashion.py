#!/usr/bin/python3
"""Train the embedded network: a VGG-19 of a quarter of the width on Fashion-MNIST.

usage: train_fashion.py [--epochs N] [--out FILE] [--data DIR] [--seed S] [--bf16]

The 16 convolutions (16, 16, 32, 32, 64 x4, 128 x4, 128 x4 filters) and the 3 fully connected layers (1024, 1024, 10)
are trained with batch normalisation after each convolution on the 60,000 training images, padded from 28x28 to 32x32.
Batch normalisation is then folded into the convolutions, the weights are rounded to half precision, the network that
is left is tested on the 10,000 test images, and it is written with torchvision's tensor names as safetensors.

Needs python3-torch, python3-numpy and the four IDX files (Debian: dataset-fashion-mnist).
"""
import argparse
import gzip
import hashlib
import json
import os
import platform
import struct
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

PLAN = [16, 16, 'M', 32, 32, 'M', 64, 64, 64, 64, 'M', 128, 128, 128, 128, 'M', 128, 128, 128, 128, 'M']
HIDDEN, CLASSES, PAD = 1024, 10, 2
MEAN, STD = 0.2860, 0.3530  # of the training images' pixels, scaled to 0..1, before padding


def read_idx(path):
    """The array in a gzipped IDX file of unsigned bytes."""
    try:
        raw = gzip.open(path).read()
    except OSError as e:
        sys.exit(f'{path}: {e}\nInstall dataset-fashion-mnist, or give the folder of the four files with --data.')
    rank = raw[3]
    shape = struct.unpack(f'>{rank}I', raw[4:4 + 4 * rank])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def read_images(folder, kind):
    pixels = torch.from_numpy(read_idx(os.path.join(folder, f'{kind}-images-idx3-ubyte.gz')).copy())
    labels = torch.from_numpy(read_idx(os.path.join(folder, f'{kind}-labels-idx1-ubyte.gz')).astype(np.int64))
    x = F.pad(pixels[:, None].float() / 255, (PAD,) * 4)
    return (x - MEAN) / STD, labels


def build(batch_norm):
    layers, channels = [], 1
    for width in PLAN:
        if width == 'M':
            layers.append(nn.MaxPool2d(2))
            continue
        layers.append(nn.Conv2d(channels, width, 3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU(inplace=True))
        channels = width
    net = nn.Module()
    net.features = nn.Sequential(*layers)
    net.classifier = nn.Sequential(nn.Linear(channels, HIDDEN), nn.ReLU(inplace=True), nn.Dropout(),
                                   nn.Linear(HIDDEN, HIDDEN), nn.ReLU(inplace=True), nn.Dropout(),
                                   nn.Linear(HIDDEN, CLASSES))
    net.forward = lambda x: net.classifier(net.features(x).flatten(1))
    return net


def fold(trained):
    """A network without batch normalisation that computes the same as `trained` does in evaluation."""
    plain, source = build(False), [m for m in trained.features if not isinstance(m, (nn.ReLU, nn.MaxPool2d))]
    for i, conv in enumerate(m for m in plain.features if isinstance(m, nn.Conv2d)):
        old, bn = source[2 * i], source[2 * i + 1]
        scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
        conv.weight.data = old.weight.data * scale[:, None, None, None]
        conv.bias.data = (old.bias.data - bn.running_mean) * scale + bn.bias.data
    plain.classifier.load_state_dict(trained.classifier.state_dict())
    return plain


def augment(x, generator):
    """A random mirror image and a random shift by up to two pixels, each image its own."""
    n = len(x)
    mirror = torch.rand(n, generator=generator) < 0.5
    x = torch.where(mirror[:, None, None, None], x.flip(3), x)
    edge = -MEAN / STD
    wide = F.pad(x, (2,) * 4, value=edge)
    dy, dx = torch.randint(0, 5, (2, n), generator=generator)
    rows = (dy[:, None] + torch.arange(32))[:, None, :, None]
    cols = (dx[:, None] + torch.arange(32))[:, None, None, :]
    return wide[torch.arange(n)[:, None, None, None], torch.zeros(1, dtype=torch.long), rows, cols]


def accuracy(net, x, y):
    net.eval()
    with torch.no_grad():
        right = sum((net(x[i:i + 500]).argmax(1) == y[i:i + 500]).sum().item() for i in range(0, len(x), 500))
    return right / len(x)


def train(net, x, y, args):
    generator = torch.Generator().manual_seed(args.seed)
    steps = len(x) // args.batch
    opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    plan = torch.optim.lr_scheduler.OneCycleLR(opt, args.lr, total_steps=args.epochs * steps, pct_start=0.25)
    for epoch in range(args.epochs):
        net.train()
        order, began, total = torch.randperm(len(x), generator=generator), time.time(), 0.0
        for i in range(steps):
            pick = order[i * args.batch:(i + 1) * args.batch]
            batch = augment(x[pick], generator)
            with torch.autocast('cpu', dtype=torch.bfloat16, enabled=args.bf16):
                loss = F.cross_entropy(net(batch).float(), y[pick])
            opt.zero_grad()
            loss.backward()
            opt.step()
            plan.step()
            total += loss.item()
            if i % 50 == 0:
                print(f'\repoch {epoch + 1} {i}/{steps} loss {total / (i + 1):.3f} {time.time() - began:.0f} s', end='', flush=True)
        print(f'\repoch {epoch + 1}/{args.epochs}: loss {total / steps:.4f}, {time.time() - began:.0f} s', flush=True)


def write_safetensors(path, tensors, metadata):
    arrays = {k: np.ascontiguousarray(v.detach().numpy(), np.float16) for k, v in tensors.items()}
    header, at = {'__metadata__': metadata}, 0
    for k, a in arrays.items():
        header[k] = {'dtype': 'F16', 'shape': list(a.shape), 'data_offsets': [at, at + a.nbytes]}
        at += a.nbytes
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for a in arrays.values():
            a.tofile(f)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    p = argparse.ArgumentParser(description='Train the embedded network on Fashion-MNIST.')
    p.add_argument('--epochs', type=int, default=20)
    p.add_argument('--batch', type=int, default=128)
    p.add_argument('--lr', type=float, default=0.1, help='peak of the one-cycle schedule')
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--threads', type=int, default=os.cpu_count())
    p.add_argument('--bf16', action='store_true', help='train in bfloat16 (faster where the CPU has AMX)')
    p.add_argument('--data', default='/usr/share/datasets/fashion-mnist')
    p.add_argument('--out', default=os.path.join(here, '..', 'models', 'fashion-vgg19.safetensors'))
    args = p.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    x, y = read_images(args.data, 'train')
    test_x, test_y = read_images(args.data, 't10k')

    net = build(True)
    for m in net.modules():
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(m.weight, nonlinearity='relu')
            nn.init.zeros_(m.bias)
    train(net, x, y, args)
    print(f'with batch normalisation: {accuracy(net, test_x, test_y):.4f}')

    plain = fold(net).half().float()
    top1 = accuracy(plain, test_x, test_y)
    print(f'folded, half precision:   {top1:.4f}')
    write_safetensors(args.out, plain.state_dict(), {
        'format': 'pt',
        'network': 'VGG-19, a quarter of the width, 32x32 grey input, batch normalisation folded',
        'trained_on': 'Fashion-MNIST, 60000 training images (Xiao et al. 2017, MIT licence)',
        'top1_test': f'{top1:.4f}',
        'preprocess': f'pad {PAD}, mean {MEAN}, std {STD}',
        'made_by': 'tools/train_fashion.py ' + ' '.join(sys.argv[1:]),
        'torch': torch.__version__,
        'licence': 'MIT',
    })
    digest = hashlib.sha256(open(args.out, 'rb').read()).hexdigest()
    print(f'{os.path.normpath(args.out)}: {os.path.getsize(args.out)} bytes, sha256 {digest}')
    if top1 < 0.93:
        sys.exit('top-1 on the test images is under 93 %: not good enough to be the embedded network')


main()
