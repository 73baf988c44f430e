#!/usr/bin/env python3
"""The job scripts of slurm/, submitted to a real SLURM: whatever interrupts a study, it has to end with the tables of a
run that nothing interrupted.

usage: test_scripts.py [CLASS[.TEST]]...

Needs LESION, the program, root, and Debian's packages slurm-wlm, munge and openmpi-bin; skipped without."""
import glob
import os
import re
import shutil
import signal
import subprocess
import time
import unittest

import cluster
import private
import study

SOURCE = os.environ.get('LESION_SOURCE', os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
PROGRAM = os.environ.get('LESION', 'lesion')
WORK = (2500, 10000, 40000, 160000)  # jobs; the next where a run was over before it could be interrupted
SOME = 100                           # evaluations that are stored before an interruption
SHARDS = 3
ENDED = ('COMPLETED', 'FAILED', 'CANCELLED', 'TIMEOUT', 'NODE_FAIL', 'PREEMPTED', 'OUT_OF_MEMORY')
home, slurm, model = None, None, None


def sbatch(script, *options, path, edits=(), arguments=()):
    """Submits a copy at `path` of a script, in which each of `edits`, (pattern, replacement), is made: the job."""
    with open(f'{SOURCE}/slurm/{script}') as file:
        text = file.read()
    for pattern, replacement in edits:
        text, count = re.subn(pattern, replacement, text, flags=re.M)
        assert count > 0, f'{script} has no {pattern}'
    with open(path, 'w') as file:
        file.write(text)
    return private.run('sbatch', '--parsable', '--partition=main', '--time=5', '--ntasks-per-node=1', *options, path,
                       *arguments).strip()


class Sweep:
    """A study of `work` jobs in a database of its own."""

    def __init__(self, name, work):
        self.work, self.path = work, f'{home}/{name}-{work}'
        self.database, self.log = f'{self.path}.db', f'{self.path}.log'
        self.job, self.stored = None, 0

    def submit(self, script, *options, nodes=2, edits=(), also=()):
        self.job = sbatch(script, f'--nodes={nodes}', f'--ntasks={nodes}', f'--output={self.log}', *options,
                          path=f'{self.path}-{script}', edits=edits,
                          arguments=(*model.arguments(self.work), *also, '--db', self.database))

    def state(self):
        return cluster.look(self.job)['JobState']

    def wait_for_some(self, run=1):
        """Until the run of that number has stored some results, or the job has ended."""
        def happened():
            now = study.done(self.database)
            if len(study.runs(self.database)) < run:
                self.stored = now
            return now > self.stored + SOME or self.state() in ENDED
        private.wait_for(lambda: f'some results\n{self.tell()}', happened, 180)

    def wait_for_end(self):
        """What SLURM says of the job in the end."""
        private.wait_for(lambda: f'the end of the job\n{self.tell()}', lambda: self.state() in ENDED, 240)
        return cluster.look(self.job)

    def tell(self):
        """All there is to say of a failure."""
        told = [f'job {self.job}: {cluster.look(self.job)}', f'runs: {study.runs(self.database)}']
        return '\n'.join(told + [private.tail(path) for path in (self.log, f'{slurm.home}/log/slurmctld.log')
                                 if os.path.exists(path)])


class ShardedSweep(Sweep):
    """The same as shards, each in a database of its own, and a job that merges them."""

    def __init__(self, name, work):
        super().__init__(name, work)
        os.mkdir(self.path)
        self.array, self.database = None, f'{self.path}/results/study.db'

    def submit_shards(self, which):
        self.array = sbatch('array.sh', '--ntasks=1', f'--array={which}', f'--chdir={self.path}',
                            f'--output={self.path}/%a.log', path=f'{self.path}/array.sh',
                            edits=[('^shards=8 ', f'shards={SHARDS} ')], arguments=model.arguments(self.work))

    def submit_merge(self):
        self.job = sbatch('merge.sh', f'--dependency=afterany:{self.array}', f'--chdir={self.path}', '--mem=100',
                          f'--output={self.log}', path=f'{self.path}/merge.sh',
                          arguments=model.arguments(self.work)[:1])

    def shard(self, i):
        shard = Sweep(os.path.basename(self.path), self.work)
        shard.job = f'{self.array}_{i}'
        shard.database, shard.log = f'{self.path}/results/study.{i}-of-{SHARDS}.db', f'{self.path}/{i}.log'
        return shard


class Case(private.Case):
    def sweep(self, work=WORK[0]):
        return Sweep(self.id().split('.')[-1], work)

    def check_complete(self, sweep):
        ended = sweep.wait_for_end()
        self.assertEqual((ended['JobState'], ended['ExitCode']), ('COMPLETED', '0:0'), sweep.tell())
        self.assertEqual(study.runs(sweep.database)[-1], 'complete', sweep.tell())
        self.assertEqual(study.tables(sweep.database), model.straight(sweep.work), 'tables differ')

    def until_interrupted(self, attempt, work=WORK):
        """Lets attempt(sweep) submit and interrupt a study, with more work where that was over before. Checks that its
        job was requeued and completed it."""
        for amount in work:
            sweep = self.sweep(amount)
            attempt(sweep)
            ended = sweep.wait_for_end()
            runs = study.runs(sweep.database)
            if ended['Restarts'] != '0' and len(runs) > 1:
                break
        else:
            self.fail(f'not interrupted\n{sweep.tell()}')
        self.assertNotIn('complete', runs[:-1], sweep.tell())
        self.check_complete(sweep)
        return runs


class Scripts(Case):
    def test_one_node(self):
        sweep = self.sweep()
        sweep.submit('one-node.sh', nodes=1)
        self.check_complete(sweep)
        self.assertEqual(study.ask(sweep.database, 'SELECT hosts, ranks, slurm_job FROM run'),
                         [('n1*2', 2, sweep.job)])
        self.assertRegex(private.tail(sweep.log), 'SLURM ends this job in [45] min')

    def test_many_nodes(self):
        sweep = self.sweep()
        sweep.submit('many-nodes.sh')
        self.check_complete(sweep)
        self.assertEqual(study.ask(sweep.database, 'SELECT hosts, ranks FROM run'), [('n1*2,n2*1', 3)])

    def out_of_time(self, script, **options):
        """It stops in time with 75, and continues where it is submitted again, on other nodes too."""
        for work in WORK:
            sweep = self.sweep(work)
            sweep.submit(script, **options)
            sweep.wait_for_some()
            subprocess.run(['scancel', '-b', '-s', 'USR1', sweep.job])
            ended = sweep.wait_for_end()
            if study.runs(sweep.database) == ['stopped']:
                break
        self.assertEqual((ended['JobState'], ended['ExitCode']), ('FAILED', '75:0'), sweep.tell())
        sweep.submit('many-nodes.sh', nodes=3)
        self.check_complete(sweep)

    def test_one_node_out_of_time(self):
        self.out_of_time('one-node.sh', nodes=1)

    def test_many_nodes_out_of_time_by_srun(self):
        """Launched in the other way that the script mentions."""
        self.out_of_time('many-nodes.sh', edits=[('^exec .*', 'exec srun --mpi=pmix "$lesion" run "$@"')])

    def test_commands_of_the_readme(self):
        folder = f'{home}/readme'
        os.mkdir(folder)
        for name in ('study.yaml', 'net.safetensors', 'images.idx', 'labels.idx'):
            os.symlink(f'{home}/{name}', f'{folder}/{name}')
        for path in glob.glob(f'{SOURCE}/slurm/*.sh'):
            with open(path) as script, open(f'{folder}/{os.path.basename(path)}', 'w') as edited:
                edited.write(re.sub('(--ntasks[a-z-]*|--nodes)=(32|4) ', r'\1=1 ', script.read())
                             .replace('--mem=4G', '--mem=100').replace('--time=4:00:00', '--time=5'))
        with open(f'{SOURCE}/slurm/README.md') as readme:
            commands = re.findall('```sh\n(.*?)```', readme.read(), re.S)
        self.assertGreater(len(commands), 2)
        subprocess.run(['bash', '-ec', '\n'.join(commands)], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        private.wait_for(lambda: 'the end of all jobs\n' + private.run('squeue', '-l'),
                         lambda: private.run('squeue', '-h') == '', 180)
        for name in ('cluster', 'many', 'requeue', 'study'):  # of the study, as asked for, of the file
            self.assertEqual(study.tables(f'{folder}/results/{name}.db'), model.straight(WORK[0]), name)

    def test_shellcheck(self):
        if shutil.which('shellcheck') is None:
            self.skipTest('shellcheck is not installed')
        subprocess.run(['shellcheck', *glob.glob(f'{SOURCE}/slurm/*.sh')], check=True)

    def refuse(self, remedy, *launch):
        ran = subprocess.run(['srun', '--partition=main', '--nodes=2', '--ntasks=4', *launch, PROGRAM, 'run',
                              *model.arguments(WORK[0]), '--db', f'{home}/wrong.db'],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        self.assertNotEqual(ran.returncode, 0, ran.stdout)
        self.assertRegex(ran.stdout, remedy)
        self.assertFalse(os.path.exists(f'{home}/wrong.db'))

    def test_wrong_launcher_pmi2(self):
        """Open MPI ends the program before it can say anything, and says itself what is missing."""
        self.refuse('--mpi=pmix|PMIx support', '--mpi=pmi2')

    def test_wrong_launcher_none(self):
        self.refuse('--mpi=pmix')


class TimeLimit(Case):
    def give_time(self, sweep):
        """From the second turn on."""
        private.wait_for(lambda: f'the first turn\n{sweep.tell()}', lambda: sweep.state() in ('PENDING', *ENDED) and
                         study.runs(sweep.database) not in ([], [None]), 120)
        if sweep.state() == 'PENDING':
            private.run('scontrol', 'update', f'JobId={sweep.job}', 'TimeLimit=10')

    def test_it_continues_after_it(self):
        """Shorter than the study, with SLURM's warning some seconds after the start."""
        def attempt(sweep):
            slurm.wait_for_limit_check(5)
            sweep.submit('requeue.sh', '--time=1', '--signal=B:USR1@45', nodes=1)
            self.give_time(sweep)
        self.assertEqual(self.until_interrupted(attempt, (20000, *WORK[2:]))[0], 'stopped')

    def test_it_stops_by_itself(self):
        """Where no signal says that the time is over soon; here 53 s sooner than it is."""
        def attempt(sweep):
            sweep.submit('requeue.sh', '--time=1', nodes=1, edits=[
                ('^#SBATCH --signal.*', ''), ('SLURM_JOB_END_TIME="\\$end"', 'SLURM_JOB_END_TIME=$((end - 53))')])
            self.give_time(sweep)
        self.assertEqual(self.until_interrupted(attempt, WORK[1:])[0], 'stopped')


class Requeue(Case):
    def test_signal_by_hand(self):
        def attempt(sweep):
            sweep.submit('requeue.sh')
            sweep.wait_for_some()
            subprocess.run(['scancel', '-b', '-s', 'USR1', sweep.job])
        self.assertEqual(self.until_interrupted(attempt)[0], 'stopped')

    def test_a_rank_is_killed(self):
        def attempt(sweep):
            sweep.submit('requeue.sh')
            sweep.wait_for_some()
            os.kill(max(private.processes_with('exe', os.path.realpath(PROGRAM))), signal.SIGKILL)
        self.until_interrupted(attempt)

    def test_restarts_are_bounded(self):
        for work in WORK[1:]:
            sweep = self.sweep(work)
            sweep.submit('requeue.sh', edits=[('^most_restarts=.*', 'most_restarts=1')])
            for run in (1, 2):
                sweep.wait_for_some(run)
                subprocess.run(['scancel', '-b', '-s', 'USR1', sweep.job])
            ended = sweep.wait_for_end()
            if 'complete' not in study.runs(sweep.database):
                break
        self.assertEqual((ended['JobState'], ended['ExitCode'], ended['Restarts']), ('FAILED', '75:0', '1'),
                         sweep.tell())

    def test_an_invalid_study_is_not_requeued(self):
        sweep = self.sweep()
        sweep.submit('requeue.sh', also=('--set', 'ablate.every.layers=conv9_1'))
        ended = sweep.wait_for_end()
        self.assertEqual((ended['JobState'], ended['ExitCode'], ended['Restarts']), ('FAILED', '3:0', '0'),
                         sweep.tell())

    def test_a_cancelled_job_is_not_requeued(self):
        sweep = self.sweep(WORK[2])
        sweep.submit('requeue.sh')
        sweep.wait_for_some()
        private.run('scancel', sweep.job)
        ended = sweep.wait_for_end()
        self.assertEqual((ended['JobState'], ended['Restarts']), ('CANCELLED', '0'), sweep.tell())


class Preemption(Case):
    def preempt(self, *options, edits=()):
        def attempt(sweep):
            sweep.submit('requeue.sh', *options, edits=edits)
            sweep.wait_for_some()
            private.run('sbatch', '--partition=high', '--nodes=4', '--exclusive', '--output=/dev/null', '--wrap',
                        'true')
        return self.until_interrupted(attempt)

    def test_after_a_warning(self):
        self.assertEqual(self.preempt()[0], 'stopped')

    def test_with_grace_but_without_a_warning(self):
        """As where SLURM is without preempt_send_user_signal: all that it ends at first is mpirun's daemons."""
        self.preempt(edits=[('^#SBATCH --signal.*', '')])

    def test_without_grace(self):
        self.preempt('--partition=abrupt')


class NodeLoss(Case):
    def lose(self, node):
        def attempt(sweep):
            sweep.submit('requeue.sh')
            sweep.wait_for_some()
            slurm.kill_node(node)
        try:
            return self.until_interrupted(attempt)
        finally:
            slurm.start_node(node)
            slurm.wait_for_nodes()

    def test_of_the_coordinator(self):
        self.assertEqual(self.lose('n1')[0], 'died')

    def test_of_a_worker(self):
        self.lose('n2')

    def test_survivors_go_on(self):
        """Without a restart, where SLURM and mpirun let them. But mpirun does not end then, and sometimes crashes, so
        that the study has to be continued."""
        survive = ('^exec mpirun', 'exec mpirun --enable-recovery --mca plm_slurm_args --no-kill')
        sweep = self.sweep(WORK[1])
        sweep.submit('many-nodes.sh', '--no-kill', '--export=ALL,LESION_SILENCE_S=2', nodes=3, edits=[survive])
        sweep.wait_for_some()
        slurm.kill_node('n3')
        try:
            private.wait_for(lambda: f'the end of the run\n{sweep.tell()}',
                             lambda: study.runs(sweep.database) != [None] or sweep.state() in ENDED, 180)
        finally:
            subprocess.run(['scancel', sweep.job])
            slurm.start_node('n3')
            slurm.wait_for_nodes()
        if study.runs(sweep.database) != ['complete']:
            sweep.submit('many-nodes.sh')
            sweep.wait_for_end()
        self.assertEqual(study.runs(sweep.database)[-1], 'complete', sweep.tell())
        self.assertEqual(study.tables(sweep.database), model.straight(sweep.work), 'tables differ')


class Suspension(Case):
    def test_it_goes_on(self):
        """Suspended for longer than ranks wait for each other; nothing is lost or begun again."""
        for work in WORK:
            sweep = self.sweep(work)
            sweep.submit('many-nodes.sh', '--export=ALL,LESION_SILENCE_S=1')
            sweep.wait_for_some()
            if sweep.state() not in ENDED:
                break
        private.run('scontrol', 'suspend', sweep.job)
        private.wait_for(lambda: f'suspended ranks\n{sweep.tell()}', self.all_are_stopped, 60)
        time.sleep(12)
        private.run('scontrol', 'resume', sweep.job)
        self.check_complete(sweep)
        self.assertEqual(study.runs(sweep.database), ['complete'], sweep.tell())

    @staticmethod
    def all_are_stopped():
        ranks = private.processes_with('exe', os.path.realpath(PROGRAM))
        return [private.state_of(pid) for pid in ranks] == ['T'] * 3  # n1*2, n2*1


class Array(Case):
    def test_a_shard_is_requeued(self):
        """The last one, whose SLURM_JOB_ID is that of the whole array."""
        for work in WORK:
            sweep = ShardedSweep(self.id().split('.')[-1], work)
            sweep.submit_shards(f'1-{SHARDS}')
            sweep.submit_merge()
            last = sweep.shard(SHARDS)
            last.wait_for_some()
            private.run('scancel', '-b', '-s', 'USR1', last.job)
            sweep.wait_for_end()
            if study.runs(last.database) == ['stopped', 'complete']:
                break
        self.check_complete(sweep)
        self.assertEqual([cluster.look(sweep.shard(i + 1).job)['Restarts'] for i in range(SHARDS)],
                         ['0'] * (SHARDS - 1) + ['1'], sweep.tell())
        self.assertRegex(private.tail(last.log), 'SLURM ends this job in [45] min')

    def test_a_shard_is_missing(self):
        sweep = ShardedSweep(self.id().split('.')[-1], WORK[0])
        sweep.submit_shards(f'1-{SHARDS}')
        sweep.submit_merge()
        private.run('scancel', sweep.shard(2).job)
        ended = sweep.wait_for_end()
        self.assertEqual((ended['JobState'], ended['ExitCode']), ('FAILED', '75:0'), sweep.tell())
        sweep.submit_shards('2')
        sweep.submit_merge()
        self.check_complete(sweep)


def main():
    global home, slurm, model
    if cluster.why_not() is not None:
        private.skip(cluster.why_not())
    home = private.enter()
    os.environ['LESION'] = PROGRAM
    cluster.link_network()
    model = study.Study(home, PROGRAM)
    slurm = cluster.Cluster(f'{home}/slurm')
    slurm.start()
    unittest.main(verbosity=2)


if __name__ == '__main__':
    main()
