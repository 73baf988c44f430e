#!/usr/bin/env python3
"""Stops processes of a run (SIGSTOP) for longer than ranks wait for each other, and continues them: the run completes, or
the same command completes it, with the tables of an undisturbed run.

Stopped are all processes, mpirun too; one worker, the unit of which another must compute before it may go on; rank 0
alone, which the workers of its host wait for; and rank 0 with a worker that cannot see its process, and leaves. In each
case a worker first stops by itself (at_unit.c) while it computes a certain ablation, so that the run cannot be over by
then. All at once, for they mostly sleep. Needs PRELOAD (at_unit), and LESION, TINY and MPIRUN as moments.py does; ends
with 77 without."""
import argparse
import concurrent.futures
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import moments
from moments import MPIRUN, Launch, Trial, processes
from results import ask

SILENCE_S = 1
ORPHANED_S, LOST_S = 4 * SILENCE_S, 10 * SILENCE_S  # how long a worker waits for rank 0, and rank 0 for a worker
WAIT_S = 300
FEW = 60
MANY = (4000, 16000, 64000)  # jobs: more where the others had computed everything before a worker was continued
# What mpirun calls in place of ssh, in a name space of processes of its own.
AGENT = ('#!/bin/sh\nexport HOST=$1\nshift\n'
         'exec setsid unshare --uts --pid --fork --mount-proc sh -c "hostname $HOST; $*"\n')


class Over(Exception):
    """The run ended before a worker was continued."""


class Stopped(Trial):
    """A run whose only worker, or the first of two to come to it, is stopped while it computes an ablation."""

    def __init__(self, home, name, way, silence_s=SILENCE_S):
        super().__init__(home, name)
        poison = ['env', f'LD_PRELOAD={os.environ["PRELOAD"]}', 'POISON=7', f'POISON_STOP={self.database}.stopped']
        self.way = Launch(name, way + poison, (), {'LESION_SILENCE_S': str(silence_s)})
        self.launch(self.way)
        self.wait_for('a worker that is stopped', lambda: self.stopped('worker'))
        self.worker, = self.stopped('worker')

    def wait_for(self, what, happened):
        end = time.monotonic() + WAIT_S
        while not happened():
            if time.monotonic() > end or self.process.poll() is not None:
                self.fail(f'{what}: not before the end, or within {WAIT_S} s')
            time.sleep(0.01)

    def ranks(self, *roles):
        return [process for process in processes(self.mark) if process.role in roles]

    def stopped(self, *roles):
        return [process for process in self.ranks(*roles) if process.state == 'T']

    def stop(self, *roles):
        """The processes of those roles."""
        victims = self.ranks(*roles)
        self.signal(victims, signal.SIGSTOP)
        self.wait_for('stopped processes', lambda: len(self.stopped(*roles)) == len(victims))
        return victims

    @staticmethod
    def signal(victims, which):
        for process in victims:
            os.kill(process.pid, which)

    def log(self):
        """[(process, what, block, [evaluations])] of whole lines."""
        with open(self.logs[-1]) as lines:
            words = [line.split() for line in lines if line.endswith('\n')]
        return [(int(pid), what, block, evaluations.strip('[]').split(','))
                for _, pid, what, block, _, evaluations in words]

    def text(self):
        with open(self.said) as said:
            return said.read()

    def end(self, success=True):
        try:
            code = self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.fail('does not end')
        if (code == 0) != success:
            self.fail(f'exit code {code}')


def everybody(home, way):
    """Nobody counts the time in which all were stopped."""
    trial = Stopped(home, 'everybody', way)
    victims = trial.stop('mpirun', 'daemon', 'rank 0', 'worker')
    time.sleep(1.1 * LOST_S)
    trial.signal(victims, signal.SIGCONT)
    trial.end()
    if len(ask(trial.database, 'SELECT run FROM run')) != 1:
        trial.fail('more than one run')
    return trial


