#!/usr/bin/env python3
"""Makes manual pages (scdoc's sources) and the shells' completions from the tables of the commands' options.

usage: make_manual.py TABLES VERSION FOLDER OUTPUT    (TABLES: a program that prints src/cli/commands.c as JSON;
                                                       FOLDER: has lesion-COMMAND.scd, what a page has besides)
"""
import json
import os
import re
import subprocess
import sys

ENDINGS = {'STUDY': ['yaml', 'yml'], 'DB': ['db'], 'A': ['db'], 'WEIGHTS': ['safetensors', 'pth', 'pt']}


class Option:
    """`names` as they are written, the `value` ('': none), what it does, and the `parts` of its value: (name, text)."""

    def __init__(self, row):
        self.long, self.value, self.text, self.parts = '--' + row['name'], row['argument'], row['help'], []
        self.names = ([f'-{row["letter"]}'] if row['letter'] else []) + [self.long]

    def words(self):
        return self.value.split('|') if '|' in self.value else []

    def takes(self):
        """What is completed after it: None, 'words', 'file', 'folder' or 'other'."""
        if not self.value or self.words():
            return 'words' if self.value else None
        return {'DIR': 'folder', 'FILE': 'file', 'DB': 'file', 'STUDY': 'file'}.get(self.value.split('.')[0], 'other')

    def brief(self):
        """What it does, in a few words."""
        if self.words():
            return 'one of ' + ', '.join(self.words())
        return re.sub(r'\s*\(repeatable\)', '', re.split(r'[;:(]| as in |, as ', self.text)[0]).strip().rstrip(',.')


class Command:
    def __init__(self, row):
        self.name, self.summary, self.usage, self.options = row['name'], row['summary'], row['usage'], []
        self.on_ranks, self.description, self.notes = row['on_ranks'], row['description'], row['notes']
        for option in row['options']:
            if option['letter'] == '=':
                self.options[-1].parts.append((f'{option["name"]}={option["argument"]}', option['help']))
            else:
                self.options.append(Option(option))
        arguments = re.findall(r'\b[A-Z]+\b', re.sub(r'-\S+ \S+', '', self.usage))
        self.endings = list(dict.fromkeys(ending for word in arguments for ending in ENDINGS.get(word, [])))


def load(program):
    rows = json.loads(subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout)
    return [Command(row) for row in rows]


# ---- manual pages -----------------------------------------------------------------------------------------------


def escape(text):
    return re.sub(r'([\\*_])', r'\\\1', text)


def synopsis(command):
    usage = re.sub(r'-\w\b', r'*\g<0>*', re.sub(r'\b[A-Z]+\b', r'_\g<0>_', command.usage))
    line = f'*lesion {command.name}* {usage} [_OPTION_]...'
    return line + f'++\nmpirun *-n* _RANKS_ {line}' * command.on_ranks


def option_entry(option):
    names = ', '.join(f'*{escape(name)}*' for name in option.names)
    lines = [names + (f' _{escape(option.value)}_' if option.value else ''), '\t' + escape(option.text)]
    for word, text in option.parts:
        lines += [f'\t*{escape(word)}*', '\t\t' + escape(text)]
    return '\n'.join(lines)


def page(command, version, folder):
    out = [f'lesion-{command.name}(1) "Lesion {version}" "Lesion"', '# NAME',
           f'lesion-{command.name} - {escape(command.summary)}', '# SYNOPSIS', synopsis(command), '# DESCRIPTION',
           escape(command.description), '# OPTIONS', *map(option_entry, command.options)]
    if command.notes:
        out += ['# NOTES', *map(escape, command.notes.split('\n'))]
    more = os.path.join(folder, f'lesion-{command.name}.scd')
    if os.path.exists(more):
        out.append(open(more).read().strip())
    return '\n\n'.join(out + ['# SEE ALSO', '*lesion*(1), *lesion-study*(5), *lesion-results*(5)']) + '\n'


def overview(commands, version, folder):
    listed = '\n\n'.join(f'*lesion-{command.name}*(1)\n\t{escape(command.summary)}' for command in commands)
    text = open(os.path.join(folder, 'lesion.1.scd')).read()
    return text.replace('@VERSION@', version).replace('@COMMANDS@', listed)


# ---- completions ------------------------------------------------------------------------------------------------

