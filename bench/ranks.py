"""Two worker ranks against one: the program itself, `lesion run` under mpirun, on the same study."""
import array
import os
import resource
import shutil
import subprocess
import time

import inputs

BLOCKS = 2  # of images in the large network's study, so that there is more than one to hand out


def launch_environment():
    environment = {**os.environ, 'OPENBLAS_NUM_THREADS': '1', 'OMP_NUM_THREADS': '1'}
    if os.geteuid() == 0:
        environment.update(OMPI_ALLOW_RUN_AS_ROOT='1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM='1')
    return environment


def filters_by_layer(jobs):
    layers = {}
    for layer, f in jobs:
        layers.setdefault(layer, []).append(f)
    return layers


def write_study(folder, net, jobs, n):
    """A study of `jobs` on n images, the network's images over and over. Returns its path."""
    h, w, c = net.shape
    one = inputs.read_floats(net.images)
    values = array.array('f')
    while len(values) < n * h * w * c:
        values.extend(one[:n * h * w * c - len(values)])
    images, labels = (os.path.join(folder, f'{net.name}-{n}-{what}.npy') for what in ('images', 'labels'))
    inputs.write_npy(images, '<f4', (n, c, h, w), values.tobytes())
    inputs.write_npy(labels, '<i4', (n,), array.array('i', [i % 10 for i in range(n)]).tobytes())
    path = os.path.join(folder, f'{net.name}-{len(jobs)}x{n}.yaml')
    with open(path, 'w') as file:
        file.write(f'study: bench\nmodel: {{weights: "{net.weights}"}}\n'
                   f'data: {{format: npy, images: "{images}", labels: "{labels}", take: all}}\nablate:\n')
        for layer, chosen in filters_by_layer(jobs).items():
            file.write(f'  - {{name: {layer}, layers: {layer}, filters: {{each: {chosen}}}, mode: zero}}\n')
        file.write('metrics: [top1, top5, loss, kl]\n')
    return path


def children_cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_study(program, study, workers):
    """(seconds, core share) of `lesion run` with one coordinating and `workers` working ranks: from start to end, and
    the processor time of all ranks by that of `workers` cores."""
    database = study + '.db'
    command = ['mpirun', '--oversubscribe', '--bind-to', 'none', '-n', str(workers + 1), program, 'run', study,
               '--db', database, '--fresh', '--quiet']
    began, cpu_began = time.perf_counter(), children_cpu_s()
    done = subprocess.run(command, env=launch_environment(),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    seconds = time.perf_counter() - began
    for suffix in ('', '.old', '-wal', '-shm', '.lock'):
        if os.path.exists(database + suffix):
            os.remove(database + suffix)
    if done.returncode != 0:
        raise RuntimeError(f'lesion run: {done.stdout.strip()[-500:]}')
    return seconds, (children_cpu_s() - cpu_began) / (seconds * workers)


def measure(program, net, rate, seconds, rounds, folder, say):
    """`rate` is (job, image) pairs a second of one rank, from which the study's size follows. Returns a dict of the
    study and lists of (seconds, core share) over the rounds."""
    if shutil.which('mpirun') is None:
        raise RuntimeError('mpirun is not installed')
    pairs = rate * seconds
    n = 8 * BLOCKS if net.shape[0] > 64 else max(32, round(pairs / sum(net.filters)))
    jobs = inputs.sample_jobs(net.filters, max(16, round(pairs / n)))
    study, start = write_study(folder, net, jobs, n), write_study(folder, net, jobs[-1:], 1)
    result = {'jobs': len(jobs), 'images': n, 'one': [], 'two': [], 'start_one': [], 'start_two': []}
    for number in range(rounds):
        for key, what, workers in (('start_one', start, 1), ('start_two', start, 2), ('one', study, 1),
                                   ('two', study, 2)):
            result[key].append(run_study(program, what, workers))
        say(f'ranks, {net.name}, round {number + 1}: one worker {result["one"][-1][0]:.1f} s, two '
            f'{result["two"][-1][0]:.1f} s')
    return result