def one_worker(home, way):
    """Another computes what it had in hand; what it sends afterwards is not stored again."""
    trial = Stopped(home, f'one_worker-{home.options.work}', way, SILENCE_S / 5)
    pid = trial.worker.pid
    block, evaluations = [entry[2:] for entry in trial.log() if entry[0] == pid][-1]

    def given_away():
        done = {evaluation for other, what, where, some in trial.log()
                if other != pid and what == 'end' and where == block for evaluation in some}
        return set(evaluations) <= done
    trial.wait_for('its unit computed by another', given_away)
    over = ask(trial.database, moments.LAST_END) == [('complete',)]
    trial.signal([trial.worker], signal.SIGCONT)
    if over:
        trial.kill_all()
        raise Over
    trial.end()
    if (pid, 'end', block, evaluations) not in trial.log():
        trial.fail('the worker that was stopped did not finish its unit')
    if 'others take over its units' not in trial.text() or 'is there again' not in trial.text():
        trial.fail('it did not notice')
    return trial


def rank_0(home, way):
    """The worker sees that it is stopped."""
    trial = Stopped(home, 'rank_0', way)
    victims = trial.stop('rank 0')
    trial.signal([trial.worker], signal.SIGCONT)
    time.sleep(2.2 * ORPHANED_S)
    if [process.pid for process in trial.ranks('worker')] != [trial.worker.pid]:
        trial.fail('the worker left')
    trial.signal(victims, signal.SIGCONT)
    trial.end()
    return trial


def rank_0_unseen(home, way):
    """A worker elsewhere leaves, and with it, by mpirun, the run."""
    trial = Stopped(home, 'rank_0_unseen', way)
    victims = trial.stop('rank 0')
    trial.signal([trial.worker], signal.SIGCONT)
    trial.wait_for('a worker that leaves', lambda: not trial.ranks('worker'))
    trial.signal(filter(lambda process: process in victims, trial.ranks('rank 0')), signal.SIGCONT)
    trial.end(success=False)
    if 'nothing was heard of rank 0' not in trial.text():
        trial.fail('the worker left without a word')
    trial.wait_until_gone(trial.way)
    trial.launch(Launch('mpirun', MPIRUN + ['-n', '2'], ()))
    trial.end()
    return trial


def way_elsewhere(folder):
    """How to launch a worker that cannot see rank 0's process; None: not here."""
    with open(f'{folder}/agent', 'w') as agent:
        agent.write(AGENT)
    os.chmod(f'{folder}/agent', 0o755)
    unshare = ['unshare', '--uts', '--pid', '--fork', '--mount-proc', 'hostname', 'elsewhere']
    if not moments.OPEN_MPI:
        print("MPICH's mpiexec has its own ways of daemons: a worker elsewhere is left out")
        return None
    if subprocess.run(unshare, stderr=subprocess.DEVNULL).returncode != 0:
        print('a second daemon needs name spaces of its own, which only root may make: a worker elsewhere is left out')
        return None
    daemons = ['--mca', 'plm_rsh_agent', f'{folder}/agent', '--host', f'{os.uname().nodename}:1,elsewhere:1']
    return MPIRUN + daemons + [word for part in ('btl', 'oob') for word in ('--mca', f'{part}_tcp_if_include', 'lo')]


def make_home(folder, work):
    os.mkdir(f'{folder}/{work}')
    return moments.Home(f'{folder}/{work}', argparse.Namespace(seed=1, work=work))


def check(case, homes, way):
    for home in homes:
        try:
            trial = case(home, way)
        except Over:
            continue
        trial.check_the_end()
        print(f'{case.__name__}: {trial.launched} runs, {home.evaluations} ablations')
        return
    sys.exit(f'{case.__name__}: the run was always over before the worker was continued')


def main():
    for name in ('LESION', 'TINY', 'PRELOAD'):
        if name not in os.environ:
            moments.skip(f'{name} is not set')
    if shutil.which(MPIRUN[0]) is None:
        moments.skip(f'{MPIRUN[0]} is not installed')
    folder = tempfile.mkdtemp(prefix='lesion-')
    try:
        few, two = make_home(folder, FEW), MPIRUN + ['-n', '2']
        elsewhere = way_elsewhere(folder)
        cases = [(one_worker, (make_home(folder, work) for work in MANY), MPIRUN + ['-n', '3']),
                 (everybody, [few], two), (rank_0, [few], two)]
        if elsewhere is not None:
            cases.append((rank_0_unseen, [few], elsewhere + ['-n', '2']))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for done in [pool.submit(check, *case) for case in cases]:
                done.result()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    main()
