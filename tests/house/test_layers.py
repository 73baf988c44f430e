#!/usr/bin/env python3
"""The house keeps its layering: which room may include which, and which room an outside library belongs to."""
import os
import re
import sys

ROOT = os.environ.get('LESION_SOURCE', os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
# In the order in which data flows: a room may include itself and the rooms before it.
ROOMS = ['base', 'model', 'data', 'study', 'engine', 'stats', 'store', 'sched', 'mpi', 'report', 'cli']
# Public headers that are not named after their room.
HEADER_ROOM = {'activations': 'model', 'simulate': 'sched', 'sweep': 'mpi'}
# The scheduler knows no SQL, no MPI and no study: it may include base alone.
ONLY = {'sched': {'base', 'sched'}, 'stats': {'base', 'stats'}}
OUTSIDE = {
    'yaml.h': 'study', 'cblas.h': 'engine', 'openblas_config.h': 'engine', 'sqlite3.h': 'store', 'mpi.h': 'mpi',
    'jansson.h': 'model', 'zlib.h': 'data', 'jpeglib.h': 'data', 'jerror.h': 'data', 'png.h': 'data', 'openssl/': 'base', 'getopt.h': 'cli',
}
STANDARD = {f'{name}.h' for name in (
    'assert ctype dirent errno fcntl float fnmatch inttypes limits locale math poll pthread sched setjmp signal stdarg stdbool stddef stdint '
    'stdio stdlib string strings time unistd immintrin cpuid omp').split()}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def room_of_header(name):
    return HEADER_ROOM.get(name, name)


def sources():
    for folder in ('src', 'include'):
        for path, _, files in os.walk(os.path.join(ROOT, folder)):
            for f in files:
                if f.endswith(('.c', '.h')):
                    yield os.path.join(path, f)


def room_of_file(path):
    parts = os.path.relpath(path, ROOT).split(os.sep)
    return parts[1] if parts[0] == 'src' else room_of_header(parts[-1][:-2])


def included_room(path, included):
    """The room an include of ours belongs to, or None for an outside header."""
    parts = included.split('/')
    if parts[0] == 'lesion':
        return room_of_header(parts[1][:-2])
    if len(parts) > 1 and parts[0] in ROOMS:
        return parts[0]
    if os.path.exists(os.path.join(os.path.dirname(path), included)):
        return room_of_file(path)
    return None


def check_include(path, room, included):
    target = included_room(path, included)
    if target is not None:
        if target not in ROOMS:
            return f'{included} belongs to no room'
        if target not in ONLY.get(room, ROOMS[:ROOMS.index(room) + 1]):
            return f'{room} may not include {target}'
        return None
    for library, owner in OUTSIDE.items():
        if included == library or (library.endswith('/') and included.startswith(library)):
            return None if room == owner else f'{included} belongs to {owner}'
    if included in STANDARD or included.startswith(('sys/', 'linux/')):
        return None
    return f'{included} is of a library that no room owns: add it to this test'


def main():
    wrong, seen = [], set()
    for path in sources():
        room = room_of_file(path)
        seen.add(room)
        if room not in ROOMS:
            wrong.append(f'{os.path.relpath(path, ROOT)}: {room} is no room')
            continue
        for match in INCLUDE.finditer(open(path).read()):
            what = check_include(path, room, match.group(2))
            if what:
                wrong.append(f'{os.path.relpath(path, ROOT)}: {what}')
    missing = set(ROOMS) - seen
    if missing:
        wrong.append(f'no source was found of {", ".join(sorted(missing))}')
    print('\n'.join(wrong) or f'{len(seen)} rooms keep their layers')
    return 1 if wrong else 0


sys.exit(main())