BASH = r'''# bash completion for lesion
# shellcheck disable=SC2207

_lesion_folders() {
    compopt -o filenames
    COMPREPLY=($(compgen -d -- "$word"))
}

# Files of these endings, or all, and folders.
_lesion_files() {
    local ending
    compopt -o filenames
    COMPREPLY=($(compgen -d -- "$word"))
    [ -n "$1" ] || COMPREPLY=($(compgen -f -- "$word"))
    for ending in $1; do COMPREPLY+=($(compgen -f -X "!*.$ending" -- "$word")); done
}

_lesion() {
    local IFS=$' \t\n' word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options endings
    if [ "$COMP_CWORD" = 1 ]; then
        COMPREPLY=($(compgen -W "@NAMES@ help --help --version" -- "$word"))
        return
    fi
    case ${COMP_WORDS[1]} in
    help) COMPREPLY=($(compgen -W "@NAMES@" -- "$word")); return ;;
@COMMANDS@
    *) COMPREPLY=(); return ;;
    esac
    case $word in
    -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
    *) _lesion_files "$endings" ;;
    esac
}

complete -F _lesion lesion
'''


def bash_command(command):
    actions = {'words': None, 'file': '_lesion_files ""', 'folder': '_lesion_folders', 'other': 'COMPREPLY=()'}
    values = []
    for option in command.options:
        if option.takes():
            action = actions[option.takes()] or f'COMPREPLY=($(compgen -W "{" ".join(option.words())}" -- "$word"))'
            values.append(f'        {"|".join(option.names)}) {action}; return ;;')
    case = ['        case $before in', *values, '        esac'] if values else []
    names = ' '.join(name for option in command.options for name in option.names)
    return '\n'.join([f'    {command.name})', *case, f'        options="{names}" endings="{" ".join(command.endings)}" ;;'])


ZSH = r'''#compdef lesion

_lesion() {
    local -a commands
    commands=(
@SUMMARIES@
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        _arguments '(- *)--help[print the commands]' '(- *)--version[print the version]'
        return
    fi
    shift words
    (( CURRENT-- ))
    case $words[1] in
    help) _describe command commands ;;
@COMMANDS@
    esac
}

_lesion "$@"
'''


def zsh_quote(text):
    return text.replace("'", "'\\''")


def zsh_option(option):
    action = {'words': f'({" ".join(option.words())})', 'file': '_files', 'folder': '_files -/', 'other': ' ', None: ''}
    name = option.value.split('|')[0] if not option.words() else 'WORD'
    value = f':{name.replace(":", " ")}:{action[option.takes()]}' if option.takes() else ''
    text = zsh_quote(re.sub(r'([\[\]:\\])', r'\\\1', option.brief()))
    if len(option.names) == 1:
        return f"'{'*' if '(repeatable)' in option.text else ''}{option.long}[{text}]{value}'"
    return f"'({' '.join(option.names)})'{{{','.join(option.names)}}}'[{text}]{value}'"


def zsh_command(command):
    files = f' -g "*.({"|".join(command.endings)})"' if command.endings else ''
    lines = [*map(zsh_option, command.options), f"'*:file:_files{files}'"]
    return f'    {command.name})\n        _arguments -S \\\n            ' + ' \\\n            '.join(lines) + ' ;;'


def fish_quote(text):
    return text.replace('\\', '\\\\').replace("'", "\\'")


def fish_command(command):
    within = f"complete -c lesion -n '__fish_seen_subcommand_from {command.name}'"
    out = [f"complete -c lesion -n '__fish_use_subcommand' -a {command.name} -d '{fish_quote(command.summary)}'"]
    for option in command.options:
        short = ''.join(f' -s {name[1:]}' for name in option.names[:-1])
        value = {None: '', 'words': f" -x -a '{' '.join(option.words())}'", 'file': ' -r -F', 'other': ' -x',
                 'folder': " -x -a '(__fish_complete_directories)'"}[option.takes()]
        out.append(f"{within}{short} -l {option.long[2:]}{value} -d '{fish_quote(option.brief())}'")
    return '\n'.join(out + [f"{within} -a '(__fish_complete_suffix .{ending})'" for ending in command.endings])


FISH = '''# fish completion for lesion
complete -c lesion -f
complete -c lesion -n 'not __fish_seen_subcommand_from @NAMES@' -l help -s h -d 'Print the commands'
complete -c lesion -n 'not __fish_seen_subcommand_from @NAMES@' -l version -d 'Print the version'
@COMMANDS@
'''


def completion(template, commands, of_command):
    summaries = '\n'.join(f"        '{command.name}:{zsh_quote(command.summary)}'" for command in commands)
    return (template.replace('@NAMES@', ' '.join(command.name for command in commands))
            .replace('@SUMMARIES@', summaries).replace('@COMMANDS@', '\n'.join(map(of_command, commands))))


def main():
    program, version, folder, output = sys.argv[1:]
    commands = load(program)
    texts = {'lesion': completion(BASH, commands, bash_command), '_lesion': completion(ZSH, commands, zsh_command),
             'lesion.fish': completion(FISH, commands, fish_command), 'lesion.1.scd': overview(commands, version, folder)}
    for command in commands:
        texts[f'lesion-{command.name}.1.scd'] = page(command, version, folder)
    for name, text in texts.items():
        open(os.path.join(output, name), 'w').write(text)


if __name__ == '__main__':
    main()
