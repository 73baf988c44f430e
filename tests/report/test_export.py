#!/usr/bin/env python3
"""lesion export against what sqlite3 reads from the same file: every view and table, in both formats."""
import csv
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile

import everything

NOT_A_VIEW = ('job_results', 'job; DROP TABLE job', 'sqlite_master', '"job"', 'job--', "x' OR 1", 'main.job', '', 'JOB')


def export(database, *options, **more):
    return subprocess.run([everything.LESION, 'export', database, *options], capture_output=True, **more)


def written(database, *options):
    result = export(database, *options)
    assert result.returncode == 0, result.stderr
    assert result.stderr == b'', result.stderr
    return result.stdout.decode()


def expected(database, name):
    db = sqlite3.connect(database)
    columns = [row[1] for row in db.execute(f'PRAGMA table_info({name})')]
    rows = [[value.hex().upper() if isinstance(value, bytes) else value for value in row]
            for row in db.execute(f'SELECT * FROM {name}')]
    db.close()
    return columns, rows


def read_back(text, like):
    """A field of CSV as the type it has in the database."""
    return None if like is None else type(like)(text)


def check_csv(database, name):
    columns, rows = expected(database, name)
    text = written(database, '--view', name)
    assert text.count('\r\n') == len(rows) + 1, f'{name}: lines'
    found = list(csv.reader(text.splitlines(keepends=True), strict=True))
    assert found[0] == columns, f'{name}: {found[0]}'
    for fields, row in zip(found[1:], rows, strict=True):
        assert [read_back(f, v) for f, v in zip(fields, row, strict=True)] == row, f'{name}: {fields} is not {row}'
        assert all(f == '' for f, v in zip(fields, row) if v is None), f'{name}: NULL is {fields}'


def check_json_lines(database, name):
    columns, rows = expected(database, name)
    lines = written(database, '--view', name, '--format', 'jsonl').splitlines()
    for line, row in zip(lines, rows, strict=True):
        found = json.loads(line, parse_constant=lambda word: 1 / 0)
        assert list(found) == columns, f'{name}: {list(found)}'
        for column, value in zip(columns, row):
            if column == 'filters' and isinstance(value, str):
                value = json.loads(value)
            assert found[column] == value and type(found[column]) is type(value), f'{name}.{column}: {found[column]!r}'


def names(database):
    listed = written(database, '--list')
    db = sqlite3.connect(database)
    there = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type IN ('view', 'table')")]
    db.close()
    lines = [line.split(None, 1) for line in listed.splitlines() if line.startswith('  ')]
    assert sorted(line[0] for line in lines) == sorted(there), listed
    assert all(len(line) == 2 and len(line[1]) > 10 for line in lines), f'not described: {listed}'
    return there


def hostile_names_are_refused(database):
    for name in NOT_A_VIEW:
        result = export(database, '--view', name)
        assert result.returncode == 2 and result.stdout == b'', name
        assert b'job_result' in result.stderr and b'there are' in result.stderr, result.stderr
    assert b'did you mean job_result?' in export(database, '--view', 'job_resalt').stderr
    assert export(database, '--format', 'xml').returncode == 2
    assert export(database, '--vew', 'job').returncode == 2
    assert export(database + '.not').returncode == 1
    assert export(__file__).returncode == 3


