#!/usr/bin/env python3
"""Writes files as C strings: embed.py OUT NAME FILE [NAME FILE ...]; NAME_sha256 gives the base64 of a file's hash."""
import base64
import hashlib
import sys


def c_string(name, data):
    # Numbers: a string literal may be 4095 bytes long, says C99.
    lines = ''.join('\n    ' + ''.join(f'{b if b < 128 else b - 256}, ' for b in line)
                    for line in data.splitlines(keepends=True))
    return f'extern const char {name}[];\nconst char {name}[] = {{{lines}\n    0}};\n'


def main():
    with open(sys.argv[1], 'w') as out:
        for name, path in zip(sys.argv[2::2], sys.argv[3::2]):
            with open(path, 'rb') as file:
                data = file.read()
            out.write(c_string(name, base64.b64encode(hashlib.sha256(data).digest()) if name.endswith('_sha256') else data))


main()
