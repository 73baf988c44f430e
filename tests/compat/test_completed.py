#!/usr/bin/env python3
"""Databases that version 0.1.0 wrote half of are completed by this one; then all tables and views, to the last bit, are
those of an undisturbed run of 0.1.0, but for EXCEPTIONS. So are those of a new database. 0.1.0/README.md says what the
databases are.

usage: test_completed.py [--ranks N]

--ranks: under mpirun, by so many ranks. Needs LESION (the program); for ranks MPIRUN (with its options)."""
import argparse
import contextlib
import marshal
import math
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..'))
from results import ask, whole

FIXTURES = os.path.join(HERE, '0.1.0')
LESION = os.environ.get('LESION', 'lesion')
# The lock of the run that was killed names a host that is not this one: where locks reach, it is known to be dead.
LOCKS = 'all'
STUDIES = ('modes', 'race')  # modes: 0.1.0 was killed, and left units in flight; race: it was told to stop
# What need not agree, {table or view: {column: why}}; a star stands for every column of it that is not in SAME_FOR_ALL.
EXCEPTIONS = {
    'study': {'created': 'when the database was made'},
    'run': {'*': 'one row for each invocation: program, libraries, method, command, hosts, processes, times, and its '
                 'share of the work, which nothing_is_computed_twice looks at'},
    'progress': {'*': 'how far each run was at which moment'},
    'writer': {'*': 'which process wrote last'},
    'unit': {'*': 'what workers held when the run was over: of several, an idle one is given what another has too. One '
                  'process leaves none, at which a_half_is_completed looks'},
    'evaluation': {'seconds': 'measured', 'run': 'which run completed it'},
    'job_metric': {'seconds': 'measured'},
    'job_result': {'seconds': 'measured'},
}
# Columns that are the same in all rows of an excepted table, whatever run wrote them.
SAME_FOR_ALL = {'run': ['study_sha256', 'weights_sha256', 'images_sha256', 'calibration_sha256']}


# ---- comparing -------------------------------------------------------------------------------------------------------

def is_ordered(sql):
    """Whether a view promises its rows in an order."""
    return sql.splitlines()[-1].startswith('    ORDER BY ')


def rows(database, query, ordered):
    """As bytes, which tell 1 from 1.0, 0.0 from -0.0, and every real from its neighbours."""
    found = [marshal.dumps(row, 2) for row in ask(database, query)]
    return found if ordered else sorted(found)


class Undisturbed:
    """What a run of 0.1.0 gives: the columns and rows of its tables and views. A later version may have more."""

    def __init__(self, database):
        self.database = database
        self.work, = ask(database, 'SELECT evaluated FROM run')[0]  # in images x ablations
        known = ask(database, "SELECT name, type, sql FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name")
        self.tables = [name for name, kind, _ in known if kind == 'table']
        self.columns = {name: self.compared(name) for name, _, _ in known}
        self.queries = [(name, self.query(name), is_ordered(sql)) for name, _, sql in known if self.columns[name]]
        self.rows = {name: rows(database, query, ordered) for name, query, ordered in self.queries}
        assert set(EXCEPTIONS) <= set(self.columns), 'there are exceptions for what 0.1.0 does not have'

    def compared(self, table):
        """The columns that have to agree."""
        excepted = EXCEPTIONS.get(table, {})
        if '*' in excepted:
            return SAME_FOR_ALL.get(table, [])
        columns = [name for name, in ask(self.database, f"SELECT name FROM pragma_table_info('{table}')")]
        assert set(excepted) <= set(columns), f'there are exceptions for columns that {table} does not have'
        return [name for name in columns if name not in excepted]

    def query(self, table):
        columns = ', '.join(f'[{name}]' for name in self.columns[table])  # in "" a name that is not there is a text
        return f'SELECT {"DISTINCT " if table in SAME_FOR_ALL else ""}{columns} FROM [{table}]'

    def differences(self, database):
        """{table or view: what differs there in another database}"""
        found = {}
        for name, query, ordered in self.queries:
            try:
                here = rows(database, query, ordered)
            except sqlite3.OperationalError as error:
                found[name] = str(error)
                continue
            if here != self.rows[name]:
                found[name] = first_difference(self.columns[name], here, self.rows[name])
        return found


def first_difference(columns, here, expected):
    if len(here) != len(expected):
        return f'{len(here)} rows, {len(expected)} expected'
    a, b = next(map(marshal.loads, pair) for pair in zip(here, expected) if pair[0] != pair[1])
    return f'the first row that differs is {a}:\n  ' + '; '.join(
        f'{column} is {x!r}, expected is {y!r}' for column, x, y in zip(columns, a, b) if repr(x) != repr(y))


