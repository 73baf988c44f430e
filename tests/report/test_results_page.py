#!/usr/bin/env python3
"""docs/results.md says what is so: its tables, views, columns and types are those of a database, in their order, and its
queries run; and so do the ready ones of results/queries, which print no lines too wide for a screen."""
import glob
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

import everything

PAGE = os.path.join(everything.SOURCE, 'docs', 'results.md')
WIDEST = 160


def documented():
    """name -> [(column, type or None)], by the page's headings and tables."""
    found, columns = {}, None
    for line in open(PAGE, encoding='utf-8'):
        heading = re.match(r'### `(\w+)`$', line)
        fields = [field.strip() for field in re.split(r'(?<!\\)\|', line)[1:-1]] if line.startswith('| `') else []
        if heading:
            assert heading[1] not in found, f'{heading[1]} stands twice'
            columns = found[heading[1]] = []
        elif fields and columns is not None:
            assert fields[-1], f'{line.strip()}: says nothing'
            columns.append((fields[0].strip('`'), fields[1] if len(fields) == 4 else None))
    return found


def real(database):
    db = sqlite3.connect(database)
    kinds = dict(db.execute("SELECT name, type FROM sqlite_master WHERE type IN ('view', 'table')"))
    found = {name: [(row[1], row[2] if kind == 'table' else None) for row in db.execute(f'PRAGMA table_info({name})')]
             for name, kind in kinds.items()}
    db.close()
    return found


def check_schema(database):
    page, schema = documented(), real(database)
    assert set(page) == set(schema), f'on one side only: {sorted(set(page) ^ set(schema))}'
    for name, columns in schema.items():
        assert page[name] == columns, f'{name}: the page has {page[name]}, the database {columns}'


def check_examples(database):
    text = open(PAGE, encoding='utf-8').read()
    queries = re.findall(r'```sql\n(.*?)```', text, re.S)
    assert len(queries) == len(documented()), 'an example for each'
    db = sqlite3.connect(database)
    rows = {query: len(db.execute(query).fetchall()) for query in queries}
    db.close()
    empty = [query for query, count in rows.items() if count == 0]
    allowed = ('failures', 'skipped_image', 'unit', 'part', 'job_result')
    assert all(re.search(r'FROM (\w+)', query)[1] in allowed for query in empty), f'without an answer: {empty}'


def check_ready_queries(database):
    files = sorted(glob.glob(os.path.join(everything.SOURCE, 'results', 'queries', '*.sql')))
    assert len(files) >= 8, files
    for path in files:
        result = subprocess.run(['sqlite3', '-bail', '-readonly', database], stdin=open(path), capture_output=True,
                                text=True)
        assert result.returncode == 0 and result.stderr == '', f'{path}: {result.stderr}'
        assert result.stdout.count('│') > 10, f'{path}: prints no table: {result.stdout}'
        widest = max(result.stdout.splitlines(), key=len)
        assert len(widest) <= WIDEST, f'{path}: {widest}'


def many_layers_take_little_room(database):
    """Curves over many layers at once name the first, and how many more there are."""
    db = sqlite3.connect(database)
    layers = ','.join(f'conv{n}_{m}' for n in range(1, 6) for m in range(1, 5))
    with db:
        db.execute('UPDATE curve SET layers = ? WHERE curve = 1', (layers,))
        db.execute("UPDATE evaluation SET layers = ? WHERE layers = 'conv1_1'", (layers,))
    db.close()
    path = os.path.join(everything.SOURCE, 'results', 'queries', 'degradation.sql')
    result = subprocess.run(['sqlite3', database], stdin=open(path), capture_output=True, text=True)
    assert 'conv1_1 and 19 more' in result.stdout and len(max(result.stdout.splitlines(), key=len)) <= WIDEST


def main():
    folder = tempfile.mkdtemp(prefix='lesion-page-')
    try:
        database = everything.make(folder)
        check_schema(database)
        check_examples(database)
        if shutil.which('sqlite3') is None:
            print('skipped in part: there is no sqlite3 shell (package sqlite3)')
            return 77
        check_ready_queries(database)
        many_layers_take_little_room(database)
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == '__main__':
    sys.exit(main())
