#!/usr/bin/env python3
"""Makes the scdoc source of a command's manual page: what its help says, then the sections in lesion-COMMAND.scd.

usage: make_page.py LESION VERSION COMMAND FOLDER OUTPUT    (COMMAND lesion: the overview, its list of commands filled in)
"""
import os
import re
import sys

import help_text


def escape(text):
    return re.sub(r'([\\*_])', r'\\\1', text)


def mark(text):
    """Options in bold, what stands for something else underlined."""
    out = []
    for word in re.split(r'(\s+|[\[\]()|,]|\.\.\.)', text):
        if re.fullmatch(r'--?[a-z][\w-]*', word):
            out.append(f'*{escape(word)}*')
        elif re.fullmatch(r'[A-Z][A-Z.:]*[A-Z](\.[a-z]+)?', word):
            out.append(f'_{escape(word)}_')
        else:
            out.append(escape(word))
    return ''.join(out)


def synopsis(usage):
    lines = [re.sub(r'\blesion ([a-z]+)', r'*lesion \1*', mark(line)) for line in usage]
    return '++\n'.join(lines)


def options(block):
    out = []
    for option in block:
        names = ', '.join(f'*{escape(name)}*' for name in option.names)
        value = f' _{escape(option.value)}_' if option.value else ''
        out.append(f'{names}{value}\n\t{escape(option.text)}')
        for word, what in option.parts:
            out.append(f'\t*{escape(word)}*\n\t\t{escape(what)}')
    return '\n\n'.join(out)


def page(program, version, command, folder):
    known = help_text.of(program, command)
    first = next((i for i, block in enumerate(known.blocks) if isinstance(block, list)), len(known.blocks))
    out = [f'lesion-{command}(1) "Lesion {version}" "Lesion"', '# NAME',
           f'lesion-{command} - {escape(help_text.commands(program)[command])}', '# SYNOPSIS', synopsis(known.usage)]
    if first > 0:
        out += ['# DESCRIPTION', *map(escape, known.blocks[:first])]
    if known.options:
        out += ['# OPTIONS']
    for i, block in enumerate(known.blocks[first:]):
        if isinstance(block, str) and i > 0 and isinstance(known.blocks[first + i - 1], list):
            out.append('# NOTES')
        out.append(options(block) if isinstance(block, list) else escape(block))
    more = os.path.join(folder, f'lesion-{command}.scd')
    if os.path.exists(more):
        out.append(open(more).read().strip())
    out += ['# SEE ALSO', '*lesion*(1), *lesion-study*(5), *lesion-results*(5)']
    return '\n\n'.join(out) + '\n'


def overview(program, version, folder):
    listed = '\n\n'.join(f'*lesion-{command}*(1)\n\t{escape(what)}' for command, what in help_text.commands(program).items())
    text = open(os.path.join(folder, 'lesion.1.scd')).read()
    return text.replace('@VERSION@', version).replace('@COMMANDS@', listed)


def main():
    program, version, command, folder, output = sys.argv[1:]
    text = overview(program, version, folder) if command == 'lesion' else page(program, version, command, folder)
    open(output, 'w').write(text)


main()
