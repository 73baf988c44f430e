#!/usr/bin/env python3
"""What each worker rank takes of a node's memory, and of its time for decoding images: `lesion run` under mpirun on the
real VGG-19 and JPEG files, looked at from outside, in /proc.

    LESION_VGG19=vgg19.safetensors LESION_VGG19_IMAGES=val bench/memory.py build/src/cli/lesion [another program]...

The images lie in a folder of each class (n01440764, ...). Prints a table in Markdown. A private page is one that no
other process has mapped, of a file or not; of a shared page each process counts its part in the column `sum of parts`,
so that this is what all ranks take together.
"""
import argparse
import glob
import os
import subprocess
import sys
import tempfile
import time

import ranks

SAMPLE_S = 0.5
SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STUDY = '''study: memory
model: {{weights: "{weights}"}}
data:
  format: imagefolder
  path: "{images}"
  classes: "{source}/configs/imagenet-classes.txt"
  preprocess: imagenet
  take: {{count: {count}, seed: 1}}
ablate:
  - {{name: filters, layers: conv*, filters: {{each: {{count: {filters}, seed: 1}}}}, mode: zero}}
metrics: [top1, top5, loss, kl]
'''
TICK_S = 1 / os.sysconf('SC_CLK_TCK')


def read(path):
    try:
        with open(path, 'rb') as file:
            return file.read().decode(errors='replace')
    except OSError:  # the process, or thread, has gone
        return ''


def find_ranks(program):
    """{rank: process id} of the running ranks of `program`."""
    found = {}
    for folder in glob.glob('/proc/[0-9]*'):
        if read(folder + '/cmdline').split('\0')[0] == program:
            for variable in read(folder + '/environ').split('\0'):
                if variable.startswith('OMPI_COMM_WORLD_RANK='):
                    found[int(variable.split('=')[1])] = int(os.path.basename(folder))
    return found


def memory_bytes(pid):
    kib = {}
    for line in read(f'/proc/{pid}/smaps_rollup').splitlines()[1:]:
        name, value = line.split(':')
        kib[name] = int(value.split()[0])
    if not kib:
        return 0, 0
    return (kib['Private_Clean'] + kib['Private_Dirty']) * 1024, kib['Pss'] * 1024


def thread_seconds(pid):
    """{thread: (its name, its processor time)}."""
    threads = {}
    for path in glob.glob(f'/proc/{pid}/task/*/stat'):
        text = read(path)
        if text:
            fields = text[text.rindex(')') + 2:].split()
            threads[path] = text[text.index('(') + 1:text.rindex(')')], (int(fields[11]) + int(fields[12])) * TICK_S
    return threads


def watch(running, program):
    """While `running` runs: the most private bytes of a worker rank, the most that all ranks take together, and the
    workers' processor time: of threads that decode, and of all."""
    private, together, threads = 0, 0, {}
    while running.poll() is None:
        parts = 0
        for rank, pid in find_ranks(program).items():
            own, part = memory_bytes(pid)
            parts += part
            if rank > 0:
                private = max(private, own)
                threads.update(thread_seconds(pid))
        together = max(together, parts)
        time.sleep(SAMPLE_S)
    decoding = sum(seconds for name, seconds in threads.values() if name == 'images')
    return private, together, decoding, sum(seconds for _, seconds in threads.values())


def measure(program, study, workers):
    database = study + '.db'
    command = ['mpirun', '--oversubscribe', '--bind-to', 'none', '-n', str(workers + 1), program, 'run', study,
               '--db', database, '--fresh', '--quiet']
    with tempfile.TemporaryFile('w+') as said:
        running = subprocess.Popen(command, env=ranks.launch_environment(), stdout=said, stderr=subprocess.STDOUT)
        figures = watch(running, program)
        if running.returncode != 0:
            said.seek(0)
            sys.exit(f'bench/memory.py: {" ".join(command)}: {said.read().strip()[-500:]}')
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('programs', nargs='+', help='lesion, as it was built')
    parser.add_argument('--workers', default='1,2,4')
    parser.add_argument('--images', type=int, default=16, help='evaluated images')
    parser.add_argument('--filters', type=int, default=2, help='ablated filters of each convolution')
    options = parser.parse_args()
    if not os.environ.get('LESION_VGG19') or not os.environ.get('LESION_VGG19_IMAGES'):
        sys.exit('bench/memory.py: LESION_VGG19 and LESION_VGG19_IMAGES name the weights and the images')
    print('| program | worker ranks | private MB of a worker, most | sum of parts of all ranks, MB | decoding, share of '
          'the workers\' time |\n| --- | --- | --- | --- | --- |')
    with tempfile.TemporaryDirectory() as folder:
        study = os.path.join(folder, 'memory.yaml')
        with open(study, 'w') as file:
            file.write(STUDY.format(weights=os.path.abspath(os.environ['LESION_VGG19']), source=SOURCE,
                                    images=os.path.abspath(os.environ['LESION_VGG19_IMAGES']), count=options.images,
                                    filters=options.filters))
        for workers in map(int, options.workers.split(',')):
            for program in map(os.path.abspath, options.programs):
                private, together, decoding, all_s = measure(program, study, workers)
                share = f'{100 * decoding / all_s:.2f} % ({decoding:.2f} of {all_s:.1f} s)' if all_s > 0 else '–'
                print(f'| {program} | {workers} | {private / 1e6:.0f} | {together / 1e6:.0f} | {share} |', flush=True)


if __name__ == '__main__':
    main()
