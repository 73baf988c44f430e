#!/usr/bin/env python3
"""Makes the completion of bash, zsh or fish from what the program's help says.

usage: make_completion.py LESION SHELL OUTPUT
"""
import re
import sys

import help_text

WORDS = {'--method': ['winograd', 'blas', 'reference'], '--mode': ['zero', 'mean', 'resample', 'noise']}
ENDINGS = {'STUDY': ['yaml', 'yml'], 'DB': ['db'], 'WEIGHTS': ['safetensors', 'pth', 'pt']}


def words(option):
    """What its value can be, where that is one of some words."""
    if option.long in WORDS and option.value in ('NAME', 'MODE'):
        for word in WORDS[option.long]:
            if word not in option.text:
                raise SystemExit(f'completion: the help of {option.long} does not know {word}')
        return WORDS[option.long]
    return option.value.split('|') if option.value and re.fullmatch(r'[a-z]+(\|[a-z]+)+', option.value) else []


def takes(option):
    """What is completed after it: None, 'words', 'file', 'folder' or 'other'."""
    if option.value is None:
        return None
    if words(option):
        return 'words'
    if option.value in ('DIR', 'FOLDER'):
        return 'folder'
    return 'file' if option.value.split('.')[0] in ('FILE', 'DB', 'STUDY') else 'other'


def endings(known):
    """Endings of the files that the command is given, by its usage."""
    found = []
    for argument in re.findall(r'\b[A-Z]+\b', re.sub(r'\[[^]]*\]|-\S+ \S+', '', known.usage[0])):
        found += [e for e in ENDINGS.get(argument, []) if e not in found]
    return found


def brief(option):
    """What the option does, in a few words."""
    text = option.text
    if words(option):
        return 'one of ' + ', '.join(words(option))
    return re.sub(r'\s*\(repeatable\)', '', re.split(r'[;:(]| as in |, as ', text)[0]).strip().rstrip(',.')


# ---- bash -------------------------------------------------------------------------------------------------------


def bash(commands):
    arms = []
    for command, (_, known) in commands.items():
        by_kind = {}
        for option in known.options:
            by_kind.setdefault(takes(option), []).append(option)
        values = [f'        {option.names[0] if len(option.names) == 1 else "|".join(option.names)}) '
                  f'COMPREPLY=($(compgen -W "{" ".join(words(option))}" -- "$word")); return ;;'
                  for option in by_kind.get('words', [])]
        for kind, action in (('file', '_lesion_files ""'), ('folder', '_lesion_folders'), ('other', 'COMPREPLY=()')):
            if kind in by_kind:
                names = '|'.join(name for option in by_kind[kind] for name in option.names)
                values.append(f'        {names}) {action}; return ;;')
        listed = ' '.join(name for option in known.options for name in option.names)
        case = '        case $before in\n' + '\n'.join(values) + '\n        esac\n' if values else ''
        arms.append(f'    {command})\n{case}        options="{listed}" endings="{" ".join(endings(known))}" ;;')
    names = ' '.join(commands)
    return f'''# bash completion for lesion
# shellcheck disable=SC2207

_lesion_folders() {{
    compopt -o filenames
    COMPREPLY=($(compgen -d -- "$word"))
}}

# Files of these endings, or all, and folders.
_lesion_files() {{
    local ending
    compopt -o filenames
    COMPREPLY=($(compgen -d -- "$word"))
    [ -n "$1" ] || COMPREPLY=($(compgen -f -- "$word"))
    for ending in $1; do COMPREPLY+=($(compgen -f -X "!*.$ending" -- "$word")); done
}}

_lesion() {{
    local IFS=$' \\t\\n' word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} options endings
    if [ "$COMP_CWORD" = 1 ]; then
        COMPREPLY=($(compgen -W "{names} help --help --version" -- "$word"))
        return
    fi
    case ${{COMP_WORDS[1]}} in
    help) COMPREPLY=($(compgen -W "{names}" -- "$word")); return ;;
{chr(10).join(arms)}
    *) COMPREPLY=(); return ;;
    esac
    case $word in
    -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
    *) _lesion_files "$endings" ;;
    esac
}}

complete -F _lesion lesion
'''


# ---- zsh --------------------------------------------------------------------------------------------------------


def quote(text):
    return text.replace("'", "'\\''")


def zsh_value(option):
    kind = takes(option)
    if kind is None:
        return ''
    action = {'words': f'({" ".join(words(option))})', 'file': '_files', 'folder': '_files -/', 'other': ' '}[kind]
    return f':{option.value.replace(":", " ")}:{action}'


def zsh_option(option):
    text = re.sub(r'([\[\]:\\])', r'\\\1', brief(option))
    repeated = '*' if '(repeatable)' in option.text else ''
    if len(option.names) == 1 or repeated:
        return [f"'{repeated}{name}[{quote(text)}]{zsh_value(option)}'" for name in option.names]
    return [f"'({' '.join(option.names)})'{{{','.join(option.names)}}}'[{quote(text)}]{zsh_value(option)}'"]


def zsh(commands):
    listed = '\n'.join(f"        '{name}:{quote(what)}'" for name, (what, _) in commands.items())
    arms = []
    for command, (_, known) in commands.items():
        pattern = '|'.join(endings(known))
        lines = [line for option in known.options for line in zsh_option(option)]
        files = f"'*:file:_files -g \"*.({pattern})\"'" if pattern else "'*:file:_files'"
        arms.append(f'    {command})\n        _arguments -S \\\n            ' + ' \\\n            '.join(lines + [files]) + ' ;;')
    return f'''#compdef lesion

_lesion() {{
    local -a commands
    commands=(
{listed}
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
{chr(10).join(arms)}
    esac
}}

_lesion "$@"
'''


# ---- fish -------------------------------------------------------------------------------------------------------


def fish(commands):
    names = ' '.join(commands)
    out = ['# fish completion for lesion', 'complete -c lesion -f',
           f"complete -c lesion -n 'not __fish_seen_subcommand_from {names}' -l help -s h -d 'Print the commands'",
           f"complete -c lesion -n 'not __fish_seen_subcommand_from {names}' -l version -d 'Print the version'"]
    for command, (what, known) in commands.items():
        within = f"complete -c lesion -n '__fish_seen_subcommand_from {command}'"
        out.append(f"complete -c lesion -n '__fish_use_subcommand' -a {command} -d '{quote_fish(what)}'")
        for option in known.options:
            short = ''.join(f' -s {name[1:]}' for name in option.names[:-1])
            value = {None: '', 'words': f" -x -a '{' '.join(words(option))}'", 'file': ' -r -F', 'other': ' -x',
                     'folder': " -x -a '(__fish_complete_directories)'"}[takes(option)]
            out.append(f"{within}{short} -l {option.long[2:]}{value} -d '{quote_fish(brief(option))}'")
        for ending in endings(known):
            out.append(f"{within} -a '(__fish_complete_suffix .{ending})'")
    return '\n'.join(out) + '\n'


def quote_fish(text):
    return text.replace('\\', '\\\\').replace("'", "\\'")


def main():
    program, shell, output = sys.argv[1:]
    commands = {command: (what, help_text.of(program, command)) for command, what in help_text.commands(program).items()}
    open(output, 'w').write({'bash': bash, 'zsh': zsh, 'fish': fish}[shell](commands))


main()
