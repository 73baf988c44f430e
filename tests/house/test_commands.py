#!/usr/bin/env python3
"""Every command that the documents show works as it is shown: what runs the program is run here, with the document's own
study on a network of two filters a layer and small images; of everything else it is known who runs it, and that it has
the options it is shown with.

A command is a line of a block of shell, or the first cell of a table. One that is neither run here nor listed in ELSEWHERE
fails the test.
"""
import glob
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import zlib

ROOT = os.environ.get('LESION_SOURCE', os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
LESION = os.path.abspath(sys.argv[1])  # the built program

# Who runs what is not run here. A program of ours must have the options that are shown.
ELSEWHERE = {
    'scripts/quickstart': 'a bare machine does', 'scripts/test': 'runs this', 'scripts/bootstrap': 'scripts/test does',
    '.ci/run': 'is what runs this', 'scripts/fuzz': 'takes a minute a parser', 'scripts/analyse': 'takes minutes', 'scripts/coverage': 'takes minutes',
    'bench/run': 'takes half an hour', 'bench/scale': 'takes half an hour',
    'build-bench/bench/bench_results': 'makes a database of 500 MB', 'time': 'of that database',
    'meson': 'scripts/test does, and tests/install', 'ninja': 'scripts/test does',
    'dpkg-buildpackage': 'by hand: it needs debhelper', 'sbatch': 'tests/slurm does', 'array=$(sbatch': 'tests/slurm does',
    'spack': 'untested, which it says'}
OURS = ('lesion', 'mpirun', 'sqlite3')
NEEDS_IMAGENET = 'WEIGHTS=/data/weights'  # tests/cli/test_vgg19_images.py runs such a study


# ---- what the documents show -----------------------------------------------------------------------------------------

def documents():
    return sorted(path for pattern in ('*.md', '*/*.md', 'man/*.scd') for path in glob.glob(os.path.join(ROOT, pattern)))


def blocks(text):
    return re.findall(r'^```(\w*)\n(.*?)^```', text, re.S | re.M)


def commands(path):
    text = open(path).read()
    for language, block in blocks(text):
        for line in block.replace('\\\n', ' ').splitlines():
            line = re.sub(r'\s+#.*', '', line).strip()
            if language == 'sh' or re.match(rf'(\w+=\S+ )*({"|".join(OURS)}) ', line):
                yield line
    for cell in re.findall(r'^\| ((?:`[^`|]+`(?:, )?)+)', text, re.M):
        for line in re.findall('`([^`]+)`', cell):
            if program(line) in OURS or program(line) in ELSEWHERE:
                yield line


def program(line):
    """The first word that sets no variable."""
    words = line.split()
    while words and re.match(r'\w+=[^$]', words[0]):
        words.pop(0)
    return words[0] if words else ''


def study(path):
    for _, block in blocks(open(path).read()):
        if block.startswith('study:'):
            return block
    return None


# ---- where they are run ----------------------------------------------------------------------------------------------

def write_network(path):
    """VGG-11, for VGG-19 takes three times as long, of two filters a layer, of more where the documents name them; as
    torchvision names its tensors."""
    tensors, data = {}, b''

    def add(name, shape):
        nonlocal data
        count = 1
        for n in shape:
            count *= n
        values = [((i * 2654435761 + len(data)) % 1000 / 1000 - 0.4) / max(1, shape[-1]) for i in range(count)]
        tensors[name] = {'dtype': 'F32', 'shape': shape, 'data_offsets': [len(data), len(data) + 4 * count]}
        data += struct.pack(f'<{count}f', *values)

    at, channels = 0, 3
    for block, layers in enumerate((1, 1, 2, 2, 2)):
        for layer in range(layers):
            filters = {(0, 0): 4, (2, 0): 6, (2, 1): 8}.get((block, layer), 2)
            add(f'features.{at}.weight', [filters, channels, 3, 3])
            add(f'features.{at}.bias', [filters])
            at, channels = at + 2, filters
        at += 1
    for at, shape in (0, [4, 2 * 49]), (3, [4, 4]), (6, [10, 4]):
        add(f'classifier.{at}.weight', shape)
        add(f'classifier.{at}.bias', shape[:1])
    head = json.dumps(tensors).encode()
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(head)) + head + data)


def write_png(path, seed):
    side = 48
    rows = b''.join(b'\0' + bytes((x * (seed % 7 + 1) + y * (seed % 5 + 1) + 40 * c + seed) % 256
                                  for x in range(side) for c in range(3)) for y in range(side))

    def chunk(kind, content):
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))

    with open(path, 'wb') as file:
        file.write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', side, side, 8, 2, 0, 0, 0)) +
                   chunk(b'IDAT', zlib.compress(rows, 1)) + chunk(b'IEND', b''))


def write_images(folder, classes, count):
    for c in range(classes):
        os.makedirs(f'{folder}/val/class{c}')
        for i in range(count):
            write_png(f'{folder}/val/class{c}/{i}.png', c * count + i)


