#!/usr/bin/env python3
"""The house keeps its layering: the table of rooms in docs/architecture.md says which room uses which, which public
headers are its own, and which outside headers. It is compared with the sources, in both directions: a room uses another
where it includes a header of it, or names what a public header of it declares, by whatever way that header came in."""
import os
import re
import sys

ROOT = os.environ.get('LESION_SOURCE', os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
DOCUMENT = 'docs/architecture.md'


class Room:
    """A row of the table; `used` fills with what its sources really include."""

    def __init__(self, headers, includes, outside):
        self.headers, self.includes, self.outside, self.used = headers, includes, outside, set()


def read_rooms():
    """The rooms in the order of the table, in which data flows."""
    rooms = {}
    for line in open(os.path.join(ROOT, DOCUMENT)):
        cells = [re.findall(r'`([^`]+)`', cell) for cell in line.split('|')[1:-1]]
        if len(cells) == 5 and len(cells[0]) == 1:
            rooms[cells[0][0]] = Room(*cells[2:])
    return rooms


ROOMS = read_rooms()
NAMES = list(ROOMS)
STANDARD = {f'{name}.h' for name in (
    'assert ctype dirent errno fcntl float fnmatch inttypes limits locale math poll pthread sched setjmp signal spawn stdarg stdbool stddef stdint '
    'stdio stdlib string strings time unistd immintrin cpuid omp').split()}
NAME = re.compile(r'\b(?:lsn|LSN)_\w+')
TEXT = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def room_of_header(name):
    return next((room for room in ROOMS if f'{name}.h' in ROOMS[room].headers), name)


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


def declared():
    """Whose each name of a public header is: of the first room, in the order of the table, whose headers have it."""
    owner = {}
    for name, room in ROOMS.items():
        for header in room.headers:
            path = os.path.join(ROOT, 'include/lesion', header)
            for word in NAME.findall(code_of(path)) if os.path.exists(path) else []:
                owner.setdefault(word, name)
    return owner


def code_of(path):
    """A file's text without comments and strings."""
    return TEXT.sub(' ', open(path).read())


def check_names(path, room, owner):
    """Rooms whose declarations a file names, and may not."""
    strangers = {}
    for word in NAME.findall(code_of(path)):
        target = owner.get(word, room)
        if target != room:
            ROOMS[room].used.add(target)
            if target not in ROOMS[room].includes:
                strangers.setdefault(target, word)
    return [f'{room} may not use {word} of {target}, as {DOCUMENT} has it' for target, word in strangers.items()]


def check_include(path, room, included):
    target = included_room(path, included)
    if target == room:
        return None
    if target is not None:
        ROOMS[room].used.add(target)
        if target not in ROOMS:
            return f'{included} belongs to no room of {DOCUMENT}'
        if target not in ROOMS[room].includes:
            return f'{room} may not include {target}, as {DOCUMENT} has it'
        return None
    for name, owner in ROOMS.items():
        for header in owner.outside:
            if included == header or (header.endswith('/') and included.startswith(header)):
                owner.used.add(header)
                return None if room == name else f'{included} belongs to {name}'
    if included in STANDARD or included.startswith(('sys/', 'linux/')):
        return None
    return f'{included} is of a library that no room of {DOCUMENT} owns'


def check_table():
    """What the table says and no source does."""
    for i, (name, room) in enumerate(ROOMS.items()):
        for other in room.includes:
            if other not in NAMES[:i]:
                yield f'{DOCUMENT}: {name} may not include {other}: it is not above it in the table'
            elif other not in room.used:
                yield f'{DOCUMENT}: {name} does not use {other}'
        for header in room.outside:
            if header not in room.used:
                yield f'{DOCUMENT}: {name} does not include {header}'
        for header in room.headers:
            if not os.path.exists(os.path.join(ROOT, 'include/lesion', header)):
                yield f'{DOCUMENT}: there is no include/lesion/{header}'


def main():
    wrong, seen, owner = [], set(), declared()
    for path in sources():
        room = room_of_file(path)
        seen.add(room)
        if room not in ROOMS:
            wrong.append(f'{os.path.relpath(path, ROOT)}: {room} is no room of {DOCUMENT}')
            continue
        for match in INCLUDE.finditer(open(path).read()):
            what = check_include(path, room, match.group(2))
            if what:
                wrong.append(f'{os.path.relpath(path, ROOT)}: {what}')
        wrong += [f'{os.path.relpath(path, ROOT)}: {what}' for what in check_names(path, room, owner)]
    missing = set(ROOMS) - seen
    if missing or not ROOMS:
        wrong.append(f'no source was found of {", ".join(sorted(missing)) or "any room"}')
    wrong += check_table()
    print('\n'.join(wrong) or f'{len(seen)} rooms keep their layers')
    return 1 if wrong else 0


sys.exit(main())