def comparison_can_fail(undisturbed):
    """The least change of one value in each table is noticed."""
    shutil.copy(undisturbed.database, 'changed.db')
    with contextlib.closing(sqlite3.connect('changed.db')) as db, db:
        db.execute('PRAGMA ignore_check_constraints = ON')
        changed = {name for name, _, _ in undisturbed.queries
                   if name in undisturbed.tables and change_a_value(db, name, undisturbed.columns[name])}
    assert len(changed) >= 10, f'only {changed} have anything in them'
    missed = changed - set(undisturbed.differences('changed.db'))
    assert not missed, f'changes of {missed} went unnoticed'


def change_a_value(db, table, columns):
    """Whether there is any."""
    following = {str: lambda v: v + '.', int: lambda v: v + 1, float: lambda v: math.nextafter(v, math.inf)}
    for column in reversed(columns):
        value, = db.execute(f'SELECT max([{column}]) FROM [{table}]').fetchone()
        if value is not None:
            db.execute(f'UPDATE [{table}] SET [{column}] = ? WHERE [{column}] = ?',
                       (following[type(value)](value), value))
            return True
    return False


# ---- running ---------------------------------------------------------------------------------------------------------

def run(study, database, ranks):
    launcher = [*os.environ.get('MPIRUN', 'mpirun').split(), '-n', str(ranks)] if ranks > 0 else []
    result = subprocess.run([*launcher, LESION, 'run', f'{study}.yaml', '--db', database, '--quiet'],
                            env={**os.environ, 'LESION_LOCKS': LOCKS}, capture_output=True, text=True)
    assert result.returncode == 0, f'{database}: exit code {result.returncode}; it said:\n{result.stderr}'


def check(database, undisturbed):
    assert whole(database) and ask(database, 'PRAGMA foreign_key_check') == [], f'{database} is damaged'
    assert not os.path.exists(f'{database}.lock'), f'{database} is still locked'
    found = undisturbed.differences(database)
    assert not found, f'{database} differs from an undisturbed run of 0.1.0 in\n' + '\n'.join(
        f'{name}: {what}' for name, what in found.items())


def what_0_1_0_left(database):
    """Of a copy, for the first to open a database that was not closed changes it: the images x ablations that are
    stored, ablations that are done on some of their images only, and how many units are in flight."""
    shutil.copytree('half', 'look')
    found = ask(database.replace('half', 'look'), 'SELECT (SELECT evaluated FROM run), (SELECT count(DISTINCT '
                'evaluation) FROM part), (SELECT count(*) FROM unit)')[0]
    shutil.rmtree('look')
    return found


def a_half_is_completed(study, undisturbed, ranks):
    database = f'half/{study}.db'
    killed = os.path.exists(f'{database}.lock')
    stored, partly, units = what_0_1_0_left(database)
    share = stored / undisturbed.work
    assert 0.2 < share < 0.8 and partly > 0, f'{database} is no half: {share:.2f} is done, {partly} ablations partly'
    assert (units > 0) == killed == (study == 'modes'), f'{database}: {units} units are in flight'
    run(study, database, ranks)
    check(database, undisturbed)
    assert ranks > 0 or ask(database, 'SELECT * FROM unit') == [], f'{database}: units are still in flight'
    nothing_is_computed_twice(study, database, stored, undisturbed.work, 'died' if killed else 'stopped')


def nothing_is_computed_twice(study, database, stored, work, how):
    first, *later = ask(database, 'SELECT version, how, evaluated FROM run ORDER BY run')
    assert first == ('0.1.0', how, stored), f'{database}: its first run is now {first}'
    assert [row[1] for row in later] == ['complete'], f'{database}: the runs after it are {later}'
    more = later[0][2]
    if study == 'race':  # what is being computed when a job ends early is stored or not as it happens
        assert more < work, f'{database}: {more} images x ablations were computed again, all are {work}'
    else:
        assert stored + more == work, f'{database}: {stored} and {more} images x ablations are not {work}'


def a_complete_one_stays(study, undisturbed, ranks):
    database = f'complete-{study}.db'
    shutil.copy(undisturbed.database, database)
    run(study, database, ranks)
    check(database, undisturbed)


def a_new_one_is_the_same(study, undisturbed, ranks):
    run(study, f'new-{study}.db', ranks)
    check(f'new-{study}.db', undisturbed)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--ranks', type=int, default=0)
    ranks = parser.parse_args().ranks
    folder = tempfile.mkdtemp(prefix='lesion-')
    try:
        shutil.copytree(FIXTURES, folder, dirs_exist_ok=True)
        os.chdir(folder)
        for study in STUDIES:
            with tarfile.open(f'{study}.tar.xz') as archive:
                archive.extractall()
        for study in STUDIES:
            undisturbed = Undisturbed(f'whole/{study}.db')
            comparison_can_fail(undisturbed)
            a_half_is_completed(study, undisturbed, ranks)
            a_complete_one_stays(study, undisturbed, ranks)
            a_new_one_is_the_same(study, undisturbed, ranks)
    finally:
        shutil.rmtree(folder)


if __name__ == '__main__':
    main()
