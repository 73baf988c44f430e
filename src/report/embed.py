#!/usr/bin/env python3
"""Writes the page's style and script as C strings, and the script's hash, which the page names to the browser."""
import base64
import hashlib
import sys


def c_string(name, data):
    lines = ''.join('\n    "' + ''.join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f'\\{b:03o}' for b in line) + '"'
                    for line in data.splitlines(keepends=True))
    return f'extern const char {name}[];\nconst char {name}[] ={lines};\n'


def main():
    style, script, out = sys.argv[1:]
    js = open(script, 'rb').read()
    digest = base64.b64encode(hashlib.sha256(js).digest())
    with open(out, 'w') as f:
        f.write(c_string('report_style', open(style, 'rb').read()) + c_string('report_script', js) +
                c_string('report_script_hash', digest))


main()