def write_script(path, text):
    with open(path, 'w') as file:
        file.write('#!/bin/sh\n' + text)
    os.chmod(path, 0o755)


def furnish(folder, text):
    """A folder as somebody would have it who follows a document: study, weights, and the repository's files."""
    os.makedirs(f'{folder}/results')
    for name in 'configs', 'models':
        os.symlink(f'{ROOT}/{name}', f'{folder}/{name}')
    os.symlink(f'{ROOT}/results/queries', f'{folder}/results/queries')
    with open(f'{folder}/study.yaml', 'w') as file:
        file.write(text.replace('count: 1000', 'count: 120').replace('count: 256', 'count: 64'))  # else minutes
    write_network(f'{folder}/vgg19-dcbb9e9d.pth')


def environment(folder):
    """lesion is the built one; ready studies, which take minutes, see twenty images; more ranks than cores may run."""
    programs = f'{folder}/programs'
    os.makedirs(programs)
    write_script(f'{programs}/lesion', f'case "$1 $2" in "run "*configs/*) set -- "$@" --set "data.take={{first: 20}}"; esac\n'
                                       f'exec {LESION} "$@"\n')
    mpirun = subprocess.run(['sh', '-c', 'command -v mpirun'], capture_output=True, text=True).stdout.strip()
    extra = '--oversubscribe' if 'Open MPI' in subprocess.run([mpirun, '--version'], capture_output=True, text=True).stdout else ''
    write_script(f'{programs}/mpirun', f'exec {mpirun} {extra} "$@"\n')
    return dict(os.environ, PATH=f'{programs}:{os.environ["PATH"]}', IMAGENET=f'{folder}/imagenet', OPENBLAS_NUM_THREADS='1',
                OMPI_ALLOW_RUN_AS_ROOT='1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM='1')


# ---- the test --------------------------------------------------------------------------------------------------------

def unknown_options(line):
    """Options that the text of a program of ours, which is not run, does not have."""
    path = os.path.join(ROOT, program(line))
    if not os.path.isfile(path):
        return []
    text = open(path).read()
    known = set(re.findall(r'(?<![\w-])--[\w-]+', text))
    return [option for option in re.findall(r'(?<!\S)--[\w-]+', line) if option not in known]


def run(line, folder, environment_):
    line = line.replace('PREFIX/share/lesion', ROOT)
    if line.split() == ['lesion', line.split()[-1]]:
        line += ' --help'  # a command's name alone
    began = time.monotonic()
    done = subprocess.run(['bash', '-c', line], cwd=folder, env=environment_, capture_output=True, text=True, timeout=300)
    print(f'{time.monotonic() - began:6.1f} s  {line}', flush=True)
    return '' if done.returncode == 0 else f'code {done.returncode}: {(done.stderr or done.stdout)[-600:]}'


def main():
    if not os.path.isdir(os.environ.get('FASHION_MNIST', '/usr/share/datasets/fashion-mnist')):
        print('skipped: the documents\' studies need Fashion-MNIST (Debian: dataset-fashion-mnist, or FASHION_MNIST)')
        return 77
    wrong, n_run, n_elsewhere = [], 0, 0
    with tempfile.TemporaryDirectory(prefix='lesion-commands-') as top:
        settings = environment(top)
        write_images(f'{top}/imagenet', 4, 60)
        folders = {}
        for name in 'README.md', 'man/lesion-study.5.scd':
            folders[name] = f'{top}/{os.path.dirname(name) or "documents"}'
            furnish(folders[name], study(os.path.join(ROOT, name)))
        first = 'mpirun -n 3 lesion run study.yaml && mpirun -n 3 lesion run configs/quickstart.yaml'
        for folder in folders.values():
            failure = run(first + (' && cp results/weakest-filters.db results/study.db'), folder, settings)
            if failure:
                wrong.append(f'{first}: {failure}')
        for path in documents():
            name = os.path.relpath(path, ROOT)
            folder = folders['man/lesion-study.5.scd' if name.startswith('man/') else 'README.md']
            for line in dict.fromkeys(commands(path)):
                if program(line) in OURS and NEEDS_IMAGENET not in line:
                    n_run += 1
                    failure = run(line, folder, settings)
                    if failure:
                        wrong.append(f'{name}: {line}: {failure}')
                elif program(line) in ELSEWHERE or NEEDS_IMAGENET in line:
                    n_elsewhere += 1
                    wrong += [f'{name}: {line}: there is no option {option}' for option in unknown_options(line)]
                elif line:
                    wrong.append(f'{name}: {line}: nothing says who runs this')
    if n_run < 25:
        wrong.append(f'only {n_run} commands were found: the documents are not read any more')
    print('\n'.join(wrong) or f'{n_run} commands of the documents work; {n_elsewhere} are run elsewhere')
    return 1 if wrong else 0


sys.exit(main())
