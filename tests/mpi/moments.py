#!/usr/bin/env python3
"""Kills a run at random moments, with kill -9, and continues it until it is complete; then all tables must be those of
an undisturbed run.

usage: moments.py [--count N] [--seed S] [--work JOBS]

Killed is a worker rank, rank 0, mpirun, or the daemon that a further host has; runs are launched alone, with mpirun,
with mpirun --enable-recovery, and with mpirun over two daemons. Checked besides: the database is whole after every
kill; over all its runs each image of each ablation was stored exactly once; and what a killed run computed in vain is
no more than what its workers held by then, as the database says. Needs LESION (the program), TINY (write_tiny) and the
launcher of its MPI (MPIRUN, with its options); ends with 77 without."""
import argparse
import collections
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from results import ask, tables, whole

SKIPPED = 77
IMAGES = 700        # in three blocks
MARK = 'LESION_MOMENT'
ALL_GONE_S = 60     # after a kill, for the others to notice and leave
START_S = 10        # the same while ranks are still starting, and wait for each other in collectives
STUDY = """study: moments
model: {weights: net.safetensors}
data: {format: idx, images: images.idx, labels: labels.idx, preprocess: {pad: 2, mean: 0.3, std: 0.4}, take: all}
ablate:
  - {name: every, layers: conv*, filters: each, mode: zero}
  - name: chance
    layers: [conv2_1, conv4_1]
    filters: {random: {count: 8, seeds: 0..9999}}
metrics: [top1, top5, loss, kl, per_class]
"""
LAST_END = 'SELECT how FROM run ORDER BY run DESC LIMIT 1'
# What mpirun calls in place of ssh: AGENT HOST COMMAND... Two hosts of one name make ranks crash.
AGENT = '#!/bin/sh\nexport HOST=$1\nshift\nexec setsid unshare --uts sh -c "hostname $HOST; $*"\n'
MPIRUN = os.environ.get('MPIRUN', 'mpirun --oversubscribe --bind-to none').split()
OPEN_MPI = 'mpirun' in os.path.basename(MPIRUN[0])


def skip(reason):
    print(f'skipped: {reason}')
    sys.exit(SKIPPED)


def has_tables(database):
    """Whether a run came as far as that."""
    return os.path.exists(database) and bool(ask(database, "SELECT 1 FROM sqlite_master WHERE name = 'unit'"))


class Launch:
    """One way to start a run, and who can be killed."""

    def __init__(self, name, command, victims, environment=()):
        self.name, self.command, self.victims, self.environment = name, command, victims, dict(environment)


def launches(folder):
    with open(f'{folder}/agent', 'w') as agent:
        agent.write(AGENT)
    os.chmod(f'{folder}/agent', 0o755)
    daemons = ['--mca', 'plm_rsh_agent', f'{folder}/agent', '--host', f'{os.uname().nodename}:2,elsewhere:2']
    loopback = [word for part in ('btl', 'oob') for word in ('--mca', f'{part}_tcp_if_include', 'lo')]
    ranks = ('worker', 'rank 0', 'mpirun')
    found = [Launch('alone', [], ('rank 0',)),
             Launch('mpirun', MPIRUN + ['-n', '3'], ranks)]
    if not OPEN_MPI:
        print("MPICH's mpiexec tells the others of a rank's death, and has its own ways of daemons: left out")
        return found
    found += [Launch('survivors', MPIRUN + ['--enable-recovery', '-n', '4'], ranks, {'LESION_SILENCE_S': '1'})]
    if subprocess.run(['unshare', '--uts', 'hostname', 'elsewhere'], stderr=subprocess.DEVNULL).returncode == 0:
        return found + [Launch('daemons', MPIRUN + daemons + loopback + ['-n', '4'], ranks + ('daemon',))]
    print('a second daemon needs a host name of its own, which only root may give: left out')
    return found


class Process:
    """One of a run's processes, as /proc tells."""

    def __init__(self, pid):
        with open(f'/proc/{pid}/environ', 'rb') as file:
            self.environment = dict(entry.split(b'=', 1) for entry in file.read().split(b'\0') if b'=' in entry)
        with open(f'/proc/{pid}/comm') as file:
            self.name = file.read().strip()
        with open(f'/proc/{pid}/stat') as file:
            self.state = file.read().rsplit(')', 1)[1].split()[0]
        self.pid = pid

    @property
    def role(self):
        if self.name in ('mpirun', 'orterun', 'prterun') or self.name.startswith('mpiexec'):
            return 'mpirun'
        if self.name in ('orted', 'prted'):
            return 'daemon'
        if self.name == os.path.basename(os.environ['LESION'])[:15]:
            ranks = (self.environment.get(name, b'0') for name in (b'OMPI_COMM_WORLD_RANK', b'PMI_RANK'))
            return 'rank 0' if all(rank == b'0' for rank in ranks) else 'worker'
        return 'other'


