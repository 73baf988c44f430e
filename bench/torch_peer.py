"""PyTorch's side of the benchmark: eager mode, one thread, torch.no_grad, as users run it.

usage: torch_peer.py WEIGHTS IMAGES HxWxC JOBS       the commands of bench_lesion.c on stdin; the ways of a sweep are
           hooks    a forward hook zeroes the filter's post-ReLU output; the whole network runs for every job
           cached   every layer's output was kept (that is not in the time); the layers after the mask run on a copy
       The command `layout first` or `layout last` says how channels lie in memory from then on (first: the default).
       torch_peer.py export WEIGHTS HxWxC OUT.onnx
"""
import json
import math
import struct
import sys
import time

import torch
from torch import nn

from inputs import vgg19_names

DTYPES = {'F32': torch.float32, 'F16': torch.float16, 'BF16': torch.bfloat16}


# ---- the network -----------------------------------------------------------------------------------------------------

def load_tensors(path):
    with open(path, 'rb') as file:
        size, = struct.unpack('<Q', file.read(8))
        table, data = json.loads(file.read(size)), bytearray(file.read())
    tensors = {}
    for name, t in table.items():
        if name != '__metadata__':
            begin, end = t['data_offsets']
            flat = torch.frombuffer(memoryview(data)[begin:end], dtype=DTYPES[t['dtype']])
            tensors[name] = flat.reshape(t['shape']).to(torch.float32).clone()
    return tensors


def numbered(tensors, part):
    """Numbers of the modules of `features` or `classifier`, ascending."""
    return sorted(int(n.split('.')[1]) for n in tensors if n.startswith(part + '.') and n.endswith('.weight'))


def filled(module, tensors, name):
    with torch.no_grad():
        module.weight.copy_(tensors[name + '.weight'])
        module.bias.copy_(tensors[name + '.bias'])
    return module


def build(tensors):
    """torchvision's VGG as one nn.Sequential, and the positions in it of the convolutions' ReLUs."""
    modules, relus = [], []
    convs, denses = numbered(tensors, 'features'), numbered(tensors, 'classifier')
    for at, following in zip(convs, convs[1:] + [convs[-1] + 3]):
        filters, channels = tensors[f'features.{at}.weight'].shape[:2]
        modules.append(filled(nn.Conv2d(channels, filters, 3, padding=1), tensors, f'features.{at}'))
        relus.append(len(modules))
        modules.append(nn.ReLU(inplace=True))
        if following - at == 3:
            modules.append(nn.MaxPool2d(2))
    grid = math.isqrt(tensors[f'classifier.{denses[0]}.weight'].shape[1] // filters)
    modules += [nn.AdaptiveAvgPool2d((grid, grid)), nn.Flatten()]
    for at in denses:
        outputs, inputs = tensors[f'classifier.{at}.weight'].shape
        modules.append(filled(nn.Linear(inputs, outputs), tensors, f'classifier.{at}'))
        if at != denses[-1]:
            modules.append(nn.ReLU(inplace=True))
    return nn.Sequential(*modules).eval(), relus


def shape_of(size):
    h, w, c = (int(n) for n in size.split('x'))
    return c, h, w


def export(weights, size, path):
    net, _ = build(load_tensors(weights))
    torch.onnx.export(net, torch.zeros(1, *shape_of(size)), path, input_names=['images'], output_names=['logits'],
                      dynamic_axes={'images': {0: 'n'}, 'logits': {0: 'n'}}, opset_version=13)


# ---- jobs ------------------------------------------------------------------------------------------------------------

class Clock:
    """Wall and processor time of what runs inside `with`, added up."""

    def __init__(self):
        self.seconds = self.cpu_seconds = 0.0

    def __enter__(self):
        self.began, self.cpu_began = time.perf_counter(), time.process_time()

    def __exit__(self, *_):
        self.seconds += time.perf_counter() - self.began
        self.cpu_seconds += time.process_time() - self.cpu_began


class Bench:
    def __init__(self, weights, images, size, jobs):
        self.net, self.relus = build(load_tensors(weights))
        with open(images, 'rb') as file:
            self.images = torch.frombuffer(bytearray(file.read()), dtype=torch.float32).reshape(-1, *shape_of(size))
        self.format = torch.contiguous_format
        layers = {name: i for i, name in enumerate(vgg19_names())}
        self.jobs = [(layers[layer], int(f)) for layer, f in (line.split() for line in open(jobs))]

    def taken(self, first, step):
        return self.jobs[first::step] if step > 0 else []

    def keep_activations(self, x):
        """The post-ReLU output of every convolution."""
        kept = []
        for i, module in enumerate(self.net):
            x = module(x)
            if i in self.relus:
                kept.append(x.clone())
        return kept

    def by_hooks(self, x, jobs, clock):
        for layer, f in jobs:
            def zero(_module, _inputs, output, f=f):
                output[:, f] = 0

            with clock:
                handle = self.net[self.relus[layer]].register_forward_hook(zero)
                logits = self.net(x)
                handle.remove()
            yield logits

    def by_cache(self, x, jobs, clock):
        kept = self.keep_activations(x)
        for layer, f in jobs:
            with clock:
                masked = kept[layer].clone()
                masked[:, f] = 0
                logits = self.net[self.relus[layer] + 1:](masked)
            yield logits

    def way(self, name):
        return {'hooks': self.by_hooks, 'cached': self.by_cache}[name]

    def batches(self, images, batch):
        for at in range(0, images, batch):
            yield self.images[at:min(at + batch, images)].contiguous(memory_format=self.format)

    # ---- commands

    def layout(self, channels):
        self.format = {'first': torch.contiguous_format, 'last': torch.channels_last}[channels]
        self.net.to(memory_format=self.format)
        return {}

    def forward(self, images, batch):
        clock = Clock()
        for x in self.batches(int(images), int(batch)):
            with clock:
                self.net(x)
        return {'seconds': clock.seconds, 'cpu_seconds': clock.cpu_seconds, 'images': int(images)}

    def sweep(self, way, images, batch, first, step):
        clock, jobs = Clock(), self.taken(int(first), int(step))
        for x in self.batches(int(images), int(batch)):
            for _ in self.way(way)(x, jobs, clock):
                pass
        return {'seconds': clock.seconds, 'cpu_seconds': clock.cpu_seconds, 'jobs': len(jobs), 'images': int(images)}

    def logits(self, way, images, first, step, path):
        x, jobs = self.images[:int(images)], self.taken(int(first), int(step))
        found = [self.net(x)] + list(self.way(way)(x, jobs, Clock()))
        with open(path, 'wb') as file:
            file.write(torch.stack(found).contiguous().numpy().tobytes())
        return {'jobs': len(jobs), 'images': int(images)}


def main():
    torch.set_num_threads(1)
    if sys.argv[1] == 'export':
        return export(*sys.argv[2:])
    bench = Bench(*sys.argv[1:])
    commands = {'layout': bench.layout, 'forward': bench.forward, 'sweep': bench.sweep, 'logits': bench.logits}
    print(json.dumps({'what': f'PyTorch {torch.__version__}'}), flush=True)
    with torch.no_grad():
        for line in sys.stdin:
            command, *words = line.split()
            print(json.dumps(commands[command](*words)), flush=True)
    return None


main()
