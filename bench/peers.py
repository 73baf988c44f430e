"""The sides of the benchmark: programs that stay alive, are asked by a line and answer by a line of JSON."""
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ONNX_RUNTIME = '1.30.0'  # of the npm package onnxruntime-node
ONE_THREAD = {'OPENBLAS_NUM_THREADS': '1', 'OMP_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1'}


class PeerFailed(Exception):
    """A side that died or answered nonsense."""


class Peer:
    """One running side, in the folder `work`, where its files go, and its stderr to NAME.log. `what` is what it says it
    is; `hello` its whole first answer."""

    def __init__(self, name, command, work):
        self.name, self.log = name, os.path.join(work, name + '.log')
        with open(self.log, 'w') as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                                            env={**os.environ, **ONE_THREAD}, cwd=work, text=True)
        self.hello = self.answer()
        self.what = self.hello['what']

    def answer(self):
        line = self.process.stdout.readline()
        try:
            return json.loads(line)
        except ValueError:
            self.close()
            said = open(self.log).read().strip().splitlines()[-3:]
            raise PeerFailed(f'{self.name}: {line.strip() or "died"} {" / ".join(said)}') from None

    def tell(self, *words):
        try:
            self.process.stdin.write(' '.join(str(w) for w in words) + '\n')
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # answer() says what happened

    def ask(self, *words):
        self.tell(*words)
        return self.answer()

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.wait()


# ---- what is installed -----------------------------------------------------------------------------------------------

def find_torch():
    """A Python that has PyTorch, or None."""
    asked = os.environ.get('LESION_TORCH_PYTHON')
    for python in [asked] if asked else [sys.executable, '/usr/bin/python3', 'python3']:
        try:
            done = subprocess.run([python, '-c', 'import torch'], capture_output=True)
        except OSError:
            continue
        if done.returncode == 0:
            return python
    return None


def onnx_modules(work):
    return os.environ.get('LESION_NODE_MODULES') or os.path.join(work, 'peers', 'node_modules')


def install_onnx_runtime(work):
    folder = os.path.join(work, 'peers')
    os.makedirs(folder, exist_ok=True)
    subprocess.run(['npm', 'install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund',
                    f'onnxruntime-node@{ONNX_RUNTIME}'], check=True, stdout=subprocess.DEVNULL)


def find_onnx_runtime(work):
    """The folder of the node modules with ONNX Runtime, or None."""
    modules = onnx_modules(work)
    there = shutil.which('node') and os.path.isdir(os.path.join(modules, 'onnxruntime-node'))
    return os.path.abspath(modules) if there else None


def torch_command(python, net):
    return [python, os.path.join(HERE, 'torch_peer.py'), net.weights, net.images, net.size, net.jobs]


def onnx_command(modules, net):
    return ['node', os.path.join(HERE, 'onnx_peer.js'), modules, net.onnx, net.images, net.size]


def export_onnx(python, net):
    """Writes net.onnx by torch.onnx.export, unless it is there and newer than the weights."""
    if os.path.exists(net.onnx) and os.path.getmtime(net.onnx) > os.path.getmtime(net.weights):
        return
    subprocess.run([python, os.path.join(HERE, 'torch_peer.py'), 'export', net.weights, net.size, net.onnx + '.new'],
                   check=True)
    os.replace(net.onnx + '.new', net.onnx)