def difficult_values_survive(database):
    """Quotes, commas, line ends, control characters, bytes that are no text, an infinity."""
    reason = 'a "b", c\r\nd\te\x01é\\'
    db = sqlite3.connect(database)
    with db:
        db.execute("UPDATE evaluation SET status = 'failed', reason = ?, filters = 'no: [json', margin_sum = NULL, "
                   "d_loss_low = 9e999, d_loss_high = -9e999 WHERE evaluation = 3", (reason,))
        db.execute("UPDATE evaluation SET status = 'failed', reason = CAST(x'41ff42' AS TEXT) WHERE evaluation = 4")
    db.close()
    lines = [json.loads(line) for line in written(database, '--view', 'evaluation', '--format', 'jsonl').splitlines()]
    assert lines[3]['reason'] == reason and lines[3]['filters'] == 'no: [json'
    assert lines[3]['d_loss_low'] is None and lines[3]['d_loss_high'] is None and lines[3]['margin_sum'] is None
    assert lines[4]['reason'] == 'A\ufffdB'
    table = list(csv.DictReader(export(database, '--view', 'evaluation').stdout.decode(errors='replace')
                                .splitlines(keepends=True), strict=True))
    assert table[3]['reason'] == reason and table[3]['filters'] == 'no: [json'
    assert float(table[3]['d_loss_low']) == float('inf') and float(table[3]['d_loss_high']) == -float('inf')
    assert table[0]['layers'] == '' and table[0]['layer'] == ''
    first = export(database, '--view', 'evaluation').stdout.splitlines()[1]
    assert first.split(b',')[4] == b'""', f'an empty text is no NULL: {first}'


def files_are_whole_or_not_there(database, folder):
    path = os.path.join(folder, 'out.csv')
    assert written(database, '-o', path) == ''
    whole = open(path, newline='').read()
    assert whole == written(database)
    assert not os.path.exists(path + '.part')
    assert written(database, '-o', '-') == whole and written(database, '-o', '/dev/stdout') == whole

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))  # more than SQLite's shared memory
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    result = export(database, '-o', path, '--view', 'image_view', preexec_fn=small_files)
    assert result.returncode == 1 and b'out.csv: cannot be written' in result.stderr, result
    assert open(path, newline='').read() == whole and not os.path.exists(path + '.part'), 'the old file is gone'
    assert export(database, '-o', os.path.join(folder, 'nowhere', 'x')).returncode == 1
    if os.path.exists('/dev/full'):
        with open('/dev/full', 'w') as full:
            result = subprocess.run([everything.LESION, 'export', database], stdout=full, stderr=subprocess.PIPE)
        assert result.returncode == 1 and b'No space left' in result.stderr, result


def a_closed_pipe_is_no_mistake(database):
    command = f"'{everything.LESION}' export '{database}' --view image_view | head -n 1"
    result = subprocess.run(command, shell=True, capture_output=True)
    assert result.returncode == 0 and result.stderr == b'' and result.stdout.startswith(b'job,image,'), result


def a_slow_reader_keeps_nobody_waiting(database, folder):
    """Without a write-ahead log a reader's lock would keep the run from writing for as long as somebody reads our
    output page by page."""
    path = os.path.join(folder, 'rollback.db')
    shutil.copy(database, path)
    db = sqlite3.connect(path, timeout=20)
    assert db.execute('PRAGMA journal_mode = TRUNCATE').fetchone()[0] == 'truncate'
    reader = subprocess.Popen([everything.LESION, 'export', path, '--view', 'image_view'], stdout=subprocess.PIPE)
    assert reader.stdout.read(10) == b'job,image,'  # the pipe is full, or soon will be: 300 KB are to be written
    with db:
        db.execute("UPDATE study SET path = 'written'")
    db.close()
    rest = reader.stdout.read()
    assert reader.wait() == 0 and len(rest) > 200000, len(rest)


def main():
    folder = tempfile.mkdtemp(prefix='lesion-export-')
    try:
        database = everything.make(folder)
        db = sqlite3.connect(database)
        with db:  # a part, as of a run that goes on
            db.execute("INSERT INTO part SELECT 5, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0.5, x'00ff', NULL, x'01'")
        db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
        db.close()
        for name in names(database):
            check_csv(database, name)
            check_json_lines(database, name)
        assert written(database) == written(database, '--view', 'job_result', '--format', 'csv')
        hostile_names_are_refused(database)
        files_are_whole_or_not_there(database, folder)
        a_closed_pipe_is_no_mistake(database)
        a_slow_reader_keeps_nobody_waiting(database, folder)
        difficult_values_survive(database)
    finally:
        shutil.rmtree(folder)


if __name__ == '__main__':
    sys.exit(main())
