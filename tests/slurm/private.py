"""A place of its own for a test that starts daemons: process, mount, host name and network namespaces, and a folder.

Nothing in it sees or touches the machine's own SLURM; whatever was started in it is gone when it is left, also after a
failure, a signal or a kill -9 of the test."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

os.environ['PATH'] += ':/usr/sbin:/sbin'  # the daemons' folder is not in everybody's
SKIPPED = 77
INSIDE = 'LESION_TEST_PLACE'
# The first process of a process namespace adopts orphans; a shell reaps them, and hands on the test's exit code.
ADOPTING_SHELL = ['sh', '-c', '"$@"; exit $?', 'sh']
NAMESPACES = ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--pid', '--fork', '--kill-child', '--mount-proc', '--uts',
              '--net']


def skip(reason):
    print(f'skipped: {reason}')
    sys.exit(SKIPPED)


def why_not():
    """Why namespaces cannot be had here; None where they can."""
    if os.geteuid() != 0:
        return 'namespaces with daemons in them need root'
    for tool in ('setpriv', 'unshare', 'nsenter', 'ip'):
        if shutil.which(tool) is None:
            return f'{tool} is not installed (packages util-linux and iproute2)'
    tried = subprocess.run(NAMESPACES + ['sh', '-ec', 'ip link add eth0 type veth; ip link add bridge0 type bridge'],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return None if tried.returncode == 0 else f'namespaces are not permitted here: {tried.stdout.strip()}'


def enter():
    """Runs the calling script once more inside such a place and ends with its exit code; inside already, returns the
    folder, which is the working directory too. Skips where that is not permitted."""
    if INSIDE in os.environ:
        os.chdir(os.environ[INSIDE])
        return os.environ[INSIDE]
    reason = why_not()
    if reason is not None:
        skip(reason)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    folder = tempfile.mkdtemp(prefix='lesion-')
    os.chmod(folder, 0o755)  # munged wants to reach its socket as anybody
    command = NAMESPACES + ADOPTING_SHELL + [sys.executable, os.path.abspath(sys.argv[0])] + sys.argv[1:]
    inside = subprocess.Popen(command, env=test_environment(folder))
    try:
        code = inside.wait()
    finally:
        inside.kill()
        inside.wait()
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(code)


def test_environment(folder):
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(('SLURM_', 'SBATCH_', 'OMPI_', 'PMIX_', 'PMI_'))}
    return {**kept, INSIDE: folder, 'TMPDIR': '/tmp', 'OPENBLAS_NUM_THREADS': '1', 'PYTHONDONTWRITEBYTECODE': '1',
            'OMPI_ALLOW_RUN_AS_ROOT': '1', 'OMPI_ALLOW_RUN_AS_ROOT_CONFIRM': '1',
            'OMPI_MCA_rmaps_base_oversubscribe': '1'}


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def wait_for(what, happened, timeout_s, every_s=0.2):
    """Until happened() is true, which is returned; fails with what() or `what` after the time-out."""
    end = time.monotonic() + timeout_s
    while True:
        found = happened()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f'{timeout_s} s were not enough for: {what() if callable(what) else what}')
        time.sleep(every_s)


def processes_with(link, target):
    """Those of this place whose /proc/PID/<link> leads to `target`."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            if os.readlink(f'/proc/{pid}/{link}') == target:
                found.append(int(pid))
        except OSError:
            pass  # it ended in between
    return found


def state_of(pid):
    """'R', 'S', 'T', ...; None where there is no such process any more."""
    try:
        with open(f'/proc/{pid}/stat') as file:
            return file.read().rsplit(')', 1)[1].split()[0]
    except OSError:
        return None


def processes_beside(pid):
    """Those with the host name of a process."""
    return processes_with('ns/uts', os.readlink(f'/proc/{pid}/ns/uts'))


def tail(path, lines=40):
    with open(path, errors='replace') as file:
        return f'--- {path}\n' + ''.join(file.readlines()[-lines:])


class Case(unittest.TestCase):
    """Says how long each test took."""

    def setUp(self):
        self.began = time.monotonic()

    def tearDown(self):
        print(f'({time.monotonic() - self.began:.0f} s) ', end='', file=sys.stderr, flush=True)
