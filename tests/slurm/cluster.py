"""A real SLURM of four virtual nodes on one machine, inside private.enter()'s place."""
import datetime
import os
import re
import secrets
import shutil
import signal
import subprocess

import private

NODES = ('n1', 'n2', 'n3', 'n4')
ADDRESS = '10.77.0.1'
PROGRAMS = ('munged', 'slurmctld', 'slurmd', 'sbatch', 'srun', 'scontrol', 'mpirun')

# config_overrides: the nodes may claim more cores than there are. cred_expire: a requeued job waits for its old
# credentials to expire. The high partition takes the nodes of the others; `abrupt` gives no grace before that.
CONF = """ClusterName=lab
SlurmctldHost=localhost({address})
SlurmUser=root
AuthInfo=socket={home}/munge/socket,cred_expire=5
StateSaveLocation={home}/ctld
SlurmdSpoolDir={home}/spool/%n
TmpFS={home}/tmp/%n
SlurmctldPidFile={home}/run/slurmctld.pid
SlurmdPidFile={home}/run/slurmd.%n.pid
SlurmctldLogFile={home}/log/slurmctld.log
SlurmdLogFile={home}/log/slurmd.%n.log
SlurmctldDebug=debug2
ProctrackType=proctrack/linuxproc
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
SlurmctldParameters={parameters}
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=8
KillWait=5
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=n[1-4] NodeHostname=localhost NodeAddr={address} Port=17001-17004 CPUs=4 RealMemory=2000
PartitionName=main Nodes=n[1-4] Default=YES DefaultTime=5 MaxTime=60 PriorityTier=1 GraceTime=10
PartitionName=abrupt Nodes=n[1-4] DefaultTime=5 MaxTime=60 PriorityTier=1 GraceTime=0
PartitionName=high Nodes=n[1-4] DefaultTime=5 MaxTime=60 PriorityTier=10 PreemptMode=off
"""


def why_not():
    """Why there can be no SLURM here; None where there can."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"{', '.join(missing)} not found: apt-get install --no-install-recommends slurm-wlm munge openmpi-bin"
    return None


def link_network():
    """An address that is not the loopback's, which Open MPI does not use between hosts."""
    for line in ('link set lo up', 'link add eth0 type veth peer name peer0', f'addr add {ADDRESS}/24 dev eth0',
                 'link set eth0 up', 'link set peer0 up'):
        private.run('ip', *line.split())


class Cluster:
    def __init__(self, home):
        self.home = home
        self.daemons, self.began = {}, None
        os.environ['SLURM_CONF'] = f'{home}/slurm.conf'

    def start(self, parameters='preempt_send_user_signal'):
        of_nodes = [f'{kind}/{node}' for kind in ('spool', 'tmp') for node in NODES]
        for folder in ('munge', 'ctld', 'log', 'run', *of_nodes):
            os.makedirs(f'{self.home}/{folder}')
        self.configure(parameters)
        munge = f'{self.home}/munge'
        with open(f'{munge}/key', 'wb') as key:
            key.write(secrets.token_bytes(128))
        os.chmod(f'{munge}/key', 0o600)
        self.daemons['munged'] = subprocess.Popen(
            ['munged', '-F', f'--key-file={munge}/key', f'--socket={munge}/socket', f'--pid-file={munge}/pid',
             f'--log-file={munge}/log', f'--seed-file={munge}/seed'], stderr=subprocess.DEVNULL)
        private.wait_for('munged', lambda: os.path.exists(f'{munge}/socket'), 20)
        self.began = datetime.datetime.now()
        self.daemons['slurmctld'] = subprocess.Popen(['slurmctld', '-D', '-i', '-c'], stderr=subprocess.DEVNULL)
        for node in NODES:
            self.start_node(node)
        self.wait_for_nodes()

    def configure(self, parameters):
        with open(f'{self.home}/slurm.conf', 'w') as conf:
            conf.write(CONF.format(home=self.home, address=ADDRESS, parameters=parameters))

    def start_node(self, node):
        self.daemons[node] = subprocess.Popen(
            ['unshare', '--uts', 'sh', '-c', f'hostname {node}; exec slurmd -D -N {node}'], stderr=subprocess.DEVNULL)

    def kill_node(self, node):
        """What happens on a node whose power is cut: all processes under its host name die at once."""
        for pid in private.processes_beside(self.daemons[node].pid):
            os.kill(pid, signal.SIGKILL)
        self.daemons[node].wait()

    def wait_for_nodes(self):
        private.wait_for('all nodes idle', lambda: private.run('sinfo', '-h', '-N', '-p', 'main', '-o', '%T').split() ==
                         ['idle'] * len(NODES), 60)

    def wait_for_limit_check(self, ahead_s):
        """Until SLURM's next check of time limits, one every 30 s, is at most `ahead_s` away."""
        def is_near():
            with open(f'{self.home}/log/slurmctld.log') as log:
                checks = re.findall(r'\[(\S+)\] debug2: Testing job time limits', log.read())
            last = datetime.datetime.fromisoformat(checks[-1]) if checks else self.began
            ago = datetime.datetime.now() - last
            return ahead_s - 1 < 30 - ago.total_seconds() % 30 < ahead_s
        private.wait_for('a check of time limits', is_near, 90)


def look(job):
    """What SLURM knows of a job: {'JobState': ..., 'Restarts': ..., 'ExitCode': ...}."""
    return dict(re.findall(r'(\w+)=(\S*)', private.run('scontrol', 'show', 'job', '-o', job)))