def processes(mark):
    """Those that carry the mark."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            process = Process(int(pid))
        except (OSError, ValueError):
            continue  # it ended in between, or is not ours
        if process.environment.get(MARK.encode()) == mark.encode() and process.state != 'Z':
            found.append(process)
    return found


class Trial:
    """A database that is killed once or more, and completed."""

    def __init__(self, home, number):
        self.home, self.number = home, number
        self.database = f'{home.folder}/{number}.db'
        self.launched = 0
        self.logs = []

    def launch(self, launch):
        self.launched += 1
        self.mark = f'{os.getpid()}-{self.number}-{self.launched}'
        self.hung = False
        self.logs.append(f'{self.database}.{self.launched}.log')
        self.said = f'{self.database}.{self.launched}.txt'
        environment = {**os.environ, **launch.environment, MARK: self.mark, 'LESION_UNIT_LOG': self.logs[-1]}
        with open(self.said, 'w') as said:
            self.process = subprocess.Popen(launch.command + self.home.command(self.database), env=environment,
                                            stdout=said, stderr=said, start_new_session=True)
        return time.monotonic()

    def fail(self, what):
        self.kill_all()
        with open(self.said) as said:
            sys.exit(f'trial {self.number}, run {self.launched}: {what}; it said:\n{said.read()[-4000:]}')

    def kill(self, victim):
        """Whether there is such a process (still, or already)."""
        found = [process for process in processes(self.mark) if process.role == victim]
        if found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.home.draw.choice(found).pid, signal.SIGKILL)
        return bool(found)

    def kill_all(self):
        for process in processes(self.mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        self.process.wait()

    def wait_until_gone(self, launch):
        """Until no process of the run is left. With a rank missing mpirun may wait for ever; the ranks may not."""
        end = time.monotonic() + ALL_GONE_S
        while True:
            left = processes(self.mark)
            ranks = [process for process in left if process.role in ('rank 0', 'worker')]
            if not ranks:
                break
            late = time.monotonic() > end - ALL_GONE_S + START_S
            if late and launch.name == 'survivors' and not self.anything_given():
                self.hung = True  # nobody tells a rank in a collective that another one is dead
                break
            if time.monotonic() > end:
                self.fail(f'{len(ranks)} ranks are still there {ALL_GONE_S} s after the kill ({launch.name})')
            time.sleep(0.02)
        grace = time.monotonic() + 2
        while processes(self.mark) and time.monotonic() < grace:
            time.sleep(0.02)
        self.kill_all()

    def anything_given(self):
        """Whether a worker began to compute in the latest run."""
        return os.path.exists(self.logs[-1])

    def check_what_is_left(self):
        """After a kill: how much work was lost, in images x ablations, and how much the workers held."""
        if not has_tables(self.database):
            return 0, 0
        if not whole(self.database):
            self.fail('the database is damaged')
        held = sum(self.home.images_of(block) * (evaluations.count(',') + 1)
                   for block, evaluations in ask(self.database, 'SELECT block, evaluations FROM unit'))
        runs = ask(self.database, 'SELECT evaluated FROM run ORDER BY run DESC LIMIT 1')
        begun = self.begun(self.logs[-1])
        if begun == 0:
            return 0, held
        return begun - runs[0][0], held

    @staticmethod
    def begun(log):
        """Images x ablations of which a computation began."""
        if not os.path.exists(log):
            return 0
        with open(log) as lines:
            words = [line.split() for line in lines if line.endswith('\n')]
        return sum(int(images) * (evaluations.count(',') + 1)
                   for _, _, what, _, images, evaluations in words if what == 'begin')

    def check_the_end(self):
        if tables(self.database) != self.home.expected:
            self.fail('the tables differ from those of an undisturbed run')
        stored = ask(self.database, 'SELECT sum(evaluated) FROM run')[0][0]
        if stored != self.home.needed:
            self.fail(f'{stored} images x ablations were stored, {self.home.needed} are needed')
        for name in os.listdir(self.home.folder):
            if name.startswith(f'{self.number}.db'):
                os.remove(f'{self.home.folder}/{name}')


class Home:
    """The study, what it gives undisturbed, and the dice."""

    def __init__(self, folder, options):
        self.folder, self.options = folder, options
        self.draw = random.Random(options.seed)
        subprocess.run([os.environ['TINY'], folder, str(IMAGES)], check=True)
        with open(f'{folder}/study.yaml', 'w') as study:
            study.write(STUDY)
        straight = f'{folder}/straight.db'
        began = time.monotonic()
        subprocess.run(self.command(straight), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.duration = time.monotonic() - began
        self.expected = tables(straight)
        self.block = ask(straight, 'SELECT block_images FROM study')[0][0]
        self.needed = ask(straight, 'SELECT sum(evaluated) FROM run')[0][0]
        self.evaluations = ask(straight, 'SELECT count(*) FROM evaluation')[0][0]
        assert self.needed == self.evaluations * IMAGES
        self.launches = launches(folder)
        self.took = {launch.name: self.duration for launch in self.launches}  # the longest seen

    def command(self, database):
        return [os.environ['LESION'], 'run', f'{self.folder}/study.yaml', '--db', database, '--set',
                f'ablate.chance.filters.random.seeds=0..{max(1, self.options.work // 2) - 1}']

    def images_of(self, block):
        return min(self.block, IMAGES - block * self.block)


class Tally:
    def __init__(self):
        self.kills, self.lost, self.held = collections.Counter(), [], []
        self.trials = self.missed = self.empty = self.hung = self.survived = 0

    def print(self, home):
        kills = sum(self.kills.values())
        print(f'{kills} kills -9 in {self.trials} trials of {home.evaluations} ablations on {IMAGES} images, each '
              'completed with the tables of an undisturbed run; nothing was stored twice')
        for (launch, victim), n in sorted(self.kills.items()):
            print(f'  {launch:10} {victim:8} {n:4}')
        print(f'  {self.survived} of them survived by the run, which completed; {self.empty} while workers held nothing; '
              f'after {self.hung} the others, told not to leave (--enable-recovery), waited in a collective of the start '
              'for one who was dead, and were killed too')
        lost, held = (100 / home.needed / len(self.lost) * sum(pair[i] for pair in self.lost) for i in (0, 1))
        print(f'lost work, in per cent of the study: {lost:.1f} on average, '
              f'{100 / home.needed * max(lost for lost, _ in self.lost):.1f} at most; never more than workers held, '
              f'{held:.1f} on average')


def disturb(home, trial, tally):
    """One run, killed at a random moment. Whether it needs to be continued."""
    launch = home.draw.choice(home.launches)
    victims = home.draw.sample(launch.victims, len(launch.victims))
    moment = home.draw.random() * home.took[launch.name]
    began = trial.launch(launch)
    with contextlib.suppress(subprocess.TimeoutExpired):
        trial.process.wait(timeout=moment)
    victim = next(filter(trial.kill, victims), None) if trial.process.poll() is None else None
    if victim is None:
        code = trial.process.wait()
        if code != 0:
            trial.fail(f'exit code {code} ({launch.name})')
        tally.missed += 1
        home.took[launch.name] = time.monotonic() - began
        return False
    trial.wait_until_gone(launch)
    home.took[launch.name] = max(home.took[launch.name], moment)
    tally.kills[launch.name, victim] += 1
    tally.hung += trial.hung
    if has_tables(trial.database) and ask(trial.database, LAST_END) == [('complete',)]:
        tally.survived += 1
        return True
    lost, held = trial.check_what_is_left()
    tally.empty += held == 0
    tally.lost.append((lost, held))
    if lost > held:
        trial.fail(f'{lost} images x ablations were lost, but workers held {held} ({victim} of {launch.name} killed '
                   f'after {moment:.2f} s)')
    return True


def complete(home, trial):
    launch = home.draw.choice(home.launches[:2])
    trial.launch(launch)
    code = trial.process.wait()
    if code != 0:
        trial.fail(f'exit code {code} when continued ({launch.name})')
    trial.wait_until_gone(launch)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--count', type=int, default=6)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--work', type=int, default=200)
    options = parser.parse_args()
    for name in ('LESION', 'TINY'):
        if name not in os.environ:
            skip(f'{name} is not set')
    if shutil.which(MPIRUN[0]) is None:
        skip(f'{MPIRUN[0]} is not installed')
    folder = tempfile.mkdtemp(prefix='lesion-')
    tally = Tally()
    try:
        home = Home(folder, options)
        while sum(tally.kills.values()) < options.count:
            trial = Trial(home, tally.trials)
            going = True
            while going and trial.launched < 3:
                going = disturb(home, trial, tally) and home.draw.random() < 0.4
            complete(home, trial)
            trial.check_the_end()
            tally.trials += 1
        tally.print(home)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    main()
