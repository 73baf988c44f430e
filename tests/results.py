"""What runs of one study must agree in, whatever happened to them: the rows of their result databases."""
import contextlib
import sqlite3

TABLES = ('job_result', 'class_result', 'pair_interaction', 'experiment', 'evaluation', 'drift', 'image_result',
          'filter_activation')
# Columns that tell what happened on the way.
OF_THE_RUN = ('run', 'seconds', 'deaths', 'deaths_alone', 'death_block')


def ask(database, query):
    """The rows of an answer. May have to roll back what a killed run was writing, which reading alone cannot."""
    with contextlib.closing(sqlite3.connect(f'file:{database}?mode=rw', uri=True)) as connection:
        return connection.execute(query).fetchall()


def tables(database):
    """All that was measured, {table: rows}, the rows in an order of their own."""
    found = {}
    for table in TABLES:
        columns = [name for name, in ask(database, f"SELECT name FROM pragma_table_info('{table}')")]
        kept = ', '.join(name for name in columns if name not in OF_THE_RUN)
        found[table] = sorted(ask(database, f'SELECT {kept} FROM {table}'), key=repr)
    assert found['job_result'], f'{database} has no results'
    return found


def whole(database):
    return ask(database, 'PRAGMA integrity_check') == [('ok',)]
