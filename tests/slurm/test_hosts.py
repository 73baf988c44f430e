#!/usr/bin/env python3
"""mpirun over three hosts with a TCP network between them: network namespaces, joined by a bridge.

Needs LESION, the program, root and Open MPI; skipped without."""
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

import private
import study

PROGRAM = os.environ.get('LESION', 'lesion')
HOSTS = ('h1', 'h2', 'h3')
ALL = {'h1': 2, 'h2': 1, 'h3': 1}    # ranks
WORK = (2500, 10000, 40000, 160000)  # jobs; the next where a run was over before it could be interrupted
SOME = 100                           # evaluations that are stored before an interruption
home, network, model = None, None, None

# What mpirun calls in place of ssh: AGENT HOST COMMAND...
AGENT = '''#!/bin/sh
host=$1
shift
exec nsenter --target "$(cat {home}/$host.pid)" --net --uts sh -c "$*"
'''


class Network:
    """Hosts with a name, an address and a cable to the bridge each; sleeping processes keep them."""

    def __init__(self):
        self.keepers = {}
        private.run('ip', 'link', 'add', 'bridge0', 'type', 'bridge')
        private.run('ip', 'link', 'set', 'bridge0', 'up')
        with open(f'{home}/hosts', 'w') as hosts:
            hosts.writelines(f'10.78.0.{i} {host}\n' for i, host in enumerate(HOSTS, 1))
        private.run('mount', '--bind', f'{home}/hosts', '/etc/hosts')
        with open(f'{home}/agent', 'w') as agent:
            agent.write(AGENT.format(home=home))
        os.chmod(f'{home}/agent', 0o755)
        for i, host in enumerate(HOSTS, 1):
            self.add(host, f'10.78.0.{i}/24')

    def add(self, host, address):
        keeper = subprocess.Popen(['unshare', '--net', '--uts', 'sh', '-c',
                                   f'hostname {host} && ip link set lo up && echo ready && exec sleep infinity'],
                                  stdout=subprocess.PIPE, text=True)
        assert keeper.stdout.readline() == 'ready\n'
        self.keepers[host] = keeper
        with open(f'{home}/{host}.pid', 'w') as file:
            file.write(f'{keeper.pid}')
        private.run(*f'ip link add {host} type veth peer name eth0 netns {keeper.pid}'.split())
        private.run(*f'ip link set {host} master bridge0 up'.split())
        self.on(host, *f'ip addr add {address} dev eth0'.split())
        self.on(host, *'ip link set eth0 up'.split())

    def on(self, host, *command):
        return private.run(f'{home}/agent', host, *command)

    def kill(self, host):
        """All processes of a host but its keeper, at once."""
        keeper = self.keepers[host].pid
        for pid in private.processes_beside(keeper):
            if pid != keeper:
                os.kill(pid, signal.SIGKILL)

    def cut(self, host):
        """Pulls its cable out: nothing arrives any more, and nobody is told."""
        private.run('ip', 'link', 'set', host, 'down')

    def mend(self, host):
        private.run('ip', 'link', 'set', host, 'up')

    def has_ranks(self, host):
        return bool(set(private.processes_with('exe', os.path.realpath(PROGRAM))) &
                    set(private.processes_beside(self.keepers[host].pid)))

    def received_bytes(self, host):
        statistics = self.on(host, 'cat', '/proc/net/dev')
        return int(re.search(r'eth0: *(\d+)', statistics)[1])


