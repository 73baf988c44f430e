#!/usr/bin/python3
"""Make the checkpoints that the tests read, with PyTorch itself, and the seeds of the fuzz targets of weights files.

usage: make_checkpoints.py [--out tests/formats/checkpoints] [--seeds tests/fuzz/corpus]

The networks are a VGG of two blocks (with and without batch normalisation) and a chain of fully connected layers. Every
tensor holds the same row of values, which the tests know: element i is (1 + i modulo 8) / 64, negative where 3 divides
i; running variances hold its absolute value. The seeds are those checkpoints, their pickles, and small safetensors
files. One checkpoint (python2.pth) is written here as Python 2 and the PyTorch of 2017 did, and PyTorch must read it.

Needs python3-torch and python3-numpy.
"""
import argparse
import json
import os
import pickle
import pickletools
import shutil
import struct
import warnings
import zipfile
from collections import OrderedDict

import numpy as np
import torch
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))


def values(count):
    i = torch.arange(count)
    return (1 + i % 8) / 64 * torch.where(i % 3 == 0, -1., 1.)


def fill(net):
    for name, tensor in net.state_dict().items():
        if tensor.is_floating_point():
            v = values(tensor.numel()).view(tensor.shape)
            tensor.copy_(v.abs() if name.endswith('running_var') else v)
    return net


class Vgg(nn.Module):
    """3 channels, blocks of 4, 5 and 6, 7 filters, a grid of 2, fully connected layers of 9 and 10."""

    def __init__(self, norm):
        super().__init__()
        layers, channels = [], 3
        for filters in (4, 5, 'pool', 6, 7, 'pool'):
            if filters == 'pool':
                layers.append(nn.MaxPool2d(2))
                continue
            layers.append(nn.Conv2d(channels, filters, 3, padding=1))
            if norm:
                layers.append(nn.BatchNorm2d(filters))
            layers.append(nn.ReLU())
            channels = filters
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(2)
        self.classifier = nn.Sequential(nn.Linear(28, 9), nn.ReLU(), nn.Dropout(), nn.Linear(9, 10))

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def chain():
    return nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 5))


def training(net):
    """What a training script saves: the optimizer has moments of every parameter."""
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.zeros(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    wrapped = nn.DataParallel(fill(net))
    return {'epoch': 3, 'arch': 'vgg', 'state_dict': wrapped.state_dict(), 'best': 71.5, 'ema': None, 'seed': 1 << 80,
            'steps': [30, 60], 'optimizer': optimizer.state_dict()}


def views(net):
    """Parameters as optimizers that flatten them keep them, and in other orders in memory."""
    flat = torch.zeros(sum(p.numel() for p in net.parameters()))
    state, at = {}, 0
    for name, p in net.named_parameters():
        view = flat[at:at + p.numel()].view(p.shape)
        view.copy_(p.detach())
        at += p.numel()
        state[name] = nn.Parameter(view)
    last = state['classifier.3.weight'].detach()
    state['classifier.3.weight'] = nn.Parameter(last.t().contiguous().t())
    conv = state['features.2.weight'].detach()
    state['features.2.weight'] = nn.Parameter(conv.contiguous(memory_format=torch.channels_last))
    return state


class Part:
    """A storage that is a part of a tensor's."""

    def __init__(self, root, begin, count):
        self.root, self.begin, self.count = root, begin, count


class Like:
    """A tensor to be written in one of the ways of 2017; data is a storage (a tensor stands for its own) or a Part."""

    def __init__(self, way, tensor, data=None):
        self.way, self.tensor, self.data = way, tensor, tensor if data is None else data


class Pickler2017(pickle._Pickler):
    """Writes what Python 2 and PyTorch 0.1 wrote: byte strings, ordered dicts as lists, tensors in several ways."""
    dispatch = dict(pickle._Pickler.dispatch)

    def __init__(self, f):
        super().__init__(f, protocol=2)
        self.storages = {}

    def save_str(self, text):
        text = text.encode('ascii')
        if len(text) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(text)]) + text)
        else:
            self.write(pickle.BINSTRING + struct.pack('<i', len(text)) + text)
    dispatch[str] = save_str

    def save_int(self, number):
        if -1 << 31 <= number < 1 << 31 or number >= 1 << 63:
            self.save_long(number)
        else:
            self.write(b'I%d\n' % number)
    dispatch[int] = save_int

    def persistent_id(self, thing):
        part = thing if isinstance(thing, Part) else None
        root = part.root if part else thing
        if not isinstance(root, torch.Tensor):
            return None
        key = self.storages.setdefault(id(root), (str(94000000 + 16 * len(self.storages)), root))[0]
        view = (f'{key}{part.begin}', part.begin, part.count) if part else None
        return 'storage', torch.FloatStorage, key, 'cpu', root.numel(), view

    def reducer_override(self, thing):
        if isinstance(thing, OrderedDict):
            return OrderedDict, ([[k, v] for k, v in thing.items()],)
        if not isinstance(thing, Like):
            return NotImplemented
        parts = thing.data, 0, tuple(thing.tensor.shape), thing.tensor.stride()
        filled = Like('filled', thing.tensor, thing.data)
        return {'rebuilt': lambda: (torch._utils._rebuild_tensor, parts),
                'filled': lambda: (torch.FloatTensor, (), parts),
                'parameter': lambda: (nn.Parameter, (), (filled, None, OrderedDict(), True, False)),
                'wrapped': lambda: (nn.Parameter, (filled,), (True, False, OrderedDict()))}[thing.way]()