class Run:
    """mpirun on h1 over some hosts: {'h1': ranks, ...}. Ranks take each other for lost after ten times `silence_s`."""

    def __init__(self, ranks, work, database, silence_s=30):
        self.database, self.log = database, f'{database}.log'
        hosts = ','.join(f'{host}:{n}' for host, n in ranks.items())
        command = ['mpirun', '--bind-to', 'none', '--mca', 'plm_rsh_agent', f'{home}/agent', '-x',
                   f'LESION_SILENCE_S={silence_s}', '--host', hosts, '-n', str(sum(ranks.values())), PROGRAM,
                   'run', *model.arguments(work), '--quiet', '--db', database]
        with open(self.log, 'a') as log:
            self.process = subprocess.Popen(
                ['nsenter', '--target', f"{network.keepers['h1'].pid}", '--net', '--uts', *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def wait(self):
        """mpirun's exit code."""
        private.wait_for(lambda: f'the end of the run\n{private.tail(self.log)}',
                         lambda: self.process.poll() is not None, 120)
        return self.process.returncode

    def wait_for_some(self):
        private.wait_for(lambda: f'some results\n{private.tail(self.log)}',
                         lambda: study.done(self.database) > SOME or self.process.poll() is not None, 60)


class Hosts(private.Case):
    def check_complete(self, run, work):
        self.assertEqual(run.wait(), 0, private.tail(run.log))
        self.assertEqual(study.runs(run.database)[-1], 'complete')
        self.assertEqual(study.tables(run.database), model.straight(work), 'tables differ')

    def wait_for_no_ranks(self, run):
        """As mpirun does not tell the ranks of a host that it cannot reach, these leave by themselves."""
        private.wait_for(lambda: f'no ranks left\n{private.tail(run.log)}',
                         lambda: not any(network.has_ranks(host) for host in HOSTS), 120)

    def until_interrupted(self, interrupt, ranks, **options):
        """(exit code, database, work) of a run that interrupt(run) came into the middle of."""
        for work in WORK:
            database = f'{home}/{self.id().split(".")[-1]}-{work}.db'
            run = Run(ranks, work, database, **options)
            run.wait_for_some()
            interrupt(run)
            code = run.wait()
            if study.runs(database) != ['complete']:
                return code, database, work
        return self.fail(f'not interrupted\n{private.tail(run.log)}')

    def test_three_hosts(self):
        run = Run({'h1': 2, 'h2': 1, 'h3': 2}, WORK[0], f'{home}/three.db')
        self.check_complete(run, WORK[0])
        self.assertEqual(study.ask(run.database, 'SELECT hosts, ranks FROM run'), [('h1*2,h2*1,h3*2', 5)])
        for host in HOSTS:
            self.assertGreater(network.received_bytes(host), 10000, f'{host}: the results did not take the network')

    def test_stopped_and_continued_on_fewer(self):
        code, database, work = self.until_interrupted(lambda run: run.process.send_signal(signal.SIGUSR1), ALL)
        self.assertEqual(code, 75)
        self.check_complete(Run({'h1': 1, 'h3': 1}, work, database), work)

    def test_a_host_is_lost(self):
        code, database, work = self.until_interrupted(lambda run: network.kill('h3'), ALL)
        self.assertNotEqual(code, 0)
        self.check_complete(Run({'h1': 2, 'h2': 1}, work, database), work)

    def test_a_worker_is_cut_off(self):
        """The others complete the study. mpirun itself waits for a host that it cannot reach."""
        for work in WORK:
            run = Run(ALL, work, f'{home}/worker-{work}.db', silence_s=2)
            run.wait_for_some()
            network.cut('h3')
            self.wait_for_no_ranks(run)
            network.mend('h3')
            run.wait()
            if 'rank 3 has not been heard of' in private.tail(run.log):
                break
        self.assertEqual(study.runs(run.database), ['complete'], private.tail(run.log))
        self.assertEqual(study.tables(run.database), model.straight(work), 'tables differ')

    def test_the_coordinator_is_cut_off(self):
        def cut(run):
            network.cut('h1')
            self.wait_for_no_ranks(run)
            network.mend('h1')
        code, database, work = self.until_interrupted(cut, {'h1': 1, 'h2': 1, 'h3': 1}, silence_s=2)
        self.assertEqual((code, study.runs(database)), (1, ['failed']))
        self.check_complete(Run({'h1': 1, 'h2': 1}, work, database), work)


def main():
    global home, network, model
    if shutil.which('mpirun') is None:
        private.skip('mpirun is not installed (package openmpi-bin)')
    home = private.enter()
    model = study.Study(home, PROGRAM)
    network = Network()
    unittest.main(verbosity=2)


if __name__ == '__main__':
    main()