def save_2017(value, path):
    with open(path, 'wb') as f:
        pickler = Pickler2017(f)
        for head in (0x1950a86a20f9469cfc6c, 1001, {'protocol_version': 1001, 'little_endian': True,
                                                   'type_sizes': {'short': 2, 'int': 4, 'long': 8}}):
            Pickler2017(f).dump(head)
        pickler.dump(value)
        storages = dict(pickler.storages.values())
        Pickler2017(f).dump(sorted(storages))
        for _, root in sorted(storages.items()):
            f.write(struct.pack('<q', root.numel()) + root.numpy().tobytes())


def python2(net):
    """The state dict with each tensor in the next of the ways; the biases are parts of one storage."""
    state = net.state_dict()
    shared = torch.cat([tensor for name, tensor in state.items() if name.endswith('bias')])
    entries, at = OrderedDict(), 0
    for i, (name, tensor) in enumerate(state.items()):
        way = ('rebuilt', 'filled', 'parameter', 'wrapped')[i // 2 % 4]
        data = None
        if name.endswith('bias'):
            data = Part(shared, at, tensor.numel())
            at += tensor.numel()
        entries[name] = Like(way, tensor, data)
    return {'epoch': 90, 'state_dict': entries, 'optimizer': {'param_groups': [{'params': [140213456789012]}]}}


def check_2017(path, net):
    read = torch.load(path)['state_dict']
    for name, tensor in net.state_dict().items():
        if not torch.equal(read[name].detach(), tensor):
            raise SystemExit(f'{path}: PyTorch reads another {name}')


def make_checkpoints(out):
    torch.manual_seed(1)
    net = fill(Vgg(norm=False))

    def save(value, name, **options):
        torch.save(value, os.path.join(out, name), **options)

    save(training(Vgg(norm=True)), 'training.pth')
    save(net.half().state_dict(), 'half.pth')
    save(net.bfloat16().state_dict(), 'bfloat16.pt')
    save({'model': fill(chain()).state_dict()}, 'chain.pth')
    save({'net': fill(chain().double()).state_dict()}, 'double.pth')
    save(views(net.float()), 'views.pth', pickle_protocol=5)
    save(chain(), 'whole_model.pth')
    save({'state_dict': fill(chain()).state_dict(), 'best': np.float64(71.5)}, 'numpy.pth')
    save({'0.weight': torch.zeros(1, 1).expand(64, 64), '1.weight': torch.zeros(5, 64)}, 'expanded.pth')
    torch.jit.script(nn.Linear(2, 2)).save(os.path.join(out, 'script.pth'))
    make_old_checkpoints(out)


def make_old_checkpoints(out):
    """In the format that torch.save wrote before PyTorch 1.6."""
    net = fill(Vgg(norm=False))

    def save(value, name, **options):
        torch.save(value, os.path.join(out, name), _use_new_zipfile_serialization=False, **options)

    save(fill(chain()).state_dict(), 'legacy.pth')
    save(training(Vgg(norm=True)), 'legacy_training.pth')
    save(net.half().state_dict(), 'legacy_half.pth')
    save(views(net.float()), 'legacy_views.pth', pickle_protocol=4)
    save({'0.weight': torch.zeros(1, 1).expand(64, 64), '1.weight': torch.zeros(5, 64)}, 'legacy_expanded.pth')
    path = os.path.join(out, 'python2.pth')
    save_2017(python2(net), path)
    check_2017(path, net)


def safetensors(path, dtype, shapes):
    """All elements are 1."""
    types = {'F32': np.float32, 'F16': np.float16, 'I64': np.int64}
    header, data = {}, b''
    for name, shape in shapes.items():
        kind = 'I64' if name.endswith('tracked') else dtype
        raw = np.ones(shape, types.get(kind, np.uint16)).tobytes()
        header[name] = {'dtype': kind, 'shape': shape, 'data_offsets': [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text + data)


def layer(name, *shape):
    return {f'{name}.weight': list(shape), f'{name}.bias': [shape[0]]}


def make_safetensors_seeds(out):
    norm = {f'features.1.{n}': [2] for n in ('weight', 'bias', 'running_mean', 'running_var')}
    norm['features.1.num_batches_tracked'] = []
    conv = layer('features.0', 2, 1, 3, 3)
    for name, dtype, shapes in (
            ('vgg_f16', 'F16', {**conv, **layer('classifier.0', 3, 2)}),
            ('vgg_f32', 'F32', {**conv, **layer('features.3', 2, 2, 3, 3), **layer('classifier.0', 2, 8)}),
            ('vgg_bn', 'BF16', {**conv, **norm, **layer('classifier', 3, 2)}),
            ('mlp', 'F32', {**layer('fc1', 3, 4), **layer('fc2', 2, 3)}),
            ('timm', 'F16', {**conv, **layer('pre_logits.fc1', 3, 2, 2, 2), **layer('pre_logits.fc2', 2, 3, 1, 1),
                             **layer('head.fc', 2, 2)})):
        safetensors(os.path.join(out, name), dtype, shapes)


def old_object(path):
    """The fourth pickle of a checkpoint in the old format."""
    with open(path, 'rb') as f:
        ends = [0]
        for _ in range(4):
            for _ in pickletools.genops(f):
                pass
            ends.append(f.tell())
        f.seek(ends[3])
        return f.read(ends[4] - ends[3])


def make_checkpoint_seeds(checkpoints, out, pickles):
    for name in ('training.pth', 'half.pth', 'chain.pth', 'views.pth', 'numpy.pth', 'expanded.pth', 'legacy.pth',
                 'legacy_half.pth', 'legacy_views.pth', 'legacy_expanded.pth', 'python2.pth'):
        path, stem = os.path.join(checkpoints, name), name.split('.')[0]
        if os.path.getsize(path) < 10000:
            shutil.copyfile(path, os.path.join(out, stem))
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive, open(os.path.join(pickles, stem), 'wb') as f:
                f.write(archive.read(f'{stem}/data.pkl'))
    for name in ('legacy_views.pth', 'python2.pth'):
        with open(os.path.join(pickles, name.split('.')[0]), 'wb') as f:
            f.write(old_object(os.path.join(checkpoints, name)))


def main():
    p = argparse.ArgumentParser(description='Make the checkpoints of the tests with PyTorch.')
    p.add_argument('--out', default=os.path.join(HERE, '..', 'tests', 'model', 'checkpoints'))
    p.add_argument('--seeds', default=os.path.join(HERE, '..', 'tests', 'fuzz', 'corpus'))
    args = p.parse_args()
    warnings.simplefilter('ignore')
    folders = {name: os.path.join(args.seeds, name) for name in ('safetensors', 'checkpoint', 'pickle')}
    for folder in (args.out, *folders.values()):
        os.makedirs(folder, exist_ok=True)
    make_checkpoints(args.out)
    make_safetensors_seeds(folders['safetensors'])
    make_checkpoint_seeds(args.out, folders['checkpoint'], folders['pickle'])


main()
